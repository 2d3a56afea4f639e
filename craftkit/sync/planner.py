"""The three-way merge: what spec, GitHub and base say about each task, and what follows.

Pure.  `plan` looks at one spec with its issues and returns actions with their evidence; it never
reads a clock, a file or the network.  What GitHub's texts say decides nothing; numbers, states
and the markers that `markers.py` accepted do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from craftkit.text import typed

# What an action does.  The first four change a box or an issue's state.
TICK, UNTICK, CLOSE, REOPEN = "tick", "untick", "close", "reopen"
AGREE_DONE, AGREE_OPEN = "agree_done", "agree_open"  # nothing but the base changes
UNDROP = "undrop"
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

LIMIT_SHARE, LIMIT_COUNT = 0.2, 5  # more than both of these unticked or in conflict: stop and ask


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


class RemoteIssue(NamedTuple):
    """What GitHub says of an issue."""

    number: int
    closed: bool
    completed: bool  # closed as completed; False for not planned and duplicate
    title: str
    marker: str | None = None  # the task id of a marker that may be believed
    child: bool = True  # a sub-issue of one of the spec's parents
    duplicate: bool = False  # closed as duplicate


class SpecSnapshot(NamedTuple):
    """One spec with everything that is known of it."""

    lines: Sequence[SpecTask] | None  # None: the file is not in this worktree
    base: Mapping[str, Base]
    issues: Mapping[int, RemoteIssue]
    gone: Mapping[int, str]  # number -> why ("deleted", "moved", "not found")
    undelivered: Mapping[
        str, str
    ]  # task id -> "done", "reopen" or "drop" that GitHub has not got yet
    complete: bool  # the listing had all its pages
    blocked: str = ""  # why nothing at all may be done with this spec
    linked: bool = True  # the spec has a parent issue: only then can a task lack its own
    foreign: frozenset[int] = frozenset()  # issues that its lines name, and that are not its own
    making: frozenset[str] = frozenset()  # tasks whose creation waits in the outbox
    lists: bool = True  # the server can list sub-issues at all
    unlinked: frozenset[int] = frozenset()  # a person said of these that a marker is not enough


class Policy(NamedTuple):
    create: bool = False  # make issues for task lines without one
    adopt: bool = False  # append task lines for sub-issues without one
    yes: bool = False  # go on where much would be unticked or is in conflict


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
    stopped: str = ""  # why nothing at all is done with this spec
    overridable: bool = False  # `Policy.yes` goes on all the same


def plan_merge(snapshot: SpecSnapshot, policy: Policy = Policy()) -> MergePlan:  # noqa: B008 - immutable
    """What to do with one spec; one that is not in this worktree, or is broken, is left alone."""
    if snapshot.lines is None:
        return MergePlan()
    if snapshot.blocked:
        return MergePlan(stopped=snapshot.blocked)
    if not snapshot.lines and any(base.issue for base in snapshot.base.values()):
        return MergePlan(stopped="the file has no task any more, but had some")
    actions: list[Action] = []
    conflicts: list[Conflict] = []
    missing: list[str] = []
    index = _index_markers(snapshot)
    links = {
        line.id: number
        for line in snapshot.lines
        if (number := _issue_of(snapshot, index, line)) is not None
    }
    duplicates = _duplicates(snapshot, index, links)
    unclaimed = _unclaimed(index, {*links.values(), *duplicates})
    shared = {number for number, lines in Counter(links.values()).items() if lines > 1}
    for line in snapshot.lines:
        number = links.get(line.id)
        if number is None:
            _settle_unlinked(snapshot, index, line, policy, actions, conflicts, missing)
            continue
        if number in shared:
            words = f"#{number} is linked from more than one task line"
            fix = ("remove every link to it but one",)
            conflicts.append(Conflict("duplicate_link", line.id, line.ref, number, words, fix))
            continue
        if line.issue is None and number in snapshot.issues:
            why = f"#{number} is the issue of this task"
            actions.append(Action(LINK, line.id, line.ref, number, why))
        conflict, goes_on = None, True
        if unclaimed or number in duplicates:
            conflict, goes_on = _link_conflict(
                snapshot, index, line, number, unclaimed, number in duplicates
            )
        if number in snapshot.foreign:
            conflict, goes_on = conflict or _foreign(line, number), False
        if conflict is not None:
            conflicts.append(conflict)
        if goes_on:
            _settle_task(snapshot, index, line, number, actions, conflicts)
    if missing and policy.create and not snapshot.complete:
        words, fix = "GitHub's list of sub-issues was not complete, so none was made", (RETRY,)
        if not snapshot.lists:  # asking again would bring the same
            words, fix = "this server lists no sub-issues, so none was made", (LINK_COMMAND,)
        conflicts.append(Conflict("list_incomplete", "", "", None, words, fix))
    actions += duplicates.values()
    orphans = _orphans(snapshot, set(links.values()), actions, conflicts, policy)
    result = MergePlan(tuple(actions), tuple(conflicts), tuple(missing), tuple(orphans))
    return result if policy.yes else _guard(result, len(snapshot.lines))


def _settle_unlinked(
    snapshot: SpecSnapshot,
    index: MarkerIndex,
    line: SpecTask,
    policy: Policy,
    actions: list[Action],
    conflicts: list[Conflict],
    missing: list[str],
) -> None:
    """A line of which nothing names the issue."""
    if snapshot.base.get(line.id, NEVER).dropped:
        return  # given up before it had an issue
    if not snapshot.linked:
        return  # a first link shows and asks before it makes anything
    if line.id in snapshot.making:
        return
    others = [seen.number for seen in index.free(line) if _is_of_another(line, seen)]
    if others:
        # Not its title: what GitHub says is not repeated to an agent.
        words = f"the closed #{others[0]}, which has another title, carries the key {line.ref}"
        fix = ("give the line another key", f"write (#{others[0]}) in it if it is the same task")
        conflicts.append(Conflict("key_reused", line.id, line.ref, others[0], words, fix))
        return
    missing.append(line.ref)
    if policy.create and snapshot.complete:
        actions.append(Action(CREATE, line.id, line.ref, None, "a task without an issue"))


def _link_conflict(
    snapshot: SpecSnapshot,
    index: MarkerIndex,
    line: SpecTask,
    number: int,
    unclaimed: Unclaimed,
    is_duplicate: bool,
) -> tuple[Conflict | None, bool]:
    """What is doubtful about a line's issue, and whether the task can be settled all the same."""
    own = snapshot.issues.get(number)
    if own is not None and is_duplicate:
        return _duplicate(index, line, own), False
    other = _elsewhere(snapshot, index, line, number, unclaimed)
    if other is None:
        return None, True
    mine = index.has(line, own)
    words = f"{line.ref} is linked to #{number}, but #{other} carries its marker"
    if mine:
        words = f"#{number} and #{other} carry the marker of {line.ref}, with two titles"
    fix = (_rewrite(number, other), f"close #{other} on GitHub")
    # Where the link is a slip, nothing may be done to somebody else's issue for it.
    goes_on = mine or line.id in snapshot.undelivered
    return Conflict("marker_elsewhere", line.id, line.ref, number, words, fix), goes_on


def _settle_task(
    snapshot: SpecSnapshot,
    index: MarkerIndex,
    line: SpecTask,
    number: int,
    actions: list[Action],
    conflicts: list[Conflict],
) -> None:
    """Put the verdict on one linked task where it belongs."""
    base = snapshot.base.get(line.id, NEVER)
    seen = snapshot.issues.get(number)
    if seen is None:
        why = snapshot.gone.get(number)
        if why is not None and not base.dropped:  # what was given up needs no issue
            commands = (
                f"craftkit task drop {typed(line.ref)}",
                f"craftkit spec unlink --task {typed(line.ref)}",
            )
            whose = "" if line.ref == f"#{number}" else f" of {line.ref}"
            words = f"#{number}{whose} is not on GitHub ({why})"
            conflicts.append(Conflict("issue_gone", line.id, line.ref, number, words, commands))
        return  # neither seen nor known to be gone: no evidence
    intent = snapshot.undelivered.get(line.id)
    verdict = merge_task(base, line.checked, seen, intent)
    kept = None
    if not index.is_alone(seen) and index.has(line, seen):
        kept = _kept(index, seen)
    left = kept is not None and kept < number and not snapshot.issues[kept].closed
    if seen.duplicate:
        left = kept is not None and (verdict == NOT_PLANNED or not snapshot.issues[kept].closed)
    if left and seen.closed:
        conflicts.append(_duplicate(index, line, seen))
    elif verdict in (NOT_PLANNED, BOX_OPEN_AGAIN, DONE_ELSEWHERE):
        conflicts.append(_conflict(verdict, line, number))
    elif verdict:
        evidence = _evidence(base, line.checked, seen, intent)
        actions += [Action(kind, line.id, line.ref, number, evidence) for kind in verdict]
    if base.title not in (None, line.title) and seen.title == base.title and not seen.closed:
        why = "the spec's title changed, the issue's did not"
        actions.append(Action(RETITLE, line.id, line.ref, number, why))


def _foreign(line: SpecTask, number: int) -> Conflict:
    words = f"the line of {line.ref} names #{number}, which is the issue of something else"
    fix = (f"correct (#{number}) in its line", "craftkit spec link")
    return Conflict("not_its_issue", line.id, line.ref, number, words, fix)


def _duplicate(index: MarkerIndex, line: SpecTask, seen: RemoteIssue) -> Conflict:
    """The line names an issue that gives way to another one of its task."""
    kept = _kept(index, seen)
    words = f"#{seen.number} of {line.ref} is a duplicate of #{kept}"
    fix: tuple[str, ...] = (_rewrite(seen.number, kept),)
    if seen.completed:
        fix = (f"close #{kept} on GitHub", *fix)
    return Conflict("linked_to_duplicate", line.id, line.ref, seen.number, words, fix)


def _rewrite(old: int, new: int | None) -> str:
    return f"write (#{new}) in its line in place of (#{old})"


# Verdicts that are not settled here.
NOT_PLANNED, BOX_OPEN_AGAIN = ("?not_planned",), ("?box_open_again",)
DONE_ELSEWHERE = ("?done_elsewhere",)


def merge_task(base: Base, box: bool, seen: RemoteIssue, intent: str | None) -> tuple[str, ...]:
    """The table of the merge: what follows for one linked task, or what is left to a person."""
    if intent is not None:
        return _explicit(intent, box, seen)
    if not seen.closed:
        return _while_open(base, box)
    if base.dropped and not seen.completed:
        return ()
    if base.synced_done and not box:
        return BOX_OPEN_AGAIN  # an old branch and a real untick look alike
    if box:
        return () if base.synced_done else (AGREE_DONE,)
    if seen.completed:
        return (UNDROP, TICK) if base.dropped else (TICK,)
    return NOT_PLANNED


def _explicit(intent: str, box: bool, seen: RemoteIssue) -> tuple[str, ...]:
    """A command that GitHub has not got yet outranks everything else."""
    if intent == "done":
        kinds = [] if box else [TICK]
        return (*kinds, CLOSE) if not seen.closed else (*kinds, AGREE_DONE)
    if intent == "reopen":
        kinds = [UNTICK] if box else []
        return (*kinds, REOPEN) if seen.closed else (*kinds, AGREE_OPEN)
    return ()  # dropped: its own outbox row closes the issue


def _while_open(base: Base, box: bool) -> tuple[str, ...]:
    if base.dropped:
        return (UNDROP, CLOSE) if box else (UNDROP,)
    if box:
        return (UNTICK,) if base.synced_done else (CLOSE,)
    if base.local_done and not base.synced_done:
        return DONE_ELSEWHERE  # GitHub never heard of it, and the file lost it
    return () if base.synced_done is False else (AGREE_OPEN,)


def _evidence(base: Base, box: bool, seen: RemoteIssue, intent: str | None) -> str:
    words = {None: "never agreed", True: "done", False: "open"}
    state = "open"
    if seen.closed:
        state = "closed as completed" if seen.completed else "closed as not planned"
    said = f", intent {intent}" if intent else ""
    box_words = "ticked" if box else "open"
    return f"base {words[base.synced_done]}, box {box_words}, #{seen.number} {state}{said}"


def _conflict(verdict: tuple[str, ...], line: SpecTask, number: int) -> Conflict:
    ref = line.ref
    if verdict == NOT_PLANNED:
        words = f"#{number} of {ref} was closed as not planned, but its box is open"
        commands = (f"craftkit task drop {typed(ref)}", f"craftkit task reopen {typed(ref)}")
        return Conflict("closed_as_not_planned", line.id, ref, number, words, commands)
    state = "is closed" if verdict == BOX_OPEN_AGAIN else "was not closed"
    words = f"{ref} was done and #{number} {state}, but its box is open here"
    commands = (f"craftkit task done {typed(ref)}", f"craftkit task reopen {typed(ref)}")
    return Conflict("box_open_again", line.id, ref, number, words, commands)


class MarkerIndex(NamedTuple):
    """Which sub-issues carry the marker of which task."""

    of: Mapping[
        str, Sequence[RemoteIssue]
    ]  # task id -> issues by number, without what was unlinked
    named: frozenset[int | None]  # issues that task lines name
    alive: frozenset[str]  # ids of the task lines

    def free(self, line: SpecTask) -> list[RemoteIssue]:
        """The issues with a line's marker that no line names."""
        return [seen for seen in self.of.get(line.id, ()) if seen.number not in self.named]

    def has(self, line: SpecTask, seen: RemoteIssue | None) -> bool:
        """Whether an issue carries a line's marker; one without a key had another id once."""
        if seen is None or seen.marker is None:
            return False
        return seen.marker == line.id or seen.marker not in self.alive

    def is_alone(self, seen: RemoteIssue) -> bool:
        """Whether nothing else carries an issue's marker, as nearly always."""
        return self.of.get(seen.marker or "") == [seen]


def _index_markers(snapshot: SpecSnapshot) -> MarkerIndex:
    named = frozenset(line.issue for line in snapshot.lines or ())
    found: dict[str, list[RemoteIssue]] = {}
    for number, seen in sorted(snapshot.issues.items()):
        known = number in named or number not in snapshot.unlinked
        if seen.marker is not None and seen.child and known:
            found.setdefault(seen.marker, []).append(seen)
    return MarkerIndex(found, named, frozenset(line.id for line in snapshot.lines or ()))


def is_reused(task_id: str, title: str, closed: bool, found: str) -> bool:
    """Whether a marker is no proof: an earlier task may have had the key, and be done.

    A task without a key is known by its words, so that they are the same.
    """
    return closed and found != title and not task_id.startswith("~")


def _is_of_another(line: SpecTask, seen: RemoteIssue) -> bool:
    return is_reused(line.id, line.title, seen.closed, seen.title)


def _issue_of(snapshot: SpecSnapshot, index: MarkerIndex, line: SpecTask) -> int | None:
    """What the line names, else what the base names, else the issue with the marker."""
    if line.issue is not None:
        return line.issue
    number = snapshot.base.get(line.id, NEVER).issue
    if number is not None:
        own = snapshot.issues.get(number)
        if (
            own is None
            or own.completed
            or not index.has(line, own)
            or line.id in snapshot.undelivered
        ):
            return number
        kept = _kept(index, own)
        return number if kept is None or kept in index.named else kept
    mine = [seen for seen in index.free(line) if not _is_of_another(line, seen)]
    left = [seen for seen in mine if not seen.duplicate]
    return next((seen.number for seen in left or mine), None)


def _same(index: MarkerIndex, own: RemoteIssue) -> list[RemoteIssue]:
    """All issues of one task, by number: those with the marker and the title of `own`.

    A key that was used again has issues with one marker and different titles.
    """
    others = (seen for seen in index.of.get(own.marker or "", ()) if seen.title == own.title)
    return sorted({own, *(seen for seen in others if seen.number not in index.named)})


def _kept(index: MarkerIndex, own: RemoteIssue) -> int | None:
    """Which issue of a task stays: the lowest that was not closed as a duplicate.

    It is so whichever a file names: each clone closes only what is higher than another one, so
    that no two of them close each other's.
    """
    group = _same(index, own)
    if all(seen.duplicate for seen in group):  # the one that stayed has got another title
        group = list(index.of.get(own.marker or "", ()))
    return next((seen.number for seen in group if not seen.duplicate), None)


def _duplicates(
    snapshot: SpecSnapshot, index: MarkerIndex, links: Mapping[str, int]
) -> dict[int, Action]:
    """The open issues that give way to a lower one of the same task."""
    found: dict[int, Action] = {}
    lines = Counter(links.values())
    for line in snapshot.lines or ():
        own = snapshot.issues.get(links.get(line.id, 0))
        if own is None or index.is_alone(own) or not index.has(line, own):
            continue
        if lines[own.number] > 1:
            continue
        kept = _kept(index, own)
        for seen in _same(index, own):
            if kept is None or seen.number <= kept or seen.closed:
                continue
            if lines[seen.number] and (seen != own or line.id in snapshot.undelivered):
                continue  # another line's, or the one that a command was given for
            why = f"#{seen.number} carries the marker of {line.ref} as #{kept} does"
            found[seen.number] = Action(CLOSE_DUPLICATE, line.id, line.ref, seen.number, why)
    return found


Unclaimed = Mapping[str, Sequence[RemoteIssue]]  # marker -> open issues with it that are no line's


def _unclaimed(index: MarkerIndex, taken: Collection[int]) -> Unclaimed:
    """Which open issues carry a marker, and are not `taken` by a line."""
    found: dict[str, list[RemoteIssue]] = {}
    for marker, issues in index.of.items():
        for seen in issues:
            if not seen.closed and seen.number not in taken:
                found.setdefault(marker, []).append(seen)
    return found


def _elsewhere(
    snapshot: SpecSnapshot, index: MarkerIndex, line: SpecTask, number: int, unclaimed: Unclaimed
) -> int | None:
    """An open issue with a line's marker that is no line's, where the line names another."""
    own = snapshot.issues.get(number)
    mine = own if index.has(line, own) else None
    others = unclaimed.get((mine.marker if mine is not None else line.id) or "", ())
    if not others:
        return None
    if own is None and not (number in snapshot.gone and snapshot.base.get(line.id, NEVER).dropped):
        return None  # no evidence, or a conflict of its own
    if mine is None:
        return others[0].number
    if mine.closed:
        return None  # its key was used again
    return next((seen.number for seen in others if seen.title != mine.title), None)


def _orphans(
    snapshot: SpecSnapshot,
    linked: set[int],
    actions: list[Action],
    conflicts: list[Conflict],
    policy: Policy,
) -> list[int]:
    """Sub-issues without a line: somebody else's, or what is left of a removed line."""
    known = linked | {a.issue for a in actions if a.kind == CLOSE_DUPLICATE} | snapshot.unlinked
    loose = sorted(s for n, s in snapshot.issues.items() if n not in known and s.child)
    if not loose:
        return []
    found: list[int] = []
    ours = {base.issue: task for task, base in snapshot.base.items() if base.issue}
    alive = {line.id for line in snapshot.lines or ()}
    for seen in loose:
        if seen.number in ours or seen.marker is not None:
            if not seen.closed and seen.marker not in alive and snapshot.complete:
                words = f"#{seen.number} is open, but its task line is gone"
                commands = (
                    "bring the line back",
                    f"close #{seen.number} on GitHub",
                )
                conflicts.append(
                    Conflict("line_removed", "", f"#{seen.number}", seen.number, words, commands)
                )
            continue
        found.append(seen.number)
        if policy.adopt:
            why = "a sub-issue without a task line"
            actions.append(Action(ADOPT, "", f"#{seen.number}", seen.number, why))
    return found


def _guard(result: MergePlan, total: int) -> MergePlan:
    doubtful = sum(1 for a in result.actions if a.kind == UNTICK) + len(result.conflicts)
    if doubtful > LIMIT_COUNT and doubtful > LIMIT_SHARE * total:
        return result._replace(
            actions=(),
            stopped=f"{doubtful} of {total} tasks would be unticked or are in conflict",
            overridable=True,
        )
    return result
