"""The GitHub writes that have not been confirmed, and the issues that they made.

`queued` may be sent; `sent` is being sent, or was when its process died; `unknown` got no answer
that says whether it was carried out; `delivered` is confirmed; `dead` is given up and blocks its
task until `outbox retry` or `outbox drop`.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any, NamedTuple

from craftkit.store.db import Store

OPEN = "('queued', 'sent', 'unknown')"


class Row(NamedTuple):
    id: int
    process_id: int | None  # of the decision that it tells of
    spec_id: str
    task_id: str | None  # None: the parent's
    issue: int | None  # None: it is to be made, or was not known when this was queued
    action: str
    payload: dict[str, Any]
    state: str
    attempts: int
    high_water: int | None  # of the first attempt: what was made has a number above it
    not_before: float  # seconds since 1970
    error: str | None
    created_at: str
    updated_at: str


class LinkedIssue(NamedTuple):
    """An issue that is ours."""

    number: int
    spec_id: str
    task_id: str | None
    part: str
    id: int
    node_id: str
    title: str


COLUMNS = ", ".join(Row._fields)


def queue(
    tx: sqlite3.Connection,
    now: str,
    spec_id: str,
    task_id: str | None,
    issue: int | None,
    action: str,
    *,
    process_id: int | None = None,
    payload: dict[str, Any] | None = None,
) -> int:
    """Queue one write; its id."""
    cursor = tx.execute(
        "insert into outbox (process_id, spec_id, task_id, issue, action, payload, state,"
        " created_at, updated_at) values (?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
        (process_id, spec_id, task_id, issue, action, json.dumps(payload or {}), now, now),
    )
    return int(cursor.lastrowid or 0)


def waiting(store: Store) -> list[Row]:
    """What is not delivered, dead rows too, in the order in which it was decided."""
    found = store.rows(f"select {COLUMNS} from outbox where state <> 'delivered' order by id")  # noqa: S608
    return [_row(r) for r in found]


def _row(found: sqlite3.Row) -> Row:
    row = Row(*found)
    return row._replace(payload=json.loads(found["payload"]))


def mark(
    tx: sqlite3.Connection,
    ids: Iterable[int],
    state: str,
    now: str,
    *,
    error: str | None = None,
    attempt: bool = False,
    not_before: float = 0,
    high_water: int | None = None,
) -> None:
    tx.executemany(
        "update outbox set state = ?, updated_at = ?, error = ?, attempts = attempts + ?,"
        " not_before = ?, high_water = coalesce(high_water, ?) where id = ?",
        [(state, now, error, int(attempt), not_before, high_water, i) for i in ids],
    )


def waits(store: Store, spec_id: str, task_id: str) -> bool:
    """Whether GitHub has not got everything of a task."""
    sql = "select 1 from outbox where spec_id = ? and task_id = ? and state <> 'delivered' limit 1"
    return bool(store.value(sql, spec_id, task_id))


def counts(store: Store) -> dict[str, int]:
    found: dict[str, int] = dict(
        store.rows("select state, count(*) from outbox where state <> 'delivered' group by state")  # type: ignore[arg-type]
    )
    dead = found.pop("dead", 0)
    return {"queued": sum(found.values()), "dead": dead}


def pending(store: Store, spec_id: str) -> dict[str, str]:
    """Task id -> the last decision on its state that GitHub has not got: done, reopen or drop."""
    words = {"close": "done", "reopen": "reopen", "drop": "drop"}
    rows = store.rows(
        "select task_id, action from outbox where spec_id = ? and state <> 'delivered'"
        " and task_id is not null and action in ('close', 'reopen', 'drop') order by id",
        spec_id,
    )
    return {task: words[action] for task, action in rows}


def pending_creations(tx: sqlite3.Connection, spec_id: str) -> dict[str, None]:
    """The tasks whose creation waits: their issue has no number yet."""
    rows = tx.execute(
        "select task_id from outbox where spec_id = ? and action = 'create'"
        " and state <> 'delivered' and task_id is not null",
        (spec_id,),
    )
    return {str(row[0]): None for row in rows}


def remember_issue(tx: sqlite3.Connection, repo: str, known: LinkedIssue) -> None:
    tx.execute(
        "insert into issues (repo, number, spec_id, task_id, part, id, node_id, title)"
        " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (repo, number) do update set"
        " spec_id = excluded.spec_id, task_id = excluded.task_id, part = excluded.part,"
        " id = excluded.id, node_id = excluded.node_id, title = excluded.title",
        (repo, known.number, known.spec_id, known.task_id, *known[3:]),
    )


def issues_of(store: Store, repo: str, spec_id: str) -> list[LinkedIssue]:
    """The parents and sub-issues of a spec, by number."""
    rows = store.rows(
        "select number, spec_id, task_id, part, id, node_id, title from issues"
        " where repo = ? and spec_id = ? order by number",
        repo,
        spec_id,
    )
    return [LinkedIssue(*row) for row in rows]


def forget_issues(tx: sqlite3.Connection, spec_id: str, numbers: Iterable[int] | None) -> None:
    """Forget issues of a spec; with None all of them, in whichever repository they are."""
    if numbers is None:
        tx.execute("delete from issues where spec_id = ?", (spec_id,))
        return
    sql = "delete from issues where spec_id = ? and number = ?"
    tx.executemany(sql, [(spec_id, number) for number in numbers])


class KeyValueCache(MutableMapping[str, str]):
    """A mapping of text in the database: what was learnt of one server or repository."""

    def __init__(self, store: Store, place: str, now: str) -> None:
        self.store, self.place, self.now = store, place, now

    def __getitem__(self, name: str) -> str:
        value = self.store.value(
            "select value from remembered where place = ? and name = ?", self.place, name
        )
        if value is None:
            raise KeyError(name)
        return str(value)

    def __setitem__(self, name: str, value: str) -> None:
        with self.store.write() as tx:
            tx.execute(
                "insert into remembered values (?, ?, ?, ?) on conflict (place, name) do update"
                " set value = excluded.value, at = excluded.at",
                (self.place, name, value, self.now),
            )

    def __delitem__(self, name: str) -> None:
        with self.store.write() as tx:
            tx.execute("delete from remembered where place = ? and name = ?", (self.place, name))

    def __iter__(self) -> Iterator[str]:
        rows = self.store.rows("select name from remembered where place = ?", self.place)
        return iter([str(row[0]) for row in rows])

    def __len__(self) -> int:
        return sum(1 for _ in self)
