"""Recorded processes and their steps: tables `processes` and `process_steps`.

A process is `running` until it is `completed`, or stands at `error` or `interrupted` until
somebody resumes it.  A step is `pending`, `running`, `success`, `error` or `skipped`.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from craftkit.store.db import Store

ENDED = ("success", "skipped")  # steps that never run again


class Process(NamedTuple):
    id: int
    kind: str
    input: str  # the decision, as JSON
    status: str
    current_step: str | None
    interrupt_reason: str | None
    attempts: int
    owner: str  # host, pid and start of the operating-system process
    worktree: str
    started_at: str
    updated_at: str
    finished_at: str | None

    @property
    def spec_id(self) -> str | None:
        """The spec that the process is about, if its input names one."""
        found = json.loads(self.input).get("spec")
        return str(found) if found is not None else None


class StepRecord(NamedTuple):
    position: int
    name: str
    status: str
    started_at: str | None
    completed_at: str | None
    result: str | None  # JSON
    error: str | None  # JSON
    retry_count: int


_PROCESS = ", ".join(Process._fields)
_STEP = ", ".join(StepRecord._fields)


def create(
    tx: sqlite3.Connection,
    kind: str,
    data: str,
    steps: Sequence[str],
    *,
    owner: str,
    worktree: str,
    session: str,
    now: str,
    decision_id: str | None = None,
) -> int | None:
    """Insert a process whose first step runs; its id, None if the decision is recorded already."""
    cursor = tx.execute(
        "insert into processes (kind, input, status, current_step, attempts, owner, worktree,"
        " session, started_at, updated_at, decision_id)"
        " values (?, ?, 'running', ?, 1, ?, ?, ?, ?, ?, ?) on conflict (decision_id)"
        " where decision_id is not null do nothing",
        (kind, data, steps[0], owner, worktree, session, now, now, decision_id),
    )
    if cursor.rowcount != 1:
        return None
    process_id = int(cursor.lastrowid or 0)
    add_steps(tx, process_id, steps, begun=now)
    return process_id


def add_steps(
    tx: sqlite3.Connection,
    process_id: int,
    names: Sequence[str],
    after: int = 0,
    begun: str | None = None,
) -> None:
    """Insert steps behind the position `after`; the first one runs if it has `begun`."""
    values: list[object] = []
    for position, name in enumerate(names, start=after + 1):
        runs = begun is not None and position == after + 1
        status, since = ("running", begun) if runs else ("pending", None)
        values += [process_id, position, name, status, since]
    rows = ", ".join(["(?, ?, ?, ?, ?)"] * len(names))
    into = "insert into process_steps (process_id, position, name, status, started_at)"
    tx.execute(f"{into} values {rows}", values)


def begin_step(tx: sqlite3.Connection, process_id: int, name: str, now: str) -> None:
    tx.execute(
        "update process_steps set retry_count = retry_count + (status <> 'pending'),"
        " status = 'running', started_at = ?, error = null where process_id = ? and name = ?",
        (now, process_id, name),
    )


def end_step(
    tx: sqlite3.Connection, process_id: int, name: str, status: str, result: Any, now: str
) -> None:
    tx.execute(
        "update process_steps set status = ?, completed_at = ?, result = ?,"
        " started_at = coalesce(started_at, ?) where process_id = ? and name = ?",
        (status, now, json.dumps(result), now, process_id, name),
    )


def fail_step(
    tx: sqlite3.Connection, process_id: int, name: str, error: dict[str, Any], now: str
) -> None:
    tx.execute(
        "update process_steps set status = 'error', completed_at = ?, error = ?"
        " where process_id = ? and name = ?",
        (now, json.dumps(error), process_id, name),
    )


def skip_steps(
    tx: sqlite3.Connection, process_id: int, now: str, names: Iterable[str] | None = None
) -> None:
    """Mark steps that have not ended as skipped: those with these names, or all."""
    sql = (
        "update process_steps set status = 'skipped', completed_at = ?"
        " where process_id = ? and status not in ('success', 'skipped')"
    )
    if names is None:
        tx.execute(sql, (now, process_id))
    else:
        tx.executemany(sql + " and name = ?", [(now, process_id, name) for name in names])


def set_step(tx: sqlite3.Connection, process_id: int, name: str, now: str) -> None:
    """Say which step a running process has come to."""
    tx.execute(
        "update processes set current_step = ?, updated_at = ? where id = ?",
        (name, now, process_id),
    )


def set_status(
    tx: sqlite3.Connection, process_id: int, status: str, now: str, reason: str | None = None
) -> None:
    tx.execute(
        "update processes set status = ?, interrupt_reason = ?, updated_at = ?,"
        " finished_at = case when ? = 'completed' then ? end where id = ?",
        (status, reason, now, status, now, process_id),
    )


def complete(tx: sqlite3.Connection, process_id: int, last_step: str, now: str) -> None:
    tx.execute(
        "update processes set status = 'completed', current_step = ?, interrupt_reason = null,"
        " updated_at = ?, finished_at = ? where id = ?",
        (last_step, now, now, process_id),
    )


def take(tx: sqlite3.Connection, row: Process, owner: str, now: str, reason: str) -> bool:
    """Become the owner of an unfinished process; False if somebody else was faster.

    `reason` is kept as the reason of the interruption if none is known.
    """
    cursor = tx.execute(
        "update processes set owner = ?, status = 'running', attempts = attempts + 1,"
        " updated_at = ?, interrupt_reason = coalesce(interrupt_reason, ?)"
        " where id = ? and owner = ? and status <> 'completed'",
        (owner, now, reason, row.id, row.owner),
    )
    return cursor.rowcount == 1


def find(store: Store, process_id: int) -> Process | None:
    row = store.row(f"select {_PROCESS} from processes where id = ?", process_id)  # noqa: S608
    return None if row is None else Process(*row)


def unfinished(store: Store) -> list[Process]:
    """What is not completed, oldest first, whoever runs it."""
    sql = f"select {_PROCESS} from processes where status <> 'completed' order by id"  # noqa: S608
    return [Process(*row) for row in store.rows(sql)]


def newest(store: Store, limit: int) -> list[Process]:
    """The newest processes, newest first, as they are listed."""
    from sqlite_utils import Database  # 78 ms: only for a listing

    with store.read() as connection:
        table = Database(connection, execute_plugins=False)["processes"]
        found = table.rows_where(select=_PROCESS, order_by="id desc", limit=limit)
        return [Process(**row) for row in found]


def steps(store: Store, process_id: int) -> list[StepRecord]:
    sql = f"select {_STEP} from process_steps where process_id = ? order by position"  # noqa: S608
    return [StepRecord(*row) for row in store.rows(sql, process_id)]
