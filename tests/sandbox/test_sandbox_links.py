"""Sub-issues and dependencies over REST."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from sandbox_client import ISSUES, call, events, link, new_issue, numbers

from craftkit.sandbox.server import Server, serve


def test_a_write_answers_the_parent_with_an_old_summary(sandbox: Server) -> None:
    parent, child = new_issue(sandbox, "Parent"), new_issue(sandbox, "Child")
    added = link(sandbox, parent, child)
    assert (added.status, added.json["number"]) == (201, parent["number"])
    assert added.json["sub_issues_summary"]["total"] == 0
    assert call(sandbox, "GET", f"{ISSUES}/1").json["sub_issues_summary"]["total"] == 1
    got = call(sandbox, "GET", f"{ISSUES}/2").json
    assert got["parent_issue_url"] == parent["url"]
    removed = call(sandbox, "DELETE", f"{ISSUES}/1/sub_issue", {"sub_issue_id": child["id"]})
    assert (removed.status, removed.json["sub_issues_summary"]["total"]) == (200, 1)
    assert numbers(call(sandbox, "GET", f"{ISSUES}/1/sub_issues")) == []
    assert call(sandbox, "GET", f"{ISSUES}/2/parent").status == 404
    assert events(sandbox, 2) == ["parent_issue_added", "parent_issue_removed"]


def test_the_parent_is_found_and_counts_what_is_closed(sandbox: Server) -> None:
    parent = new_issue(sandbox)
    for _ in range(3):
        assert link(sandbox, parent, new_issue(sandbox)).status == 201
    call(sandbox, "PATCH", f"{ISSUES}/3", {"state": "closed"})
    got = call(sandbox, "GET", f"{ISSUES}/2/parent").json
    assert got["sub_issues_summary"] == {"total": 3, "completed": 1, "percent_completed": 33}
    assert got["state"] == "open"


def test_one_parent_only(sandbox: Server) -> None:
    one, two, child = (new_issue(sandbox) for _ in range(3))
    link(sandbox, one, child)
    again = link(sandbox, one, child)
    assert (again.status, again.json["message"]) == (
        422,
        "Issue may not contain duplicate sub-issues",
    )
    other = link(sandbox, two, child)
    assert (other.status, other.json["message"]) == (422, "Sub issue may only have one parent")
    assert link(sandbox, two, child, replace_parent=True).status == 201
    assert numbers(call(sandbox, "GET", f"{ISSUES}/1/sub_issues")) == []
    assert numbers(call(sandbox, "GET", f"{ISSUES}/2/sub_issues")) == [3]


def test_a_hundred_sub_issues_closed_ones_count(sandbox: Server) -> None:
    parent = new_issue(sandbox)
    children = [new_issue(sandbox) for _ in range(101)]
    for child in children[:100]:
        assert link(sandbox, parent, child).status == 201
        call(sandbox, "PATCH", f"{ISSUES}/{child['number']}", {"state": "closed"})
    full = link(sandbox, parent, children[100])
    assert full.status == 422
    assert full.json["message"] == "Parent cannot have more than 100 sub-issues"


def test_eight_levels_and_no_circle(sandbox: Server) -> None:
    chain = [new_issue(sandbox) for _ in range(10)]
    for above, below in pairwise(chain[:9]):
        assert link(sandbox, above, below).status == 201
    assert link(sandbox, chain[8], chain[9]).status == 422
    assert link(sandbox, chain[3], chain[0]).status == 422
    assert link(sandbox, chain[0], chain[0]).status == 422


def test_the_order_can_be_changed(sandbox: Server) -> None:
    parent = new_issue(sandbox)
    ids = {}
    for number in (2, 3, 4):
        child = new_issue(sandbox)
        ids[number] = child["id"]
        link(sandbox, parent, child)
    path = f"{ISSUES}/1/sub_issues/priority"
    assert call(sandbox, "PATCH", path, {"sub_issue_id": ids[4], "after_id": ids[2]}).status == 200
    assert numbers(call(sandbox, "GET", f"{ISSUES}/1/sub_issues")) == [2, 4, 3]
    call(sandbox, "PATCH", path, {"sub_issue_id": ids[3], "before_id": ids[2]})
    assert numbers(call(sandbox, "GET", f"{ISSUES}/1/sub_issues")) == [3, 2, 4]
    assert call(sandbox, "PATCH", path, {"sub_issue_id": ids[3]}).status == 422


def test_two_links_at_once_are_refused(sandbox: Server) -> None:
    parent = new_issue(sandbox)
    children = [new_issue(sandbox) for _ in range(2)]
    sandbox.fault({"match": {"path": "sub_issues"}, "action": "delay", "seconds": 0.3})
    with ThreadPoolExecutor() as pool:
        replies = list(pool.map(lambda child: link(sandbox, parent, child), children))
    assert sorted(reply.status for reply in replies) == [201, 422]
    assert b"Priority has already been taken" in max(replies, key=lambda r: r.status).body


def test_a_link_does_not_move_the_time_of_change(sandbox: Server) -> None:
    parent, child = new_issue(sandbox), new_issue(sandbox)
    sandbox.state.offset += 60
    link(sandbox, parent, child)
    for number, before in ((1, parent), (2, child)):
        assert call(sandbox, "GET", f"{ISSUES}/{number}").json["updated_at"] == before["updated_at"]


def test_dependencies(sandbox: Server) -> None:
    one, two = new_issue(sandbox), new_issue(sandbox)
    path = f"{ISSUES}/1/dependencies"
    added = call(sandbox, "POST", f"{path}/blocked_by", {"issue_id": two["id"]})
    assert (added.status, added.json["number"]) == (201, 1)
    assert added.json["issue_dependencies_summary"]["blocked_by"] == 1
    assert numbers(call(sandbox, "GET", f"{path}/blocked_by")) == [2]
    assert numbers(call(sandbox, "GET", f"{ISSUES}/2/dependencies/blocking")) == [1]
    again = call(sandbox, "POST", f"{path}/blocked_by", {"issue_id": two["id"]})
    assert (again.status, again.json["message"]) == (422, "Target issue has already been taken")
    circle = {"issue_id": one["id"]}
    assert call(sandbox, "POST", f"{ISSUES}/2/dependencies/blocked_by", circle).status == 422
    call(sandbox, "PATCH", f"{ISSUES}/2", {"state": "closed"})
    counts = call(sandbox, "GET", f"{ISSUES}/1").json["issue_dependencies_summary"]
    assert counts == {"blocked_by": 0, "total_blocked_by": 1, "blocking": 0, "total_blocking": 0}
    gone = call(sandbox, "DELETE", f"{path}/blocked_by/{two['id']}")
    assert (gone.status, gone.json["number"]) == (200, 1)
    assert call(sandbox, "DELETE", f"{path}/blocked_by/{two['id']}").status == 404


def test_an_old_server_has_neither(sandbox: Server) -> None:
    parent, child = new_issue(sandbox), new_issue(sandbox)
    abilities = sandbox.state.capabilities
    sandbox.state.capabilities = abilities._replace(
        sub_issues=False, dependencies=False, graphql=False, enterprise="3.15.0"
    )
    assert link(sandbox, parent, child).status == 404
    assert call(sandbox, "GET", f"{ISSUES}/1/sub_issues").status == 404
    assert call(sandbox, "GET", f"{ISSUES}/1/dependencies/blocked_by").status == 404
    assert call(sandbox, "POST", "/graphql", {"query": "{viewer{login}}"}).status == 404
    assert "sub_issues_summary" not in call(sandbox, "GET", f"{ISSUES}/1").json
    assert call(sandbox, "GET", "/meta").json["installed_version"] == "3.15.0"


def test_both_ends_belong_to_one_owner() -> None:
    seed = {
        "tokens": {"sandbox-token": {"login": "octo-dev"}},
        "repos": [
            {"full_name": "octo-dev/demo", "issues": [{"title": "x"}]},
            {"full_name": "octo-dev/lib", "issues": [{"title": "y"}]},
            {"full_name": "other/app", "issues": [{"title": "z"}]},
            {"full_name": "octo-dev/pulls", "issues": [{"title": "p", "pull_request": True}]},
        ],
    }
    with serve(seed=seed) as server:
        for repo, status in (("octo-dev/lib", 201), ("other/app", 422), ("octo-dev/pulls", 422)):
            child = call(server, "GET", f"/repos/{repo}/issues/1").json
            assert link(server, {"number": 1}, child).status == status
        children = call(server, "GET", f"{ISSUES}/1/sub_issues").json
        assert children[0]["repository_url"] == f"{server.url}/repos/octo-dev/lib"
