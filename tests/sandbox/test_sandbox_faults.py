"""Every kind of fault: what the client sees of it, and whether the write was carried out."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest
from sandbox_client import ISSUES, OWNER, Reply, call, control, graphql, link, new_issue, numbers

from craftkit.errors import UsageProblem
from craftkit.sandbox import faults
from craftkit.sandbox.server import Server

CLOSE = "mutation($i:ID!){closeIssue(input:{issueId:$i}){issue{state}}}"


def attempt(server: Server, way: str, **options: Any) -> Reply | Exception:
    """Closes issue 1 over REST or GraphQL; what came of it, be it an exception."""
    try:
        if way == "rest":
            return call(server, "PATCH", f"{ISSUES}/1", {"state": "closed"}, **options)
        node = next(iter(server.state.world.issues.values()))
        from craftkit.sandbox.nodes import node_id

        body = {"query": CLOSE, "variables": {"i": node_id(node)}}
        return call(server, "POST", "/graphql", body, **options)
    except (OSError, http.client.HTTPException) as error:
        return error


def closed(server: Server) -> bool:
    return next(iter(server.state.world.issues.values())).state == "closed"


@pytest.fixture(params=["rest", "graphql"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def issue(sandbox: Server) -> Any:
    return new_issue(sandbox)


@pytest.mark.parametrize("apply", [False, True])
def test_reset(sandbox: Server, issue: Any, way: str, apply: bool) -> None:
    sandbox.fault({"action": "reset", "apply": apply})
    assert isinstance(attempt(sandbox, way), ConnectionError | http.client.RemoteDisconnected)
    assert closed(sandbox) == apply
    assert isinstance(attempt(sandbox, way), Reply) and closed(sandbox)


def test_refuse_drops_the_connection_unread(sandbox: Server, issue: Any, way: str) -> None:
    sandbox.fault({"action": "refuse"})
    assert isinstance(attempt(sandbox, way), ConnectionError | http.client.RemoteDisconnected)
    assert not closed(sandbox)


@pytest.mark.parametrize("apply", [False, True])
def test_timeout(sandbox: Server, issue: Any, way: str, apply: bool) -> None:
    sandbox.fault({"action": "timeout", "apply": apply, "seconds": 30})
    assert isinstance(attempt(sandbox, way, timeout=0.2), TimeoutError)
    assert closed(sandbox) == apply


@pytest.mark.parametrize("apply", [False, True])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_status(sandbox: Server, issue: Any, way: str, status: int, apply: bool) -> None:
    sandbox.fault({"action": "status", "status": status, "apply": apply})
    reply = attempt(sandbox, way)
    assert isinstance(reply, Reply) and reply.status == status
    assert reply.headers["Content-Type"].startswith("text/html")
    assert closed(sandbox) == apply


def test_any_status_with_any_body(sandbox: Server) -> None:
    headers = {"Retry-After": "7"}
    sandbox.fault({"action": "status", "status": 418, "headers": headers, "body": {"a": 1}})
    reply = call(sandbox, "GET", "/user")
    assert (reply.status, reply.headers["Retry-After"], reply.json) == (418, "7", {"a": 1})


def test_unauthorized(sandbox: Server, issue: Any, way: str) -> None:
    sandbox.fault({"action": "unauthorized"})
    reply = attempt(sandbox, way)
    assert isinstance(reply, Reply) and reply.status == 401
    assert reply.json["message"] == "Bad credentials"
    assert not closed(sandbox)


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_lasts(sandbox: Server, issue: Any, way: str, status: int) -> None:
    sandbox.fault({"action": "secondary", "retry_after": 30, "status": status})
    reply = attempt(sandbox, way)
    assert isinstance(reply, Reply) and reply.status == status
    assert 29 <= int(reply.headers["Retry-After"]) <= 30
    sandbox.state.offset += 20
    again = attempt(sandbox, way)
    assert isinstance(again, Reply) and again.status == status
    assert int(again.headers["Retry-After"]) <= 10
    assert [entry.early for entry in sandbox.state.log][-2:] == [False, True]
    sandbox.state.offset += 10
    assert isinstance(attempt(sandbox, way), Reply) and closed(sandbox)


def test_an_exhausted_limit_lasts_until_its_reset(sandbox: Server, issue: Any, way: str) -> None:
    sandbox.fault({"action": "exhausted", "reset_in": 30})
    reply = attempt(sandbox, way)
    assert isinstance(reply, Reply)
    assert reply.status == (403 if way == "rest" else 200)
    if way == "graphql":
        assert reply.json["errors"][0]["type"] == "RATE_LIMITED" and "data" not in reply.json
    assert reply.headers["X-RateLimit-Remaining"] == "0"
    reset = int(reply.headers["X-RateLimit-Reset"])
    assert 29 < reset - sandbox.state.now() <= 31
    again = attempt(sandbox, way)
    assert isinstance(again, Reply) and not closed(sandbox)
    assert sandbox.state.log[-1].early
    sandbox.state.offset = reset - sandbox.state.clock()
    assert isinstance(attempt(sandbox, way), Reply) and closed(sandbox)
    assert not sandbox.state.log[-1].early


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("forbidden", 403, "FORBIDDEN"),
        ("not_found", 404, "NOT_FOUND"),
        ("gone", 410, "NOT_FOUND"),
        ("moved", 301, "NOT_FOUND"),
        ("invalid", 422, "UNPROCESSABLE"),
    ],
)
def test_what_github_says(
    sandbox: Server, issue: Any, way: str, action: str, status: int, kind: str
) -> None:
    sandbox.fault({"action": action})
    reply = attempt(sandbox, way)
    assert isinstance(reply, Reply) and not closed(sandbox)
    if way == "graphql":
        assert reply.status == 200
        assert [error["type"] for error in reply.json["errors"]] == [kind]
        assert reply.json["data"] == {"closeIssue": None}
    else:
        assert reply.status == status
        assert ("Location" in reply.headers) == (action == "moved")


def test_a_fault_can_hit_one_mutation_of_a_batch(sandbox: Server) -> None:
    ids = [new_issue(sandbox)["node_id"] for _ in range(3)]
    batch = " ".join(
        f'a{n}:closeIssue(input:{{issueId:"{node}"}}){{issue{{number}}}}'
        for n, node in enumerate(ids)
    )
    sandbox.fault({"match": {"graphql": "closeIssue", "alias": "a1"}, "action": "invalid"})
    answer = graphql(sandbox, f"mutation{{{batch}}}")
    assert [key for key, value in answer["data"].items() if value is None] == ["a1"]
    assert answer["errors"][0]["path"] == ["a1"]
    assert numbers(call(sandbox, "GET", ISSUES)) == [2]


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        ({"action": "truncated"}, lambda body: not _is_json(body)),
        ({"action": "wrong_type"}, lambda body: json.loads(body) == ["unexpected"]),
        ({"action": "wrong_type", "value": "yes"}, lambda body: json.loads(body) == "yes"),
        ({"action": "html"}, lambda body: body.startswith(b"<!DOCTYPE html>")),
        ({"action": "huge"}, lambda body: len(body) > 10_000_000),
        ({"action": "slow", "seconds": 0.1}, lambda body: bool(json.loads(body))),
    ],
    ids=lambda value: value["action"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("apply", [False, True])
def test_a_spoilt_answer(
    sandbox: Server, issue: Any, way: str, rule: dict[str, Any], check: Any, apply: bool
) -> None:
    sandbox.fault({**rule, "apply": apply})
    reply = attempt(sandbox, way)
    assert isinstance(reply, Reply) and reply.status == 200
    assert check(reply.body)
    assert closed(sandbox) == apply


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def test_an_answer_that_is_cut_off(sandbox: Server, issue: Any, way: str) -> None:
    sandbox.fault({"action": "truncated", "short": True})
    assert isinstance(attempt(sandbox, way), http.client.IncompleteRead)
    assert closed(sandbox)


def test_an_unchanged_answer_has_no_body_to_spoil(sandbox: Server) -> None:
    tag = call(sandbox, "GET", ISSUES).headers["ETag"]
    sandbox.fault({"action": "huge"})
    reply = call(sandbox, "GET", ISSUES, if_none_match=tag)
    assert (reply.status, reply.body) == (304, b"")


def test_a_secondary_limit_may_come_as_an_answer_of_graphql(sandbox: Server) -> None:
    sandbox.fault({"action": "secondary", "status": 200, "retry_after": 5})
    reply = call(sandbox, "POST", "/graphql", {"query": "{viewer{login}}"})
    assert (reply.status, reply.headers["Retry-After"]) == (200, "5")
    assert reply.json["errors"][0]["type"] == "RATE_LIMITED"


def test_a_list_of_the_wrong_type_is_an_object(sandbox: Server) -> None:
    sandbox.fault({"action": "wrong_type"})
    assert call(sandbox, "GET", ISSUES).json == {"unexpected": True}


def test_slow_really_drips(sandbox: Server, issue: Any) -> None:
    sandbox.fault({"action": "slow", "seconds": 30})
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=120)
    connection.request(
        "GET", "/user", headers={"User-Agent": "x", "Authorization": f"token {OWNER}"}
    )
    answer = connection.getresponse()
    first = answer.read1(10)
    assert first and len(first) < int(answer.headers["Content-Length"])
    connection.close()


@pytest.mark.parametrize("answer", [502, "reset", "timeout"])
def test_a_write_that_is_carried_out_late(
    sandbox: Server, issue: Any, way: str, answer: Any
) -> None:
    sandbox.fault({"action": "late", "answer": answer, "after_requests": 2, "seconds": 0.1})
    reply = attempt(sandbox, way)
    if answer == 502:
        assert isinstance(reply, Reply) and reply.status == 502
    else:
        assert isinstance(reply, ConnectionError | http.client.RemoteDisconnected)
    states = [call(sandbox, "GET", f"{ISSUES}/1").json["state"] for _ in range(4)]
    assert states == ["open", "open", "closed", "closed"]


def test_a_late_write_by_the_clock_or_on_demand(sandbox: Server, issue: Any) -> None:
    rule = {"match": {"method": "POST"}, "action": "late", "after_seconds": 30, "times": 2}
    sandbox.fault(rule)
    for title in ("one", "two"):
        assert call(sandbox, "POST", ISSUES, {"title": title}).status == 502
    assert numbers(call(sandbox, "GET", ISSUES)) == [1]
    sandbox.state.offset += 31
    assert numbers(call(sandbox, "GET", ISSUES)) == [3, 2, 1]
    sandbox.fault({**rule, "times": 1})
    call(sandbox, "POST", ISSUES, {"title": "three"})
    assert control(sandbox, "POST", "settle", {}) == {"applied": 1}
    assert numbers(call(sandbox, "GET", ISSUES)) == [4, 3, 2, 1]


def test_stale_reads(sandbox: Server) -> None:
    parent = new_issue(sandbox)
    child = new_issue(sandbox)
    link(sandbox, parent, child)
    sandbox.fault({"action": "stale", "writes": 2, "times": 3})
    tree = '{repository(owner:"octo-dev",name:"demo"){issues(first:9){nodes{number}}}}'
    seen = graphql(sandbox, tree)["data"]["repository"]["issues"]["nodes"]
    assert seen == [{"number": 1}]
    assert numbers(call(sandbox, "GET", ISSUES)) == [1]
    made = new_issue(sandbox)  # a write is not hit, and sees the world as it is
    assert made["number"] == 3
    assert numbers(call(sandbox, "GET", ISSUES)) == [2, 1]
    assert numbers(call(sandbox, "GET", ISSUES)) == [3, 2, 1]


def test_a_stale_list_has_the_state_of_then(sandbox: Server, issue: Any) -> None:
    attempt(sandbox, "rest")
    sandbox.fault({"match": {"path": "/issues\\?"}, "action": "stale"})
    assert call(sandbox, "GET", f"{ISSUES}/1").json["state"] == "closed"
    assert call(sandbox, "GET", f"{ISSUES}?state=all").json[0]["state"] == "open"


def test_delay_only_takes_time(sandbox: Server, issue: Any, way: str) -> None:
    sandbox.fault({"action": "delay", "seconds": 0.1})
    before = time.monotonic()
    assert isinstance(attempt(sandbox, way), Reply) and closed(sandbox)
    assert time.monotonic() - before >= 0.1


def test_offline_after_an_answer(sandbox: Server, issue: Any, way: str) -> None:
    sandbox.fault({"action": "offline", "seconds": 0.3})
    assert isinstance(attempt(sandbox, way), Reply)
    assert isinstance(attempt(sandbox, way), ConnectionRefusedError)
    deadline = time.monotonic() + 120
    while isinstance(reply := attempt(sandbox, way), ConnectionRefusedError):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert isinstance(reply, Reply) and reply.status == 200


def test_which_requests_are_hit(sandbox: Server) -> None:
    sandbox.fault(
        {
            "match": {"method": "get", "path": "/issues$"},
            "nth": 2,
            "times": 2,
            "action": "not_found",
        },
        {"match": {"graphql": "Named"}, "times": 0, "action": "unauthorized"},
        {"match": {"login": "reviewer"}, "action": "status", "status": 500},
    )
    new_issue(sandbox)
    assert [call(sandbox, "GET", ISSUES).status for _ in range(4)] == [200, 404, 404, 200]
    named = {"query": "query Named{viewer{login}}"}
    assert [call(sandbox, "POST", "/graphql", named).status for _ in range(3)] == [401] * 3
    assert graphql(sandbox, "query Other{viewer{login}}")["data"]
    assert call(sandbox, "GET", "/user").status == 200
    assert call(sandbox, "GET", "/user", token="sandbox-reviewer").status == 500
    seen = [rule["seen"] for rule in control(sandbox, "GET", "faults")["faults"]]
    assert seen == [4, 3, 1]
    control(sandbox, "DELETE", "faults")
    assert control(sandbox, "GET", "faults") == {"faults": []}


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"action": "explode"},
        {"action": "reset", "seconds": 1},
        {"action": "reset", "match": {"verb": "GET"}},
        {"action": "reset", "match": {"path": "("}},
        {"action": "reset", "nth": "x"},
        "reset",
    ],
)
def test_a_rule_with_a_mistake_is_refused(sandbox: Server, rule: Any) -> None:
    with pytest.raises(UsageProblem):
        faults.rules(rule)
    assert call(sandbox, "POST", "/_sandbox/faults", rule).status == 400


def test_every_action_is_tried_above() -> None:
    from pathlib import Path

    text = Path(__file__).read_text(encoding="utf-8")
    assert not [action for action in faults.ACTIONS if f'"{action}"' not in text]
