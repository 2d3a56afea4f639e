"""Reading back what happened: history and recorded processes."""

from __future__ import annotations

import calendar
import json
import sqlite3
import time
from typing import Any

from craftkit.errors import UnknownProcess, UsageProblem
from craftkit.redact import clean
from craftkit.store import journal, outbox, processes
from craftkit.workflow import catalog, runner
from craftkit.workflow.context import Context, stamp

ABANDONED = "abandoned"
SOURCES = {"github": "from GitHub", "box": "from its box", "spool": "from the spool"}


def history(context: Context, spec: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest `limit` events, oldest first."""
    from sqlite_utils import Database

    where, values = "", {"limit": limit}
    if spec:
        where = "where spec_id = :spec"
        values |= {"spec": catalog.choose_spec(context, spec).spec.id}  # type: ignore[dict-item]
    with context.store.guard() as connection:
        database = Database(connection, execute_plugins=False)
        rows = list(
            database.query(f"select * from history {where} order by seq desc limit :limit", values)  # noqa: S608
        )
    return [row | {"data": json.loads(row["data"])} for row in reversed(rows)]


def why(event: dict[str, Any]) -> str:
    """Whence an event comes and its reason, as ` (…)`; nothing where it has neither."""
    data = event["data"]
    reason = data.get("reason") or data.get("why") or ""
    said = [SOURCES.get(data.get("source"), ""), clean(str(reason))]
    words = ": ".join(part for part in said if part)
    return f" ({words})" if words else ""


def process_list(context: Context, every: bool) -> list[dict[str, Any]]:
    rows = context.store.rows("select * from processes order by id desc limit 200")
    return [
        {
            "id": r["id"],
            "kind": r["kind"],
            "status": _status(r),
            "current_step": r["current_step"],
            "interrupt_reason": r["interrupt_reason"],
            "attempts": r["attempts"],
            "worktree": r["worktree"],
            "started_at": r["started_at"],
            "updated_at": r["updated_at"],
        }
        for r in rows
        if every or r["status"] != "completed"
    ]


def _status(row: sqlite3.Row) -> str:
    """What is given up is finished for every command, and shown as what it is; so is a kill."""
    given_up = row["status"] == "completed" and row["interrupt_reason"] == ABANDONED
    killed = row["status"] == "running" and not runner.is_alive(row["owner"])
    return ABANDONED if given_up else "interrupted" if killed else str(row["status"])


def process_show(context: Context, process_id: int) -> dict[str, Any]:
    row = context.store.row("select * from processes where id = ?", process_id)
    if row is None:
        raise UnknownProcess(f"There is no process {process_id}.", "`craftkit process list --all`")
    steps = context.store.rows(
        "select * from process_steps where process_id = ? order by position", process_id
    )
    done = sum(1 for s in steps if s["status"] in ("success", "skipped"))
    position = next(
        (s["position"] for s in steps if s["status"] not in ("success", "skipped")), len(steps)
    )
    percent = 100 * done // len(steps)
    return {
        "id": row["id"],
        "kind": row["kind"],
        "input": json.loads(row["input"]),
        "status": _status(row),
        "current_step": row["current_step"],
        "interrupt_reason": row["interrupt_reason"],
        "attempts": row["attempts"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "percent": percent,
        "display": f"[{position}/{len(steps)}] {row['current_step']} … {percent} %",
        "steps": [
            {
                "position": s["position"],
                "name": s["name"],
                "status": s["status"],
                "started_at": s["started_at"],
                "completed_at": s["completed_at"],
                "seconds": _seconds(s["started_at"], s["completed_at"]),
                "retry_count": s["retry_count"],
                "error": json.loads(s["error"]) if s["error"] else None,
            }
            for s in steps
        ],
    }


def _seconds(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    return round(_epoch(end) - _epoch(start), 3)


def _epoch(stamp: str) -> float:
    whole = calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
    return whole + float("0" + stamp[19:-1])


def process_resume(context: Context, process_id: int) -> dict[str, Any]:
    """Continue a process.  Raises UnknownProcess, UsageProblem (it still runs), or its error."""
    row = context.store.row("select * from processes where id = ?", process_id)
    if row is None:
        raise UnknownProcess(f"There is no process {process_id}.", "`craftkit process list --all`")
    if row["status"] != "completed":
        if row["status"] == "running" and runner.is_alive(row["owner"]):
            raise UsageProblem(f"Process {process_id} is running now.", "wait for it")
        runner.resume(context, row)
    return process_show(context, process_id)


def process_to_drop(context: Context, process_id: int) -> sqlite3.Row:
    """An interrupted process.  Raises UnknownProcess, or UsageProblem where it is none."""
    row = context.store.row("select * from processes where id = ?", process_id)
    if row is None:
        raise UnknownProcess(f"There is no process {process_id}.", "`craftkit process list --all`")
    if row["status"] == "completed":
        raise UsageProblem(
            f"Process {process_id} is {_status(row)} already.",
            f"`craftkit process show {process_id}`",
        )
    if row["status"] == "running" and runner.is_alive(row["owner"]):
        raise UsageProblem(f"Process {process_id} is running now.", "wait for it")
    return row


def process_drop(context: Context, process_id: int) -> tuple[dict[str, Any], list[str]]:
    """Give up what is left of a process; it as it is then, and what that leaves to do."""
    with context.store.write() as tx:
        abandon(context, tx, process_to_drop(context, process_id))
    data = process_show(context, process_id)
    spec_id, notes = data["input"].get("spec"), []
    left = sum(row.spec_id == spec_id for row in outbox.waiting(context.store))
    if left:
        writes = "GitHub write of this spec waits" if left == 1 else "GitHub writes of it wait"
        notes.append(f"{left} {writes} still: `craftkit outbox list`, then `outbox drop`")
    return data | {"waiting": left}, notes


def abandon(context: Context, tx: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Mark a process, its open steps and its open decisions as given up."""
    now = context.now()
    tx.execute(
        "update process_steps set status = 'skipped', completed_at = ?"
        " where process_id = ? and status not in ('success', 'skipped')",
        (now, row["id"]),
    )
    tx.execute(
        "update intents set state = 'abandoned', settled_at = ?"
        " where process_id = ? and state = 'recorded'",
        (now, row["id"]),
    )
    processes.finish(tx, row["id"], "completed", now, ABANDONED)
    journal.record(
        tx,
        now,
        "process.abandoned",
        context.session,
        json.loads(row["input"]).get("spec"),
        id=row["id"],
        kind=row["kind"],
        step=row["current_step"],
    )


def outbox_list(context: Context) -> list[dict[str, Any]]:
    """What GitHub has not got, oldest first."""
    return [
        {
            "id": row.id,
            "state": row.state,
            "action": row.action,
            "spec": row.spec_id,
            "task": row.task_id,
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
        from craftkit.workflow import hub

        lost = row.action == "create"
        at = _epoch(row.updated_at) + hub.settings(context).grace if lost else 0.0
    return stamp(at) if row.state != "dead" and at > context.clock() else None


def outbox_retry(context: Context, number: int | None) -> int:
    """Queue dead rows again, or one row whatever its state; how many.  Raises UsageProblem."""
    ids = _chosen(context, number)
    rows = [row for row in outbox.waiting(context.store) if row.id in ids]
    with context.store.write() as tx:
        tx.executemany(
            "update outbox set attempts = 0, state = ?, not_before = ?, updated_at = ?"
            " where id = ?",
            [(*_anew(context, row), context.now(), row.id) for row in rows],
        )
    return len(ids)


def _anew(context: Context, row: outbox.Row) -> tuple[str, float]:
    """The state of a row that is to be tried again, and when it may be.

    A creation that was sent may still arrive: it keeps its wait, and is looked for first.
    """
    if row.action != "create":
        return "queued", 0.0
    if row.state != "sent":
        return "unknown", row.not_before
    from craftkit.workflow import hub

    return "unknown", _epoch(row.updated_at) + hub.settings(context).grace


def outbox_drop(context: Context, number: int | None) -> int:
    """Forget dead rows, or one row whatever its state; how many.  Raises UsageProblem."""
    ids = _chosen(context, number)
    with context.store.write() as tx:
        for i in ids:
            journal.record(tx, context.now(), "outbox.dropped", context.session, id=i)
        tx.executemany("delete from outbox where id = ?", [(i,) for i in ids])
    return len(ids)


def _chosen(context: Context, number: int | None) -> list[int]:
    rows = outbox.waiting(context.store)
    if number is None:
        return [row.id for row in rows if row.state == "dead"]
    if all(row.id != number for row in rows):
        raise UsageProblem(f"No write {number} waits.", "`craftkit outbox list`")
    return [number]
