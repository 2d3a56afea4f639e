"""Rate limits, and the requests that do not count."""

from __future__ import annotations

from sandbox_client import ISSUES, REPO, call, control, graphql, new_issue

from craftkit.sandbox.server import Server


def test_requests_are_counted_by_user_and_resource(sandbox: Server) -> None:
    first = call(sandbox, "GET", REPO).headers
    second = call(sandbox, "GET", REPO).headers
    assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("5000", "4999")
    assert (second["X-RateLimit-Used"], second["X-RateLimit-Resource"]) == ("2", "core")
    other = call(sandbox, "GET", REPO, token="sandbox-reviewer").headers
    assert other["X-RateLimit-Used"] == "1"
    points = call(sandbox, "POST", "/graphql", {"query": "{viewer{login}}"}).headers
    assert (points["X-RateLimit-Used"], points["X-RateLimit-Resource"]) == ("1", "graphql")
    free = call(sandbox, "GET", "/rate_limit")
    assert free.json["resources"]["core"]["used"] == 2
    assert free.headers["X-RateLimit-Used"] == "2"


def test_what_is_unchanged_does_not_count(sandbox: Server) -> None:
    etag = call(sandbox, "GET", ISSUES).headers["ETag"]
    same = call(sandbox, "GET", ISSUES, if_none_match=etag)
    assert (same.status, same.headers["X-RateLimit-Used"]) == (304, "1")


def test_a_used_up_limit_refuses_until_its_reset(sandbox: Server) -> None:
    control(sandbox, "POST", "limits", {"core": 2, "graphql": 1})
    new_issue(sandbox)
    assert call(sandbox, "GET", ISSUES).status == 200
    refused = call(sandbox, "GET", ISSUES)
    assert (refused.status, refused.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert "rate limit" in refused.json["message"]
    assert call(sandbox, "POST", ISSUES, {"title": "no"}).status == 403
    assert graphql(sandbox, "{viewer{login}}")["data"]
    assert graphql(sandbox, "{viewer{login}}")["errors"][0]["type"] == "RATE_LIMITED"
    control(sandbox, "POST", "clock", {"advance": 3601})
    assert call(sandbox, "GET", ISSUES).status == 200


def test_too_much_new_content_is_a_secondary_limit(sandbox: Server) -> None:
    control(sandbox, "POST", "limits", {"content_per_minute": 3})
    new_issue(sandbox)
    call(sandbox, "POST", f"{ISSUES}/1/comments", {"body": "x"})
    two = " ".join(
        f'{key}:addComment(input:{{subjectId:"x",body:"b"}}){{clientMutationId}}' for key in "ab"
    )
    reply = call(sandbox, "POST", "/graphql", {"query": f"mutation{{{two}}}"})
    assert (reply.status, reply.headers["Retry-After"]) == (403, "60")
    assert "secondary" in reply.json["message"]
    assert call(sandbox, "GET", ISSUES).status == 403
    control(sandbox, "POST", "clock", {"advance": 61})
    assert new_issue(sandbox)["number"] == 2


def test_an_hour_has_its_own_limit_of_content(sandbox: Server) -> None:
    control(sandbox, "POST", "limits", {"content_per_hour": 2})
    for _ in range(2):
        new_issue(sandbox)
        control(sandbox, "POST", "clock", {"advance": 600})
    assert call(sandbox, "POST", ISSUES, {"title": "x"}).status == 403
    control(sandbox, "POST", "clock", {"advance": 3600})
    assert new_issue(sandbox)["number"] == 3


def test_nobody_has_sixty_requests(sandbox: Server) -> None:
    assert call(sandbox, "GET", ISSUES, token=None).headers["X-RateLimit-Limit"] == "60"
