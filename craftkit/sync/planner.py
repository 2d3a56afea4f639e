"""The three-way merge: what spec, GitHub and base say about each task, and what follows.

Pure.  `plan` looks at one spec with its issues and returns actions with their evidence; it never
reads a clock, a file or the network.  What GitHub's texts say decides nothing; numbers, states
and the markers that `markers.py` accepted do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

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

LIMIT_SHARE, LIMIT_COUNT = 0.2, 5  # more than both of these unticked or in doubt: stop and ask


class Base(NamedTuple):
    """What is remembered of a task."""

    agreed: bool | None  # done or open, as spec and GitHub last agreed; None: never
    issue: int | None = None
    title: str | None = None  # the title that the issue last got from the spec
    dropped: bool = False
    done: bool = False  # what was decided here, whatever GitHub has heard of it


class Line(NamedTuple):
    """What the spec file says of a task."""

    id: str
    ref: str  # what a person types
    title: str
    checked: bool
    issue: int | None


class Seen(NamedTuple):
    """What GitHub says of an issue."""

    number: int
    closed: bool
    completed: bool  # closed as completed; False for not planned and duplicate
    title: str
    marker: str | None = None  # the task id of a marker that may be believed
    child: bool = True  # a sub-issue of one of the spec's parents
    duplicate: bool = False  # closed as duplicate


class View(NamedTuple):
    """One spec with everything that is known of it."""

    lines: Sequence[Line] | None  # None: the file is not in this worktree
    base: Mapping[str, Base]
    issues: Mapping[int, Seen]
    gone: Mapping[int, str]  # number -> why ("deleted", "moved", "not found")
    intents: Mapping[str, str]  # task id -> "done", "reopen" or "drop" that GitHub has not got yet
    complete: bool  # the listing had all its pages
    blocked: str = ""  # why nothing at all may be done with this spec
    linked: bool = True  # the spec has a parent issue: only then can a task lack its own
    foreign: frozenset[int] = frozenset()  # issues that its lines name, and that are not its own
    making: frozenset[str] = frozenset()  # tasks whose creation waits in the outbox
    lists: bool = True  # the server can list sub-issues at all


class Policy(NamedTuple):
    create: bool = False  # make issues for task lines without one
    adopt: bool = False  # append task lines for sub-issues without one
    yes: bool = False  # go on where much would be unticked or is in doubt


class Action(NamedTuple):
    kind: str
    task: str  # task id; "" for an issue that no line stands for
    ref: str
    issue: int | None
    why: str  # the evidence, for people


class Attention(NamedTuple):
    """A difference that is not settled here; `commands` are the two that settle it."""

    code: str
    task: str
    ref: str
    issue: int | None
    message: str
    commands: tuple[str, ...]


class Plan(NamedTuple):
    actions: tuple[Action, ...] = ()
    attention: tuple[Attention, ...] = ()
    missing: tuple[str, ...] = ()  # refs of task lines without an issue
    orphans: tuple[int, ...] = ()  # sub-issues that no line stands for
    stopped: str = ""  # why nothing at all is done with this spec
    overridable: bool = False  # `Policy.yes` goes on all the same


def plan(view: View, policy: Policy = Policy()) -> Plan:  # noqa: B008 - an immutable default
    """What to do with one spec.  A spec that is not in view, or in a bad state, is left alone."""
    if view.lines is None:
        return Plan()
    if view.blocked:
        return Plan(stopped=view.blocked)
    if not view.lines and any(base.issue for base in view.base.values()):
        return Plan(stopped="the file has no task any more, but had some")
    actions: list[Action] = []
    attention: list[Attention] = []
    missing: list[str] = []
    links, doubles = _links(view)
    shared = Counter(links.values())
    for line in view.lines:
        number = links.get(line.id)
        if number is None:
            if view.base.get(line.id, Base(None)).dropped:
                continue  # given up before it had an issue
            if not view.linked:
                continue  # a first link shows and asks before it makes anything
            if line.id in view.making:
                continue
            missing.append(line.ref)
            if policy.create and view.complete:
                actions.append(Action(CREATE, line.id, line.ref, None, "a task without an issue"))
            continue
        if shared[number] > 1:
            words = f"#{number} is linked from more than one task line"
            fix = ("remove every link to it but one",)
            attention.append(Attention("duplicate_link", line.id, line.ref, number, words, fix))
            continue
        if number in view.foreign:
            attention.append(_foreign(line, number))
            continue
        if line.issue is None and number in view.issues:
            why = f"#{number} is the issue of this task"
            actions.append(Action(LINK, line.id, line.ref, number, why))
        settle_task(view, line, number, actions, attention)
    if missing and policy.create and not view.complete:
        words, fix = "GitHub's list of sub-issues was not complete, so none was made", (RETRY,)
        if not view.lists:  # asking again would bring the same
            words, fix = "this server lists no sub-issues, so none was made", (LINK_COMMAND,)
        attention.append(Attention("list_incomplete", "", "", None, words, fix))
    actions += doubles
    orphans = _orphans(view, set(links.values()), actions, attention, policy)
    result = Plan(tuple(actions), tuple(attention), tuple(missing), tuple(orphans))
    return result if policy.yes else _guard(result, len(view.lines))


def settle_task(
    view: View, line: Line, number: int, actions: list[Action], attention: list[Attention]
) -> None:
    """Put the verdict on one linked task where it belongs."""
    base = view.base.get(line.id, Base(None))
    seen = view.issues.get(number)
    if seen is None:
        why = view.gone.get(number)
        if why is not None:
            commands = (f"craftkit task drop {line.ref}", f"craftkit spec unlink --task {line.ref}")
            whose = "" if line.ref == f"#{number}" else f" of {line.ref}"
            words = f"#{number}{whose} is not on GitHub ({why})"
            attention.append(Attention("issue_gone", line.id, line.ref, number, words, commands))
        return  # neither seen nor known to be gone: no evidence
    intent = view.intents.get(line.id)
    verdict = decide(base, line.checked, seen, intent)
    twin = _twin(view, seen) if seen.duplicate else None
    if twin is not None and (verdict == NOT_PLANNED or not view.issues[twin].closed):
        words = f"#{number} of {line.ref} was closed as a duplicate of #{twin}"
        fix = (f"write (#{twin}) in its line in place of (#{number})",)
        attention.append(Attention("linked_to_duplicate", line.id, line.ref, number, words, fix))
    elif verdict in (NOT_PLANNED, BOX_OPEN_AGAIN, DONE_ELSEWHERE):
        attention.append(_doubt(verdict, line, number))
    elif verdict:
        evidence = _evidence(base, line.checked, seen, intent)
        actions += [Action(kind, line.id, line.ref, number, evidence) for kind in verdict]
    if base.title not in (None, line.title) and seen.title == base.title and not seen.closed:
        why = "the spec's title changed, the issue's did not"
        actions.append(Action(RETITLE, line.id, line.ref, number, why))


def _foreign(line: Line, number: int) -> Attention:
    words = f"the line of {line.ref} names #{number}, which is the issue of something else"
    fix = (f"correct (#{number}) in its line", "craftkit spec link")
    return Attention("not_its_issue", line.id, line.ref, number, words, fix)


def _twin(view: View, seen: Seen) -> int | None:
    """The issue that was kept where `seen` was closed as its duplicate."""
    if seen.marker is None:
        return None
    same = [s.number for s in view.issues.values() if s.marker == seen.marker and s.child]
    return min((n for n in same if not view.issues[n].duplicate), default=None)


# Verdicts that are not settled here.
NOT_PLANNED, BOX_OPEN_AGAIN = ("?not_planned",), ("?box_open_again",)
DONE_ELSEWHERE = ("?done_elsewhere",)


def decide(base: Base, box: bool, seen: Seen, intent: str | None) -> tuple[str, ...]:
    """The table of the merge: kinds of actions for one linked task, or a verdict of doubt."""
    if intent is not None:
        return _explicit(intent, box, seen)
    if not seen.closed:
        return _while_open(base, box)
    if base.dropped and not seen.completed:
        return ()
    if base.agreed and not box:
        return BOX_OPEN_AGAIN  # an old branch and a real untick look alike
    if box:
        return () if base.agreed else (AGREE_DONE,)
    if seen.completed:
        return (UNDROP, TICK) if base.dropped else (TICK,)
    return NOT_PLANNED


def _explicit(intent: str, box: bool, seen: Seen) -> tuple[str, ...]:
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
        return (UNTICK,) if base.agreed else (CLOSE,)
    if base.done and not base.agreed:
        return DONE_ELSEWHERE  # GitHub never heard of it, and the file lost it
    return () if base.agreed is False else (AGREE_OPEN,)


def _evidence(base: Base, box: bool, seen: Seen, intent: str | None) -> str:
    words = {None: "never agreed", True: "done", False: "open"}
    state = "open"
    if seen.closed:
        state = "closed as completed" if seen.completed else "closed as not planned"
    said = f", intent {intent}" if intent else ""
    box_words = "ticked" if box else "open"
    return f"base {words[base.agreed]}, box {box_words}, #{seen.number} {state}{said}"


def _doubt(verdict: tuple[str, ...], line: Line, number: int) -> Attention:
    ref = line.ref
    if verdict == NOT_PLANNED:
        words = f"#{number} of {ref} was closed as not planned, but its box is open"
        commands = (f"craftkit task drop {ref}", f"craftkit task reopen {ref}")
        return Attention("closed_as_not_planned", line.id, ref, number, words, commands)
    state = "is closed" if verdict == BOX_OPEN_AGAIN else "was not closed"
    words = f"{ref} was done and #{number} {state}, but its box is open here"
    commands = (f"craftkit task done {ref}", f"craftkit task reopen {ref}")
    return Attention("box_open_again", line.id, ref, number, words, commands)


def _links(view: View) -> tuple[dict[str, int], list[Action]]:
    """The issue of each task line, and what to do with second issues of one task."""
    by_marker: dict[str, list[int]] = {}
    for seen in sorted(view.issues.values()):
        if seen.marker is not None and seen.child:
            by_marker.setdefault(seen.marker, []).append(seen.number)
    links: dict[str, int] = {}
    doubles: dict[int, Action] = {}
    taken = {line.issue for line in view.lines or () if line.issue is not None}
    alive = {line.id for line in view.lines or ()}
    for line in view.lines or ():
        base = view.base.get(line.id, Base(None))
        marked = by_marker.get(line.id, [])
        number = line.issue or base.issue or next((n for n in marked if n not in taken), None)
        if number is None:
            continue
        links[line.id] = number
        own = view.issues.get(number)
        keep: int | None = number
        if own is not None and own.duplicate:
            keep = _twin(view, own)  # another clone kept that: closing it too would leave none
        if own is not None and own.marker is not None and own.marker not in alive:
            marked = by_marker.get(own.marker, marked)  # a line without a key had another id once
        for other in marked:
            double = view.issues[other]
            if other not in (number, keep) and other not in taken and not double.closed:
                why = f"#{other} carries the marker of {line.ref} as #{number} does"
                doubles[other] = Action(CLOSE_DUPLICATE, line.id, line.ref, other, why)
    linked = set(links.values())
    return links, [double for number, double in doubles.items() if number not in linked]


def _orphans(
    view: View,
    linked: set[int],
    actions: list[Action],
    attention: list[Attention],
    policy: Policy,
) -> list[int]:
    """Sub-issues without a line: somebody else's, or what is left of a removed line."""
    found: list[int] = []
    doubles = {a.issue for a in actions if a.kind == CLOSE_DUPLICATE}
    ours = {base.issue: task for task, base in view.base.items() if base.issue}
    alive = {line.id for line in view.lines or ()}
    for seen in sorted(view.issues.values()):
        if seen.number in linked or seen.number in doubles or not seen.child:
            continue
        if seen.number in ours or seen.marker is not None:
            if not seen.closed and seen.marker not in alive and view.complete:
                words = f"#{seen.number} is open, but its task line is gone"
                commands = (
                    "bring the line back",
                    f"close #{seen.number} on GitHub",
                )
                attention.append(
                    Attention("line_removed", "", f"#{seen.number}", seen.number, words, commands)
                )
            continue
        found.append(seen.number)
        if policy.adopt:
            why = "a sub-issue without a task line"
            actions.append(Action(ADOPT, "", f"#{seen.number}", seen.number, why))
    return found


def _guard(result: Plan, total: int) -> Plan:
    doubtful = sum(1 for a in result.actions if a.kind == UNTICK) + len(result.attention)
    if doubtful > LIMIT_COUNT and doubtful > LIMIT_SHARE * total:
        return result._replace(
            actions=(),
            stopped=f"{doubtful} of {total} tasks would be unticked or are in doubt",
            overridable=True,
        )
    return result
