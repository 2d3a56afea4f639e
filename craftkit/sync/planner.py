"""The three-way merge: what spec, GitHub and base say about each task, and what follows.

Pure.  `plan_merge` looks at one spec with its issues and returns actions with their evidence; it
never reads a clock, a file or the network.  What GitHub's texts say decides nothing; numbers,
states and the markers that `markers.py` accepted do.
"""

from __future__ import annotations

from collections import Counter

from craftkit.loop import task_status
from craftkit.specs.matching import looks_alike
from craftkit.sync import marker_index
from craftkit.sync.marker_index import MarkerIndex, Unclaimed
from craftkit.sync.merge_model import (
    ADOPT,
    AGREE_DONE,
    AGREE_OPEN,
    ANYWAY,
    CLOSE,
    CLOSE_DUPLICATE,
    CREATE,
    DONE,
    DROP,
    KEEP_TITLE,
    LINK,
    LINK_COMMAND,
    NEVER,
    NOT_AT_ONCE,
    REOPEN,
    REOPENED,
    RETITLE,
    RETRY,
    TICK,
    UNDROP,
    UNTICK,
    Action,
    Base,
    Conflict,
    MergePlan,
    Policy,
    RemoteIssue,
    SpecSnapshot,
    SpecTask,
)
from craftkit.text import typed

# More tasks than both of these unticked, renamed or in conflict: stop and ask.
LIMIT_SHARE, LIMIT_COUNT = 0.2, 5


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
    index = marker_index.index_markers(snapshot)
    links = {
        line.id: number
        for line in snapshot.lines
        if (number := marker_index.issue_of(snapshot, index, line)) is not None
    }
    duplicates = marker_index.duplicates(snapshot, index, links)
    unclaimed = marker_index.unclaimed(index, {*links.values(), *duplicates})
    shared = {number for number, lines in Counter(links.values()).items() if lines > 1}
    for line in snapshot.lines:
        number = links.get(line.id)
        if number is None:
            _settle_unlinked(snapshot, line, policy, actions, conflicts, missing)
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
        if conflict is not None:
            conflicts.append(conflict)
        if goes_on:
            _settle_task(snapshot, index, line, number, actions, conflicts)
    conflicts += [
        Conflict("contradicted", "", one.ref, one.issue, one.words, (one.hint,))
        for one in snapshot.doubts
    ]
    if missing and policy.create and not snapshot.complete:
        words, fix = "GitHub's list of sub-issues was not complete, so none was made", (RETRY,)
        if not snapshot.lists:  # asking again would bring the same
            words, fix = "this server lists no sub-issues, so none was made", (LINK_COMMAND,)
        conflicts.append(Conflict("list_incomplete", "", "", None, words, fix))
    actions = [a for a in actions if a.task not in snapshot.rewritten or a.kind not in NOT_AT_ONCE]
    actions += duplicates.values()
    orphans = _orphans(snapshot, set(links.values()), actions, conflicts, policy)
    outsiders = [n for n in orphans if policy.adopt and not snapshot.issues[n].vouched]
    result = MergePlan(
        tuple(actions),
        tuple(conflicts),
        tuple(missing),
        tuple(orphans),
        tuple(outsiders),
        tuple(sorted(n for n, seen in snapshot.issues.items() if seen.ignored)),
    )
    return result if policy.yes else _guard(result, len(snapshot.lines) + len(snapshot.doubts))


def _settle_unlinked(
    snapshot: SpecSnapshot,
    line: SpecTask,
    policy: Policy,
    actions: list[Action],
    conflicts: list[Conflict],
    missing: list[str],
) -> None:
    """A line of which nothing names the issue."""
    if snapshot.base.get(line.id, NEVER).dropped:
        return  # given up before it had an issue
    if snapshot.unmerged:
        return  # a merge conflict may hold the line that has its number
    if not snapshot.linked:
        return  # a first link shows and asks before it makes anything
    if line.id in snapshot.making:
        return
    missing.append(line.ref)
    if line.mention is not None and not policy.create:
        conflicts.append(_mentions(line))
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
    other = marker_index.elsewhere(snapshot, index, line, number, unclaimed)
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
            whose = "" if line.ref == f"gh{number}" else f" of {line.ref}"
            unlink = f"craftkit spec unlink --task {typed(line.ref)}"
            if why.startswith("moved"):
                words = f"#{number}{whose} was transferred{why.removeprefix('moved')}"
                commands = ("transfer it back on GitHub", unlink)
            else:
                words = f"#{number}{whose} is not on GitHub ({why})"
                commands = (f"craftkit task drop {typed(line.ref)}", unlink)
            conflicts.append(Conflict("issue_gone", line.id, line.ref, number, words, commands))
        return  # neither seen nor known to be gone: no evidence
    intent = snapshot.undelivered.get(line.id)
    verdict = merge_task(base, line.checked, seen, intent, line.id in snapshot.held)
    kept = None
    if not index.is_alone(seen) and index.has(line, seen):
        kept = marker_index.kept(index, seen)
    left = kept is not None and kept < number and not snapshot.issues[kept].closed
    if seen.duplicate:
        left = kept is not None and (verdict == DUPLICATED or not snapshot.issues[kept].closed)
    if left and seen.closed:
        conflicts.append(_duplicate(index, line, seen))
    elif verdict in ASKED:
        conflicts.append(_conflict(verdict, line, seen))
    elif verdict:
        evidence = _evidence(base, line.checked, seen, intent)
        actions += [Action(kind, line.id, line.ref, number, evidence) for kind in verdict]
    if base.title is None or looks_alike(base.title, line.title) or seen.title != base.title:
        return
    if line.bare:
        why = "its line was known by its place alone"
        actions.append(Action(KEEP_TITLE, line.id, line.ref, number, why))
    elif not seen.closed:
        why = "the spec's title changed, the issue's did not"
        actions.append(Action(RETITLE, line.id, line.ref, number, why))


def _mentions(line: SpecTask) -> Conflict:
    """A number in a line without an issue: is it the task's after all?"""
    words = f"the line of {line.ref} carries #{line.mention}, which is not its issue"
    fix = (LINK_COMMAND, f"{LINK_COMMAND} --take {line.mention}")
    return Conflict("not_its_issue", line.id, line.ref, line.mention, words, fix)


def _duplicate(index: MarkerIndex, line: SpecTask, seen: RemoteIssue) -> Conflict:
    """The line names an issue that gives way to another one of its task."""
    kept = marker_index.kept(index, seen)
    words = f"#{seen.number} of {line.ref} is a duplicate of #{kept}"
    fix: tuple[str, ...] = (_rewrite(seen.number, kept),)
    if seen.completed:
        fix = (f"close #{kept} on GitHub", *fix)
    return Conflict("linked_to_duplicate", line.id, line.ref, seen.number, words, fix)


def _rewrite(old: int, new: int | None) -> str:
    return f"write (#{new}) in its line in place of (#{old})"


# Verdicts that are not settled here.
DECLINED, DUPLICATED = ("?declined",), ("?duplicated",)
BOX_OPEN_AGAIN, DONE_ELSEWHERE = ("?box_open_again",), ("?done_elsewhere",)
ASKED = (DECLINED, DUPLICATED, BOX_OPEN_AGAIN, DONE_ELSEWHERE)


# docs/architecture.md shows this as a table.
def merge_task(
    base: Base, box: bool, seen: RemoteIssue, intent: str | None, held: bool = False
) -> tuple[str, ...]:
    """The table of the merge: what follows for one linked task, or what is left to a person.

    `held`: another worktree or branch of this clone has the ticked box.
    """
    if intent is not None:
        return _explicit(intent, box, seen, held)
    if not seen.closed:
        return _while_open(base, box, held)
    if base.synced_done and not box:  # an old branch and a real untick look alike
        return () if held else BOX_OPEN_AGAIN
    if seen.completed:
        if box:
            return () if base.synced_done else (AGREE_DONE,)
        return (UNDROP, TICK) if base.dropped else (TICK,)
    return _while_declined(base, box, seen, held)


def _explicit(intent: str, box: bool, seen: RemoteIssue, held: bool) -> tuple[str, ...]:
    """A command that GitHub has not got yet outranks everything but a person who declined.

    What closed or opened the issue may be that very command, on its way from here.
    """
    if intent in (DONE, ANYWAY):
        if seen.closed and not seen.completed and intent == DONE:
            return DECLINED
        kinds = [] if box or held else [TICK]
        return (*kinds, CLOSE) if not seen.closed else (*kinds, AGREE_DONE)
    if intent == REOPENED:
        kinds = [UNTICK] if box else []
        return (*kinds, REOPEN) if seen.closed else (*kinds, AGREE_OPEN)
    return ()  # dropped: its own outbox row closes the issue


def _while_open(base: Base, box: bool, held: bool) -> tuple[str, ...]:
    if base.dropped:
        return (UNDROP, CLOSE) if box else (UNDROP,)
    if box:
        return (UNTICK,) if base.synced_done else (CLOSE,)
    if held and (base.synced_done or base.local_done):
        return ()  # the worktree that has the box settles it
    if base.local_done and not base.synced_done:
        return DONE_ELSEWHERE  # GitHub never heard of it, and the file lost it
    return () if base.synced_done is False else (AGREE_OPEN,)


def _while_declined(base: Base, box: bool, seen: RemoteIssue, held: bool) -> tuple[str, ...]:
    """The issue is closed as not planned or as a duplicate."""
    if box:
        if base.synced_done:
            return ()
        return (AGREE_DONE,) if base.synced_done is None else DECLINED
    if base.dropped:
        return ()
    if base.local_done:
        return () if held else BOX_OPEN_AGAIN
    return DUPLICATED if seen.duplicate else (DROP,)


def _evidence(base: Base, box: bool, seen: RemoteIssue, intent: str | None) -> str:
    words = {None: "never agreed", True: "done", False: "open"}
    state = f"closed as {closed_as(seen)}" if seen.closed else "open"
    said = f", intent {intent}" if intent else ""
    box_words = "ticked" if box else "open"
    return f"base {words[base.synced_done]}, box {box_words}, #{seen.number} {state}{said}"


def closed_as(seen: RemoteIssue) -> str:
    """Why a closed issue was closed, as GitHub calls it."""
    if seen.completed:
        return "completed"
    return "duplicate" if seen.duplicate else "not planned"


def _conflict(verdict: tuple[str, ...], line: SpecTask, seen: RemoteIssue) -> Conflict:
    ref, number = line.ref, seen.number
    done, reopen = f"craftkit task done {typed(ref)}", f"craftkit task reopen {typed(ref)}"
    if verdict == DECLINED:
        words = f"{ref} is done here, but #{number} was closed as {closed_as(seen)}"
        commands = (f"{done} --anyway", reopen)
        return Conflict("closed_as_not_planned", line.id, ref, number, words, commands)
    if verdict == DUPLICATED:
        words = f"#{number} of {ref} was closed as a duplicate of another issue"
        commands = (f"craftkit task drop {typed(ref)}", reopen)
        return Conflict(task_status.CLOSED_AS_DUPLICATE, line.id, ref, number, words, commands)
    state = f"was closed as {closed_as(seen)}" if seen.closed else "was not closed"
    if seen.completed:
        state = "is closed"
    elif seen.closed:
        done = f"{done} --anyway"
    words = f"{ref} was done and #{number} {state}, but its box is open here"
    return Conflict("box_open_again", line.id, ref, number, words, (done, reopen))


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
    if not loose or snapshot.unmerged:  # their lines may stand in a merge conflict
        return []
    found: list[int] = []
    ours = {base.issue: task for task, base in snapshot.base.items() if base.issue}
    alive = {line.id for line in snapshot.lines or ()}
    for seen in loose:
        if seen.number in ours or seen.marker is not None:
            gone = seen.marker not in alive and not snapshot.doubts
            if not seen.closed and gone and snapshot.complete:
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
        if policy.adopt and seen.vouched:
            why = "a sub-issue without a task line"
            actions.append(Action(ADOPT, "", f"#{seen.number}", seen.number, why))
    return found


def _guard(result: MergePlan, total: int) -> MergePlan:
    changed = {a.task for a in result.actions if a.kind in (UNTICK, RETITLE)}
    doubtful = len(changed - {c.task for c in result.conflicts}) + len(result.conflicts)
    if doubtful > LIMIT_COUNT and doubtful > LIMIT_SHARE * total:
        return result._replace(
            actions=(),
            stopped=f"{doubtful} of {total} tasks would be unticked or renamed, or are in conflict",
            overridable=True,
        )
    return result
