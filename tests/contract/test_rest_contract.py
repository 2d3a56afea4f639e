"""Every REST answer of the sandbox fits GitHub's official OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator

import official_api as official
import pytest
from sandbox_client import ISSUES, REPO, call, link, new_issue

from craftkit.sandbox import rest
from craftkit.sandbox.render import Place
from craftkit.sandbox.server import Server, serve
from craftkit.sandbox.state import Answer, Request

SEED = {
    "users": [{"login": "octo-dev", "name": "Octo"}],
    "tokens": {
        "sandbox-token": {"login": "octo-dev"},
        "sandbox-reviewer": {"login": "reviewer"},
        "reading": {"login": "octo-dev", "kind": "fine-grained", "permissions": {"issues": "read"}},
    },
    "repos": [
        {"full_name": "octo-dev/demo", "labels": ["bug"], "access": {"reviewer": "write"}},
        {"full_name": "octo-dev/code", "has_issues": False},
    ],
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(seed=SEED) as sandbox:
        problems = official.watch(sandbox)
        yield sandbox
    assert problems == []


def test_issues(server: Server) -> None:
    new_issue(server, "First", body="text", labels=["bug", "new"])
    for given in (
        {"state": "closed"},
        {"state": "open", "title": "Other"},
        {"state": "closed", "state_reason": "duplicate", "labels": []},
        {"state": "open", "labels": ["bug"], "body": ""},
    ):
        assert call(server, "PATCH", f"{ISSUES}/1", given).status == 200
    for path in (ISSUES, f"{ISSUES}?state=all&sort=updated&per_page=1", f"{ISSUES}/1"):
        tag = call(server, "GET", path).headers["ETag"]
        assert call(server, "GET", path, if_none_match=tag).status == 304


def test_labels_and_comments(server: Server) -> None:
    new_issue(server)
    call(server, "POST", f"{REPO}/labels", {"name": "x", "color": "aabbcc", "description": "d"})
    for path in (f"{REPO}/labels", f"{REPO}/labels/x", f"{ISSUES}/1/labels"):
        assert call(server, "GET", path).status == 200
    assert call(server, "POST", f"{ISSUES}/1/labels", {"labels": ["x", "bug"]}).status == 200
    assert call(server, "DELETE", f"{ISSUES}/1/labels/x").status == 200
    assert call(server, "PUT", f"{ISSUES}/1/labels", {"labels": ["x"]}).status == 200
    assert call(server, "DELETE", f"{ISSUES}/1/labels").status == 204
    made = call(server, "POST", f"{ISSUES}/1/comments", {"body": "b"}, token="sandbox-reviewer")
    assert made.status == 201
    assert call(server, "GET", f"{ISSUES}/1/comments").status == 200


def test_assignees_and_search(server: Server) -> None:
    new_issue(server, "First words", body="<!-- craftkit spec=demo -->", labels=["bug"])
    new_issue(server, "Second")
    place = f"{ISSUES}/1/assignees"
    made = call(server, "POST", place, {"assignees": ["octo-dev", "reviewer", "nobody"]})
    assert made.status == 201
    assert [user["login"] for user in made.json["assignees"]] == ["octo-dev", "reviewer"]
    gone = call(server, "DELETE", place, {"assignees": ["octo-dev"]})
    assert gone.status == 200 and gone.json["assignee"]["login"] == "reviewer"
    for query, numbers in (
        ("repo:octo-dev/demo+is:issue", [2, 1]),
        ("craftkit+in:body+repo:octo-dev/demo", [1]),
        ("assignee:reviewer+label:bug+state:open", [1]),
        ("%22second%22", [2]),
        ("nothing", []),
    ):
        found = call(server, "GET", f"/search/issues?q={query}")
        assert found.status == 200 and [i["number"] for i in found.json["items"]] == numbers
    assert call(server, "GET", "/search/issues?q=").status == 422


def test_links_events_and_timeline(server: Server) -> None:
    parent, child, other = (new_issue(server) for _ in range(3))
    assert link(server, parent, child).status == 201
    assert link(server, parent, other).status == 201
    order = {"sub_issue_id": other["id"], "before_id": child["id"]}
    assert call(server, "PATCH", f"{ISSUES}/1/sub_issues/priority", order).status == 200
    for path in (f"{ISSUES}/1/sub_issues", f"{ISSUES}/2/parent", f"{ISSUES}/2"):
        assert call(server, "GET", path).status == 200
    removed = call(server, "DELETE", f"{ISSUES}/1/sub_issue", {"sub_issue_id": other["id"]})
    assert removed.status == 200
    blockers = f"{ISSUES}/2/dependencies/blocked_by"
    assert call(server, "POST", blockers, {"issue_id": other["id"]}).status == 201
    assert call(server, "GET", blockers).status == 200
    assert call(server, "GET", f"{ISSUES}/3/dependencies/blocking").status == 200
    assert call(server, "DELETE", f"{blockers}/{other['id']}").status == 200
    changes = {"title": "New", "labels": ["bug"], "state": "closed", "state_reason": "not_planned"}
    call(server, "PATCH", f"{ISSUES}/2", changes)
    call(server, "PATCH", f"{ISSUES}/2", {"labels": [], "state": "open"})
    call(server, "POST", f"{ISSUES}/2/comments", {"body": "b"})
    for number in (1, 2, 3):
        for name in ("events", "timeline"):
            assert call(server, "GET", f"{ISSUES}/{number}/{name}").status == 200


def test_user_repository_and_limits(server: Server) -> None:
    for path in ("/user", REPO, "/rate_limit", "/meta"):
        assert call(server, "GET", path).status == 200


def test_refusals(server: Server) -> None:
    new_issue(server)
    for method, path, given, status in (
        ("POST", ISSUES, {"title": ""}, 422),
        ("POST", ISSUES, {"title": 1.5}, 422),
        ("PATCH", f"{ISSUES}/1", {"state": "opened"}, 422),
        ("GET", f"{ISSUES}/9", None, 404),
        ("POST", f"{ISSUES}/1/sub_issues", {"sub_issue_id": 1}, 404),
        ("POST", f"{REPO}/labels", {"name": "bug"}, 422),
        ("POST", "/repos/octo-dev/code/issues", {"title": "x"}, 410),
        ("GET", "/repos/octo-dev/none", None, 404),
    ):
        assert call(server, method, path, given).status == status
    assert call(server, "PATCH", f"{ISSUES}/1", {"title": "x"}, token="reading").status == 403
    assert call(server, "GET", "/user", token="wrong").status == 401


def test_pull_requests() -> None:
    issues = [{"title": "Pull", "pull_request": True}]
    seed = {**SEED, "repos": [{"full_name": "octo-dev/demo", "issues": issues}]}
    with serve(seed=seed) as server:
        problems = official.watch(server)
        assert call(server, "GET", ISSUES).json[0]["pull_request"]["url"]
        assert problems == []


def test_every_route_is_described() -> None:
    """The sandbox serves nothing that GitHub has not, and what it has is in the description."""
    served = {(route.method.lower(), _plain(route.path.pattern)) for route in rest.ROUTES}
    described = {
        (method, _plain(path))
        for path, methods in official.operations().items()
        for method in methods
    }
    assert served == described


def _plain(path: str) -> str:
    """A path whose parameters have no names."""
    import re

    return re.sub(r"\(\?P<\w+>[^)]*\)|\{\w+\}", "*", path)


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("PATCH", f"{ISSUES}/1", {"state": "opened"}, {}),
        ("PATCH", f"{ISSUES}/1", {"state": "closed", "state_reason": "done"}, {}),
        ("POST", ISSUES, {"title": "x", "labels": "bug"}, {}),
        ("POST", f"{ISSUES}/1/sub_issues", {"sub_issue_id": "1"}, {}),
        ("POST", f"{ISSUES}/1/children", {}, {}),
        ("GET", ISSUES, None, {"number": 1}),
        ("GET", f"{ISSUES}/1", None, {"number": "1"}),
    ],
)
def test_the_check_finds_what_is_wrong(
    method: str, path: str, body: object, answer: object
) -> None:
    import json

    at = Place("https://api.github.com", "https://github.com")
    sent = b"" if body is None else json.dumps(body).encode()
    request = Request(method, path, {}, sent, at)
    assert official.rest_problems(request, Answer(200, {}, json.dumps(answer).encode()))
