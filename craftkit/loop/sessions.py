"""Who is alive, and where each session stands; what a command says of its own session."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from craftkit.clock import iso_utc
from craftkit.model import Task
from craftkit.runtime.context import Context
from craftkit.store import sessions as table


def touch(context: Context, tx: sqlite3.Connection) -> None:
    """Note that this session is alive."""
    table.touch(tx, context.session, context.now())


def is_live(context: Context, session: str, worktree: str) -> bool:
    """Seen within `session.live_minutes` and not ended."""
    cutoff = iso_utc(context.clock() - 60 * float(context.config["session.live_minutes"]))
    return table.was_seen_since(context.store, session, worktree, cutoff)


def save_state(
    context: Context, tx: sqlite3.Connection, spec_id: str, task: Task | None, next_action: str
) -> None:
    """Save where this session stands."""
    table.save_state(tx, context.session, spec_id, task, next_action, context.now())


def forget_current(
    context: Context,
    tx: sqlite3.Connection,
    spec_id: str,
    task_ids: Iterable[str],
    *,
    keep_own: bool = False,
) -> None:
    """Whoever had one of these saved as the current task has nothing in progress now."""
    but = context.session if keep_own else None
    table.forget_current(tx, spec_id, task_ids, context.now(), but)
