"""What becomes of a write that could not be delivered: repeated later, or given up."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.store import outbox
from craftkit.sync import context, presence

TRIES = 8  # of what must not be done twice; then a row is dead


class Stop(Exception):
    """Nothing more can be sent now, and why."""

    def __init__(self, error: CraftkitError) -> None:
        self.error = error


# The row itself is at fault: sending it again cannot help.
HOPELESS = (gh.IssueGone, gh.Invalid, gh.NotFound)


class Verdict(NamedTuple):
    """What becomes of a row that was not delivered."""

    state: str
    attempt: bool = False  # whether this counts as one of its TRIES
    not_before: float = 0.0


def judge(row: outbox.Row, error: CraftkitError, now: float, grace: float = 0.0) -> Verdict:
    """Whether a row may be tried again, and when."""
    if isinstance(error, HOPELESS):
        return Verdict("dead", True)
    once = row.action in ("create", "comment")
    if isinstance(error, gh.UnknownOutcome) and once:
        return Verdict("dead" if row.attempts + 1 >= TRIES else "unknown", True, now + grace)
    if isinstance(error, gh.UnknownOutcome):  # to repeat it does no harm, and says what came of it
        return Verdict("queued", True)
    # A limit, a credential or the network is not the row's fault.  Of a creation or a comment
    # without an answer it says nothing: that is still to be looked for.
    lost = once and row.state in ("sent", "unknown")
    until = error.until if isinstance(error, gh.RateLimited) else 0.0
    return Verdict("unknown" if lost else "queued", not_before=until)


def put_back(
    sync: context.SyncContext, rows: Sequence[outbox.Row], error: CraftkitError
) -> CraftkitError:
    """Record why rows were not delivered, and when they may be tried again; what it was.

    A missing issue may be a missing repository, for which every write waits.
    """
    creates = isinstance(error, gh.Invalid) and any(row.action == "create" for row in rows)
    if isinstance(error, gh.IssueGone | gh.NotFound) or creates:
        error = presence.away(sync) or error
    now = sync.clock()
    with sync.store.write() as tx:
        for row in rows:
            write_down(tx, sync, row, error, judge(row, error, now, sync.settings.grace))
    return error


def write_down(
    tx: sqlite3.Connection,
    sync: context.SyncContext,
    row: outbox.Row,
    error: CraftkitError,
    verdict: Verdict,
) -> None:
    outbox.mark(
        tx,
        [row.id],
        verdict.state,
        sync.now(),
        error=error.message,
        attempt=verdict.attempt,
        not_before=verdict.not_before,
    )
