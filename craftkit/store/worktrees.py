"""The worktrees of a clone that craftkit has run in: table `worktrees`.

A worktree is named by its git directory, relative to the shared one, and a stamp of
when it was made: its path changes with `git worktree move`, and a path may be used again.
"""

import sqlite3
from typing import NamedTuple

from craftkit.store.db import Store

# Every table that says in which worktree something is.
TABLES = ("claims", "sessions", "workflow_state", "views", "lines", "hooks", "processes")


class Worktree(NamedTuple):
    name: str  # its git directory, relative to the shared one; "." is the main one
    stamp: int  # see `repo.stamp_of`
    path: str

    @property
    def id(self) -> str:
        return f"{self.name}:{self.stamp}"


def known(store: Store) -> list[Worktree]:
    return [_of_row(*row) for row in store.rows("select id, path from worktrees")]


def _of_row(worktree_id: str, path: str) -> Worktree:
    name, _, stamp = worktree_id.rpartition(":")
    return Worktree(name, int(stamp), path)


def remember(tx: sqlite3.Connection, worktree: Worktree, now: str) -> None:
    """This is where a worktree is now; nothing else is there."""
    tx.execute("delete from worktrees where path = ?", (worktree.path,))
    row = (worktree.id, worktree.path, now)
    tx.execute("insert or replace into worktrees values (?, ?, ?)", row)


def forget(tx: sqlite3.Connection, worktree: Worktree) -> None:
    tx.execute("delete from worktrees where id = ?", (worktree.id,))


def forget_all(tx: sqlite3.Connection) -> None:
    tx.execute("delete from worktrees")


def rename(tx: sqlite3.Connection, old: str, new: str) -> None:
    """What was in the worktree at one path is in the one at another."""
    for table in TABLES:
        tx.execute(f"update or replace {table} set worktree = ? where worktree = ?", (new, old))  # noqa: S608
