"""The append-only history: what happened, when and by whom."""

import json
import sqlite3
from typing import Any, NamedTuple

from craftkit.model import Session
from craftkit.store.db import Store


def record(
    tx: sqlite3.Connection,
    now: str,
    event: str,
    session: Session,
    spec_id: str | None = None,
    task_id: str | None = None,
    **data: Any,
) -> None:
    """Append one event to the history (a trigger forbids changing it later)."""
    tx.execute(
        "insert into history (at, event, spec_id, task_id, session, agent, actor, branch, head,"
        " data) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            now,
            event,
            spec_id,
            task_id,
            session.id,
            session.agent,
            session.actor,
            session.branch,
            session.head,
            json.dumps(data, ensure_ascii=False),
        ),
    )


class Event(NamedTuple):
    seq: int
    at: str
    event: str
    spec_id: str | None
    task_id: str | None
    session: str
    agent: str
    actor: str
    branch: str | None
    head: str | None
    data: dict[str, Any]


_COLUMNS = ", ".join(Event._fields)


def newest(store: Store, spec_id: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest events, oldest first, as they are exported."""
    where = "1" if spec_id is None else "spec_id = :spec"
    return _listed(store, where, {"spec": spec_id}, limit)


def _listed(
    store: Store, where: str, values: dict[str, str | None], limit: int
) -> list[dict[str, Any]]:
    """The newest events of a kind, oldest first."""
    from sqlite_utils import Database  # 78 ms: only for a listing

    with store.read() as connection:
        table = Database(connection, execute_plugins=False)["history"]
        found = list(
            table.rows_where(where, values, order_by="seq desc", limit=limit, select=_COLUMNS)
        )
    return [row | {"data": json.loads(row["data"])} for row in reversed(found)]


def first_of(store: Store, spec_id: str, event: str) -> str | None:
    """When an event happened to a spec for the first time."""
    found = store.value(
        "select min(at) from history where spec_id = ? and event = ?", spec_id, event
    )
    return None if found is None else str(found)


def last_of(store: Store, spec_id: str, event: str) -> dict[str, str]:
    """Task id -> when an event happened to it last."""
    rows = store.rows(
        "select task_id, max(at) from history where spec_id = ? and event = ?"
        " and task_id is not null group by task_id",
        spec_id,
        event,
    )
    return {str(row[0]): str(row[1]) for row in rows}


def of_tasks(store: Store, spec_id: str) -> list[Event]:
    """What happened to the tasks of a spec, and what was noted of them, in order."""
    return _events(
        store,
        "spec_id = ? and task_id is not null"
        " and (event like 'task.%' or event like 'knowledge.%') order by seq",
        spec_id,
    )


def notes(
    store: Store, kind: str | None, spec_id: str | None, task_id: str | None, limit: int
) -> list[Event]:
    """The newest notes of a kind, a spec and a task (None: of any), oldest first."""
    where = (
        "event like :event and (:spec is null or spec_id = :spec)"
        " and (:task is null or task_id = :task)"
    )
    values = {"event": f"knowledge.{kind or '%'}", "spec": spec_id, "task": task_id}
    return [Event(**row) for row in _listed(store, where, values, limit)]


def mentions(store: Store, spec_id: str) -> bool:
    return bool(store.value("select 1 from history where spec_id = ? limit 1", spec_id))


def _events(store: Store, where: str, *values: Any) -> list[Event]:
    rows = store.rows(f"select {_COLUMNS} from history where {where}", *values)  # noqa: S608
    return [Event(*row)._replace(data=json.loads(row["data"])) for row in rows]
