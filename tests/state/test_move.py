"""The state of earlier versions moves into git's directory, whole, and only if it is one's own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import forked
import ground as grounds
import pytest
import sampling
from ground import IS_ROOT, STRANGER, Ground

DUMP = {
    "history": "select at, event, spec_id, task_id, session, data from history order by seq",
    "tasks": "select spec_id, task_id, local_done, dropped, issue from tasks order by 1, 2",
    "claims": "select spec_id, task_id, session, worktree from claims order by 1, 2",
    "processes": "select id, kind, status, decision_id from processes order by id",
    "outbox": "select id, spec_id, task_id, action, payload from outbox order by id",
    "issues": "select number, spec_id, task_id from issues order by 1",
}


def dump(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        return {name: connection.execute(sql).fetchall() for name, sql in DUMP.items()}


@pytest.fixture
def old(top: Path) -> Ground:
    """A repository as an earlier version left it: two writes wait, one decision is unfinished."""
    made = grounds.make("main worktree", top)
    folder = grounds.put_old_state(made)
    (folder / "config.yaml").write_text("github:\n  repo: octo-dev/demo\n")
    (folder / ".gitignore").write_text(
        "# Everything here is local state, except the configuration.\n*\n!.gitignore\n"
    )
    (folder / "edit.lock").touch()
    (folder / "logs").mkdir()
    (folder / "logs/craftkit.log").write_text("{}\n")
    shutil.copy(grounds.STORED / "password-reset_4.md", made.work / "specs/password-reset.md")
    return made


def spooled(number: int, **other: str) -> dict[str, str]:
    """A decision as earlier versions spooled it."""
    entry = {"id": f"{number:016x}", "kind": "done", "spec_id": "password-reset"}
    entry |= {"task_id": "T003", "source": "command", "payload": "{}", "worktree": "/repo"}
    entry |= {"path": "specs/password-reset.md", "session": "one"}
    return entry | {"created_at": "2026-11-26T17:00:00.000Z"} | other


def put_spool(worktree: Path, *entries: dict[str, str]) -> None:
    folder = worktree / ".craftkit/spool"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        (folder / f"{entry['id']}.json").write_text(json.dumps(entry))


def test_everything_arrives(old: Ground) -> None:
    folder = old.work / ".craftkit"
    before = dump(folder / "craftkit.db")
    put_spool(old.work, spooled(1))
    (folder / "agents.json").write_text('{"schema_version": 1}')
    grounds.git(old.work, "worktree", "add", "-q", str(old.top / "side"))
    put_spool(old.top / "side", spooled(2, task_id="T005", spec_id="other"))
    (old.top / "side/.craftkit/agents.json").write_text('{"side": 1}')
    answer = old.ck("init")
    assert answer.returncode == 0, answer
    assert f"The state moved from {folder} to {old.state}." in answer.stdout
    assert "2 GitHub writes came along" in answer.stdout
    after = dump(old.state / "craftkit.db")
    assert {k: v[: len(before[k])] for k, v in after.items() if k != "tasks"} == {
        k: v for k, v in before.items() if k != "tasks"
    }
    assert {*before["tasks"]} <= {*after["tasks"]}
    assert (old.state / "agents.json").read_text() == '{"schema_version": 1}'
    assert (old.work / ".git/worktrees/side/craftkit/agents.json").read_text() == '{"side": 1}'
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "spool"]
    header = (old.state / "craftkit.db").read_bytes()[:20]
    assert header[18:] == b"\x01\x01", "a rollback journal: https://sqlite.org/fileformat.html"
    old.ok("status", "--spec", "password-reset")
    assert ("done", "T003") in old.decided() and old.spool == []  # sealed anew, then read in
    assert ("done", "T002") in old.decided()
    assert "[x] T002" in (old.work / "specs/password-reset.md").read_text()  # what was interrupted
    assert (
        grounds.git(old.work, "status", "--porcelain")
        == "?? .craftkit/\n?? specs/password-reset.md"
    )


def test_what_was_queued_is_sent_only_after_a_question(old: Ground) -> None:
    from craftkit.sandbox.server import serve

    held = "select count(*) from outbox where state = 'held'"
    with serve() as server:
        env = {"GITHUB_API_URL": server.url, "GH_TOKEN": "sandbox-token"}
        old.ok("init")
        assert old.ask(held) == [(2,)]
        # As if it had been queued for this GitHub.
        (old.state / "craftkit.db").rename(old.state / "sandbox.db")
        for words in (("status",), ("reconcile", "--all"), ("outbox", "send")):
            old.ck(*words, **env)
            assert old.ask(held) == [(2,)], words
        listed = old.ck("outbox", "list", **env).stdout
        assert listed.count("held") == 2, listed
        old.ck("outbox", "send", "--yes", **env)
        assert old.ask(held) == [(0,)]


def test_rows_that_are_only_in_the_write_ahead_log_arrive(old: Ground) -> None:
    """As after a crash: the database file itself does not have them yet."""
    path = old.work / ".craftkit/craftkit.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute(
            "insert into history (at, event, session, agent, actor, data)"
            " values ('2026', 'knowledge.tip', 's', 'a', 'x', '{\"text\": \"late\"}')"
        )
        assert (old.work / ".craftkit/craftkit.db-wal").stat().st_size > 0
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{path}{suffix}.kept")
    for suffix in ("", "-wal"):
        os.replace(f"{path}{suffix}.kept", f"{path}{suffix}")
    old.ok("init")
    assert old.ask("select count(*) from history where event = 'knowledge.tip'") == [(1,)]
    assert not path.exists() and not Path(f"{path}-wal").exists()


def test_without_a_terminal_nothing_moves_but_by_init(old: Ground) -> None:
    refused = old.ck("task", "list")
    assert refused.returncode == 2 and "`craftkit init` moves it" in refused.stderr
    assert old.hook("session-start") == ""
    assert not old.state.exists() and (old.work / ".craftkit/craftkit.db").exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked(old: Ground, answer: str) -> None:
    import pty
    import subprocess
    import sys

    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "craftkit", "task", "list", "--spec", "demo"],
        cwd=old.work,
        env=old.env,
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.write(leader, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=120)
    os.close(follower)
    os.close(leader)
    assert (process.returncode, b"T001" in out) == ((0, True) if answer == "y" else (2, False))
    assert (old.work / ".craftkit/craftkit.db").exists() == (answer == "n")


def test_a_tracked_one_is_left_and_named(old: Ground) -> None:
    """It came with a clone: its rows decide nothing, and craftkit works without it."""
    grounds.git(old.work, "add", "--force", ".craftkit/craftkit.db")
    assert "is off in this clone" in old.ck("task", "done", "T001").stderr
    _left_and_named(old, "git tracks it")


def test_a_symlink_is_left_and_named(old: Ground) -> None:
    path = old.work / ".craftkit/craftkit.db"
    path.rename(old.top / "away.db")
    path.symlink_to(old.top / "away.db")
    _left_and_named(old, "perhaps a symlink")


def test_a_folder_behind_a_symlink_is_left_and_named(old: Ground) -> None:
    (old.work / ".craftkit").rename(old.top / "away")
    (old.work / ".craftkit").symlink_to(old.top / "away")
    assert old.ck("task", "done", "T001").returncode == 2
    assert "symlink" in old.ck("init").stderr
    assert (old.top / "away/craftkit.db").exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
def test_another_users_is_left_and_named(old: Ground) -> None:
    os.chown(old.work / ".craftkit/craftkit.db", STRANGER, STRANGER)
    _left_and_named(old, "belongs to another user")


def _left_and_named(old: Ground, why: str) -> None:
    path = old.work / ".craftkit/craftkit.db"
    before = path.read_bytes()
    said = old.ck("init")
    assert said.returncode == 0 and why in said.stderr and str(path.parent) in said.stderr, said
    assert path.read_bytes() == before
    assert old.ask("select count(*) from history where event = 'spec.linked'") == [(0,)]
    listed = old.ok("task", "list", "--spec", "password-reset")["data"]["tasks"]
    assert [t["state"] for t in listed] == ["done", "todo", "todo", "todo", "todo"]
    doctor = old.ck("doctor", "--offline").stdout
    assert f"an older state lies in {path.parent}, and nothing reads it" in doctor


def test_a_folder_gets_git_later(top: Path) -> None:
    """What was decided before `git init` is not lost."""
    ground = grounds.make("without git", top)
    ground.ok("init")
    ground.ok("task", "done", "T001")
    ground.ok("task", "start", "T002")
    before = ground.ask("select * from history")
    grounds.git(ground.work, "init", "-q")
    assert "craftkit" not in grounds.git(ground.work, "status", "--porcelain", "-uall").replace(
        ".craftkit/config.yaml", ""
    )
    assert ground.ck("status").returncode == 2
    ground.ok("init")
    assert ground.state == ground.work / ".git/craftkit"
    assert ground.ask("select * from history")[: len(before)] == before
    assert ground.ok("session-resume")["data"]["current"]["key"] == "T002"
    assert not (ground.work / ".craftkit/state").exists()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_i15_killed_at_every_step_the_move_goes_on(old: Ground, tmp_path: Path) -> None:
    """The old rows are in one of the two places at every moment; the next `init` ends it."""
    put_spool(old.work, spooled(1))
    (old.work / ".craftkit/agents.json").write_text("{}")
    template = tmp_path / "template"
    shutil.copytree(old.work, template, symlinks=True)
    before = dump(old.work / ".craftkit/craftkit.db")["history"]
    code, trace, said = forked.run_killed(old.work, ("init",), 0, "", 0)
    assert code == 0, said
    wanted = _end(old)
    writing = [n for n, call in enumerate(trace, 1) if not call.startswith(forked.READ)]
    stops = [(n, side) for n in writing for side in ("before", "after")]
    assert len(stops) > 40
    for stop, side in sampling.few(stops, 12):
        forked.reset(old.work, template)
        code, _, said = forked.run_killed(old.work, ("init",), stop, side, 0)
        assert code == -9, (stop, side, said)
        places = (old.work / ".craftkit/craftkit.db", old.state / "craftkit.db")
        assert any(p.exists() and dump(p)["history"][: len(before)] == before for p in places), stop
        code, said = forked.run(old.work, "init")
        assert code == 0, (stop, side, said)
        assert _end(old) == wanted, (stop, side, trace[stop - 1])


def _end(old: Ground) -> dict[str, Any]:
    """What has to be the same, wherever a move was killed."""
    found: dict[str, Any] = dump(old.state / "craftkit.db")
    found["history"] = [row for row in found["history"] if row[1] != "clone.copied"]
    found["states"] = old.ask("select id, state from outbox")
    found["private"] = sorted(
        path.name for path in old.state.iterdir() if not path.name.endswith((".tmp", "db-journal"))
    )
    folder = old.work / ".craftkit"
    left = [path for path in folder.rglob("*") if path.suffix != ".tmp"]
    found["left"] = sorted(str(path.relative_to(folder)) for path in left)
    found["sealed"] = ["seal" in path.read_text() for path in old.spool]
    return found


def test_what_lies_in_the_place_of_the_state_is_held(old: Ground) -> None:
    """A database without the mark of a switched-on clone: nobody knows who wrote its rows."""
    old.ok("init")
    old.ck("outbox", "send", "--yes")  # there is no token, so that they wait
    held = "select count(*) from outbox where state = 'held'"
    assert old.ask(held) == [(0,)]
    (old.state / "clone.json").unlink()
    words = old.ck("init").stdout
    assert "2 GitHub writes lay in the database already" in words, words
    assert old.ask(held) == [(2,)]
