"""What is remembered of each task: table `tasks`.

`local_done` is what was decided here, `synced_done` what spec and GitHub last agreed on.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from craftkit.model import Task
from craftkit.store.db import Store


class TaskRecord(NamedTuple):
    task_id: str
    key: str | None
    title: str
    issue: int | None
    local_done: bool
    synced_done: bool | None  # None: spec and GitHub have never been compared
    dropped: bool


class TaskBase(NamedTuple):
    """What the merge compares with, as numbers of the table."""

    local_done: int | None
    dropped: int
    synced_done: int | None


def of_spec(store: Store, spec_id: str) -> dict[str, TaskRecord]:
    """Task id -> what is remembered of the task."""
    rows = store.rows(
        "select task_id, key, title, issue, local_done, synced_done, dropped from tasks"
        " where spec_id = ?",
        spec_id,
    )
    return {
        row["task_id"]: TaskRecord(
            task_id=row["task_id"],
            key=row["key"],
            title=row["title"],
            issue=row["issue"],
            local_done=bool(row["local_done"]),
            synced_done=None if row["synced_done"] is None else bool(row["synced_done"]),
            dropped=bool(row["dropped"]),
        )
        for row in rows
    }


def ids(store: Store, spec_id: str) -> list[str]:
    """The ids of all tasks that the spec has or had."""
    return [row[0] for row in store.rows("select task_id from tasks where spec_id = ?", spec_id)]


def settled(store: Store, spec_id: str) -> tuple[set[str], set[str]]:
    """Ids of the tasks that were dropped, and of those that were done once."""
    rows = store.rows(
        "select task_id, dropped, local_done from tasks"
        " where spec_id = ? and (dropped = 1 or local_done = 1)",
        spec_id,
    )
    return {row[0] for row in rows if row[1]}, {row[0] for row in rows if row[2]}


def any_of(store: Store, spec_id: str) -> bool:
    """Whether anything is remembered of a spec's tasks."""
    return bool(store.value("select 1 from tasks where spec_id = ? limit 1", spec_id))


def is_done(store: Store, spec_id: str, task_id: str) -> bool:
    """Whether the task was decided to be done here."""
    sql = "select local_done from tasks where spec_id = ? and task_id = ?"
    return bool(store.value(sql, spec_id, task_id))


def known_open(store: Store, spec_id: str) -> set[str]:
    """The tasks that are remembered as not done."""
    rows = store.rows("select task_id from tasks where spec_id = ? and local_done = 0", spec_id)
    return {row[0] for row in rows}


def used_keys(store: Store, spec_id: str) -> list[str]:
    """Keys that a task of the spec ever had here: the issue of a removed line keeps its own."""
    rows = store.rows(
        "select key from tasks where spec_id = ?1 and key is not null union"
        " select task_id from issues where spec_id = ?1 and task_id not glob '[~#]*'"
        " and task_id not glob '*!*'",
        spec_id,
    )
    return [row[0] for row in rows]


def save_lines(tx: sqlite3.Connection, spec_id: str, tasks: Sequence[Task], now: str) -> None:
    """Remember lines that are new or changed; the box of a new one is its base."""
    rows = tx.execute("select task_id, key, title, issue from tasks where spec_id = ?", (spec_id,))
    known = {row[0]: (row[1], row[2], row[3]) for row in rows}
    tx.executemany(
        "insert into tasks (spec_id, task_id, key, title, issue, local_done, updated_at)"
        " values (?, ?, ?, ?, ?, ?, ?) on conflict (spec_id, task_id) do update set"
        " key = excluded.key, title = excluded.title, issue = excluded.issue,"
        " updated_at = excluded.updated_at",
        [
            (spec_id, t.id, t.key, t.title, t.issue, int(t.checked), now)
            for t in tasks
            if not t.doubt and known.get(t.id) != (t.key, t.title, t.issue)
        ],
    )


def touch(tx: sqlite3.Connection, spec_id: str, task_ids: Iterable[str], now: str) -> None:
    """Something happened to tasks now, though nothing of them has changed."""
    tx.executemany(
        "update tasks set updated_at = ? where spec_id = ? and task_id = ?",
        [(now, spec_id, task_id) for task_id in task_ids],
    )


def forget_gone(tx: sqlite3.Connection, spec_id: str, before: str) -> int:
    """Forget tasks that no line of any worktree and no issue has had since `before`; how many.

    `before` is ISO 8601, as `updated_at` is.  What is decided and not applied keeps its task.
    """
    return tx.execute(
        "delete from tasks where spec_id = ?1 and updated_at < ?2 and issue is null"
        " and not exists (select 1 from lines l join views v using (worktree, path)"
        "  where v.spec_id = ?1 and l.task_id = tasks.task_id)"
        " and not exists (select 1 from issues i"
        "  where i.spec_id = ?1 and i.task_id = tasks.task_id)"
        " and not exists (select 1 from claims c"
        "  where c.spec_id = ?1 and c.task_id = tasks.task_id)"
        " and not exists (select 1 from outbox o"
        "  where o.spec_id = ?1 and o.task_id = tasks.task_id and o.state <> 'delivered')"
        " and not exists (select 1 from decision_tasks d join processes p on p.id = d.process_id"
        "  where d.spec_id = ?1 and d.task_id = tasks.task_id and p.status <> 'completed')",
        (spec_id, before),
    ).rowcount


def set_decided(
    tx: sqlite3.Connection,
    spec_id: str,
    task_ids: Iterable[str],
    *,
    done: bool,
    dropped: bool,
    now: str,
) -> None:
    """Remember what was decided here."""
    tx.executemany(
        "update tasks set local_done = ?, dropped = ?, updated_at = ?"
        " where spec_id = ? and task_id = ?",
        [(int(done), int(dropped), now, spec_id, task_id) for task_id in task_ids],
    )


def set_synced(
    tx: sqlite3.Connection, spec_id: str, task_ids: Iterable[str], *, done: bool
) -> None:
    """Remember what spec and GitHub agree on."""
    tx.executemany(
        "update tasks set synced_done = ? where spec_id = ? and task_id = ?",
        [(int(done), spec_id, task_id) for task_id in task_ids],
    )


def set_agreed(tx: sqlite3.Connection, spec_id: str, done: Iterable[tuple[str, bool]]) -> None:
    """Remember (task id, done) of tasks on which everybody agrees."""
    tx.executemany(
        "update tasks set synced_done = ?1, local_done = ?1 where spec_id = ?2 and task_id = ?3",
        [(int(is_done), spec_id, task_id) for task_id, is_done in done],
    )


def take_up(tx: sqlite3.Connection, spec_id: str, task_ids: Iterable[str]) -> None:
    """Tasks that were dropped count again."""
    tx.executemany(
        "update tasks set dropped = 0 where spec_id = ? and task_id = ?",
        [(spec_id, task_id) for task_id in task_ids],
    )


def set_issue(
    tx: sqlite3.Connection, spec_id: str, task_id: str, issue: int, *, closed: bool
) -> None:
    """A task has got its issue, unless it has one."""
    tx.execute(
        "update tasks set issue = coalesce(issue, ?), synced_done = ?"
        " where spec_id = ? and task_id = ?",
        (issue, int(closed), spec_id, task_id),
    )


def forget_issue(tx: sqlite3.Connection, spec_id: str, task_id: str | None) -> None:
    """Forget the issue of a task; with None, of every task of the spec."""
    tx.execute(
        "update tasks set issue = null, synced_done = null"
        " where spec_id = ?1 and (?2 is null or task_id = ?2)",
        (spec_id, task_id),
    )


def bases(store: Store) -> dict[tuple[str, str], TaskBase]:
    """(spec id, task id) -> base, of all that is remembered."""
    rows = store.rows("select spec_id, task_id, local_done, dropped, synced_done from tasks")
    return {(row[0], row[1]): TaskBase(*row[2:]) for row in rows}


def restore(tx: sqlite3.Connection, found: Iterable[tuple[tuple[str, str], TaskBase]]) -> None:
    """Set bases back to what they were."""
    tx.executemany(
        "update tasks set local_done = ?, dropped = ?, synced_done = ?"
        " where spec_id = ? and task_id = ?",
        [(*base, *place) for place, base in found],
    )
