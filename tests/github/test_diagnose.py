"""What `doctor` tells apart."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import responses
from replies import CANARY, GRAPHQL, REPO, answer_graphql, make_client, preflight, problem

from craftkit.errors import BadConfig
from craftkit.github.address import Project
from craftkit.github.diagnose import Finding, diagnose
from craftkit.github.gateway import NoToken

ISSUES = f"{REPO}/issues"
SCHEMA: dict[str, Any] = {
    "issueType": {
        "fields": [
            {"name": name, "args": []}
            for name in ("fullDatabaseId", "stateReason", "subIssues", "parent")
        ]
    },
    "mutationType": {
        "fields": [{"name": name} for name in ("closeIssue", "addSubIssue", "addBlockedBy")]
    },
    "createType": {"inputFields": [{"name": "parentIssueId"}]},
}
BOARD = {
    "repositoryOwner": {
        "projectV2": {"id": "P", "field": {"id": "F", "options": [{"id": "O", "name": "Done"}]}}
    }
}


def _preflight(**more: Any) -> dict[str, Any]:
    data: dict[str, Any] = preflight(isPrivate=False, **more)["data"] | SCHEMA
    return data


def _well(**more: Any) -> None:
    answer_graphql(
        lambda body: {"data": BOARD if "Board(" in body["query"] else _preflight(**more)}
    )


def _refused_title(**headers: str) -> None:
    body = {"message": 'Invalid request. "title" wasn\'t supplied.'}
    responses.add("POST", ISSUES, status=422, json=body, headers=headers)


def _by_code(findings: list[Finding]) -> dict[str, Finding]:
    assert CANARY not in repr(findings)
    assert all(finding.sentence for finding in findings)
    # A bad finding names what to do, unless it is only how the server is.
    server = ("graphql", "sub_issues", "dependencies")
    assert all(f.hint for f in findings if f.ok is False and f.code not in server)
    return {finding.code: finding for finding in findings}


@responses.activate
def test_all_is_well() -> None:
    _well()
    _refused_title(**{"x-oauth-scopes": "repo, project"})
    found = _by_code(diagnose(lambda: make_client(project=Project("octo", 3))))
    assert all(finding.ok for finding in found.values())
    assert {"token", "access", "permission", "graphql", "project"} < found.keys()
    assert "me" in found["token"].sentence


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoToken("There is no token.", "run `gh auth login`"), "token"),
        (BadConfig("No repository.", "set it"), "connection"),
    ],
)
def test_what_stops_before_the_first_request_is_a_finding(error: Exception, code: str) -> None:
    def connect() -> Any:
        raise error

    ((found,),) = [diagnose(connect)]
    assert (found.code, found.ok) == (code, False) and found.hint


@responses.activate
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({"status": 401, "json": {"message": "Bad credentials"}}, "token"),
        (
            {
                "status": 200,
                "json": {
                    "data": {"repository": None},
                    "errors": [problem("NOT_FOUND", "repository")],
                },
            },
            "access",
        ),
        (
            {
                "status": 403,
                "json": {"message": "no"},
                "headers": {"x-github-sso": "required; url=x"},
            },
            "sso",
        ),
        (
            {
                "status": 200,
                "json": {
                    "data": {"repository": None},
                    "errors": [
                        problem("FORBIDDEN", "repository", extensions={"saml_failure": True})
                    ],
                },
            },
            "sso",
        ),
        ({"status": 403, "json": {"message": "Resource not accessible"}}, "permission"),
        ({"status": 502}, "connection"),
        ({"body": requests.exceptions.ConnectionError("x")}, "connection"),
        ({"status": 429, "json": {}}, "connection"),
    ],
    ids=["401", "404", "sso", "saml", "403", "502", "cut", "limit"],
)
def test_each_barrier_has_its_code(reply: dict[str, Any], code: str) -> None:
    responses.add("POST", GRAPHQL, **reply)
    found = _by_code(diagnose(make_client))
    assert [c for c, finding in found.items() if finding.ok is False] == [code]


@responses.activate
@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"isArchived": True}, "archived"),
        ({"hasIssuesEnabled": False}, "issues"),
        ({"viewerPermission": "READ"}, "permission"),
    ],
)
def test_a_repository_that_cannot_be_written_is_not_tried(more: dict[str, Any], code: str) -> None:
    _well(**more)
    found = _by_code(diagnose(make_client))
    assert [c for c, finding in found.items() if finding.ok is False] == [code]
    assert all("graphql" in call.request.url for call in responses.calls)


@responses.activate
@pytest.mark.parametrize("role", ["WRITE", ""])
def test_a_missing_title_proves_nothing_for_a_token_without_scopes(role: str) -> None:
    _well(viewerPermission=role or None)
    _refused_title(**{"x-accepted-github-permissions": "issues=write"})
    found = _by_code(diagnose(make_client))["permission"]
    assert found.ok is None and "shows only at a write" in found.sentence
    assert ("me may write issues of octo/demo (WRITE)" in found.sentence) is bool(role)
    assert "Issues: read and write" in found.hint


@responses.activate
@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_only_read_is_found_out_without_making_anything(status: int) -> None:
    _well()
    headers = {"x-accepted-github-permissions": "issues=write"}
    responses.add("POST", ISSUES, status=status, json={"message": "No"}, headers=headers)
    found = _by_code(diagnose(make_client))
    assert found["permission"].ok is False
    assert "issues" in (found["permission"].sentence + found["permission"].hint).lower()
    (post,) = [call for call in responses.calls if "graphql" not in call.request.url]
    assert post.request.body == "{}"


@responses.activate
@pytest.mark.parametrize(
    ("scopes", "private", "missing"),
    [
        ("repo, project", True, ""),
        ("public_repo, project", False, ""),
        ("public_repo, project", True, "repo"),
        ("gist", False, "public_repo and project"),
        ("", True, "repo and project"),
    ],
)
def test_scopes_of_a_classic_token_are_named(scopes: str, private: bool, missing: str) -> None:
    def callback(request: Any) -> tuple[int, dict[str, str], str]:
        import json

        board = "Board(" in json.loads(request.body)["query"]
        data = BOARD if board else _preflight() | preflight(isPrivate=private)["data"]
        return 200, {"x-oauth-scopes": scopes}, json.dumps({"data": data})

    responses.add_callback("POST", GRAPHQL, callback)
    _refused_title(**{"x-oauth-scopes": scopes})
    found = _by_code(diagnose(lambda: make_client(project=Project("octo", 3))))
    assert found["scopes"].ok is (not missing)
    assert missing in found["scopes"].sentence


@responses.activate
def test_a_board_that_cannot_be_seen_is_a_finding() -> None:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        if "Board(" in body["query"]:
            return {
                "data": None,
                "errors": [problem("INSUFFICIENT_SCOPES", message="read:project")],
            }
        return {"data": _preflight()}

    answer_graphql(reply)
    _refused_title()
    found = _by_code(diagnose(lambda: make_client(project=Project("octo", 3))))
    assert found["project"].ok is False and "read:project" in found["project"].sentence
