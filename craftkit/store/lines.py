"""What each worktree saw in the lines of its spec files last: table `lines`."""

import sqlite3
from typing import NamedTuple

from craftkit.model import Spec, Task
from craftkit.store import tasks
from craftkit.store.db import Store


class SeenLine(NamedTuple):
    """A task line as it was seen; `task_id` is "" if it could not be said whose it was."""

    task_id: str
    key: str | None
    title: str
    read_as: str


def of_file(store: Store, worktree: str, path: str) -> list[SeenLine]:
    """The lines of a file, in their order."""
    rows = store.rows(
        "select task_id, key, title, read_as from lines where worktree = ? and path = ?"
        " order by place",
        worktree,
        path,
    )
    return [SeenLine(*row) for row in rows]


def differ(before: list[SeenLine], spec: Spec) -> bool:
    """Whether task lines came, went or have another key, title or task."""
    now = {("" if t.doubt else t.id, t.key, t.title) for t in spec.tasks}
    return {one[:3] for one in before} != now


def last_of_spec(store: Store, spec_id: str) -> list[SeenLine]:
    """The lines of a spec where it was seen last, in whichever worktree and under which path."""
    found = store.row(
        "select worktree, path from views where spec_id = ? order by seen_at desc limit 1", spec_id
    )
    return [] if found is None else of_file(store, found[0], found[1])


def given(store: Store, worktree: str, path: str) -> dict[int, tuple[str, str]]:
    """Place -> (task id, why it is nobody's) of lines that are not known by themselves."""
    rows = store.rows(
        "select place, task_id, doubt from lines where worktree = ? and path = ?"
        " and (task_id <> read_as or doubt <> '')",
        worktree,
        path,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def save(tx: sqlite3.Connection, worktree: str, spec: Spec, now: str) -> None:
    """Remember the lines of a file; only rows that are new or changed are written."""
    place = (worktree, spec.path)
    old = {
        row[0]: tuple(row[1:])
        for row in tx.execute(
            "select place, read_as, task_id, doubt, key, title from lines"
            " where worktree = ? and path = ?",
            place,
        )
    }
    new = {task.place: _row(task) for task in spec.tasks}
    # A merge brought the doubt: it is not held against the line when the conflict is resolved.
    new |= {
        t.place: (t.read_as, "", t.doubt, None, "") if t.doubt else _row(t) for t in spec.unmerged
    }
    if old and {row[1:] for row in old.values()} != {row[1:] for row in new.values()}:
        _keep_as_shown(tx, place, now)
        here = {row[1] for row in new.values()}
        gone = {row[1] for row in old.values()} - here - {""}
        tasks.touch(tx, spec.id, gone, now)  # since when nobody has seen them
    tx.executemany(
        "insert or replace into lines (worktree, path, place, read_as, task_id, doubt, key, title)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*place, at, *row) for at, row in new.items() if old.get(at) != row],
    )
    tx.executemany(
        "delete from lines where worktree = ? and path = ? and place = ?",
        [(*place, at) for at in old if at not in new],
    )


def _row(task: Task) -> tuple[str, str, str, str | None, str]:
    return task.read_as, "" if task.doubt else task.id, task.doubt, task.key, task.title


SHOWN = "shown "  # begins the name under which the lines are kept that a person saw last


def _keep_as_shown(tx: sqlite3.Connection, place: tuple[str, str], now: str) -> None:
    """Keep the lines as they were before the first change that nobody was shown."""
    rows = tx.execute(
        "select task_id, key, title, read_as from lines where worktree = ? and path = ?"
        " order by place",
        place,
    ).fetchall()
    import json

    tx.execute(
        "insert or ignore into remembered values (?, ?, ?, ?)",
        (place[0], SHOWN + place[1], json.dumps([list(row) for row in rows]), now),
    )


def as_shown(store: Store, worktree: str, path: str) -> list[SeenLine] | None:
    """The lines as they were when a person was shown them; None if nothing has changed since."""
    found = store.value(
        "select value from remembered where place = ? and name = ?", worktree, SHOWN + path
    )
    if found is None:
        return None
    import json

    return [SeenLine(*row) for row in json.loads(str(found))]


def were_shown(tx: sqlite3.Connection, worktree: str, path: str) -> None:
    """A person has seen what changed."""
    tx.execute("delete from remembered where place = ? and name = ?", (worktree, SHOWN + path))


def forget_file(tx: sqlite3.Connection, worktree: str, path: str) -> None:
    were_shown(tx, worktree, path)
    tx.execute("delete from lines where worktree = ? and path = ?", (worktree, path))
