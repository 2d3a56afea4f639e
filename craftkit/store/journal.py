"""History and intents: what happened, and what was decided."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from craftkit.model import Session


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
