"""The control API under /_sandbox/: faults, the log of requests, the clock, what the server can do.

    GET|POST|DELETE faults        the rules; POST takes one rule or a list of them (see `faults`)
    GET|DELETE      requests      ?since=N: those with a higher number
    GET|POST        clock         {"offset": 60} or {"advance": 60}: seconds
    GET|POST        capabilities  {"graphql": false, "enterprise": "3.15.0"}
    GET|POST        limits        {"core": 10, "content_per_minute": 20}
    GET             state         everything that the sandbox knows
    POST            reset         everything as at the start; with {"seed": …} from that seed
    POST            settle        carries out the writes that a `late` fault holds back
    POST            offline       {"seconds": 5}: nobody listens for so long

A POST must be JSON, and none may come from a page of another site.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from craftkit.errors import UsageProblem
from craftkit.sandbox import api, faults, nodes, respond, seed
from craftkit.sandbox.limits import Meter
from craftkit.sandbox.state import Answer, Request, State
from craftkit.sandbox.world import Comment, Issue, Project, Repo, World, issues_of, labels_of

PREFIX = "/_sandbox/"
Json = dict[str, Any]


def answer(state: State, request: Request, offline: Callable[[float], None]) -> Answer:
    """The answer of a control request; `offline` closes the port for some seconds."""
    parts = urlsplit(request.path)
    name = parts.path.removeprefix(PREFIX)
    refused = _outsider(request)
    if refused is not None:
        return _json(403, {"message": refused})
    given = api.read_json(request.body) if request.body else {}
    if given is None:
        return _json(400, {"message": "The body is not JSON."})
    known = HANDLERS.get((request.method, name))
    if known is None:
        return _json(404, {"message": f"There is no {request.method} {parts.path}."})
    try:
        with state.lock:
            content = known(state, given, {k: v[-1] for k, v in parse_qs(parts.query).items()})
    except UsageProblem as problem:
        return _json(400, {"message": problem.message, "hint": problem.hint})
    except (TypeError, ValueError, AttributeError) as error:
        return _json(400, {"message": f"The body is not as it should be: {error}"})
    if name == "offline":
        offline(content["seconds"])
    return _json(200, content)


def _outsider(request: Request) -> str | None:
    """Why a request does not come from where it should, if so."""
    origin = request.headers.get("origin")
    if origin is not None and origin != request.at.site:
        return "The request comes from another site."
    kind = request.headers.get("content-type", "")
    if request.method == "POST" and not kind.startswith("application/json"):
        return "A POST must have the content type application/json."
    return None


def _json(status: int, content: Any) -> Answer:
    kind = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Answer(status, kind, api.to_json(content))


def show_faults(state: State, *_: Any) -> Json:
    return {"faults": [rule.shown() for rule in state.rules]}


def add_faults(state: State, given: Any, *_: Any) -> Json:
    state.rules = [*state.rules, *faults.rules(given)]
    return show_faults(state)


def clear_faults(state: State, *_: Any) -> Json:
    state.rules = []
    return show_faults(state)


def show_requests(state: State, _: Any, query: dict[str, str]) -> Json:
    since = int(query.get("since", 0))
    found = [entry._asdict() for entry in state.log if entry.number > since]
    return {"count": state.count, "requests": found}


def clear_requests(state: State, *_: Any) -> Json:
    state.log.clear()
    return {"count": state.count, "requests": []}


def show_clock(state: State, *_: Any) -> Json:
    return {"now": state.now(), "offset": state.offset}


def set_clock(state: State, given: Json, *_: Any) -> Json:
    state.offset = float(given.get("offset", state.offset)) + float(given.get("advance", 0))
    return show_clock(state)


def show_capabilities(state: State, *_: Any) -> Json:
    return state.capabilities._asdict()


def set_capabilities(state: State, given: Json, *_: Any) -> Json:
    state.capabilities = state.capabilities._replace(**given)
    return show_capabilities(state)


def show_limits(state: State, *_: Any) -> Json:
    return state.meter.limits._asdict()


def set_limits(state: State, given: Json, *_: Any) -> Json:
    """New limits; what was used up and held back is forgotten."""
    state.meter = Meter(state.meter.limits._replace(**given))
    return show_limits(state)


def reset(state: State, given: Json, *_: Any) -> Json:
    if given.get("seed") is not None:
        new = seed.build(given["seed"], state.stamp())
        state.first, state.limits = new.world, new.limits
        state.first_capabilities = new.capabilities
    state.reset()
    return {"reset": True}


def settle(state: State, *_: Any) -> Json:
    return {"applied": respond.settle(state)}


def go_offline(_: State, given: Json, *__: Any) -> Json:
    return {"seconds": float(given.get("seconds", 1.0))}


def show_state(state: State, *_: Any) -> Json:
    world = state.world
    return {
        "users": [user._asdict() for user in world.users.values()],
        "repos": [_repo(world, repo) for repo in world.repos.values()],
        "projects": [_project(world, project) for project in world.projects.values()],
        "late": len(state.late),
    }


def _repo(world: World, repo: Repo) -> Json:
    known = repo._asdict() | {
        "full_name": repo.full_name,
        "node_id": nodes.node_id(repo),
        "labels": [world.labels[label].name for label in repo.labels.values()],
    }
    return {**known, "issues": [_issue(world, issue) for issue in issues_of(world, repo)]}


def _issue(world: World, issue: Issue) -> Json:
    """An issue with numbers and names instead of ids."""

    def numbers(ids: tuple[int, ...]) -> list[int]:
        return [world.issues[other].number for other in ids]

    entries = [
        {"event": "commented", "actor": entry.author, "at": entry.at, "body": entry.body}
        if isinstance(entry, Comment)
        else {"event": entry.kind, "actor": entry.actor, "at": entry.at}
        for entry in issue.timeline
    ]
    return issue._asdict() | {
        "node_id": nodes.node_id(issue),
        "labels": [label.name for label in labels_of(world, issue)],
        "parent": None if issue.parent is None else world.issues[issue.parent].number,
        "children": numbers(issue.children),
        "blocked_by": numbers(issue.blocked_by),
        "blocking": numbers(issue.blocking),
        "timeline": entries,
    }


def _project(world: World, project: Project) -> Json:
    names = {option.id: option.name for option in project.options}
    items = {
        world.issues[item.issue].number: names.get(item.status or "")
        for item in project.items.values()
    }
    return {
        "owner": project.owner,
        "number": project.number,
        "title": project.title,
        "statuses": list(names.values()),
        "items": items,
    }


HANDLERS: dict[tuple[str, str], Callable[[State, Any, dict[str, str]], Json]] = {
    ("GET", "faults"): show_faults,
    ("POST", "faults"): add_faults,
    ("DELETE", "faults"): clear_faults,
    ("GET", "requests"): show_requests,
    ("DELETE", "requests"): clear_requests,
    ("GET", "clock"): show_clock,
    ("POST", "clock"): set_clock,
    ("GET", "capabilities"): show_capabilities,
    ("POST", "capabilities"): set_capabilities,
    ("GET", "limits"): show_limits,
    ("POST", "limits"): set_limits,
    ("GET", "state"): show_state,
    ("POST", "reset"): reset,
    ("POST", "settle"): settle,
    ("POST", "offline"): go_offline,
}
