"""The nouns of the merge: what spec, GitHub and base say, and what follows from it.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from craftkit.model import MERGE_CONFLICT, Spec

# What an action does.  The first four change a box or an issue's state.
TICK, UNTICK, CLOSE, REOPEN = "tick", "untick", "close", "reopen"


AGREE_DONE, AGREE_OPEN = "agree_done", "agree_open"  # nothing but the base changes
KEEP_TITLE = "keep_title"  # the issue keeps a title that the line has no more


DROP, UNDROP = "drop", "undrop"  # here alone: GitHub is not written to


LINK, CREATE, RETITLE, CLOSE_DUPLICATE, ADOPT = (
    "link",
    "create",
    "retitle",
    "close_duplicate",
    "adopt",
)


RETRY = "craftkit reconcile --create"


LINK_COMMAND = "craftkit spec link"


WRITES_SPEC = frozenset({TICK, UNTICK, LINK, ADOPT})
# Not by the command that is the first to see a line with other words: they may be another task's.
NOT_AT_ONCE = frozenset({TICK, UNTICK, CLOSE, REOPEN, RETITLE})


# Decisions of which GitHub has not heard yet.  ANYWAY is a done that outranks a person's close.
DONE, ANYWAY, REOPENED, DROPPED = "done", "anyway", "reopen", "drop"


class Base(NamedTuple):
    """What is remembered of a task."""

    synced_done: bool | None  # done or open, as spec and GitHub last agreed; None: never
    issue: int | None = None
    title: str | None = None  # the title that the issue last got from the spec
    dropped: bool = False
    local_done: bool = False  # what was decided here, whatever GitHub has heard of it


NEVER = Base(None)  # of a task that nothing is remembered of


class SpecTask(NamedTuple):
    """What the spec file says of a task."""

    id: str
    ref: str  # what a person types
    title: str
    checked: bool
    issue: int | None
    mention: int | None = None  # a number in the line that is not its issue
    bare: bool = False  # it shows neither key nor number: only its text and place say whose it is


class RemoteIssue(NamedTuple):
    """What GitHub says of an issue."""

    number: int
    closed: bool
    completed: bool  # closed as completed; False for not planned and duplicate
    title: str
    marker: str | None = None  # id of the task whose marker it carries, if that may be believed
    child: bool = True  # a sub-issue of one of the spec's parents
    duplicate: bool = False  # closed as duplicate
    vouched: bool = True  # ours, or by somebody who may push: it may become a task line
    ignored: bool = False  # it has a marker of this spec, and is not vouched for
    origin: str = ""  # what its marker names: the task as it was created


class Doubt(NamedTuple):
    """A line of which nobody can say whose it is."""

    ref: str
    issue: int | None
    words: str
    hint: str


class SpecSnapshot(NamedTuple):
    """One spec with everything that is known of it."""

    lines: Sequence[SpecTask] | None  # None: the file is not in this worktree
    base: Mapping[str, Base]
    issues: Mapping[int, RemoteIssue]
    gone: Mapping[int, str]  # number -> why ("deleted", "moved to acme/other#7", "not found")
    undelivered: Mapping[
        str, str
    ]  # task id -> DONE, ANYWAY, REOPENED or DROPPED that GitHub has not got yet
    complete: bool  # the listing had all its pages
    blocked: str = ""  # why nothing at all may be done with this spec
    linked: bool = True  # the spec has a parent issue: only then can a task lack its own
    making: frozenset[str] = frozenset()  # tasks whose creation waits in the outbox
    lists: bool = True  # the server can list sub-issues at all
    unlinked: frozenset[int] = frozenset()  # a person said of these that a marker is not enough
    doubts: tuple[Doubt, ...] = ()  # they are not among the lines
    held: frozenset[str] = frozenset()  # done in another worktree or branch: a merge brings them
    unmerged: tuple[SpecTask, ...] = ()  # a merge conflict touches them: not among the lines either
    rewritten: frozenset[str] = frozenset()  # seen with other words for the first time now


class Policy(NamedTuple):
    create: bool = False  # make issues for task lines without one
    adopt: bool = False  # append task lines for sub-issues without one
    yes: bool = False  # go on where much would be unticked or renamed, or is in conflict


class Action(NamedTuple):
    kind: str
    task: str  # task id; "" for an issue that no line stands for
    ref: str
    issue: int | None
    why: str  # the evidence, for people


class Conflict(NamedTuple):
    """A difference that is not settled here; `commands` are the two that settle it."""

    code: str
    task: str
    ref: str
    issue: int | None
    message: str
    commands: tuple[str, ...]


class MergePlan(NamedTuple):
    actions: tuple[Action, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    missing: tuple[str, ...] = ()  # refs of task lines without an issue
    orphans: tuple[int, ...] = ()  # sub-issues that no line stands for
    outsiders: tuple[int, ...] = ()  # those whose author may not push, so that they stay so
    ignored: tuple[int, ...] = ()  # issues whose marker does not count, for the same reason
    stopped: str = ""  # why nothing at all is done with this spec
    overridable: bool = False  # `Policy.yes` goes on all the same


def with_hunks(plan: MergePlan, spec: Spec) -> MergePlan:
    """The plan, and what a person has to resolve in the file before the rest can be merged."""
    if not spec.hunks or plan.stopped:
        return plan
    found = tuple(
        Conflict(MERGE_CONFLICT, "", "", None, note.message, (note.hint,))
        for note in spec.diagnostics
        if note.code == MERGE_CONFLICT
    )
    return plan._replace(conflicts=(*plan.conflicts, *found))
