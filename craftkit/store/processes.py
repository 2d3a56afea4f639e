"""Rows of recorded processes and their steps."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any


def create(
    tx: sqlite3.Connection,
    kind: str,
    data: dict[str, Any],
    steps: Sequence[str],
    *,
    owner: str,
    worktree: str,
    session: str,
    now: str,
) -> int:
    """Insert a running process with all its steps pending; return its id."""
    cursor = tx.execute(
        "insert into processes (kind, input, status, current_step, attempts, owner, worktree,"
        " session, started_at, updated_at) values (?, ?, 'running', ?, 1, ?, ?, ?, ?, ?)",
        (kind, json.dumps(data), steps[0], owner, worktree, session, now, now),
    )
    process_id = int(cursor.lastrowid or 0)
    tx.executemany(
        "insert into process_steps (process_id, position, name, status)"
        " values (?, ?, ?, 'pending')",
        [(process_id, position, name) for position, name in enumerate(steps, start=1)],
    )
    return process_id


def begin_step(tx: sqlite3.Connection, process_id: int, position: int, name: str, now: str) -> None:
    tx.execute(
        "update process_steps set retry_count = retry_count + (status <> 'pending'),"
        " status = 'running', started_at = ?, error = null where process_id = ? and position = ?",
        (now, process_id, position),
    )
    tx.execute(
        "update processes set current_step = ?, updated_at = ? where id = ?",
        (name, now, process_id),
    )


def end_step(
    tx: sqlite3.Connection, process_id: int, position: int, status: str, result: Any, now: str
) -> None:
    tx.execute(
        "update process_steps set status = ?, completed_at = ?, result = ?"
        " where process_id = ? and position = ?",
        (status, now, json.dumps(result), process_id, position),
    )


def fail_step(
    tx: sqlite3.Connection, process_id: int, position: int, error: dict[str, Any], now: str
) -> None:
    tx.execute(
        "update process_steps set status = 'error', completed_at = ?, error = ?"
        " where process_id = ? and position = ?",
        (now, json.dumps(error), process_id, position),
    )


def set_status(
    tx: sqlite3.Connection, process_id: int, status: str, now: str, reason: str | None = None
) -> None:
    tx.execute(
        "update processes set status = ?, interrupt_reason = ?, updated_at = ?,"
        " finished_at = case when ? = 'completed' then ? end where id = ?",
        (status, reason, now, status, now, process_id),
    )


def take(tx: sqlite3.Connection, process_id: int, seen_owner: str, owner: str, now: str) -> bool:
    """Become the owner of an unfinished process; False when somebody else was faster."""
    cursor = tx.execute(
        "update processes set owner = ?, status = 'running', attempts = attempts + 1,"
        " updated_at = ? where id = ? and owner = ? and status <> 'completed'",
        (owner, now, process_id, seen_owner),
    )
    return cursor.rowcount == 1
