"""What the sandbox knows, as values that are never changed in place, and how to look things up.

Ids of issues are beyond 2^31 and never equal to a number: a client that mixes up the two fails
here as it would on GitHub.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

OPEN, CLOSED = "open", "closed"
COMPLETED, NOT_PLANNED, DUPLICATE, REOPENED = "completed", "not_planned", "duplicate", "reopened"
REASONS = (COMPLETED, NOT_PLANNED, DUPLICATE, REOPENED)

FIRST_ISSUE = 5_000_000_000
FIRST_OTHER = 7_000_000_000
FIRST_REPO = 900_000_000  # GraphQL gives a repository's id as a 32-bit integer


class User(NamedTuple):
    id: int
    login: str
    kind: str = "User"  # or "Organization", or "Bot"
    name: str = ""
    members: tuple[str, ...] = ()  # of an organization
    saml: bool = False  # an organization whose tokens must be authorised for single sign-on


class Token(NamedTuple):
    login: str
    kind: str = "classic"  # or "fine-grained", or "installation" (GitHub Actions, an App)
    scopes: tuple[str, ...] = ("repo", "project")  # of a classic token
    permissions: Mapping[str, str] = {}  # of the other kinds: {"issues": "write"}
    repos: tuple[str, ...] | None = None  # full names that it is limited to
    sso: bool = True  # authorised for organizations with single sign-on


class Label(NamedTuple):
    id: int
    repo: int
    name: str
    color: str
    description: str
    created_at: str


class Repo(NamedTuple):
    id: int
    owner: str
    name: str
    created_at: str
    private: bool = False
    archived: bool = False
    has_issues: bool = True
    access: Mapping[str, str] = {}  # login: READ, TRIAGE, WRITE, MAINTAIN or ADMIN
    labels: Mapping[str, int] = {}  # lower-case name: id
    highest: int = 0  # number in use

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


class Comment(NamedTuple):
    id: int
    author: str
    body: str
    at: str


class Event(NamedTuple):
    id: int
    kind: str  # as REST names it: closed, reopened, labeled, renamed, sub_issue_added, …
    actor: str
    at: str
    detail: Mapping[str, Any]


class Issue(NamedTuple):
    id: int
    repo: int
    number: int
    title: str
    body: str | None
    author: str
    created_at: str
    updated_at: str
    state: str = OPEN
    reason: str | None = None
    closed_at: str | None = None
    closed_by: str | None = None
    labels: tuple[int, ...] = ()
    assignees: tuple[str, ...] = ()
    parent: int | None = None
    children: tuple[int, ...] = ()  # in their order
    blocked_by: tuple[int, ...] = ()
    blocking: tuple[int, ...] = ()  # the same links, seen from the other end
    timeline: tuple[Comment | Event, ...] = ()
    pull: bool = False
    deleted: bool = False
    moved_to: int | None = None  # id of the issue that it became in another repository

    @property
    def comments(self) -> list[Comment]:
        return [entry for entry in self.timeline if isinstance(entry, Comment)]

    @property
    def events(self) -> list[Event]:
        return [entry for entry in self.timeline if isinstance(entry, Event)]


class Option(NamedTuple):
    """One value of a project's Status field; ids are eight hexadecimal digits."""

    id: str
    name: str
    color: str = "GRAY"


class Item(NamedTuple):
    id: int
    project: int
    issue: int
    created_at: str
    status: str | None = None  # id of an option


class Project(NamedTuple):
    """A project of the second generation, with one single-select field, *Status*."""

    id: int
    owner: str
    number: int
    title: str
    created_at: str
    options: tuple[Option, ...] = ()
    items: Mapping[int, Item] = {}  # by id of the issue


class Table(Mapping[int, T]):
    """An immutable mapping of which `put` makes the next one without copying all of it."""

    def __init__(self, buckets: Mapping[int, Mapping[int, T]] | None = None) -> None:
        self._buckets = buckets or {}

    def put(self, key: int, value: T) -> Table[T]:
        bucket = {**self._buckets.get(key >> 7, {}), key: value}
        return Table({**self._buckets, key >> 7: bucket})

    def __getitem__(self, key: int) -> T:
        return self._buckets[key >> 7][key]

    def __iter__(self) -> Iterator[int]:
        for bucket in self._buckets.values():
            yield from bucket

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def __repr__(self) -> str:
        return f"Table({dict(self)})"


class World(NamedTuple):
    users: Mapping[str, User] = {}  # by lower-case login
    tokens: Mapping[str, Token] = {}
    repos: Mapping[int, Repo] = {}
    names: Mapping[str, int] = {}  # lower-case full name: id
    issues: Table[Issue] = Table()
    numbers: Mapping[int, Table[int]] = {}  # repository: number: id of the issue
    labels: Mapping[int, Label] = {}
    projects: Mapping[int, Project] = {}
    made: int = 0  # how many ids were given out


def new_id(world: World, first: int = FIRST_OTHER) -> tuple[World, int]:
    return world._replace(made=world.made + 1), first + world.made + 1


def put_issue(world: World, issue: Issue) -> World:
    return world._replace(issues=world.issues.put(issue.id, issue))


def new_issue(world: World, issue: Issue) -> World:
    numbers = world.numbers.get(issue.repo, Table()).put(issue.number, issue.id)
    world = world._replace(numbers={**world.numbers, issue.repo: numbers})
    return put_issue(world, issue)


def put_repo(world: World, repo: Repo) -> World:
    return world._replace(repos={**world.repos, repo.id: repo})


def stamp(seconds: float) -> str:
    """A time as GitHub writes it: UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find_user(world: World, login: str) -> User | None:
    return world.users.get(login.lower())


def find_repo(world: World, owner: str, name: str) -> Repo | None:
    found = world.names.get(f"{owner}/{name}".lower())
    return None if found is None else world.repos[found]


def find_issue(world: World, repo: Repo, number: int) -> Issue | None:
    """The issue of that number; also when it was deleted or moved, which the caller looks at."""
    found = world.numbers.get(repo.id, Table()).get(number)
    return None if found is None else world.issues[found]


def find_label(world: World, repo: Repo, name: str) -> Label | None:
    found = repo.labels.get(name.lower())
    return None if found is None else world.labels[found]


def issues_of(world: World, repo: Repo) -> list[Issue]:
    """The issues and pull requests that are there, in the order of their numbers."""
    known = [world.issues[issue] for issue in world.numbers.get(repo.id, Table()).values()]
    return [issue for issue in known if not (issue.deleted or issue.moved_to)]


def labels_of(world: World, issue: Issue) -> list[Label]:
    return [world.labels[label] for label in issue.labels]


def issues_by_id(world: World, ids: tuple[int, ...]) -> list[Issue]:
    return [world.issues[issue] for issue in ids]


def ancestors(world: World, issue: Issue) -> Iterator[Issue]:
    """The parent, its parent, and so on."""
    while issue.parent is not None:
        issue = world.issues[issue.parent]
        yield issue


def height(world: World, issue: Issue) -> int:
    """How many levels of sub-issues are below an issue."""
    return max(
        (1 + height(world, child) for child in issues_by_id(world, issue.children)), default=0
    )


def association(world: World, repo: Repo, login: str) -> str:
    """How an author stands to a repository."""
    owner = world.users[repo.owner.lower()]
    if login == repo.owner:
        return "OWNER"
    if login in owner.members:
        return "MEMBER"
    return "COLLABORATOR" if login in repo.access else "NONE"
