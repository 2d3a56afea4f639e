"""Sessions, and where each one stands: tables `sessions` and `workflow_state`."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from craftkit.model import Session, Task
from craftkit.store.db import Store


class Saved(NamedTuple):
    """Where a session stood last."""

    spec_id: str
    task_key: str | None  # as a person calls it; None: nothing is in progress


def touch(tx: sqlite3.Connection, session: Session, now: str) -> None:
    """Note that a session is alive."""
    tx.execute(
        "insert into sessions (id, worktree, agent, actor, started_at, seen_at)"
        " values (?, ?, ?, ?, ?, ?) on conflict (id, worktree) do update set"
        " agent = excluded.agent, seen_at = excluded.seen_at, ended_at = null, end_reason = null",
        (session.id, session.worktree, session.agent, session.actor, now, now),
    )


class Seen(NamedTuple):
    """What is known of a session in one worktree."""

    id: str
    worktree: str
    agent: str
    seen_at: str
    ended_at: str | None
    process: str | None  # of its agent, if known: see `runtime.agent_process`


_SEEN = (
    "select s.id, s.worktree, s.agent, s.seen_at, s.ended_at, (select h.value from hooks h"
    " where h.session = s.id and h.name = 'process' order by h.at desc limit 1) from sessions s"
)


def seen(store: Store, session: str, worktree: str) -> Seen | None:
    row = store.row(f"{_SEEN} where s.id = ? and s.worktree = ?", session, worktree)
    return None if row is None else Seen(*row)


def in_worktree(store: Store, worktree: str) -> list[Seen]:
    """Every session of a worktree, the one that was seen last first."""
    sql = f"{_SEEN} where s.worktree = ? order by s.seen_at desc limit 200"
    return [Seen(*row) for row in store.rows(sql, worktree)]


def inherit(tx: sqlite3.Connection, old: str, session: Session, now: str) -> None:
    """A session goes on where another one of its worktree stood."""
    tx.execute(
        "insert or ignore into workflow_state select worktree, ?, spec_id, task_id, task_key,"
        " task_number, task_title, next_action, ?, ?, ?, note, 1, ? from workflow_state"
        " where worktree = ? and session = ?",
        (session.id, session.agent, session.branch, session.head, now, session.worktree, old),
    )


def end(tx: sqlite3.Connection, session: Session, reason: str, now: str) -> None:
    tx.execute(
        "update sessions set ended_at = ?, end_reason = ? where id = ? and worktree = ?",
        (now, reason, session.id, session.worktree),
    )


def last_place(store: Store, session: str) -> str | None:
    """The worktree in which a session was seen last, by a command or by a hook."""
    found = store.value(
        "select worktree from (select worktree, seen_at as at from sessions where id = ?1"
        " union all select worktree, at from hooks where session = ?1 and name like 'seen.%')"
        " order by at desc limit 1",
        session,
    )
    return None if found is None else str(found)


def saved(store: Store, session: Session) -> Saved | None:
    row = store.row(
        "select spec_id, task_key from workflow_state where worktree = ? and session = ?",
        session.worktree,
        session.id,
    )
    return None if row is None else Saved(*row)


def latest_work(store: Store, worktree: str) -> dict[str, str]:
    """Spec -> when a session of a worktree stood at it last."""
    sql = "select spec_id, max(saved_at) from workflow_state where worktree = ? group by spec_id"
    return {str(row[0]): str(row[1]) for row in store.rows(sql, worktree)}


def current_task(tx: sqlite3.Connection, session: Session) -> str | None:
    """The id of the task that a session has saved as its current one."""
    row = tx.execute(
        "select task_id from workflow_state where worktree = ? and session = ?",
        (session.worktree, session.id),
    ).fetchone()
    return None if row is None else row[0]


def save_state(
    tx: sqlite3.Connection,
    session: Session,
    spec_id: str,
    task: Task | None,
    next_action: str,
    now: str,
) -> None:
    """Save where a session stands: the spec, its current task if any, and what comes next."""
    current = (task.id, task.ref, task.place, task.title) if task else (None,) * 4
    tx.execute(
        "insert into workflow_state (worktree, session, spec_id, task_id, task_key, task_number,"
        " task_title, next_action, agent, branch, head, version, saved_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)"
        " on conflict (worktree, session) do update set spec_id = excluded.spec_id,"
        " task_id = excluded.task_id, task_key = excluded.task_key,"
        " task_number = excluded.task_number, task_title = excluded.task_title,"
        " next_action = excluded.next_action, agent = excluded.agent, branch = excluded.branch,"
        " head = excluded.head, version = version + 1, saved_at = excluded.saved_at",
        (
            *(session.worktree, session.id, spec_id, *current, next_action),
            *(session.agent, session.branch, session.head, now),
        ),
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


def forget_all(tx: sqlite3.Connection) -> None:
    """No session stands anywhere any more."""
    tx.execute("delete from workflow_state")
    tx.execute("delete from sessions")


def forget_spec(tx: sqlite3.Connection, worktree: str, spec_id: str) -> None:
    """No session of a worktree stands at this spec any more."""
    tx.execute("delete from workflow_state where worktree = ? and spec_id = ?", (worktree, spec_id))
