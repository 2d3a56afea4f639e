"""What becomes of one request: carried out and answered, or whatever a fault makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from craftkit.sandbox import api, faults
from craftkit.sandbox.access import Caller, Refused, identify, not_accessible
from craftkit.sandbox.faults import Rule
from craftkit.sandbox.schema import Operation
from craftkit.sandbox.state import Answer, Late, Logged, Request, State
from craftkit.sandbox.world import Token

_PAGE = b"<!DOCTYPE html><html><head><title>Unicorn!</title></head><body>Oh no.</body></html>"
_REFUSING = ("unauthorized", "secondary", "exhausted")
_FIELDS = ("forbidden", "not_found", "gone", "moved", "invalid")


class Wire(NamedTuple):
    """What goes over the line."""

    answer: Answer | None  # None: the connection is reset
    short: bool = False  # only half of what was announced is sent
    drip: float = 0.0  # seconds over which it is sent
    offline: float = 0.0  # seconds for which nobody listens afterwards


class Arrival(NamedTuple):
    number: int
    request: Request
    asked: Operation | None
    login: str
    rule: Rule | None
    early: bool
    crowded: bool  # another sub-issue of the same parent is just being added


def respond(state: State, request: Request) -> Wire:
    with _linking(state, request) as crowded:
        arrival = _arrive(state, request, crowded)
        rule = arrival.rule
        options = rule.options if rule else {}
        if rule and (rule.action == "delay" or (rule.action == "timeout" and not options["apply"])):
            state.closing.wait(options["seconds"])
        with state.lock:
            wire = _answer(state, arrival)
    if rule and rule.action == "timeout" and options["apply"]:
        state.closing.wait(options["seconds"])
    if rule and rule.action == "late" and options["answer"] == "timeout":
        state.closing.wait(options["seconds"])
    return wire


@contextmanager
def _linking(state: State, request: Request) -> Iterator[bool]:
    """Whether a parent is getting two sub-issues at once, which GitHub refuses."""
    path = urlsplit(request.path).path
    if request.method != "POST" or not path.endswith("/sub_issues"):
        yield False
        return
    with state.gate:
        under_way = state.linking.get(path, 0)
        state.linking[path] = under_way + 1
    try:
        yield under_way > 0
    finally:
        with state.gate:
            state.linking[path] -= 1


def _arrive(state: State, request: Request, crowded: bool) -> Arrival:
    with state.lock:
        _apply_late(state)
        state.count += 1
        asked, login = api.asked(request), _login(state, request)
        state.rules, rule = faults.choose(state.rules, request, asked, login)
        resource = "graphql" if api.is_graphql(request) else "core"
        early = state.meter.early(login, resource, state.now())
        return Arrival(state.count, request, asked, login, rule, early, crowded)


def _login(state: State, request: Request) -> str:
    try:
        return identify(state.world, request.headers.get("authorization"), "").login
    except Refused:
        return ""


def _apply_late(state: State, everything: bool = False) -> int:
    """Carries out the held-back writes whose time has come; how many there were."""
    due = [
        late
        for late in state.late
        if everything or state.count >= late.after_request or state.now() >= late.at
    ]
    for late in due:
        state.late.remove(late)
        state.commit(api.carry_out(state, late.request).world)
    return len(due)


def settle(state: State) -> int:
    with state.lock:
        return _apply_late(state, everything=True)


def _answer(state: State, arrival: Arrival) -> Wire:
    rule = arrival.rule
    if rule is None or rule.action in ("delay", "offline", "stale", *_FIELDS):
        return _natural(state, arrival)
    if rule.action in _REFUSING or rule.action == "late":
        return _refusing(state, arrival, rule)
    options, changed, answer = rule.options, False, None
    if options.get("apply"):
        outcome = api.carry_out(state, arrival.request)
        changed, answer = state.commit(outcome.world), outcome.answer
    elif rule.action not in ("refuse", "reset", "timeout"):
        # A read that answers nonsense still needs a true answer to make nonsense of.
        answer = api.carry_out(state, arrival.request).answer
    wire = _spoilt(rule, answer)
    _log(state, arrival, wire.answer, changed)
    return wire


def _natural(state: State, arrival: Arrival) -> Wire:
    """The true answer, or the true answer to a request that is refused."""
    rule, request = arrival.rule, arrival.request
    failing: dict[str, Refused] = {}
    if rule and rule.action in _FIELDS:
        refused = _refused(state, rule, request)
        if not api.is_graphql(request):
            return _say(state, arrival, refused)
        failing = dict.fromkeys(faults.hit_fields(rule, arrival.asked), refused)
    elif arrival.crowded:
        return _say(state, arrival, Refused(422, "Priority has already been taken"))
    world = state.world
    if rule and rule.action == "stale":
        world = state.before(rule.options["writes"])
    outcome = api.carry_out(state, request, world, failing)
    changed = outcome.world is not world and state.commit(outcome.world)
    _log(state, arrival, outcome.answer, changed, outcome.ignored)
    for observe in state.observers:
        observe(request, outcome.answer)
    offline = rule.options["seconds"] if rule and rule.action == "offline" else 0.0
    return Wire(outcome.answer, offline=offline)


def _say(state: State, arrival: Arrival, refused: Refused) -> Wire:
    caller = Caller(None, arrival.login, state.stamp())
    answer = api.refusal(state, arrival.request, refused, caller)
    _log(state, arrival, answer, False)
    return Wire(answer)


def _refusing(state: State, arrival: Arrival, rule: Rule) -> Wire:
    options, login, now = rule.options, arrival.login, state.now()
    if rule.action == "unauthorized":
        return _say(state, arrival, Refused(401, "Bad credentials"))
    if rule.action == "secondary":
        seconds, status = options["retry_after"], options["status"]
        return _say(state, arrival, state.meter.block(login, now, seconds, status))
    if rule.action == "exhausted":
        resource = "graphql" if api.is_graphql(arrival.request) else "core"
        refused = state.meter.exhaust(login, resource, now, options["reset_in"])
        return _say(state, arrival, refused)
    seconds = options["after_seconds"]
    after = state.count + options["after_requests"] if seconds is None else 10**12
    due = now + seconds if seconds is not None else float("inf")
    state.late.append(Late(arrival.request, after, due))
    if options["answer"] in faults.LATE_ANSWERS:
        _log(state, arrival, None, False)
        return Wire(None)
    return _say(state, arrival, Refused(int(options["answer"]), "Server Error"))


def _refused(state: State, rule: Rule, request: Request) -> Refused:
    """What GitHub would say on its own."""
    options = rule.options
    if rule.action == "forbidden":
        return not_accessible(Token("", "fine-grained"), options["permission"])
    if rule.action == "invalid":
        return Refused(422, options["message"])
    if rule.action == "gone":
        return Refused(410, "This issue was deleted", kind="NOT_FOUND")
    if rule.action == "moved":
        path = urlsplit(request.path).path.partition("/issues/")[0]
        target = f"{path}/issues/{options['number']}"
        return Refused(301, "Moved Permanently", kind="NOT_FOUND", headers={"Location": target})
    return Refused(404, "Not Found", kind="NOT_FOUND", graphql="Could not resolve to a node.")


def _spoilt(rule: Rule, answer: Answer | None) -> Wire:
    """The answer as the fault leaves it."""
    options = rule.options
    if answer is None or rule.action in ("refuse", "reset", "timeout"):
        return Wire(None)
    kind = {"Content-Type": "text/html; charset=utf-8"}
    headers = {**answer.headers}
    if rule.action == "status":
        return Wire(_status(options, headers))
    if rule.action == "html":
        return Wire(Answer(200, {**headers, **kind}, _PAGE))
    if rule.action == "huge":
        return Wire(answer._replace(body=answer.body + b" " * int(options["bytes"])))
    if rule.action == "wrong_type":
        other = options["value"]
        if other is None:
            other = {"unexpected": True} if answer.body.startswith(b"[") else ["unexpected"]
        return Wire(answer._replace(body=api.to_json(other)))
    if rule.action == "truncated":
        if options["short"]:
            return Wire(answer, short=True)
        return Wire(answer._replace(body=answer.body[: len(answer.body) // 2]))
    return Wire(answer, drip=float(options["seconds"]))


def _status(options: Any, headers: dict[str, str]) -> Answer:
    """Any status; a server's own trouble comes as a page, the rest as JSON."""
    status, content = int(options["status"]), options["body"]
    headers = {**headers, **options["headers"]}
    if content is None and status >= 500:
        headers["Content-Type"] = "text/html; charset=utf-8"
        return Answer(status, headers, _PAGE)
    if content is None:
        content = {"message": "Fault", "documentation_url": api.DOCS, "status": str(status)}
    return Answer(
        status, headers, content.encode() if isinstance(content, str) else api.to_json(content)
    )


def _log(
    state: State,
    arrival: Arrival,
    answer: Answer | None,
    changed: bool,
    ignored: tuple[str, ...] = (),
) -> None:
    asked, rule = arrival.asked, arrival.rule
    state.log.append(
        Logged(
            arrival.number,
            state.now(),
            arrival.request.method,
            arrival.request.path,
            asked.name if asked else "",
            tuple(field for _, field in asked.fields) if asked else (),
            arrival.login,
            answer.status if answer else 0,
            rule.action if rule else "",
            changed,
            arrival.early,
            ignored,
        )
    )
