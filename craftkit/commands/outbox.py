"""`craftkit outbox …`: list, repeat and forget GitHub writes."""

from __future__ import annotations

from typing import Any

from craftkit.clock import epoch_seconds, iso_utc
from craftkit.errors import UsageProblem
from craftkit.loop import task_lookup
from craftkit.runtime.context import Context
from craftkit.store import history as events
from craftkit.store import outbox


def list_writes(context: Context) -> list[dict[str, Any]]:
    """What GitHub has not got, oldest first."""
    name = task_lookup.namer(context)
    return [
        {
            "id": row.id,
            "state": row.state,
            "action": row.action,
            "spec": row.spec_id,
            "task": name(row.spec_id, row.task_id) if row.task_id else row.task_id,
            "issue": row.issue,
            "attempts": row.attempts,
            "not_before": _next_try(context, row),
            "error": row.error,
            "created_at": row.created_at,
        }
        for row in outbox.waiting(context.store)
    ]


def _next_try(context: Context, row: outbox.Row) -> str | None:
    """When a row is tried next, where that is not at once.

    A creation that a killed process sent may have arrived: it is looked for a while later.
    """
    at = row.not_before
    if row.state == "sent":
        from craftkit.sync import connection

        lost = row.action == "create"
        at = epoch_seconds(row.updated_at) + connection.settings(context).grace if lost else 0.0
    return iso_utc(at) if row.state != "dead" and at > context.clock() else None


def held(context: Context) -> int:
    """How many writes came from elsewhere and wait for a person's word."""
    return outbox.counts(context.store).held


def let_go(context: Context) -> int:
    """Let what was held be sent; how much that is."""
    with context.store.write() as tx:
        return outbox.let_go(tx, context.now())


def retry(context: Context, number: int | None) -> int:
    """Queue dead rows again, or one row whatever its state; how many.  Raises UsageProblem."""
    ids = _chosen(context, number)
    rows = [row for row in outbox.waiting(context.store) if row.id in ids]
    with context.store.write() as tx:
        again = [(row.id, *_anew(context, row)) for row in rows]
        outbox.try_again(tx, again, context.now())
    return len(ids)


def _anew(context: Context, row: outbox.Row) -> tuple[str, float]:
    """The state of a row that is to be tried again, and when it may be.

    A creation that was sent may still arrive: it keeps its wait, and is looked for first.
    """
    if row.action != "create":
        return "queued", 0.0
    if row.state != "sent":
        return "unknown", row.not_before
    from craftkit.sync import connection

    return "unknown", epoch_seconds(row.updated_at) + connection.settings(context).grace


def drop(context: Context, number: int | None) -> int:
    """Forget dead rows, or one row whatever its state; how many.  Raises UsageProblem."""
    ids = _chosen(context, number)
    with context.store.write() as tx:
        for i in ids:
            events.record(tx, context.now(), "outbox.dropped", context.session, id=i)
        outbox.forget(tx, ids)
    return len(ids)


def _chosen(context: Context, number: int | None) -> list[int]:
    rows = outbox.waiting(context.store)
    if number is None:
        return [row.id for row in rows if row.state == "dead"]
    if all(row.id != number for row in rows):
        raise UsageProblem(f"No write {number} waits.", "`craftkit outbox list`")
    return [number]
