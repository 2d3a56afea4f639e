"""The rollback journal: readers hold no lock, and what a crash left half done is not believed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import ground as grounds
import pytest
from ground import IS_ROOT, Ground

from craftkit.store import claims, db, outbox, sessions, specs, worktrees


def test_a_reader_holds_no_lock_between_two_questions(ground: Ground) -> None:
    """Somebody else can write after each of them, without a wait."""
    reader = db.open_store(str(ground.state))
    questions = (
        lambda: reader.rows("select * from history"),
        lambda: reader.row("select * from tasks"),
        lambda: reader.value("select count(*) from tasks"),
        lambda: claims.everywhere(reader),
        lambda: outbox.counts(reader),
        lambda: specs.digests(reader, str(ground.work)),
        lambda: worktrees.known(reader),
        lambda: sessions.seen(reader, "abc", str(ground.work)),
    )
    with closing(sqlite3.connect(reader.path, timeout=0, isolation_level=None)) as writer:
        for ask in questions:
            ask()
            assert not reader.connection.in_transaction
            writer.execute("begin exclusive")
            writer.execute("rollback")
    reader.connection.close()


def test_the_journal_is_truncated_and_every_commit_synced(ground: Ground) -> None:
    store = db.open_store(str(ground.state))
    assert store.value("pragma journal_mode") == "truncate"
    assert store.value("pragma synchronous") == 2
    with store.hasty():
        assert store.value("pragma synchronous") == 1, "a crash of the machine must not damage it"
    with store.write():
        pass
    assert (ground.state / "craftkit.db-journal").stat().st_size == 0
    assert not list(ground.state.glob("*-wal")) and not list(ground.state.glob("*-shm"))
    store.connection.close()


def test_no_module_opens_a_database_as_immutable() -> None:
    product = Path(db.__file__).parents[1]
    texts = {path: path.read_text(encoding="utf-8") for path in product.rglob("*.py")}
    assert not [path for path, text in texts.items() if "immutable=1" in text]


CRASH = """
import os, sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("pragma cache_size = 1")
base.execute("begin immediate")
base.execute("delete from tasks")
for n in range(2000):
    base.execute("insert into spool_taken values (?, ?)", (f"{n:0400d}", "x"))
base.execute("pragma cache_spill = 1")
os._exit(9)
"""


@pytest.fixture
def crashed(ground: Ground) -> Ground:
    """Somebody was killed in a transaction that had begun to change the file."""
    subprocess.run([sys.executable, "-c", CRASH, str(ground.state / "craftkit.db")], check=False)
    assert (ground.state / "craftkit.db-journal").stat().st_size > 0
    return ground


def test_whoever_can_write_takes_back_what_was_not_committed(crashed: Ground) -> None:
    listed = crashed.ok("task", "list")["data"]["tasks"]
    assert [t["state"] for t in listed[:2]] == ["in_progress", "done"]
    assert crashed.ask("select count(*) from spool_taken") == [(0,)]


@pytest.mark.skipif(not IS_ROOT, reason="root may write everything")
def test_whoever_cannot_answers_from_the_spec_files_and_says_so(crashed: Ground) -> None:
    path = crashed.state / "clone.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"uid": grounds.NOBODY}))
    crashed.give_to(grounds.NOBODY)
    for file in (crashed.state, *crashed.state.iterdir()):
        file.chmod(file.stat().st_mode & ~0o222)
    reader = crashed._replace(user=grounds.NOBODY)
    answer = reader.ok("task", "list")
    assert [t["state"] for t in answer["data"]["tasks"][:2]] == ["todo", "done"], "as the boxes say"
    (note,) = answer["diagnostics"]
    assert note["code"] == "database_unwritable"
    assert note["message"].endswith("The answer comes from the spec files alone.")


def test_a_write_ahead_log_of_earlier_versions_is_converted_with_all_rows(top: Path) -> None:
    """Closed cleanly, or with rows that are only in the log."""
    for log in (False, True):
        folder = top / f"state-{log}"
        folder.mkdir()
        text = (grounds.STORED / "schema_4.sql").read_text(encoding="utf-8")
        path = folder / "craftkit.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as old:
            old.execute("pragma journal_mode = wal")
            old.execute("pragma wal_autocheckpoint = 0")
            old.executescript(text)
            count = old.execute("select count(*) from history").fetchone()[0]
            if log:
                for suffix in ("", "-wal"):
                    shutil.copy(f"{path}{suffix}", f"{path}{suffix}.kept")
        if log:
            for suffix in ("", "-wal"):
                os.replace(f"{path}{suffix}.kept", f"{path}{suffix}")
        store = db.open_store(str(folder))
        assert store.value("select count(*) from history") == count > 5
        assert store.value("pragma journal_mode") == "truncate"
        store.connection.close()
        assert path.read_bytes()[18:20] == b"\x01\x01" and not Path(f"{path}-wal").exists()
