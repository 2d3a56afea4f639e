"""`craftkit process …`: list, show, resume and give up recorded processes."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from craftkit.clock import epoch_seconds
from craftkit.commands import interrupted
from craftkit.errors import UsageProblem
from craftkit.loop import process_runner
from craftkit.runtime.context import Context
from craftkit.store import history as events
from craftkit.store import outbox, processes
from craftkit.store.processes import ENDED, Process
from craftkit.sync import connection

ABANDONED = "abandoned"
LISTED = 200  # processes, the newest


def list_processes(context: Context, every: bool) -> list[dict[str, Any]]:
    rows = processes.newest(context.store, LISTED)
    return [
        {
            "id": r.id,
            "kind": r.kind,
            "status": _status(r),
            "current_step": r.current_step,
            "interrupt_reason": r.interrupt_reason,
            "attempts": r.attempts,
            "worktree": r.worktree,
            "started_at": r.started_at,
            "updated_at": r.updated_at,
        }
        for r in rows
        if every or r.status != "completed"
    ]


def _status(row: Process) -> str:
    """What is given up is finished for every command, and shown as what it is; so is a kill."""
    given_up = row.status == "completed" and row.interrupt_reason == ABANDONED
    killed = row.status == "running" and not process_runner.is_alive(row.owner)
    return ABANDONED if given_up else "interrupted" if killed else str(row.status)


def show(context: Context, process_id: int) -> dict[str, Any]:
    row = process_runner.find(context, process_id)
    steps = processes.steps(context.store, process_id)
    done = sum(1 for s in steps if s.status in ENDED)
    position = next((s.position for s in steps if s.status not in ENDED), len(steps))
    percent = 100 * done // len(steps)
    return {
        "id": row.id,
        "kind": row.kind,
        "input": json.loads(row.input),
        "status": _status(row),
        "current_step": row.current_step,
        "interrupt_reason": row.interrupt_reason,
        "attempts": row.attempts,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "percent": percent,
        "display": f"[{position}/{len(steps)}] {row.current_step} … {percent} %",
        "steps": [
            {
                "position": s.position,
                "name": s.name,
                "status": s.status,
                "started_at": s.started_at,
                "completed_at": s.completed_at,
                "seconds": _seconds(s.started_at, s.completed_at),
                "retry_count": s.retry_count,
                "error": json.loads(s.error) if s.error else None,
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
    row = process_runner.find(context, process_id)
    if row.status != "completed":
        if row.status == "running" and process_runner.is_alive(row.owner):
            raise UsageProblem(f"Process {process_id} is running now.", "wait for it")
        interrupted.resume(context, row)
        connection.deliver(context)
    return show(context, process_id)


def to_drop(context: Context, process_id: int) -> Process:
    """An interrupted process.  Raises UnknownProcess, or UsageProblem where it is none."""
    row = process_runner.find(context, process_id)
    if row.status == "completed":
        raise UsageProblem(
            f"Process {process_id} is {_status(row)} already.",
            f"`craftkit process show {process_id}`",
        )
    if row.status == "running" and process_runner.is_alive(row.owner):
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


def abandon(context: Context, tx: sqlite3.Connection, row: Process) -> None:
    """Give up a process: what is left of it is not carried out."""
    now = context.now()
    processes.skip_steps(tx, row.id, now)
    processes.set_status(tx, row.id, "completed", now, ABANDONED)
    events.record(
        tx,
        now,
        "process.abandoned",
        context.session,
        row.spec_id,
        id=row.id,
        kind=row.kind,
        step=row.current_step,
    )
