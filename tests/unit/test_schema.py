"""I16: every released schema opens and is brought up to date in one transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from craftkit.errors import DatabaseUnusable
from craftkit.store import db, outbox, schema, version


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A database as the first schema left it, with a write that waits for GitHub."""
    connection = sqlite3.connect(tmp_path / db.DATABASE, isolation_level=None)
    first = Migrations("craftkit")
    first(name="001_local_loop")(schema.local_loop)
    first.apply(Database(connection, execute_plugins=False))
    connection.execute("pragma user_version = 1")
    connection.execute(
        "insert into intents values ('i1', 'done', 's', 'T001', 'command', '{}', '/w', 's.md',"
        " 'me', 'recorded', null, '2026-01-01', null)"
    )
    connection.execute(
        "insert into outbox (intent_id, spec_id, task_id, issue, action, state, attempts, error,"
        " created_at, updated_at)"
        " values ('i1', 's', 'T001', 541, 'close', 'dead', 3, 'why', 'a', 'b')"
    )
    connection.close()
    return tmp_path


def test_i16_the_first_schema_is_brought_up_to_date(state: Path) -> None:
    store = db.open_store(str(state))
    assert store.value("pragma user_version") == version.SCHEMA_VERSION
    (row,) = outbox.waiting(store)
    assert (row.intent_id, row.task_id, row.issue, row.action) == ("i1", "T001", 541, "close")
    assert (row.state, row.attempts, row.error, row.created_at) == ("dead", 3, "why", "a")
    assert store.value("pragma integrity_check") == "ok"
    store.connection.close()
    again = db.open_store(str(state))
    assert len(outbox.waiting(again)) == 1


def test_i16_a_crash_inside_leaves_the_old_schema(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "GITHUB_TABLES", (*schema.GITHUB_TABLES, "no sql at all"))
    with pytest.raises(DatabaseUnusable):
        db.open_store(str(state))
    connection = sqlite3.connect(state / db.DATABASE)
    assert connection.execute("pragma user_version").fetchone() == (1,)
    columns = [row[1] for row in connection.execute("pragma table_info(tasks)")]
    assert "agreed" not in columns
    assert connection.execute("select count(*) from outbox").fetchone() == (1,)
