"""Which decisions there are on which task: table `decision_tasks`, the index of `processes`.

The merge reads it: a decision that it has not counted outranks what it compared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from craftkit.store.db import Store


def record(
    tx: sqlite3.Connection,
    process_id: int,
    spec_id: str,
    action: str,
    tasks: Iterable[tuple[str, int | None]],
    now: str,
) -> None:
    """Note the tasks of a decision, each with its issue; the first is the one that was named."""
    tx.executemany(
        "insert into decision_tasks (process_id, position, spec_id, task_id, action, issue,"
        " created_at) values (?, ?, ?, ?, ?, ?, ?)",
        [
            (process_id, position, spec_id, task_id, action, issue, now)
            for position, (task_id, issue) in enumerate(tasks)
        ],
    )


def version(connection: sqlite3.Connection, spec_id: str, task_id: str) -> int:
    """How many decisions on a task there are: each command on it adds one."""
    sql = "select count(*) from decision_tasks where spec_id = ? and task_id = ?"
    return int(connection.execute(sql, (spec_id, task_id)).fetchone()[0])


def versions(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """By spec and task a number that every decision raises, also one that changes nothing here."""
    rows = connection.execute(
        "select spec_id, task_id, count(*) from (select spec_id, task_id from decision_tasks"
        " union all select spec_id, task_id from outbox where task_id is not null"
        " and action in ('close', 'reopen', 'drop')) group by 1, 2"
    )
    return {(str(spec), str(task)): int(number) for spec, task, number in rows}


def is_recorded(store: Store, decision_id: str) -> bool:
    return bool(store.value("select 1 from processes where decision_id = ?", decision_id))


def any_unfinished(store: Store) -> bool:
    """Whether a process has not ended: it runs, was interrupted, or failed."""
    return bool(store.value("select 1 from processes where status <> 'completed' limit 1"))


def unapplied(store: Store, spec_id: str, action: str) -> list[str]:
    """The tasks on which a decision stands whose process has not ended."""
    rows = store.rows(
        "select d.task_id from processes p join decision_tasks d on d.process_id = p.id"
        " where p.status <> 'completed' and d.spec_id = ? and d.action = ?",
        spec_id,
        action,
    )
    return [row[0] for row in rows]


def decided_since(store: Store, spec_id: str, moment: str) -> set[str]:
    """The tasks on which somebody decided after `moment` (ISO 8601)."""
    rows = store.rows(
        "select task_id from decision_tasks where spec_id = ? and created_at > ?", spec_id, moment
    )
    return {row[0] for row in rows}


def done_since_start(store: Store, spec_id: str, task_id: str, worktree: str) -> set[str]:
    """The tasks that a session finished in a worktree since it started this one."""
    rows = store.rows(
        "select d.task_id from decision_tasks d join processes p on p.id = d.process_id"
        " join claims c on c.spec_id = d.spec_id"
        " where d.spec_id = ? and c.task_id = ? and d.action = 'done'"
        " and d.created_at > c.started_at and p.worktree = ? and p.session = c.session",
        spec_id,
        task_id,
        worktree,
    )
    return {row[0] for row in rows}
