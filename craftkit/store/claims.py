"""Who has which task in progress: table `claims`."""

import sqlite3
from typing import NamedTuple

from craftkit.model import Session
from craftkit.store.db import Store


class Claim(NamedTuple):
    spec_id: str
    task_id: str
    session: str
    agent: str
    worktree: str
    branch: str | None
    head: str | None
    actor: str
    started_at: str


_COLUMNS = ", ".join(Claim._fields)


def take(tx: sqlite3.Connection, session: Session, spec_id: str, task_id: str, now: str) -> None:
    """Put a task in progress for a session, whoever had it before."""
    claim = Claim(
        spec_id,
        task_id,
        session.id,
        session.agent,
        session.worktree,
        session.branch,
        session.head,
        session.actor,
        now,
    )
    tx.execute("insert or replace into claims values (?, ?, ?, ?, ?, ?, ?, ?, ?)", claim)


def pass_on(tx: sqlite3.Connection, old: str, session: Session) -> None:
    """What a session has in progress in a worktree is another one's from now on."""
    tx.execute(
        "update claims set session = ?, agent = ?, branch = ?, head = ?"
        " where session = ? and worktree = ?",
        (session.id, session.agent, session.branch, session.head, old, session.worktree),
    )


def release(tx: sqlite3.Connection, spec_id: str, task_ids: list[str]) -> None:
    tx.executemany(
        "delete from claims where spec_id = ? and task_id = ?",
        [(spec_id, task_id) for task_id in task_ids],
    )


def of_task(store: Store, spec_id: str, task_id: str) -> Claim | None:
    sql = f"select {_COLUMNS} from claims where spec_id = ? and task_id = ?"  # noqa: S608
    row = store.row(sql, spec_id, task_id)
    return None if row is None else Claim(*row)


def in_worktree(store: Store, worktree: str, spec_id: str) -> list[Claim]:
    """What is in progress of a spec in one worktree, newest first."""
    sql = (
        f"select {_COLUMNS} from claims where spec_id = ? and worktree = ?"  # noqa: S608
        " order by started_at desc"
    )
    return [Claim(*row) for row in store.rows(sql, spec_id, worktree)]


def of_spec(store: Store, spec_id: str) -> list[Claim]:
    sql = f"select {_COLUMNS} from claims where spec_id = ? order by task_id"  # noqa: S608
    return [Claim(*row) for row in store.rows(sql, spec_id)]


def of_worktree(store: Store, worktree: str) -> list[Claim]:
    """What is in progress in a worktree, oldest first."""
    sql = f"select {_COLUMNS} from claims where worktree = ? order by started_at"  # noqa: S608
    return [Claim(*row) for row in store.rows(sql, worktree)]


def everywhere(store: Store) -> list[Claim]:
    return [Claim(*row) for row in store.rows(f"select {_COLUMNS} from claims")]  # noqa: S608


def started(tx: sqlite3.Connection, spec_id: str) -> set[str]:
    """The tasks of a spec that are in progress anywhere."""
    rows = tx.execute("select task_id from claims where spec_id = ?", (spec_id,))
    return {row[0] for row in rows}


def release_all(tx: sqlite3.Connection) -> None:
    tx.execute("delete from claims")


def release_spec(tx: sqlite3.Connection, spec_id: str) -> None:
    tx.execute("delete from claims where spec_id = ?", (spec_id,))
