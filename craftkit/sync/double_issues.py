"""After the last creation below a parent: look whether a task has got two issues.

A creation has no idempotency key.  If its answer was lost and no list showed its issue yet, it was
created again.  The sender queues a look at the parent's list with the last creation; a reconcile,
which reads the same list, does its work as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.store import issues, outbox
from craftkit.sync import markers
from craftkit.sync.context import SyncContext
from craftkit.sync.retry_policy import Stop, put_back


class Double(NamedTuple):
    """A second issue of a task, which is closed as a duplicate of the first."""

    number: int
    first: int


def look(sync: SyncContext, row: outbox.Row) -> list[Double]:
    """List the sub-issues of a parent once, and queue the closing of second issues.

    A list that is not complete decides nothing, and is asked for again later.  Raises Stop.
    """
    parent = row.issue
    try:
        tree = sync.gateway.trees([parent]).get(parent) if parent is not None else None
    except CraftkitError as error:
        put_back(sync, [row], error)
        raise Stop(error) from error
    if isinstance(tree, gh.Tree) and not tree.complete:
        later = sync.clock() + sync.settings.grace
        with sync.store.write() as tx:
            outbox.mark(tx, [row.id], "queued", sync.now(), attempt=True, not_before=later)
        return []
    children = tree.children if isinstance(tree, gh.Tree) else ()
    found = doubles(row.spec_id, children, _known(sync, row.spec_id))
    with sync.store.write() as tx:
        for double in found:
            outbox.queue(tx, sync.now(), row.spec_id, None, double.number, "duplicate")
        outbox.mark(tx, [row.id], "delivered", sync.now())
    return found


def _known(sync: SyncContext, spec_id: str) -> set[int]:
    """The issues that are remembered as those of tasks."""
    known = issues.of_spec(sync.store, sync.settings.repo, spec_id)
    return {k.number for k in known if k.task_id is not None}


def doubles(spec_id: str, children: Sequence[gh.Issue], known: set[int]) -> list[Double]:
    """The open issues with the origin of a lower one that is remembered.  Pure.

    If a higher one is remembered, a line names it: that is for the merge, which sees the line.
    """
    groups: dict[str, list[gh.Issue]] = {}
    for issue in sorted(children):
        marker = markers.find(issue.body) if issue.trusted else None
        if marker is not None and marker.spec == spec_id and marker.task is not None:
            groups.setdefault(markers.origin_of(marker, issue.title), []).append(issue)
    return [
        Double(issue.number, first.number)
        for first, *others in groups.values()
        for issue in others
        if first.number in known and issue.number not in known and issue.state == gh.OPEN
    ]
