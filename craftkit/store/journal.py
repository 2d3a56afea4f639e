"""The append-only history: what happened, when and by whom."""

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
