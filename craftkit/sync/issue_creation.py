"""Make an issue, and never a second one.

`sent` is committed before the request, so that after a crash or a lost answer the marker is looked
for first, and only when it is nowhere to be seen the creation is repeated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from craftkit.clock import epoch_seconds
from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.store import issues, outbox, tasks
from craftkit.store.key_values import KeyValueCache
from craftkit.sync import further_parents, markers, presence
from craftkit.sync.context import SyncContext
from craftkit.sync.retry_policy import TRIES, Stop, Verdict, put_back, write_down
from craftkit.text import shell_word

MOVED = "moved"  # a row whose parent is full: it waits for a further one
LATE = 3600.0  # seconds after which a lost creation is not looked for any more


def create(sync: SyncContext, row: outbox.Row) -> str:
    """Make one issue, or find the one that a lost request made; the state of the row now."""
    known = issues.of_spec(sync.store, sync.settings.repo, row.spec_id)
    mine = next((k for k in known if _is_of(k, row)), None)
    if mine is not None:  # another process made it, or found it, after this was queued
        return _note(sync, row, mine.number)
    parent = _parent(known, row)
    if parent is None and row.task_id is not None:
        return row.state  # its parent is still to be made
    try:
        made = _find_lost(sync, row, parent) if row.state in ("sent", "unknown") else None
        if made is None:
            high = highest(sync)
            made = _create(sync, row, parent, high)
            if parent is None and (first := _first_of(sync, row, made, high)) is not None:
                return _yield_to(sync, row, made, first, high)
    except gh.UnknownOutcome as error:
        return _lost(sync, row, error)
    except gh.ParentFull as full:
        if parent is None:  # GitHub says it of parents only
            put_back(sync, [row], full)
            return "dead"
        further_parents.move(sync, row, parent)
        return MOVED
    except CraftkitError as error:
        if isinstance(error, gh.IssueGone) and parent is not None:
            error = presence.away(sync) or _parent_gone(sync, row, parent)
        cause = put_back(sync, [row], error)
        if isinstance(cause, gh.ParentGone):
            raise cause from error  # other specs go on
        if isinstance(cause, gh.Invalid | gh.IssueGone):
            return "dead"
        raise Stop(cause) from error
    return _made(sync, row, made)


def _parent_gone(sync: SyncContext, row: outbox.Row, parent: issues.LinkedIssue) -> gh.ParentGone:
    """What keeps the sub-issues of a spec waiting until a person says where they go."""
    return gh.ParentGone(
        f"The parent #{parent.number} of {row.spec_id} is not on GitHub any more.",
        f"put it back there, or write another number in place of `issue: {parent.number}`;"
        f" without that line `craftkit spec link {shell_word(row.spec_id)}` makes a new one",
    )


def _is_of(known: issues.LinkedIssue, row: outbox.Row) -> bool:
    part = row.payload.get("part", "")
    return known.task_id == row.task_id and (row.task_id is not None or known.part == part)


def _parent(known: Sequence[issues.LinkedIssue], row: outbox.Row) -> issues.LinkedIssue | None:
    part = row.payload.get("part", "")
    return next((k for k in known if k.task_id is None and k.part == part), None)


def _as_issue(known: issues.LinkedIssue) -> gh.Issue:
    return gh.Issue(
        known.number,
        known.id,
        known.node_id,
        known.title,
        gh.OPEN,
        None,
        (),
        "",
        "",
        True,
        None,
        "",
    )


def _first_of(sync: SyncContext, row: outbox.Row, made: gh.Issue, high: int) -> gh.Issue | None:
    """The parent that another clone made for the same spec a moment before ours.

    Where ours has the next number, there is none: it costs a request only where it may matter.
    """
    if made.number <= high + 1:
        return None
    wanted, title = markers.Marker(row.spec_id, None), row.payload["title"]
    try:
        above = sync.gateway.find_above(high)
    except CraftkitError:  # ours is there: that must not be forgotten
        return None
    return next(
        (
            issue
            for issue in above
            if issue.number < made.number
            and issue.trusted
            and issue.state == gh.OPEN
            and issue.title == title
            and markers.find(issue.body) == wanted
        ),
        None,
    )


def _yield_to(
    sync: SyncContext, row: outbox.Row, made: gh.Issue, first: gh.Issue, high: int
) -> str:
    """Take the other parent, and give its maker time for the sub-issues before looking for them."""
    known = _known(row, first)
    later = sync.clock() + sync.settings.grace
    with sync.store.write() as tx:
        issues.remember(tx, sync.settings.repo, known)
        _mark_delivered(tx, sync, row, first.number)
        outbox.queue(tx, sync.now(), row.spec_id, None, made.number, "duplicate")
        every = outbox.creations(tx, row.spec_id)
        ids = [c.id for c in every if c.task_id is not None and c.state == "queued"]
        outbox.mark(tx, ids, "unknown", sync.now(), not_before=later, high_water=high)
    return "unknown"  # of its sub-issues


def _create(
    sync: SyncContext, row: outbox.Row, parent: issues.LinkedIssue | None, high: int
) -> gh.Issue:
    with sync.store.write() as tx:
        outbox.mark(tx, [row.id], "sent", sync.now(), high_water=high)
    title, body = row.payload["title"], row.payload["body"]
    if parent is None:
        return sync.gateway.create_parent(title, body, row.payload.get("labels", []))
    return sync.gateway.create_child(_as_issue(parent), title, body)


def highest(sync: SyncContext) -> int:
    """The highest issue number known to be in use; asked of GitHub once per repository."""
    box = KeyValueCache(sync.store, sync.settings.repo, sync.now())
    known = box.get("highest")
    if known is None:
        known = box["highest"] = str(sync.gateway.repository().highest)
    return int(known)


def _find_lost(
    sync: SyncContext, row: outbox.Row, parent: issues.LinkedIssue | None
) -> gh.Issue | None:
    """The issue that a creation without an answer made, by its marker; linked to its parent."""
    wanted, high = markers.find(row.payload["body"]), row.high_water or 0
    inside: list[gh.Issue] = []
    if parent is not None:
        tree = sync.gateway.trees([parent.number]).get(parent.number)
        if isinstance(tree, gh.Tree):
            inside = [
                i for i in tree.children if i.number > high and markers.find(i.body) == wanted
            ]
    known = {i.number for i in inside}
    outside = [
        i
        for i in sync.gateway.find_above(high)
        if i.trusted and i.number not in known and markers.find(i.body) == wanted
    ]
    # Also where one is below the parent (another clone made it): the merge has to see both.
    if parent is not None:
        for issue in outside:
            if issue.parent is None or (not inside and issue is outside[0]):
                sync.gateway.adopt(_as_issue(parent), issue)
    return min(inside or outside, default=None)


def close_late_parents(sync: SyncContext) -> int:
    """Queue the closing of parents that a lost creation made after all; how many.

    A late sub-issue shows in its parent's list, a late parent nowhere: it is looked for as long as
    there is reason to.
    """
    with sync.store.read() as connection:
        doubtful = outbox.doubtful_parents(connection)
    found = 0
    for row in doubtful:
        ours = {k.number for k in issues.of_spec(sync.store, sync.settings.repo, row.spec_id)}
        twins = [
            issue.number
            for issue in sync.gateway.find_above(row.high_water or 0)
            if issue.trusted
            and issue.number not in ours
            and issue.state == gh.OPEN
            and markers.find(issue.body) == markers.Marker(row.spec_id, None)
            and issue.title == row.payload["title"]
        ]
        with sync.store.write() as tx:
            for number in twins:
                outbox.queue(tx, sync.now(), row.spec_id, None, number, "duplicate")
            if twins or sync.clock() - epoch_seconds(row.updated_at) > LATE:
                outbox.stop_doubting(tx, row.id)
        found += len(twins)
    return found


def _lost(sync: SyncContext, row: outbox.Row, error: CraftkitError) -> str:
    state = "dead" if row.attempts + 1 >= TRIES else "unknown"
    verdict = Verdict(state, True, sync.clock() + sync.settings.grace)
    with sync.store.write() as tx:
        write_down(tx, sync, row, error, verdict)
    return state


def _made(sync: SyncContext, row: outbox.Row, made: gh.Issue) -> str:
    """Number, base and `delivered` in one commit."""
    known = _known(row, made)
    with sync.store.write() as tx:
        issues.remember(tx, sync.settings.repo, known)
        _mark_delivered(tx, sync, row, made.number)
        if row.task_id is not None:
            closed = made.state == gh.CLOSED and made.reason in (gh.COMPLETED, None)
            tasks.set_issue(tx, row.spec_id, row.task_id, made.number, closed=closed)
            _queue_look(tx, sync, row)
    box = KeyValueCache(sync.store, sync.settings.repo, sync.now())
    if made.number > int(box.get("highest", "0")):
        box["highest"] = str(made.number)
    return "delivered"


def _queue_look(tx: sqlite3.Connection, sync: SyncContext, row: outbox.Row) -> None:
    """With the last creation below a parent, queue the look for double issues there."""
    if not sync.gateway.capabilities().sub_issues:
        return  # there is no list to look at
    part = row.payload.get("part", "")
    every = outbox.creations(tx, row.spec_id)
    if any(c.state in outbox.COMING and c.payload.get("part", "") == part for c in every):
        return
    known = issues.of_spec(sync.store, sync.settings.repo, row.spec_id)
    parent = _parent(known, row)
    if parent is not None:
        outbox.queue_look(tx, sync.now(), row.spec_id, parent.number)


def _known(row: outbox.Row, issue: gh.Issue) -> issues.LinkedIssue:
    part, title = row.payload.get("part", ""), row.payload["title"]
    facts = (row.spec_id, row.task_id, part, issue.id, issue.node_id, title)
    return issues.LinkedIssue(issue.number, *facts)


def _note(sync: SyncContext, row: outbox.Row, number: int) -> str:
    with sync.store.write() as tx:
        _mark_delivered(tx, sync, row, number)
    return "delivered"


def _mark_delivered(
    tx: sqlite3.Connection, sync: SyncContext, row: outbox.Row, number: int
) -> None:
    outbox.mark(tx, [row.id], "delivered", sync.now())
    outbox.set_issue(tx, row.id, number)
