"""I16: every released schema opens and is brought up to date in one transaction."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from places import database_of, state_of, switch_on
from sqlite_utils import Database, Migrations

from craftkit.errors import DatabaseNewer, DatabaseUnusable
from craftkit.store import db, decisions, outbox, processes, schema, version

STORED = Path(__file__).parent / "stored"  # databases as earlier versions left them, as SQL
VERSIONS = sorted(int(path.stem.rpartition("_")[2]) for path in STORED.glob("schema_*.sql"))


OF_INTENTS = "select id, kind, spec_id, task_id, created_at from intents order by id"
OF_DECISIONS = (
    "select p.decision_id, d.action, d.spec_id, d.task_id, d.created_at from decision_tasks d"
    " join processes p on p.id = d.process_id order by 1"
)


def restore(state: Path, number: int) -> None:
    """Put a stored database where craftkit looks for it; it was interrupted on this machine."""
    state.mkdir(parents=True, exist_ok=True)
    text = (STORED / f"schema_{number}.sql").read_text(encoding="utf-8")
    text = text.replace("'HOST:", f"'{os.uname().nodename}:").replace("/repo", str(_repo_of(state)))
    connection = sqlite3.connect(state / db.DATABASE, isolation_level=None)
    connection.executescript(text)
    connection.close()


def _repo_of(state: Path) -> Path:
    return state.parents[1] if ".git" in state.parts else state.parent


def test_a_database_is_stored_of_every_schema() -> None:
    assert [*VERSIONS, version.SCHEMA_VERSION] == list(range(1, version.SCHEMA_VERSION + 1))


@pytest.mark.parametrize("number", VERSIONS)
def test_i16_a_stored_database_is_brought_up_to_date(tmp_path: Path, number: int) -> None:
    restore(state_of(tmp_path), number)
    raw = sqlite3.connect(database_of(tmp_path))
    intents = raw.execute(OF_INTENTS if number < 4 else OF_DECISIONS).fetchall()
    raw.close()
    store = db.open_store(str(state_of(tmp_path)))
    assert store.value("pragma user_version") == version.SCHEMA_VERSION
    assert store.value("pragma integrity_check") == "ok"
    assert store.rows("pragma foreign_key_check") == []
    found = store.rows(OF_DECISIONS)
    assert intents and [tuple(row) for row in found] == intents
    assert store.value("select local_done from tasks where task_id = 'T001'") == 1
    store.connection.close()
    again = db.open_store(str(state_of(tmp_path)))
    assert again.value("pragma user_version") == version.SCHEMA_VERSION


class Upgraded:
    """A repository that an earlier version was killed in, after the next command."""

    def __init__(self, place: Path, number: int, before: str = "") -> None:
        self.place = place
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=place, check=True)
        (place / "specs").mkdir()
        for path in STORED.glob(f"*_{number}.md"):
            shutil.copy(path, place / "specs" / f"{path.stem.rpartition('_')[0]}.md")
        restore(state_of(place), number)
        (place / ".craftkit").mkdir()
        (place / ".craftkit/config.yaml").write_text("github:\n  repo: octo-dev/demo\n")
        switch_on(place, repo="octo-dev/demo")
        if before:
            self.ask(before)
        subprocess.run(
            [sys.executable, "-P", "-m", "craftkit", "status", "--spec", "password-reset"],
            cwd=place,
            check=True,
            capture_output=True,
        )

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(database_of(self.place))
        with connection:
            found = connection.executescript(sql) if ";" in sql else connection.execute(sql)
        return found.fetchall()

    def text(self, name: str) -> str:
        return (self.place / f"specs/{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [1, 2, 4])
def test_i16_a_kill_before_the_box_was_ticked_survives_the_upgrade(
    tmp_path: Path, number: int
) -> None:
    found = Upgraded(tmp_path, number)
    assert "- [x] T002 Write the code" in found.text("password-reset")
    assert found.ask("select kind from processes where status <> 'completed'") == []
    assert found.ask("select local_done from tasks where task_id = 'T002'") == [(1,)]


def test_i16_a_kill_in_a_linking_survives_the_upgrade(tmp_path: Path) -> None:
    found = Upgraded(tmp_path, 3)
    assert "- [ ] T001 One (#8)\n- [ ] T002 Two (#9)" in found.text("second")
    waiting = "select kind, current_step from processes where status <> 'completed'"
    assert found.ask(waiting) == [("spec link", "block")]  # this asks GitHub, and `status` does not


def test_i16_a_step_that_is_not_planned_any_more_is_skipped(tmp_path: Path) -> None:
    """Schema 3 sent a write as a step of the decision; the outbox has it all the same."""
    found = Upgraded(
        tmp_path,
        3,
        "update processes set status = 'running', current_step = 'close_issue' where id = 6;"
        "update process_steps set status = 'running' where name = 'close_issue';",
    )
    assert found.ask("select status from processes where id = 6") == [("completed",)]
    steps = "select name, status from process_steps where process_id = 6 order by position"
    assert found.ask(steps) == [
        ("tick_box", "success"),
        ("settle", "success"),
        ("close_issue", "skipped"),
    ]


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


def test_i16_a_decision_without_a_process_gets_one(state: Path) -> None:
    store = db.open_store(str(state))
    (row,) = outbox.waiting(store)
    assert (row.task_id, row.issue, row.action) == ("T001", 541, "close")
    assert (row.state, row.attempts, row.error, row.created_at) == ("dead", 3, "why", "a")
    (process,) = processes.unfinished(store)
    assert row.process_id == process.id and decisions.is_recorded(store, "i1")
    assert (process.kind, process.spec_id, process.status) == ("task done", "s", "interrupted")
    assert decisions.unapplied(store, "s", "done") == ["T001"]
    store.connection.close()
    again = db.open_store(str(state))
    assert len(outbox.waiting(again)) == 1


def test_i16_a_crash_inside_leaves_the_old_schema(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "DECISION_TABLES", (*schema.DECISION_TABLES, "no sql at all"))
    with pytest.raises(DatabaseUnusable):
        db.open_store(str(state))
    connection = sqlite3.connect(state / db.DATABASE)
    assert connection.execute("pragma user_version").fetchone() == (1,)
    columns = [row[1] for row in connection.execute("pragma table_info(tasks)")]
    assert "base_done" in columns and "agreed" not in columns
    assert connection.execute("select count(*) from outbox").fetchone() == (1,)
    assert connection.execute("select count(*) from intents").fetchone() == (1,)


def test_i16_a_newer_schema_is_refused(state: Path) -> None:
    connection = sqlite3.connect(state / db.DATABASE)
    connection.execute("pragma user_version = 99")
    before = list(connection.iterdump())
    with pytest.raises(DatabaseNewer):
        db.open_store(str(state))
    assert list(connection.iterdump()) == before
