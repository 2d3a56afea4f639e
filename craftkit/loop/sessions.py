"""Sessions and their workflow state: who is alive, and where each one stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from craftkit.clock import iso_utc
from craftkit.model import Session, Task
from craftkit.runtime.context import Context


def touch(context: Context, tx: sqlite3.Connection) -> None:
    """Note that this session is alive."""
    session, now = context.session, context.now()
    tx.execute(
        "insert into sessions (id, worktree, agent, actor, started_at, seen_at)"
        " values (?, ?, ?, ?, ?, ?) on conflict (id, worktree) do update set"
        " agent = excluded.agent, seen_at = excluded.seen_at, ended_at = null, end_reason = null",
        (session.id, session.worktree, session.agent, session.actor, now, now),
    )


def is_live(context: Context, session: str, worktree: str) -> bool:
    """Seen within `session.live_minutes` and not ended."""
    cutoff = iso_utc(context.clock() - 60 * float(context.config["session.live_minutes"]))
    return bool(
        context.store.value(
            "select 1 from sessions where id = ? and worktree = ? and ended_at is null"
            " and seen_at >= ?",
            session,
            worktree,
            cutoff,
        )
    )


def forget_current(
    tx: sqlite3.Connection,
    spec_id: str,
    task_ids: Iterable[str],
    now: str,
    but: Session | None = None,
) -> None:
    """Whoever had one of these saved as the current task has nothing in progress now."""
    worktree, session = (but.worktree, but.id) if but is not None else ("", "")
    tx.executemany(
        "update workflow_state set task_id = null, task_key = null, task_number = null,"
        " task_title = null, next_action = 'start', version = version + 1, saved_at = ?"
        " where spec_id = ? and task_id = ? and (worktree, session) <> (?, ?)",
        [(now, spec_id, task_id, worktree, session) for task_id in task_ids],
    )


def current_task(context: Context, connection: sqlite3.Connection) -> str | None:
    """The id of the task that this session has saved as its current one."""
    row = connection.execute(
        "select task_id from workflow_state where worktree = ? and session = ?",
        (context.worktree, context.session.id),
    ).fetchone()
    return None if row is None else row[0]


def save_state(
    context: Context,
    tx: sqlite3.Connection,
    spec_id: str,
    task: Task | None,
    next_action: str,
    note: str | None = None,
) -> None:
    session = context.session
    tx.execute(
        "insert into workflow_state (worktree, session, spec_id, task_id, task_key, task_number,"
        " task_title, next_action, agent, branch, head, note, version, saved_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)"
        " on conflict (worktree, session) do update set spec_id = excluded.spec_id,"
        " task_id = excluded.task_id, task_key = excluded.task_key,"
        " task_number = excluded.task_number, task_title = excluded.task_title,"
        " next_action = excluded.next_action, agent = excluded.agent, branch = excluded.branch,"
        " head = excluded.head, note = excluded.note, version = version + 1,"
        " saved_at = excluded.saved_at",
        (
            session.worktree,
            session.id,
            spec_id,
            task.id if task else None,
            task.ref if task else None,
            task.place if task else None,
            task.title if task else None,
            next_action,
            session.agent,
            session.branch,
            session.head,
            note,
            context.now(),
        ),
    )
