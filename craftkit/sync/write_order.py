"""In which order queued writes go, and what one that waits holds back.  Sends nothing.

Of a task, its state (closed or open) outranks all else: what an issue is called or labelled, and
what is said below it, holds back nothing but more of its own kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from craftkit.clock import epoch_seconds
from craftkit.store import outbox
from craftkit.sync.context import SyncContext

Place = tuple[str, str | None]  # spec and task

STATES = ("close", "drop", "reopen")  # each leaves the same, whatever was there before
STUCK = ("dead", "held")  # until a person says what is to become of them


class _Held:
    """What waits of each task."""

    def __init__(self) -> None:
        self._all: set[Place] = set()
        self._kinds: set[tuple[Place, str]] = set()

    def add(self, row: outbox.Row) -> None:
        place = (row.spec_id, row.task_id)
        if row.state == "held" or row.action in (*STATES, "create"):
            self._all.add(place)
        elif row.state != "dead":
            self._kinds.add((place, row.action))

    def has(self, row: outbox.Row) -> bool:
        place = (row.spec_id, row.task_id)
        return place in self._all or (place, row.action) in self._kinds


class Turn(NamedTuple):
    """What may go now, and what a later decision has made needless."""

    rows: list[outbox.Row]
    overtaken: list[outbox.Row]


def sort_out(rows: Sequence[outbox.Row], now: float, grace: float) -> Turn:
    """Which of the rows that wait may go now.

    A creation waits also for an earlier one of its spec, so that issues come in the tasks' order.
    """
    overtaken = _overtaken(rows)
    needless = {row.id for row in overtaken}
    found: list[outbox.Row] = []
    held = _Held()
    unmade: set[str] = set()
    for row in sorted((row for row in rows if row.id not in needless), key=_in_order):
        if row.state == "sent":  # its process died: as unknown as a lost answer
            lost_until = epoch_seconds(row.updated_at) + grace
            waits_for_it = row.action in ("create", "comment")
            row = row._replace(not_before=lost_until if waits_for_it else 0)
        creates = row.action == "create"
        waits = row.not_before > now or (creates and row.spec_id in unmade)
        if held.has(row) or row.state in STUCK or waits:
            held.add(row)
            if creates and waits and row.state not in STUCK:
                unmade.add(row.spec_id)
            continue
        found.append(row)
    return Turn(_often_tried_last(found), overtaken)


def _in_order(row: outbox.Row) -> tuple[bool, bool, int]:
    """Parents are made before sub-issues, and both before anything is changed."""
    return row.action != "create", row.task_id is not None, row.id


def _often_tried_last(rows: Sequence[outbox.Row]) -> list[outbox.Row]:
    """What failed most often goes last, so that it keeps nothing else back; a task keeps its order.

    Creations stay where they are: issues come in the tasks' order.
    """
    most: dict[Place, int] = {}
    ranks = []
    for row in rows:
        place = (row.spec_id, row.task_id)
        most[place] = max(most.get(place, 0), row.attempts)
        ranks.append(-1 if row.action == "create" else most[place])
    order = sorted(range(len(rows)), key=lambda k: ranks[k])
    return [rows[k] for k in order]


def _overtaken(rows: Sequence[outbox.Row]) -> list[outbox.Row]:
    """What a later row of the same task takes back; what is held waits for a person."""
    last = {(r.spec_id, r.task_id): r.id for r in rows if r.action in STATES and r.state != "held"}
    aside = {(r.spec_id, r.task_id): r.id for r in rows if r.payload.get("aside")}
    stuck = {(r.spec_id, r.task_id) for r in rows if r.state in STUCK and r.action in STATES}

    def is_overtaken(row: outbox.Row) -> bool:
        place = (row.spec_id, row.task_id)
        if row.state == "held" or (place in stuck and row.action in STATES):
            return False
        if row.action in (*STATES, "start") and row.id < last.get(place, 0):
            return True
        return row.action == "start" and row.id < aside.get(place, 0)

    return [row for row in rows if is_overtaken(row)]


def settle_overtaken(sync: SyncContext, rows: Sequence[outbox.Row]) -> None:
    """Mark what a later row takes back as done with."""
    if not rows:
        return
    lost = [row.id for row in rows if row.state != "queued" or row.attempts]
    with sync.store.write() as tx:
        outbox.mark(tx, [row.id for row in rows], "delivered", sync.now())
        outbox.mark(tx, lost, "delivered", sync.now(), error=outbox.ON_ITS_WAY)
