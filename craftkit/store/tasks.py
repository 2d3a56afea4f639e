"""What is remembered of each task: table `tasks`.

`local_done` is what was decided here, `synced_done` what spec and GitHub last agreed on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def set_decided(
    tx: sqlite3.Connection,
    spec_id: str,
    task_ids: Iterable[str],
    *,
    done: bool,
    dropped: bool,
    now: str,
) -> None:
    """Remember what was decided here."""
    tx.executemany(
        "update tasks set local_done = ?, dropped = ?, updated_at = ?"
        " where spec_id = ? and task_id = ?",
        [(int(done), int(dropped), now, spec_id, task_id) for task_id in task_ids],
    )


def set_synced(
    tx: sqlite3.Connection, spec_id: str, task_ids: Iterable[str], *, done: bool
) -> None:
    """Remember what spec and GitHub agree on."""
    tx.executemany(
        "update tasks set synced_done = ? where spec_id = ? and task_id = ?",
        [(int(done), spec_id, task_id) for task_id in task_ids],
    )
