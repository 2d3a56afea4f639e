"""The REST routes: each takes a call and gives a result, with the world that is then current.

Paths, fields and status codes are those of GitHub's official OpenAPI description.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from craftkit.sandbox import access, body, links, render, searches, writes
from craftkit.sandbox.access import Caller, Refused, missing
from craftkit.sandbox.limits import Meter
from craftkit.sandbox.render import Place
from craftkit.sandbox.state import Capabilities
from craftkit.sandbox.world import (
    CLOSED,
    COMPLETED,
    OPEN,
    REASONS,
    REOPENED,
    Issue,
    Repo,
    World,
    find_label,
    issues_by_id,
    issues_of,
)

PER_PAGE, MOST_PER_PAGE = 30, 100
_UNSUPPORTED = ("milestone", "assignee", "mentioned", "type", "issue_field_values")
_ORDERS: dict[str, Callable[[Issue], Any]] = {
    "created": lambda issue: issue.number,
    "updated": lambda issue: (issue.updated_at, issue.number),
    "comments": lambda issue: (len(issue.comments), issue.number),
}


class Call(NamedTuple):
    world: World
    caller: Caller
    at: Place
    path: str  # without the query
    query: Mapping[str, str]
    given: Any  # the body, read as JSON
    version: str
    abilities: Capabilities
    meter: Meter
    clock: float


class Result(NamedTuple):
    world: World
    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}


def _repo(call: Call, owner: str, name: str) -> Repo:
    return access.repository(call.world, call.caller, owner, name)


def _issue(call: Call, owner: str, name: str, number: str) -> Issue:
    repo = _repo(call, owner, name)
    access.issues_enabled(repo)
    return access.issue(call.world, repo, int(number))


def _by_id(call: Call, wanted: int, what: str) -> Issue:
    """An issue by its database id, which is not its number."""
    found = call.world.issues.get(wanted)
    if found is None or found.deleted or found.moved_to:
        raise Refused(404, f"The provided {what} does not exist", kind="NOT_FOUND")
    access.see(call.world, call.caller, call.world.repos[found.repo])
    return found


def _shown(call: Call, world: World, issue: Issue) -> dict[str, Any]:
    linked = call.abilities.sub_issues
    return render.issue(world, world.issues[issue.id], call.at, linked=linked)


def _paged(call: Call, found: Sequence[Any], show: Callable[[Any], Any]) -> Result:
    """One page of a list, with links to the others."""
    size = body.positive(call.query, "per_page", PER_PAGE, MOST_PER_PAGE)
    page = body.positive(call.query, "page", 1, 10**9)
    last = max(1, -(-len(found) // size))
    pages = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    if page >= last:
        del pages["next"], pages["last"]
    if page == 1:
        del pages["prev"], pages["first"]
    address = f"{call.at.api}{call.path}"
    linked = [
        f'<{address}?{urlencode({**call.query, "page": number})}>; rel="{name}"'
        for name, number in pages.items()
    ]
    headers = {"Link": ", ".join(linked)} if linked else {}
    shown = [show(thing) for thing in found[(page - 1) * size : page * size]]
    return Result(call.world, shown, headers=headers)


def user(call: Call) -> Result:
    person = access.person(call.world, call.caller)
    own = [repo for repo in call.world.repos.values() if repo.owner == person.login]
    return Result(call.world, render.own_user(person, call.at, own))


def user_permission(call: Call, owner: str, name: str, login: str) -> Result:
    """What somebody may do; GitHub tells it to those who may push (assumed of the status)."""
    repo = _repo(call, owner, name)
    if not access.ranked(call.world, call.caller, repo, "WRITE"):
        raise Refused(403, "Must have push access to view collaborator permission.")
    who = call.world.users.get(login.lower())
    if who is None:
        raise missing()
    rank = access.role(call.world, repo, who.login)
    return Result(call.world, render.user_permission(who, rank, call.at))


def rate_limit(call: Call) -> Result:
    resources = call.meter.overview(call.caller.login, call.clock)
    answer: dict[str, Any] = {"resources": resources}
    if call.version < "2026-03-10":
        answer["rate"] = resources["core"]
    return Result(call.world, answer)


def meta(call: Call) -> Result:
    answer: dict[str, Any] = {"verifiable_password_authentication": False}
    if call.abilities.enterprise:
        answer["installed_version"] = call.abilities.enterprise
    return Result(call.world, answer)


def get_repo(call: Call, owner: str, name: str) -> Result:
    repo = _repo(call, owner, name)
    return Result(
        call.world, render.repository(call.world, call.caller, repo, call.at, call.version)
    )


def list_labels(call: Call, owner: str, name: str) -> Result:
    repo = _repo(call, owner, name)
    known = [call.world.labels[label] for label in repo.labels.values()]
    return _paged(call, known, lambda label: render.label(label, repo, call.at))


def get_label(call: Call, owner: str, name: str, label: str) -> Result:
    repo = _repo(call, owner, name)
    found = find_label(call.world, repo, label)
    if found is None:
        raise missing()
    return Result(call.world, render.label(found, repo, call.at))


def create_label(call: Call, owner: str, name: str) -> Result:
    repo, given = _repo(call, owner, name), body.whole(call.given)
    world, label = writes.create_label(
        call.world,
        call.caller,
        repo,
        body.text(given, "name", required=True) or "",
        body.text(given, "color") or "ededed",
        body.text(given, "description") or "",
    )
    return Result(world, render.label(label, repo, call.at), 201)


def list_issues(call: Call, owner: str, name: str) -> Result:
    """Pull requests are among the issues, as on GitHub."""
    repo, query = _repo(call, owner, name), call.query
    access.issues_enabled(repo)
    for parameter in _UNSUPPORTED:
        if parameter in query:
            raise Refused(501, f"The sandbox does not know the parameter {parameter}")
    state = _of_query(query, "state", (OPEN, CLOSED, "all"))
    found = [issue for issue in issues_of(call.world, repo) if state in (issue.state, "all")]
    for label in filter(None, query.get("labels", "").split(",")):
        known = find_label(call.world, repo, label.strip())
        found = [issue for issue in found if known and known.id in issue.labels]
    if "creator" in query:
        found = [issue for issue in found if issue.author == query["creator"]]
    if "since" in query:
        since = body.moment(query["since"], "since")
        found = [i for i in found if body.moment(i.updated_at, "since") >= since]
    found.sort(key=_ORDERS[_of_query(query, "sort", tuple(_ORDERS))])
    if _of_query(query, "direction", ("desc", "asc")) == "desc":
        found.reverse()
    return _paged(call, found, lambda issue: _shown(call, call.world, issue))


def _of_query(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """A parameter of a query; the first of what is allowed where it is absent."""
    value = query.get(name, allowed[0])
    if value not in allowed:
        raise access.invalid("Issue", name)
    return value


def create_issue(call: Call, owner: str, name: str) -> Result:
    repo, given = _repo(call, owner, name), body.whole(call.given)
    access.issues_enabled(repo)
    title, text = body.title(given, required=True), body.text(given, "body")
    names = body.labels(given.get("labels") or [])
    world, labels = writes.label_ids(call.world, call.caller, repo, names)
    world, issue = writes.create_issue(world, call.caller, repo, title or "", text, labels)
    return Result(
        world,
        _shown(call, world, issue),
        201,
        {"Location": render.address(world, issue, call.at)},
    )


def get_issue(call: Call, owner: str, name: str, number: str) -> Result:
    issue = _issue(call, owner, name, number)
    return Result(
        call.world, _shown(call, call.world, issue), headers={"Last-Modified": issue.updated_at}
    )


def edit_issue(call: Call, owner: str, name: str, number: str) -> Result:
    """Everything of the body that is new; a reason counts only where the state changes."""
    issue, given, by = _issue(call, owner, name, number), body.whole(call.given), call.caller
    state = body.choice(given, "state", (OPEN, CLOSED))
    reason = body.choice(given, "state_reason", REASONS)
    title, text = body.title(given), body.text(given, "body")
    names = None if given.get("labels") is None else body.labels(given["labels"])
    if state == CLOSED and reason == REOPENED:
        raise access.invalid("Issue", "state_reason")
    world = call.world
    access.may_write(world, by, world.repos[issue.repo], "TRIAGE", writes.mine(by, issue))
    if title is not None or text is not None:
        world = writes.set_text(world, by, issue, title, text)
    repo = world.repos[issue.repo]
    if names is not None and access.ranked(world, by, repo, "TRIAGE"):
        world, labels = writes.label_ids(world, by, repo, names)
        world = writes.set_labels(world, by, world.issues[issue.id], labels)
    if state == CLOSED:
        world = writes.close(world, by, world.issues[issue.id], reason or COMPLETED)
    elif state == OPEN:
        world = writes.reopen(world, by, world.issues[issue.id])
    return Result(world, _shown(call, world, issue))


def _labels_of(call: Call, world: World, issue: Issue) -> list[Any]:
    repo = world.repos[issue.repo]
    return [
        render.label(world.labels[label], repo, call.at) for label in world.issues[issue.id].labels
    ]


def issue_labels(call: Call, owner: str, name: str, number: str) -> Result:
    return _paged(
        call, _labels_of(call, call.world, _issue(call, owner, name, number)), lambda label: label
    )


def add_labels(call: Call, owner: str, name: str, number: str) -> Result:
    return _label_write(call, _issue(call, owner, name, number), keep=True)


def set_labels(call: Call, owner: str, name: str, number: str) -> Result:
    return _label_write(call, _issue(call, owner, name, number), keep=False)


def _label_write(call: Call, issue: Issue, keep: bool) -> Result:
    given = call.given.get("labels") if isinstance(call.given, dict) else call.given
    names = body.labels(given)
    repo = call.world.repos[issue.repo]
    access.may_write(call.world, call.caller, repo, "TRIAGE")
    world, labels = writes.label_ids(call.world, call.caller, repo, names)
    kept = issue.labels if keep else ()
    world = writes.set_labels(world, call.caller, issue, [*kept, *labels])
    return Result(world, _labels_of(call, world, issue))


def remove_labels(call: Call, owner: str, name: str, number: str) -> Result:
    issue = _issue(call, owner, name, number)
    return Result(writes.set_labels(call.world, call.caller, issue, []), None, 204)


def remove_label(call: Call, owner: str, name: str, number: str, label: str) -> Result:
    issue = _issue(call, owner, name, number)
    found = find_label(call.world, call.world.repos[issue.repo], label)
    access.may_write(call.world, call.caller, call.world.repos[issue.repo], "TRIAGE")
    if found is None or found.id not in issue.labels:
        raise Refused(404, "Label does not exist", kind="NOT_FOUND")
    world = writes.remove_labels(call.world, call.caller, issue, [found.id])
    return Result(world, _labels_of(call, world, issue))


def list_comments(call: Call, owner: str, name: str, number: str) -> Result:
    issue = _issue(call, owner, name, number)
    found = issue.comments
    if "since" in call.query:
        since = body.moment(call.query["since"], "since")
        found = [said for said in found if body.moment(said.at, "since") >= since]
    return _paged(call, found, lambda said: render.comment(call.world, said, issue, call.at))


def add_comment(call: Call, owner: str, name: str, number: str) -> Result:
    issue, given = _issue(call, owner, name, number), body.whole(call.given)
    text = body.text(given, "body", required=True) or ""
    world, comment = writes.add_comment(call.world, call.caller, issue, text)
    return Result(world, render.comment(world, comment, issue, call.at), 201)


def list_events(call: Call, owner: str, name: str, number: str) -> Result:
    issue = _issue(call, owner, name, number)
    return _paged(call, issue.events, lambda e: render.event(call.world, e, issue, call.at))


def list_timeline(call: Call, owner: str, name: str, number: str) -> Result:
    issue = _issue(call, owner, name, number)
    return _paged(call, render.timeline(call.world, issue, call.at), lambda entry: entry)


def list_sub_issues(call: Call, owner: str, name: str, number: str) -> Result:
    issue = _issue(call, owner, name, number)
    return _listed(call, issue.children)


def _listed(call: Call, ids: tuple[int, ...]) -> Result:
    found = issues_by_id(call.world, ids)
    return _paged(call, found, lambda issue: _shown(call, call.world, issue))


def _parent_answer(call: Call, world: World, parent: Issue, status: int) -> Result:
    """A write on a sub-issue answers the parent, with the summary of before the write."""
    answer = _shown(call, world, parent)
    answer["sub_issues_summary"] = render.summary(call.world, call.world.issues[parent.id])
    return Result(world, answer, status)


def add_sub_issue(call: Call, owner: str, name: str, number: str) -> Result:
    parent, given = _issue(call, owner, name, number), body.whole(call.given)
    wanted = body.number(given, "sub_issue_id", required=True) or 0
    child = _by_id(call, wanted, "sub-issue")
    replace = body.flag(given, "replace_parent")
    world = links.add_sub_issue(call.world, call.caller, parent, child, replace)
    return _parent_answer(call, world, parent, 201)


def remove_sub_issue(call: Call, owner: str, name: str, number: str) -> Result:
    parent, given = _issue(call, owner, name, number), body.whole(call.given)
    child = _by_id(call, body.number(given, "sub_issue_id", required=True) or 0, "sub-issue")
    world = links.remove_sub_issue(call.world, call.caller, parent, child)
    return _parent_answer(call, world, parent, 200)


def prioritize(call: Call, owner: str, name: str, number: str) -> Result:
    parent, given = _issue(call, owner, name, number), body.whole(call.given)
    child = _by_id(call, body.number(given, "sub_issue_id", required=True) or 0, "sub-issue")
    near = {key: body.number(given, key) for key in ("after_id", "before_id")}
    after, before = (
        None if wanted is None else _by_id(call, wanted, "sub-issue") for wanted in near.values()
    )
    world = links.prioritize(call.world, call.caller, parent, child, after, before)
    return Result(world, _shown(call, world, parent))


def get_parent(call: Call, owner: str, name: str, number: str) -> Result:
    issue = _issue(call, owner, name, number)
    if issue.parent is None:
        raise missing()
    return Result(call.world, _shown(call, call.world, call.world.issues[issue.parent]))


def list_blocked_by(call: Call, owner: str, name: str, number: str) -> Result:
    return _listed(call, _issue(call, owner, name, number).blocked_by)


def list_blocking(call: Call, owner: str, name: str, number: str) -> Result:
    return _listed(call, _issue(call, owner, name, number).blocking)


def add_blocked_by(call: Call, owner: str, name: str, number: str) -> Result:
    issue, given = _issue(call, owner, name, number), body.whole(call.given)
    blocker = _by_id(call, body.number(given, "issue_id", required=True) or 0, "issue")
    world = links.add_blocked_by(call.world, call.caller, issue, blocker)
    return Result(world, _shown(call, world, issue), 201)


def remove_blocked_by(call: Call, owner: str, name: str, number: str, other: str) -> Result:
    issue = _issue(call, owner, name, number)
    world = links.remove_blocked_by(
        call.world, call.caller, issue, _by_id(call, int(other), "issue")
    )
    return Result(world, _shown(call, world, issue))


def add_assignees(call: Call, owner: str, name: str, number: str) -> Result:
    return _assign(call, _issue(call, owner, name, number), 201, add=True)


def remove_assignees(call: Call, owner: str, name: str, number: str) -> Result:
    return _assign(call, _issue(call, owner, name, number), 200, add=False)


def _assign(call: Call, issue: Issue, status: int, *, add: bool) -> Result:
    world = searches.assign(call.world, call.caller, issue, call.given, add=add)
    return Result(world, _shown(call, world, issue), status)


def search_issues(call: Call) -> Result:
    """The newest first; the index of this server is always up to date, unlike GitHub's."""
    found = searches.issues(call.world, call.caller, call.query.get("q", ""))

    def show(issue: Issue) -> dict[str, Any]:
        shown = _shown(call, call.world, issue)
        return {**shown, "body": issue.body or "", "score": 1.0}

    page = _paged(call, found, show)
    answer: dict[str, Any] = {"total_count": len(found), "incomplete_results": False}
    answer |= {"items": page.body, "search_type": "lexical"}
    return page._replace(body=answer)


class Route(NamedTuple):
    method: str
    path: re.Pattern[str]
    handle: Callable[..., Result]
    keys: tuple[str, ...] = ()  # of the body that have an effect
    creates: bool = False  # counts as new content


def _route(method: str, path: str, handle: Callable[..., Result], *keys: str) -> Route:
    pattern = re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path)
    pattern = re.sub(r"<#(\w+)>", r"(?P<\1>\\d{1,18})", pattern)
    creates = handle in (create_issue, create_label, add_comment)
    return Route(method, re.compile(pattern), handle, keys, creates)


_R, _I = "/repos/<owner>/<name>", "/repos/<owner>/<name>/issues/<#number>"
SUB_ISSUES = re.compile(r"/(sub_issues?|parent)(/|$)")
DEPENDENCIES = re.compile(r"/dependencies/")
ROUTES = (
    _route("GET", "/user", user),
    _route("GET", "/rate_limit", rate_limit),
    _route("GET", "/meta", meta),
    _route("GET", _R, get_repo),
    _route("GET", f"{_R}/collaborators/<login>/permission", user_permission),
    _route("GET", f"{_R}/labels", list_labels),
    _route("POST", f"{_R}/labels", create_label, "name", "color", "description"),
    _route("GET", f"{_R}/labels/<label>", get_label),
    _route("GET", f"{_R}/issues", list_issues),
    _route("POST", f"{_R}/issues", create_issue, "title", "body", "labels"),
    _route("GET", _I, get_issue),
    _route("PATCH", _I, edit_issue, "title", "body", "labels", "state", "state_reason"),
    _route("GET", f"{_I}/labels", issue_labels),
    _route("POST", f"{_I}/labels", add_labels, "labels"),
    _route("PUT", f"{_I}/labels", set_labels, "labels"),
    _route("DELETE", f"{_I}/labels", remove_labels),
    _route("DELETE", f"{_I}/labels/<label>", remove_label),
    _route("POST", f"{_I}/assignees", add_assignees, "assignees"),
    _route("DELETE", f"{_I}/assignees", remove_assignees, "assignees"),
    _route("GET", "/search/issues", search_issues),
    _route("GET", f"{_I}/comments", list_comments),
    _route("POST", f"{_I}/comments", add_comment, "body"),
    _route("GET", f"{_I}/events", list_events),
    _route("GET", f"{_I}/timeline", list_timeline),
    _route("GET", f"{_I}/sub_issues", list_sub_issues),
    _route("POST", f"{_I}/sub_issues", add_sub_issue, "sub_issue_id", "replace_parent"),
    _route("DELETE", f"{_I}/sub_issue", remove_sub_issue, "sub_issue_id"),
    _route(
        "PATCH", f"{_I}/sub_issues/priority", prioritize, "sub_issue_id", "after_id", "before_id"
    ),
    _route("GET", f"{_I}/parent", get_parent),
    _route("GET", f"{_I}/dependencies/blocked_by", list_blocked_by),
    _route("POST", f"{_I}/dependencies/blocked_by", add_blocked_by, "issue_id"),
    _route("DELETE", f"{_I}/dependencies/blocked_by/<#other>", remove_blocked_by),
    _route("GET", f"{_I}/dependencies/blocking", list_blocking),
)
