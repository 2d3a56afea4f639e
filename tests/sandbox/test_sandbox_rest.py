"""Issues, labels and comments over REST."""

from __future__ import annotations

import pytest
from sandbox_client import ISSUES, REPO, call, events, graphql, new_issue, numbers

from craftkit.sandbox.server import Server, serve

DELETE = "mutation($i:ID!){deleteIssue(input:{issueId:$i}){repository{id}}}"


def test_ids_are_beyond_32_bits_and_no_numbers(sandbox: Server) -> None:
    first, second = new_issue(sandbox), new_issue(sandbox)
    assert (first["number"], second["number"]) == (1, 2)
    assert 2**31 < first["id"] < second["id"]
    assert first["node_id"] != str(first["id"])


def test_an_issue_has_what_was_sent(sandbox: Server) -> None:
    made = new_issue(sandbox, "Größe", body="一\r\n二", labels=["bug", "new one"])
    got = call(sandbox, "GET", f"{ISSUES}/{made['number']}").json
    assert (got["title"], got["body"]) == ("Größe", "一\r\n二")
    assert [label["name"] for label in got["labels"]] == ["bug", "new one"]
    assert got["author_association"] == "OWNER"
    assert got["url"] == f"{sandbox.url}{ISSUES}/1"


def test_close_and_reopen_with_reasons(sandbox: Server) -> None:
    number = new_issue(sandbox)["number"]
    for state, reason, want in (
        ("closed", None, "completed"),
        ("open", None, "reopened"),
        ("closed", "not_planned", "not_planned"),
        ("closed", "completed", "not_planned"),  # no change of state: the reason stays
        ("open", None, "reopened"),
        ("closed", "duplicate", "duplicate"),
    ):
        given = {"state": state} | ({"state_reason": reason} if reason else {})
        got = call(sandbox, "PATCH", f"{ISSUES}/{number}", given).json
        assert (got["state"], got["state_reason"]) == (state, want)
    assert events(sandbox, number) == ["closed", "reopened"] * 2 + ["closed"]


def test_an_edit_that_changes_nothing_leaves_no_trace(sandbox: Server) -> None:
    issue = new_issue(sandbox, body="b")
    sandbox.state.offset += 60
    got = call(
        sandbox, "PATCH", f"{ISSUES}/1", {"title": "Task", "body": "b", "state": "open"}
    ).json
    assert got["updated_at"] == issue["updated_at"]
    assert not events(sandbox, 1)


def test_lists_filter_sort_and_include_pull_requests() -> None:
    issues = [
        {"title": "One", "labels": ["bug"]},
        {"title": "Two", "labels": ["bug", "later"], "state": "closed"},
        {"title": "Pull", "pull_request": True},
    ]
    with serve(seed={**_owner(), "repos": [{"full_name": "octo-dev/demo", "issues": issues}]}) as s:
        assert numbers(call(s, "GET", ISSUES)) == [3, 1]
        assert "pull_request" in call(s, "GET", f"{ISSUES}/3").json
        assert numbers(call(s, "GET", f"{ISSUES}?state=all&direction=asc")) == [1, 2, 3]
        assert numbers(call(s, "GET", f"{ISSUES}?state=all&labels=bug,later")) == [2]
        assert numbers(call(s, "GET", f"{ISSUES}?state=closed")) == [2]
        assert numbers(call(s, "GET", f"{ISSUES}?labels=nothing")) == []
        s.state.offset += 3600
        since = s.state.stamp()
        call(s, "PATCH", f"{ISSUES}/1", {"title": "New"})
        assert numbers(call(s, "GET", f"{ISSUES}?state=all&since={since}")) == [1]
        # A time of another zone is that moment, not that reading of a clock.
        shifted = since.replace("Z", "-05:00")
        assert numbers(call(s, "GET", f"{ISSUES}?state=all&since={shifted}")) == []
        assert numbers(call(s, "GET", f"{ISSUES}?state=all&sort=updated"))[0] == 1


def _owner() -> dict[str, object]:
    return {"tokens": {"sandbox-token": {"login": "octo-dev"}}}


def test_pages_link_to_each_other(sandbox: Server) -> None:
    for _ in range(5):
        new_issue(sandbox)
    first = call(sandbox, "GET", f"{ISSUES}?per_page=2&direction=asc")
    assert numbers(first) == [1, 2]
    links = first.headers["Link"]
    assert f'<{sandbox.url}{ISSUES}?per_page=2&direction=asc&page=2>; rel="next"' in links
    assert 'page=3>; rel="last"' in links and 'rel="prev"' not in links
    last = call(sandbox, "GET", f"{ISSUES}?per_page=2&direction=asc&page=3")
    assert numbers(last) == [5]
    assert 'rel="next"' not in last.headers["Link"] and 'rel="first"' in last.headers["Link"]
    assert "Link" not in call(sandbox, "GET", f"{ISSUES}?per_page=100").headers
    assert numbers(call(sandbox, "GET", f"{ISSUES}?page=9")) == []


def test_a_page_has_at_most_a_hundred(sandbox: Server) -> None:
    for _ in range(101):
        new_issue(sandbox)
    assert len(call(sandbox, "GET", ISSUES).json) == 30
    assert len(call(sandbox, "GET", f"{ISSUES}?per_page=1000").json) == 100


def test_labels(sandbox: Server) -> None:
    new_issue(sandbox)
    made = call(
        sandbox, "POST", f"{REPO}/labels", {"name": "status: in-progress", "color": "AABBCC"}
    )
    assert (made.status, made.json["color"]) == (201, "aabbcc")
    again = call(sandbox, "POST", f"{REPO}/labels", {"name": "Status: In-Progress"})
    assert (again.status, again.json["errors"][0]["code"]) == (422, "already_exists")
    assert call(sandbox, "GET", f"{REPO}/labels/status:%20in-progress").status == 200
    assert call(sandbox, "GET", f"{REPO}/labels/none").status == 404
    path = f"{ISSUES}/1/labels"
    added = call(sandbox, "POST", path, {"labels": ["bug", "status: in-progress"]}).json
    assert [label["name"] for label in added] == ["bug", "status: in-progress"]
    left = call(sandbox, "DELETE", f"{path}/status:%20in-progress").json
    assert [label["name"] for label in left] == ["bug"]
    gone = call(sandbox, "DELETE", f"{path}/status:%20in-progress")
    assert (gone.status, gone.json["message"]) == (404, "Label does not exist")
    assert call(sandbox, "PUT", path, ["later"]).json[0]["name"] == "later"
    assert call(sandbox, "DELETE", path).status == 204
    assert call(sandbox, "GET", path).json == []
    assert events(sandbox, 1) == [
        "labeled",
        "labeled",
        "unlabeled",
        "unlabeled",
        "labeled",
        "unlabeled",
    ]


def test_comments_and_timeline(sandbox: Server) -> None:
    new_issue(sandbox)
    said = call(sandbox, "POST", f"{ISSUES}/1/comments", {"body": "Done"}, token="sandbox-reviewer")
    assert (said.status, said.json["author_association"]) == (201, "COLLABORATOR")
    call(sandbox, "PATCH", f"{ISSUES}/1", {"title": "Other", "state": "closed"})
    assert call(sandbox, "GET", f"{ISSUES}/1").json["comments"] == 1
    assert [c["body"] for c in call(sandbox, "GET", f"{ISSUES}/1/comments").json] == ["Done"]
    story = call(sandbox, "GET", f"{ISSUES}/1/timeline").json
    assert [entry["event"] for entry in story] == ["commented", "renamed", "closed"]
    assert story[2]["actor"]["login"] == "octo-dev"


def test_a_deleted_issue_is_gone_and_its_number_is_not_used_again(sandbox: Server) -> None:
    issue = new_issue(sandbox)
    graphql(sandbox, DELETE, i=issue["node_id"])
    assert call(sandbox, "GET", f"{ISSUES}/1").status == 410
    assert call(sandbox, "PATCH", f"{ISSUES}/1", {"state": "closed"}).status == 410
    assert numbers(call(sandbox, "GET", f"{ISSUES}?state=all")) == []
    assert new_issue(sandbox)["number"] == 2
    assert call(sandbox, "GET", f"{ISSUES}/3").status == 404


def test_user_repository_limits_and_meta(sandbox: Server) -> None:
    assert call(sandbox, "GET", "/user").json["login"] == "octo-dev"
    repo = call(sandbox, "GET", "/repos/OCTO-DEV/Demo").json
    assert (repo["full_name"], repo["permissions"]["admin"]) == ("octo-dev/demo", True)
    assert call(sandbox, "GET", "/rate_limit").json["resources"]["core"]["limit"] == 5000
    assert "installed_version" not in call(sandbox, "GET", "/meta").json


def test_addresses_are_those_that_the_client_used(sandbox: Server) -> None:
    new_issue(sandbox)
    by_name = call(sandbox, "GET", f"{ISSUES}/1", host=f"localhost:{sandbox.port}").json
    assert by_name["url"].startswith(f"http://localhost:{sandbox.port}/repos/")
    enterprise = call(sandbox, "GET", f"/api/v3{ISSUES}/1").json
    assert enterprise["url"] == f"{sandbox.url}/api/v3{ISSUES}/1"
    assert enterprise["html_url"] == f"{sandbox.url}/octo-dev/demo/issues/1"


@pytest.mark.parametrize("version", ["2022-11-28", "2026-03-10"])
def test_the_version_of_the_api_is_echoed(sandbox: Server, version: str) -> None:
    reply = call(sandbox, "GET", "/rate_limit", x_github_api_version=version)
    assert reply.headers["x-github-api-version-selected"] == version
    assert ("rate" in reply.json) == (version == "2022-11-28")
    assert call(sandbox, "GET", "/meta", x_github_api_version="1999-01-01").status == 400
