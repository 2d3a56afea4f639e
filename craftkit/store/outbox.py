"""The GitHub writes that have not been confirmed: table `outbox`.

`held` came from elsewhere and waits until a person says that it may be sent; `queued` may be sent;
`sent` is being sent, or was when its process died; `unknown` got no answer that says whether it was
carried out; `delivered` is confirmed; `dead` is given up and blocks its task until `outbox retry`
or `outbox drop`.
"""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import Any, NamedTuple

from craftkit.store import db
from craftkit.store.db import Store

OPEN = "('queued', 'sent', 'unknown')"
COMING = ("queued", "sent", "unknown")  # states of a write that is still to be delivered
ON_ITS_WAY = "a later decision took it back; it may have arrived all the same"
LOOK = "list"  # the action that changes nothing: a look at a parent's sub-issues


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


class Counts(NamedTuple):
    """How many writes GitHub has not got."""

    queued: int
    dead: int
    unknown: int = 0  # of the queued ones: creations that got no answer
    looks: int = 0  # at the sub-issues of a parent: they change nothing, and are not in `queued`
    held: int = 0  # until a person lets them go

    def as_dict(self) -> dict[str, int]:
        return {"queued": self.queued, "dead": self.dead}


def counts(store: Store) -> Counts:
    rows = store.rows(
        "select case when action = 'list' then action when action = 'comment' and"
        " state = 'unknown' then 'queued' else state end, count(*) from outbox"
        " where state <> 'delivered' group by 1"
    )
    found = {str(row[0]): int(row[1]) for row in rows}
    dead, looks, held = found.pop("dead", 0), found.pop(LOOK, 0), found.pop("held", 0)
    return Counts(sum(found.values()), dead, found.get("unknown", 0), looks, held)


def looks(store: Store, now: float) -> list[Row]:
    """The looks at sub-issues that may be made at `now` (seconds since 1970)."""
    sql = f"select {COLUMNS} from outbox where action = 'list' and state in {OPEN}"  # noqa: S608
    return [_row(found) for found in store.rows(f"{sql} and not_before <= ? order by id", now)]


def queue_look(tx: sqlite3.Connection, now: str, spec_id: str, parent: int) -> None:
    """Queue a look at the sub-issues of a parent, unless one is queued."""
    sql = f"select 1 from outbox where action = 'list' and issue = ? and state in {OPEN}"  # noqa: S608
    if not tx.execute(sql, (parent,)).fetchone():
        queue(tx, now, spec_id, None, parent, LOOK)


def end_looks(tx: sqlite3.Connection, spec_ids: Iterable[str], now: str) -> None:
    """What a look would have shown has been seen."""
    tx.executemany(
        "update outbox set state = 'delivered', updated_at = ? where spec_id = ?"
        " and action = 'list' and state <> 'delivered'",
        [(now, spec_id) for spec_id in spec_ids],
    )


def hold(tx: sqlite3.Connection, now: str) -> int:
    """Hold everything that would be sent; how much that is."""
    sql = f"update outbox set state = 'held', updated_at = ? where state in {OPEN}"  # noqa: S608
    return tx.execute(sql, (now,)).rowcount


def let_go(tx: sqlite3.Connection, now: str) -> int:
    """Let everything that was held be sent; how much that is.

    A creation that was sent before may have arrived: it is looked for first.
    """
    return tx.execute(
        "update outbox set updated_at = ?, not_before = 0, state = case"
        " when action = 'create' and high_water is not null then 'unknown' else 'queued' end"
        " where state = 'held'",
        (now,),
    ).rowcount


def doubt_creations(tx: sqlite3.Connection, now: str) -> None:
    """Another clone may have sent what was queued here: creations are looked for first."""
    tx.execute(
        f"update outbox set state = 'unknown', updated_at = ? where state in {OPEN}"  # noqa: S608
        " and action = 'create'",
        (now,),
    )


def pending(store: Store, spec_id: str) -> dict[str, str]:
    """Task id -> the last decision on its state that GitHub has not got.

    That is done, anyway (done, whatever a person closed the issue as), reopen or drop.
    """
    words = {"close": "done", "reopen": "reopen", "drop": "drop"}
    rows = store.rows(
        "select task_id, action, json_extract(payload, '$.anyway') from outbox"
        " where spec_id = ? and state <> 'delivered'"
        " and task_id is not null and action in ('close', 'reopen', 'drop') order by id",
        spec_id,
    )
    return {task: "anyway" if anyway else words[action] for task, action, anyway in rows}


def follows_a_lost_one(store: Store, row: Row) -> bool:
    """Whether the write before this one of its task was taken back while nobody knew of it."""
    found = store.value(
        "select error from outbox where spec_id = ? and task_id is ? and id < ?"
        " and action in ('close', 'reopen', 'drop') order by id desc limit 1",
        row.spec_id,
        row.task_id,
        row.id,
    )
    return bool(found == ON_ITS_WAY)


def dropped_before(tx: sqlite3.Connection, process_id: int, spec_id: str, task_id: str) -> bool:
    """Whether the decision on a task before this one was a drop with a write of its own.

    What GitHub said first has no write of ours.
    """
    found = tx.execute(
        "select exists (select 1 from outbox o where o.process_id = d.process_id"
        " and o.action = 'drop') from decision_tasks d where d.spec_id = ? and d.task_id = ?"
        " and d.process_id < ? and d.action <> 'start' order by d.process_id desc limit 1",
        (spec_id, task_id, process_id),
    ).fetchone()
    return bool(found and found[0])


def pending_creations(tx: sqlite3.Connection, spec_id: str) -> dict[str, None]:
    """The tasks whose creation waits: their issue has no number yet."""
    rows = tx.execute(
        "select task_id from outbox where spec_id = ? and action = 'create'"
        " and state <> 'delivered' and task_id is not null",
        (spec_id,),
    )
    return {str(row[0]): None for row in rows}


class Creation(NamedTuple):
    """The writing of an issue of a spec, delivered or not."""

    id: int
    spec_id: str
    task_id: str | None  # None: the parent's
    issue: int | None
    high_water: int | None
    payload: dict[str, Any]
    state: str
    updated_at: str


def creations(connection: sqlite3.Connection, spec_id: str) -> list[Creation]:
    """Every creation of a spec that was ever queued, in order."""
    return _creations(connection, "spec_id = ?", spec_id)


def doubtful_parents(connection: sqlite3.Connection) -> list[Creation]:
    """Parents that were created after a try whose answer was lost: there may be a second one."""
    found = _creations(
        connection, "task_id is null and state = 'delivered' and attempts > 0 and 1 = ?", 1
    )
    return [row for row in found if row.issue is not None]


def _creations(connection: sqlite3.Connection, where: str, value: str | int) -> list[Creation]:
    columns = ", ".join(Creation._fields)
    sql = f"select {columns} from outbox where action = 'create' and {where} order by id"  # noqa: S608
    rows = connection.execute(sql, (value,))
    return [Creation(*row)._replace(payload=json.loads(row[5])) for row in rows]


def blocks(store: Store, spec_id: str) -> set[tuple[str, str | None]]:
    """(task, the task that it waits for) of the dependencies that GitHub has not got."""
    rows = store.rows(
        "select task_id, payload from outbox where spec_id = ? and action = 'block'"
        " and state <> 'delivered'",
        spec_id,
    )
    return {(row[0], json.loads(row[1]).get("by_task")) for row in rows}


def count(store: Store, spec_id: str) -> int:
    """How many writes of a spec GitHub has not got."""
    sql = "select count(*) from outbox where spec_id = ? and state <> 'delivered'"
    return int(store.value(sql, spec_id))


def last_creation(store: Store) -> str | None:
    """When an issue was created last."""
    found = store.value(
        "select max(updated_at) from outbox"
        " where action = 'create' and state = 'delivered' and error is null"
    )
    return None if found is None else str(found)


def set_issue(tx: sqlite3.Connection, write_id: int, issue: int) -> None:
    tx.execute("update outbox set issue = ? where id = ?", (issue, write_id))


def set_payload(tx: sqlite3.Connection, write_id: int, payload: dict[str, Any]) -> None:
    tx.execute("update outbox set payload = ? where id = ?", (json.dumps(payload), write_id))


def stop_doubting(tx: sqlite3.Connection, write_id: int) -> None:
    """A creation whose first answer was lost is not looked for any more."""
    tx.execute("update outbox set attempts = 0 where id = ?", (write_id,))


def try_again(tx: sqlite3.Connection, writes: Iterable[tuple[int, str, float]], now: str) -> None:
    """Queue (id, state, not before) of writes once more, as if they had never been tried."""
    tx.executemany(
        "update outbox set attempts = 0, state = ?, not_before = ?, updated_at = ? where id = ?",
        [(state, not_before, now, write_id) for write_id, state, not_before in writes],
    )


def forget(tx: sqlite3.Connection, ids: Iterable[int]) -> None:
    tx.executemany("delete from outbox where id = ?", [(write_id,) for write_id in ids])


def forget_unsent(
    tx: sqlite3.Connection, spec_id: str, task_id: str | None, issues: Iterable[int]
) -> None:
    """Forget what GitHub has not got of a task (None: of the spec), and of these issues."""
    tx.execute(
        "delete from outbox where spec_id = ?1 and state <> 'delivered'"
        " and (?2 is null or task_id = ?2)",
        (spec_id, task_id),
    )
    tx.executemany(
        "delete from outbox where spec_id = ? and issue = ? and state <> 'delivered'",
        [(spec_id, number) for number in issues],
    )


def unsent_in(path: str) -> int:
    """How many writes wait in the database of another clone; 0 if it cannot be read."""
    sql = "select count(*) from outbox where state in ('held', 'queued', 'sent', 'unknown')"
    with suppress(sqlite3.Error), closing(db.open_reading(path)) as connection:
        return int(connection.execute(sql).fetchone()[0])
    return 0
