"""ETag, Last-Modified and 304."""

from __future__ import annotations

import pytest
from sandbox_client import ISSUES, REPO, call, new_issue

from craftkit.sandbox.server import Server


@pytest.mark.parametrize("path", [ISSUES, f"{ISSUES}/1", REPO, "/user", f"{ISSUES}/1/sub_issues"])
def test_the_same_again_is_304(sandbox: Server, path: str) -> None:
    new_issue(sandbox)
    # GET /repos counts open issues and /user nothing that changes: both keep their tag.
    first = call(sandbox, "GET", path)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    same = call(sandbox, "GET", path, if_none_match=tag)
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    assert "Content-Length" not in same.headers
    several = call(sandbox, "GET", path, if_none_match=f'"other", {tag}')
    assert several.status == 304


def test_a_tag_is_of_one_token_and_one_address(sandbox: Server) -> None:
    tag = call(sandbox, "GET", ISSUES).headers["ETag"]
    assert call(sandbox, "GET", ISSUES, token="sandbox-reviewer", if_none_match=tag).status == 200
    assert call(sandbox, "GET", f"{ISSUES}?page=1", if_none_match=tag).status == 200


def test_a_change_makes_another_tag(sandbox: Server) -> None:
    new_issue(sandbox)
    tags = {path: call(sandbox, "GET", path).headers["ETag"] for path in (ISSUES, f"{ISSUES}/1")}
    call(sandbox, "PATCH", f"{ISSUES}/1", {"body": "new"})
    for path, tag in tags.items():
        assert call(sandbox, "GET", path, if_none_match=tag).status == 200


def test_only_a_single_issue_has_a_time_of_change(sandbox: Server) -> None:
    new_issue(sandbox)
    assert "Last-Modified" not in call(sandbox, "GET", ISSUES).headers
    when = call(sandbox, "GET", f"{ISSUES}/1").headers["Last-Modified"]
    assert when.endswith(" GMT")
    assert call(sandbox, "GET", f"{ISSUES}/1", if_modified_since=when).status == 304
    sandbox.state.offset += 5
    call(sandbox, "PATCH", f"{ISSUES}/1", {"body": "new"})
    assert call(sandbox, "GET", f"{ISSUES}/1", if_modified_since=when).status == 200
