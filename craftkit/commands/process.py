"""`craftkit process …`: list, show, resume and give up recorded processes."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from craftkit.clock import epoch_seconds
from craftkit.errors import UnknownProcess, UsageProblem
from craftkit.loop import process_runner
from craftkit.runtime.context import Context
from craftkit.store import journal, outbox, processes

ABANDONED = "abandoned"


def list_processes(context: Context, every: bool) -> list[dict[str, Any]]:
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
    killed = row["status"] == "running" and not process_runner.is_alive(row["owner"])
    return ABANDONED if given_up else "interrupted" if killed else str(row["status"])


def show(context: Context, process_id: int) -> dict[str, Any]:
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
    return round(epoch_seconds(end) - epoch_seconds(start), 3)


def resume(context: Context, process_id: int) -> dict[str, Any]:
    """Continue a process.  Raises UnknownProcess, UsageProblem (it still runs), or its error."""
    row = context.store.row("select * from processes where id = ?", process_id)
    if row is None:
        raise UnknownProcess(f"There is no process {process_id}.", "`craftkit process list --all`")
    if row["status"] != "completed":
        if row["status"] == "running" and process_runner.is_alive(row["owner"]):
            raise UsageProblem(f"Process {process_id} is running now.", "wait for it")
        process_runner.resume(context, row)
    return show(context, process_id)


def to_drop(context: Context, process_id: int) -> sqlite3.Row:
    """An interrupted process.  Raises UnknownProcess, or UsageProblem where it is none."""
    row = context.store.row("select * from processes where id = ?", process_id)
    if row is None:
        raise UnknownProcess(f"There is no process {process_id}.", "`craftkit process list --all`")
    if row["status"] == "completed":
        raise UsageProblem(
            f"Process {process_id} is {_status(row)} already.",
            f"`craftkit process show {process_id}`",
        )
    if row["status"] == "running" and process_runner.is_alive(row["owner"]):
        raise UsageProblem(f"Process {process_id} is running now.", "wait for it")
    return row


def drop(context: Context, process_id: int) -> tuple[dict[str, Any], list[str]]:
    """Give up what is left of a process; it as it is then, and what that leaves to do."""
    with context.store.write() as tx:
        abandon(context, tx, to_drop(context, process_id))
    data = show(context, process_id)
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
    processes.set_status(tx, row["id"], "completed", now, ABANDONED)
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
