"""What GitHub refuses, the sandbox refuses: with the same status and kind of answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sandbox_client import ISSUES, REPO, call, graphql, link, new_issue

from craftkit.sandbox.server import Server, serve

SEED = {
    "users": [{"login": "octo-dev"}, {"login": "stranger"}],
    "organizations": [{"login": "acme", "members": ["octo-dev"], "saml": True}],
    "tokens": {
        "sandbox-token": {"login": "octo-dev"},
        "stranger": {"login": "stranger"},
        "no-scopes": {"login": "octo-dev", "scopes": []},
        "reading": {"login": "octo-dev", "kind": "fine-grained", "permissions": {"issues": "read"}},
        "elsewhere": {
            "login": "octo-dev",
            "kind": "fine-grained",
            "permissions": {"issues": "write"},
            "repos": ["octo-dev/closed"],
        },
        "actions": {
            "login": "github-actions[bot]",
            "kind": "installation",
            "permissions": {"issues": "write"},
            "repos": ["octo-dev/demo"],
        },
        "no-sso": {"login": "octo-dev", "sso": False},
    },
    "repos": [
        {"full_name": "octo-dev/demo", "issues": [{"title": "Owner's"}]},
        {"full_name": "octo-dev/secret", "private": True, "issues": [{"title": "Hidden"}]},
        {"full_name": "octo-dev/closed", "archived": True, "issues": [{"title": "Old"}]},
        {"full_name": "octo-dev/code", "has_issues": False},
        {"full_name": "acme/app", "private": True, "issues": [{"title": "Work"}]},
    ],
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(seed=SEED) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", f"{ISSUES}/1", "wrong", 401),
        ("GET", f"{ISSUES}/1", None, 200),
        ("POST", ISSUES, None, 401),
        ("GET", "/user", None, 401),
        ("GET", "/repos/octo-dev/secret", "stranger", 404),
        ("GET", "/repos/octo-dev/secret/issues/1", "stranger", 404),
        ("POST", "/repos/octo-dev/secret/issues", "stranger", 404),
        ("GET", "/repos/octo-dev/secret", None, 404),
        ("GET", "/repos/octo-dev/secret", "no-scopes", 404),
        ("GET", "/repos/octo-dev/secret", "elsewhere", 404),
        ("GET", "/repos/octo-dev/secret", "sandbox-token", 200),
        ("GET", "/repos/octo-dev/none", "sandbox-token", 404),
        ("PATCH", f"{ISSUES}/1", "stranger", 403),
        ("POST", f"{ISSUES}/1/labels", "stranger", 403),
        ("POST", ISSUES, "no-scopes", 404),
        ("POST", ISSUES, "reading", 403),
        ("POST", ISSUES, "elsewhere", 403),
        ("POST", "/repos/octo-dev/closed/issues", "sandbox-token", 403),
        ("PATCH", "/repos/octo-dev/closed/issues/1", "sandbox-token", 403),
        ("GET", "/repos/octo-dev/closed/issues/1", "sandbox-token", 200),
        ("GET", "/repos/octo-dev/code/issues", "sandbox-token", 410),
        ("POST", "/repos/octo-dev/code/issues", "sandbox-token", 410),
        ("GET", "/repos/acme/app/issues/1", "sandbox-token", 200),
        ("GET", "/repos/acme/app/issues/1", "no-sso", 403),
        ("GET", "/user", "actions", 403),
        ("POST", ISSUES, "actions", 201),
        ("POST", "/repos/octo-dev/nothing/like/this", "sandbox-token", 404),
        ("GET", f"{ISSUES}/99", "sandbox-token", 404),
        ("GET", f"{ISSUES}?milestone=1", "sandbox-token", 501),
    ],
)
def test_who_may_what(
    server: Server, method: str, path: str, token: str | None, status: int
) -> None:
    given = {"title": "New", "labels": ["x"]} if method != "GET" else None
    reply = call(server, method, path, given, token=token)
    assert reply.status == status, reply.body
    if status >= 400:
        assert reply.json["status"] == str(status) and reply.json["message"]


def test_a_refusal_says_what_is_missing(server: Server) -> None:
    reading = call(server, "POST", ISSUES, {"title": "x"}, token="reading")
    assert reading.headers["X-Accepted-GitHub-Permissions"] == "issues=write"
    assert reading.json["message"] == "Resource not accessible by personal access token"
    actions = call(server, "GET", "/user", token="actions")
    assert actions.json["message"] == "Resource not accessible by integration"
    scopes = call(server, "POST", ISSUES, {"title": "x"}, token="no-scopes")
    assert (scopes.headers["X-OAuth-Scopes"], scopes.headers["X-Accepted-OAuth-Scopes"]) == (
        "",
        "repo",
    )
    sso = call(server, "GET", "/repos/acme/app", token="no-sso")
    assert sso.headers["X-GitHub-SSO"].startswith("required; url=")


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        ("POST", ISSUES, {}, 422),
        ("POST", ISSUES, {"title": None}, 422),
        ("POST", ISSUES, {"title": ["x"]}, 422),
        ("POST", ISSUES, {"title": "  "}, 422),
        ("POST", ISSUES, {"title": "x" * 256}, 201),
        ("POST", ISSUES, {"title": "x" * 257}, 422),
        ("POST", ISSUES, {"title": "x", "body": "é" * 65_536}, 201),
        ("POST", ISSUES, {"title": "x", "body": "é" * 65_537}, 422),
        ("POST", ISSUES, {"title": "x", "body": 7}, 422),
        ("POST", ISSUES, {"title": "x", "labels": "bug"}, 422),
        ("POST", ISSUES, {"title": "x", "labels": [7]}, 422),
        ("POST", ISSUES, {"title": "x", "labels": ["l" * 51]}, 422),
        ("POST", ISSUES, b'{"title": ', 400),
        ("POST", ISSUES, ["x"], 400),
        ("PATCH", f"{ISSUES}/1", {"state": "opened"}, 422),
        ("PATCH", f"{ISSUES}/1", {"state": "closed", "state_reason": "done"}, 422),
        ("PATCH", f"{ISSUES}/1", {"state": "closed", "state_reason": "reopened"}, 422),
        ("PATCH", f"{ISSUES}/1", {"labels": "bug"}, 422),
        ("POST", f"{ISSUES}/1/comments", {}, 422),
        ("POST", f"{ISSUES}/1/comments", {"body": "x" * 65_537}, 422),
        ("POST", f"{REPO}/labels", {"name": "x", "color": "#aabbcc"}, 422),
        ("POST", f"{REPO}/labels", {"name": "x", "description": "d" * 101}, 422),
        ("GET", f"{ISSUES}?state=opened", None, 422),
        ("GET", f"{ISSUES}?sort=title", None, 422),
        ("GET", f"{ISSUES}?since=yesterday", None, 422),
        ("POST", f"{ISSUES}/1/sub_issues", {}, 422),
        ("POST", f"{ISSUES}/1/sub_issues", {"sub_issue_id": "5000000001"}, 422),
        ("POST", f"{ISSUES}/1/sub_issues", {"sub_issue_id": True}, 422),
        ("POST", f"{ISSUES}/1/sub_issues", {"sub_issue_id": 1}, 404),
        ("DELETE", f"{ISSUES}/1/sub_issue", {"sub_issue_id": 1}, 404),
        ("POST", f"{ISSUES}/1/dependencies/blocked_by", {"issue_id": 1}, 404),
    ],
)
def test_what_is_not_as_it_should_be(
    sandbox: Server, method: str, path: str, given: Any, status: int
) -> None:
    new_issue(sandbox)
    before = sandbox.state.world
    assert call(sandbox, method, path, given).status == status
    assert (sandbox.state.world is before) == (status >= 400)


@pytest.mark.parametrize(
    ("repo", "token", "kind", "message"),
    [
        ("octo-dev/closed", "sandbox-token", "FORBIDDEN", "archived"),
        ("octo-dev/demo", "reading", "FORBIDDEN", "Resource not accessible by personal access"),
        ("octo-dev/demo", "no-scopes", "INSUFFICIENT_SCOPES", "scopes"),
        ("octo-dev/demo", "stranger", "FORBIDDEN", "correct permissions"),
        ("acme/app", "no-sso", "FORBIDDEN", "SAML"),
    ],
)
def test_graphql_refuses_the_same(
    server: Server, repo: str, token: str, kind: str, message: str
) -> None:
    node = call(server, "GET", f"/repos/{repo}/issues/1").json["node_id"]
    text = "mutation($i:ID!){closeIssue(input:{issueId:$i}){issue{id}}}"
    answer = graphql(server, text, token=token, i=node)
    assert answer["data"] == {"closeIssue": None}
    (error,) = answer["errors"]
    assert error["type"] == kind and message in error["message"]


def test_labels_are_dropped_for_who_may_not_label(sandbox: Server) -> None:
    made = call(
        sandbox, "POST", ISSUES, {"title": "x", "labels": ["bug"]}, token="sandbox-stranger"
    )
    assert (made.status, made.json["labels"]) == (201, [])
    assert made.json["author_association"] == "NONE"


def test_an_author_may_change_the_own_issue(sandbox: Server) -> None:
    call(sandbox, "POST", ISSUES, {"title": "x"}, token="sandbox-stranger")
    own = call(sandbox, "PATCH", f"{ISSUES}/1", {"state": "closed"}, token="sandbox-stranger")
    assert own.json["state"] == "closed"


def test_a_moved_issue_says_where_it_is() -> None:
    seed = {**SEED, "repos": [{"full_name": f"octo-dev/{n}"} for n in ("demo", "other")]}
    with serve(seed=seed) as server:
        issue = new_issue(server, body="kept")
        other = call(server, "GET", "/repos/octo-dev/other").json["node_id"]
        text = """mutation($i:ID!,$r:ID!){transferIssue(input:{issueId:$i,repositoryId:$r}){
            issue{number repository{nameWithOwner}}}}"""
        moved = graphql(server, text, i=issue["node_id"], r=other)["data"]["transferIssue"]["issue"]
        assert moved == {"number": 1, "repository": {"nameWithOwner": "octo-dev/other"}}
        reply = call(server, "GET", f"{ISSUES}/1")
        assert reply.status == 301
        assert reply.json["url"] == reply.headers["Location"]
        there = call(server, "GET", reply.headers["Location"].removeprefix(server.url))
        assert (there.json["body"], there.json["id"] != issue["id"]) == ("kept", True)
        assert link(server, {"number": 1}, there.json).status == 301


def test_keys_without_effect_are_in_the_log(sandbox: Server) -> None:
    new_issue(sandbox, titel="typo", assignees=["octo-dev"])
    assert sandbox.state.log[-1].ignored == ("assignees", "titel")


def test_a_request_needs_a_user_agent(sandbox: Server) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", sandbox.port)) as line:
        host = f"127.0.0.1:{sandbox.port}"
        line.sendall(f"GET /meta HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert line.recv(100).startswith(b"HTTP/1.1 403 ")
