"""The world that a sandbox starts with: a seed file, or the one that is built in.

A seed is JSON or YAML.  Everything is optional; people are also taken from wherever they are named:

    users:          [{login: octo-dev, name: Octo Dev}]
    organizations:  [{login: acme, members: [octo-dev], saml: false}]
    tokens:
      sandbox-token: {login: octo-dev, scopes: [repo, project]}
      fine-token:    {login: octo-dev, kind: fine-grained, permissions: {issues: write},
                      repos: [octo-dev/demo], sso: true}
      actions-token: {login: "github-actions[bot]", kind: installation,
                      permissions: {issues: write}}
    repos:
      - {full_name: octo-dev/demo, private: false, archived: false, has_issues: true,
         access: {reviewer: write}, labels: [bug, {name: later, color: 00ff00}],
         issues: [{title: First, body: "", author: octo-dev, labels: [bug], state: closed,
                   state_reason: completed, parent: 1, blocked_by: [1], number: 2,
                   pull_request: false, comments: [{author: reviewer, body: Fine}]}]}
    projects:       [{owner: octo-dev, number: 1, title: Board, statuses: [Todo, Done]}]
    limits:         {core: 5000, graphql: 5000, content_per_minute: 0, content_per_hour: 0}
    capabilities:   {graphql: true, sub_issues: true, dependencies: true, enterprise: ""}
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from craftkit.errors import UsageProblem
from craftkit.sandbox import links, writes
from craftkit.sandbox.access import Caller, Refused
from craftkit.sandbox.limits import Limits
from craftkit.sandbox.shape import ISSUES, Mistake, checked
from craftkit.sandbox.state import Capabilities
from craftkit.sandbox.world import (
    COMPLETED,
    FIRST_REPO,
    Issue,
    Option,
    Project,
    Repo,
    Token,
    User,
    World,
    find_repo,
    find_user,
    new_id,
    put_issue,
    put_repo,
)

FIRST_DAY = "2026-01-01T00:00:00Z"

Json = Mapping[str, Any]

DEFAULT: Json = {
    "users": [
        {"login": "octo-dev", "name": "Octo Dev"},
        {"login": "reviewer", "name": "Second Person"},
        {"login": "stranger", "name": "Somebody Else"},
    ],
    "tokens": {
        "sandbox-token": {"login": "octo-dev"},
        "sandbox-reviewer": {"login": "reviewer"},
        "sandbox-stranger": {"login": "stranger"},
    },
    "repos": [
        {
            "full_name": "octo-dev/demo",
            "access": {"reviewer": "write"},
            "labels": [
                {"name": "bug", "color": "d73a4a"},
                {"name": "enhancement", "color": "a2eeef"},
            ],
        }
    ],
    "projects": [{"owner": "octo-dev", "number": 1, "title": "Demo board"}],
}
_STATUSES = ("Todo", "In Progress", "Done")
_COLORS = ("GRAY", "YELLOW", "GREEN", "BLUE", "RED")


class Seed(NamedTuple):
    world: World
    limits: Limits
    capabilities: Capabilities


def load(path: Path, now: str = FIRST_DAY) -> Seed:
    import yaml  # JSON is YAML, so one reader does for both

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error), "check its name") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8", "save it as UTF-8") from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        why = f"{where}{getattr(error, 'problem', None) or 'it is not YAML'}"
        raise _unreadable(path, why, "write JSON or YAML") from error
    return build({} if given is None else given, now)


def _unreadable(path: Path, why: str, hint: str) -> UsageProblem:
    return UsageProblem(f"The seed {path} cannot be read ({why}).", hint)


def build(given: Any = DEFAULT, now: str = FIRST_DAY) -> Seed:
    """The seed's world; a mistake in it is a UsageProblem."""
    with _told():
        given = checked(given)
        return Seed(
            _world(given, now),
            Limits(**given.get("limits", {})),
            Capabilities(**given.get("capabilities", {})),
        )


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """A mistake, or what the sandbox refuses to make, as one sentence with its place."""
    try:
        yield
    except Mistake as error:
        at = f" at {error.place}" if error.place else ""
        raise UsageProblem(
            f"The seed is not as it should be{at}: {error.words}.",
            error.hint or "`docs/sandbox.md` shows a whole seed",
        ) from error


@contextlib.contextmanager
def _at(place: str) -> Iterator[None]:
    try:
        yield
    except Mistake:
        raise
    except Refused as error:
        raise Mistake(place, error.graphql.rstrip(".")) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Mistake(place, str(error)) from error


def _world(given: Json, now: str) -> World:
    world = World()
    for user in given.get("users", ()):
        world = _user(world, user["login"], name=user.get("name", ""))
    for group in given.get("organizations", ()):
        members = tuple(group.get("members", ()))
        world = _user(
            world, group["login"], "Organization", members=members, saml=group.get("saml", False)
        )
        for login in members:
            world = _user(world, login)
    for secret, token in given.get("tokens", {}).items():
        world = _token(world, secret, token)
    for place, repo in enumerate(given.get("repos", ())):
        with _at(f"repos[{place}]"):
            world = _repo(world, repo, now, f"repos[{place}].")
    for place, project in enumerate(given.get("projects", ())):
        with _at(f"projects[{place}]"):
            world = _project(world, project, now)
    return world


def _user(world: World, login: str, kind: str = "User", **more: Any) -> World:
    """The world with that user, who may be in it already."""
    if find_user(world, login):
        return world
    if login.endswith("[bot]"):
        kind = "Bot"
    user = User(len(world.users) + 1, login, kind, **more)
    return world._replace(users={**world.users, login.lower(): user})


def _token(world: World, secret: str, given: Json) -> World:
    world = _user(world, given["login"])
    plain: dict[str, Any] = {
        key: given[key] for key in ("kind", "permissions", "sso") if key in given
    }
    plain |= {key: tuple(given[key]) for key in ("scopes", "repos") if given.get(key) is not None}
    return world._replace(tokens={**world.tokens, secret: Token(given["login"], **plain)})


def _repo(world: World, given: Json, now: str, place: str) -> World:
    owner, name = given["full_name"].split("/")
    world = _user(world, owner)
    access = {login: rank.upper() for login, rank in given.get("access", {}).items()}
    for login in access:
        world = _user(world, login)
    flags = {key: given[key] for key in ("private", "archived", "has_issues") if key in given}
    repo = Repo(FIRST_REPO + len(world.repos) + 1, owner, name, now, access=access)
    world = put_repo(world, repo)
    world = world._replace(names={**world.names, repo.full_name.lower(): repo.id})
    for label in given.get("labels", ()):
        known = {"name": label} if isinstance(label, str) else label
        world, _ = writes.create_label(
            world,
            _by(owner, now),
            world.repos[repo.id],
            known["name"],
            str(known.get("color", "ededed")),
            known.get("description", ""),
        )
    world = _issues(world, repo.id, given.get("issues", ()), now, f"{place}issues")
    # Only now: an archived repository takes no labels and no issues.
    return put_repo(world, world.repos[repo.id]._replace(**flags))


def _by(login: str, now: str) -> Caller:
    """Somebody who may do anything that this login may."""
    return Caller(Token(login), login, now)


def _issues(world: World, repo: int, given: Sequence[Json], now: str, place: str) -> World:
    """All of them first, as one may name another that follows it."""
    numbers = []
    for at, issue in enumerate(given):
        with _at(f"{place}[{at}]"):
            world = _issue(world, repo, issue, now)
        numbers.append(world.repos[repo].highest)
    for at, (number, issue) in enumerate(zip(numbers, given, strict=True)):
        with _at(f"{place}[{at}]"):
            world = _link(world, repo, issue, number, now)
    return world


def _issue(world: World, repo: int, given: Json, now: str) -> World:
    found, owner = world.repos[repo], _by(world.repos[repo].owner, now)
    if "number" in given:
        world = put_repo(world, found._replace(highest=int(given["number"]) - 1))
    author = given.get("author", found.owner)
    world = _user(world, author)
    world, labels = writes.label_ids(world, owner, world.repos[repo], given.get("labels", ()))
    world, issue = writes.create_issue(
        world,
        owner,
        world.repos[repo],
        given["title"],
        given.get("body"),
        labels,
        pull=bool(given.get("pull_request")),
    )
    world = put_issue(world, issue._replace(author=author))
    for said in given.get("comments", ()):
        world = _user(world, said["author"])
        by = owner._replace(login=said["author"])
        world, _ = writes.add_comment(world, by, world.issues[issue.id], said["body"])
    if given.get("state") == "closed":
        reason = given.get("state_reason") or COMPLETED
        world = writes.close(world, owner, world.issues[issue.id], reason)
    return world


def _link(world: World, repo: int, given: Json, number: int, now: str) -> World:
    by = _by(world.repos[repo].owner, now)
    own = world.numbers[repo][number]
    if given.get("parent"):
        parent = _other(world, repo, given["parent"])
        world = links.add_sub_issue(world, by, parent, world.issues[own])
    for other in given.get("blocked_by", ()):
        blocker = _other(world, repo, other)
        world = links.add_blocked_by(world, by, world.issues[own], blocker)
    return world


def _other(world: World, repo: int, number: int) -> Issue:
    if number not in world.numbers[repo]:
        raise ValueError(f"there is no issue {number} in {world.repos[repo].full_name}")
    return world.issues[world.numbers[repo][number]]


def _project(world: World, given: Json, now: str) -> World:
    world, number = new_id(_user(world, given["owner"]))
    names = given.get("statuses", _STATUSES)
    options = tuple(
        Option(f"{number + place:08x}"[-8:], name, _COLORS[place % len(_COLORS)])
        for place, name in enumerate(names)
    )
    project = Project(
        number, given["owner"], int(given["number"]), given.get("title", "Board"), now, options
    )
    return world._replace(projects={**world.projects, number: project})


def add_issues(world: World, full_name: str, issues: Sequence[Json], now: str) -> World:
    """More issues for a repository, each as in a seed."""
    repo = find_repo(world, *full_name.split("/"))
    if repo is None:
        raise UsageProblem(f"There is no repository {full_name}.")
    with _told():
        return _issues(world, repo.id, checked(issues, ISSUES, "issues"), now, "issues")
