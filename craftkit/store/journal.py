"""History, intents and the outbox: what was decided, and what is still to be sent."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

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


def add_intent(tx: sqlite3.Connection, intent: dict[str, Any]) -> bool:
    """Insert one intent; False when its id is known already (a spool file read twice)."""
    cursor = tx.execute(
        "insert into intents (id, kind, spec_id, task_id, source, payload, worktree, path,"
        " session, state, process_id, created_at)"
        " values (:id, :kind, :spec_id, :task_id, :source, :payload, :worktree, :path, :session,"
        " 'recorded', :process_id, :created_at) on conflict (id) do nothing",
        intent,
    )
    return cursor.rowcount == 1


def settle_intent(tx: sqlite3.Connection, intent_id: str, state: str, now: str) -> None:
    tx.execute(
        "update intents set state = ?, settled_at = ? where id = ? and state = 'recorded'",
        (state, now, intent_id),
    )


def queue(
    tx: sqlite3.Connection,
    now: str,
    intent_id: str,
    spec_id: str,
    task_id: str,
    issue: int,
    action: str,
) -> None:
    """Queue the GitHub write that an intent asks for."""
    tx.execute(
        "insert into outbox (intent_id, spec_id, task_id, issue, action, state, created_at,"
        " updated_at) values (?, ?, ?, ?, ?, 'queued', ?, ?)",
        (intent_id, spec_id, task_id, issue, action, now, now),
    )


def outbox_counts(store: Store) -> dict[str, int]:
    rows = store.rows(
        "select state, count(*) from outbox where state <> 'delivered' group by state"
    )
    counts = {state: number for state, number in rows}
    return {
        "queued": sum(counts.get(state, 0) for state in ("queued", "sent", "unknown")),
        "dead": counts.get("dead", 0),
    }
