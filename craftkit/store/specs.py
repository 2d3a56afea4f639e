"""Specs, and what each worktree saw of their files last: tables `specs` and `views`."""

from __future__ import annotations

import sqlite3

from craftkit.model import Spec
from craftkit.store import lines
from craftkit.store.db import Store


def is_known(store: Store, spec_id: str) -> bool:
    return bool(store.value("select 1 from specs where id = ?", spec_id))


def phase(store: Store, spec_id: str) -> str | None:
    """The phase as it is remembered; a file that names one is asked first."""
    found = store.value("select phase from specs where id = ?", spec_id)
    return None if found is None else str(found)


def set_phase(tx: sqlite3.Connection, spec_id: str, phase: str, now: str) -> None:
    tx.execute(
        "update specs set phase = ?, updated_at = ? where id = ?",
        (phase, now, spec_id),
    )


def paths(store: Store, worktree: str, spec_id: str) -> list[str]:
    """Where a spec was seen in a worktree, the last place first."""
    rows = store.rows(
        "select path from views where worktree = ? and spec_id = ? order by seen_at desc",
        worktree,
        spec_id,
    )
    return [row[0] for row in rows]


def seen_as(store: Store, worktree: str, path: str, spec_id: str) -> dict[str, tuple[str, str]]:
    """Path -> (id, when it was seen last) of a file, and of all that were seen to be a spec."""
    rows = store.rows(
        "select path, spec_id, seen_at from views where worktree = ?1"
        " and (path = ?2 or spec_id = ?3)",
        worktree,
        path,
        spec_id,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def rename(tx: sqlite3.Connection, old: str, new: str) -> None:
    """A spec has another id from now on; its history keeps the old one."""
    tx.execute(
        "insert into specs select ?2, path, dialect, name, phase, issue, branch, created_at,"
        " updated_at from specs where id = ?1",
        (old, new),
    )
    for statement in (
        "update tasks set spec_id = ? where spec_id = ?",
        "update claims set spec_id = ? where spec_id = ?",
        "update views set spec_id = ? where spec_id = ?",
        "update workflow_state set spec_id = ? where spec_id = ?",
        "update decision_tasks set spec_id = ? where spec_id = ?",
    ):
        tx.execute(statement, (new, old))
    tx.execute("delete from specs where id = ?", (old,))


def digests(store: Store, worktree: str) -> dict[str, str]:
    """Path -> SHA-256 of every spec file as it was seen last."""
    rows = store.rows("select path, digest from views where worktree = ?", worktree)
    return {row[0]: row[1] for row in rows}


def is_as_seen(store: Store, worktree: str, spec: Spec) -> bool:
    """Whether the spec is known, and its file is as it was seen last."""
    sql = (
        "select 1 from views v join specs s on s.id = ?"
        " where v.worktree = ? and v.path = ? and v.digest = ?"
    )
    return bool(store.value(sql, spec.id, worktree, spec.path, spec.digest))


def save(tx: sqlite3.Connection, spec: Spec, worktree: str, now: str) -> None:
    """Remember a spec, and its file as it is."""
    tx.execute(
        "insert into specs (id, path, dialect, name, phase, issue, branch, created_at,"
        " updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do update set"
        " path = excluded.path, dialect = excluded.dialect, name = excluded.name,"
        " phase = coalesce(excluded.phase, specs.phase), issue = excluded.issue,"
        " branch = excluded.branch, updated_at = excluded.updated_at",
        (
            *(spec.id, spec.path, spec.dialect, spec.name),
            *(spec.phase, spec.issue, spec.branch, now, now),
        ),
    )
    save_file(tx, spec, worktree, now)


def save_file(tx: sqlite3.Connection, spec: Spec, worktree: str, now: str) -> None:
    """Remember what a file says, and which task each of its lines is."""
    tx.execute(
        "insert into views values (?, ?, ?, ?, ?, ?, ?) on conflict (worktree, path) do update"
        " set spec_id = excluded.spec_id, digest = excluded.digest, done = excluded.done,"
        " total = excluded.total, seen_at = excluded.seen_at",
        (worktree, spec.path, spec.id, spec.digest, spec.done, len(spec.tasks), now),
    )
    lines.save(tx, worktree, spec, now)


def forget_file(tx: sqlite3.Connection, worktree: str, spec_id: str) -> None:
    place = (worktree, spec_id)
    sql = "select path from views where worktree = ? and spec_id = ?"
    for row in tx.execute(sql, place).fetchall():
        lines.forget_file(tx, worktree, row[0])
    tx.execute("delete from views where worktree = ? and spec_id = ?", place)


def first_seen(store: Store, spec_id: str) -> str | None:
    """When this clone saw the spec first."""
    found = store.value("select created_at from specs where id = ?", spec_id)
    return None if found is None else str(found)
