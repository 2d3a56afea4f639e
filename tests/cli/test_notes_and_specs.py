"""Notes, reports, edited and deleted specs, operations that are given up."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import database_of, state_of

Ck = Callable[..., tuple[int, Any, str]]
SPEC = "specs/login.md"


def git(where: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(where), *args], check=True, capture_output=True)
    return done.stdout.decode()


def data(ck: Ck, *args: str, code: int = 0, **more: Any) -> dict[str, Any]:
    got, answer, err = ck(*args, "--json", **more)
    assert got == code and answer["ok"] is (code == 0), (answer, err)
    found: dict[str, Any] = answer["data"]
    return found


def edit(spec: Path, old: str, new: str) -> None:
    text = spec.read_text()
    assert old in text
    spec.write_text(text.replace(old, new))


@pytest.fixture
def committed(repo: Path, spec: Path) -> Path:
    git(repo, "add", "--all")
    git(repo, "commit", "-q", "-m", "specs")
    return spec


# session-start


def test_session_start_is_session_resume(ck: Ck, spec: Path) -> None:
    code, begun, _ = ck("session-start", "--json")
    _, resumed, _ = ck("session-resume", "--json")
    assert code == 0 and begun["command"] == "session-start"
    assert begun["data"] == resumed["data"]
    assert ck("session-start", "--brief")[1] == ck("session-resume", "--brief")[1]


# knowledge


def test_a_note_is_about_the_task_in_progress(ck: Ck, spec: Path) -> None:
    assert data(ck, "knowledge", "tip", "about the spec")["note"]["task"] is None
    ck("task", "start", "T002")
    note = data(ck, "knowledge", "progress", "half of it")["note"]
    assert note == {
        "spec": "login",
        "task": "T002",
        "kind": "progress",
        "text": "half of it",
        "issue": None,
        "delivered": False,
    }
    data(ck, "knowledge", "error", "it broke\n  at line 3", "--task", "T001", "--spec", "login")
    found = data(ck, "knowledge", "list")["notes"]
    assert [(n["kind"], n["task"]) for n in found] == [
        ("tip", None),
        ("progress", "T002"),
        ("error", "T001"),
    ]
    assert [n["text"] for n in data(ck, "knowledge", "list", "--kind", "tip")["notes"]] == [
        "about the spec"
    ]
    assert len(data(ck, "knowledge", "list", "--task", "T001")["notes"]) == 1
    assert len(data(ck, "knowledge", "list", "--spec", "login", "--limit", "2")["notes"]) == 2
    assert ck("knowledge", "list")[1].splitlines()[-1] == "      at line 3"
    events = data(ck, "history")["events"]
    assert next(e["event"] for e in events if e["event"].startswith("know")) == "knowledge.tip"


def test_notes_hold_no_token_and_no_escape(ck: Ck, spec: Path, repo: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    text = f"\x1b[31mred\x1b[0m {token[:8]}\u200b{token[8:]}\r\nfrom me@example.org\x07\x85\tend"
    note = data(ck, "knowledge", "tip", text)["note"]
    assert note["text"] == "red ***\nfrom ***\n\tend"
    for path in state_of(repo).rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()


def test_the_history_stays_append_only(ck: Ck, spec: Path, repo: Path) -> None:
    data(ck, "knowledge", "tip", "keep this")
    with sqlite3.connect(database_of(repo)) as db, pytest.raises(sqlite3.Error):
        db.execute("delete from history where event = 'knowledge.tip'")


@pytest.mark.parametrize(
    "words",
    [
        ["tip", ""],
        ["tip", " \n\t "],
        ["tip", "\x1b[31m\x07\u200b"],
        ["tip", "x" * 100_000],
        ["tip", "x", "--task", "T999"],
        ["tip", "x", "--task", ""],
        ["tip", "x", "--spec", "nowhere"],
        ["tip", "x", "--comment"],
        ["tip", "x", "--task", "T001", "--comment"],
        ["tip"],
        ["gossip", "x"],
        ["list", "--kind", "gossip"],
        ["list", "--limit", "0"],
        ["list", "--spec", "nowhere"],
        ["list", "--task", "T999"],
    ],
    ids=lambda words: " ".join(words)[:24].encode("ascii", "replace").decode(),
)
def test_notes_that_cannot_be(ck: Ck, spec: Path, words: list[str]) -> None:
    code, _, err = ck("knowledge", *words)
    assert code == 2 and "hint:" in err and len(err) < 600, err
    code, answer, _ = ck("knowledge", *words, "--json")
    assert code == 2 and answer["ok"] is False
    assert data(ck, "knowledge", "list")["notes"] == []


def test_a_note_of_the_longest_kind(ck: Ck, spec: Path) -> None:
    assert len(data(ck, "knowledge", "tip", "ä" * 10_000)["note"]["text"]) == 10_000


def test_notes_outlive_their_spec(ck: Ck, committed: Path) -> None:
    data(ck, "knowledge", "tip", "keep this")
    data(ck, "spec", "delete", "--yes")
    assert len(data(ck, "knowledge", "list", "--spec", "login")["notes"]) == 1


# task report


def test_a_report_tells_what_happened(ck: Ck, repo: Path, spec: Path) -> None:
    head = git(repo, "rev-parse", "HEAD").strip()
    ck("task", "start", "T001", CRAFTKIT_AGENT="claude")
    ck("knowledge", "tip", "first\nsecond")
    ck("task", "done", "T001")
    ck("task", "reopen", "T001")
    ck("task", "done", "T001", CRAFTKIT_SESSION="s2")
    ck("task", "drop", "T003", "--reason", "no longer wanted")
    one, two, three = data(ck, "task", "report")["tasks"]
    assert (one["state"], one["session"], one["branch"], one["commit"]) == (
        "done",
        "s2",
        "main",
        head,
    )
    assert one["started_at"] <= one["done_at"] and one["times_reopened"] == 1
    assert [n["text"] for n in one["notes"]] == ["first\nsecond"]
    assert (two["state"], two["started_at"], two["session"]) == ("todo", None, None)
    assert (three["state"], three["reason"], three["done_at"]) == (
        "dropped",
        "no longer wanted",
        None,
    )
    assert data(ck, "task", "report", "T002")["tasks"] == [two]
    table = ck("task", "report")[1].splitlines()
    assert table[0].split()[:3] == ["task", "state", "issue"] and len(table) == 4
    single = ck("task", "report", "T001")[1]
    assert "first" in single and "    second" in single and head[:12] in single


def test_a_box_ticked_by_hand_and_a_lost_database(ck: Ck, repo: Path, spec: Path) -> None:
    edit(spec, "- [ ] T001", "- [x] T001")
    ck("session-resume")
    assert data(ck, "task", "report", "T001")["tasks"][0]["by"] == "box"
    for path in state_of(repo).glob("craftkit.db*"):
        path.unlink()
    one = data(ck, "task", "report", "T001")["tasks"][0]
    assert (one["state"], one["done_at"], one["notes"]) == ("done", None, [])


@pytest.mark.parametrize(
    "words", [["T999"], ["@9"], ["#1"], [""], ["--spec", "nowhere"], ["T001", "T002"]], ids=" ".join
)
def test_reports_that_cannot_be(ck: Ck, spec: Path, words: list[str]) -> None:
    code, _, err = ck("task", "report", *words)
    assert code == 2 and "hint:" in err


def test_a_report_without_tasks(ck: Ck, repo: Path) -> None:
    ck("init")
    ck("spec", "new", "Empty")
    assert ck("task", "report") == (0, "", "specs/empty.md has no tasks yet\n")


# spec update


def test_update_tells_new_changed_and_removed_lines_once(ck: Ck, spec: Path) -> None:
    edit(spec, "T002 Two", "T002 Two more")
    edit(spec, "- [ ] T003 Three\n", "- [ ] T004 Four\n")
    edit(spec, "- [ ] T001", "- [x] T001")
    found = data(ck, "spec", "update")
    assert [t["key"] for t in found["new"]] == ["T004"]
    assert [(t["key"], t["was"]) for t in found["changed"]] == [("T002", "Two")]
    assert [t["key"] for t in found["removed"]] == ["T003"]
    assert [n["code"] for n in found["settled"]] == ["box_ticked"]
    again = data(ck, "spec", "update")
    assert not any(again[k] for k in ("new", "changed", "removed", "settled", "first_seen"))
    edit(spec, "- [ ] T004 Four\n", "- [ ] T003 Three\n")
    found = data(ck, "spec", "update")
    assert [t["key"] for t in found["new"]] == ["T003"]
    assert [t["key"] for t in found["removed"]] == ["T004"]
    edit(spec, "- [ ] T003 Three\n", "")
    assert "gone         T003 Three" in ck("spec", "update")[1]


def test_update_at_first_sight_takes_the_boxes_as_they_are(ck: Ck, repo: Path) -> None:
    ck("init")
    (repo / "specs").mkdir()
    (repo / SPEC).write_text("# Login\n\n## Tasks\n\n- [x] T001 One\n- [ ] T002 Two\n")
    found = data(ck, "spec", "update")
    assert found["first_seen"] and found["settled"] == []
    assert found["without_issue"] == ["T001", "T002"] and not found["linked"]


def test_update_of_what_cannot_be_taken_in(ck: Ck, spec: Path, repo: Path) -> None:
    assert ck("spec", "update", "--spec", "nowhere")[0] == 2
    text = spec.read_text()
    spec.write_text(text.replace("- [ ] T002 Two", "<<<<<<< a\n- [x] T002 Two\n=======\n>>>>>>> b"))
    code, _, err = ck("spec", "update")
    assert code == 5 and "conflict" in err and "hint:" in err
    spec.write_text(text.replace("phase: requirements", "phase: [broken"))
    assert ck("spec", "update")[0] == 1
    spec.unlink()
    assert ck("spec", "update")[0] == 2


# spec delete


def test_delete_and_bring_back(ck: Ck, repo: Path, committed: Path) -> None:
    data(ck, "task", "start", "T001")
    before = committed.read_bytes()
    git(repo, "commit", "-q", "--allow-empty", "-m", "more")
    found = data(ck, "spec", "delete", "--yes")
    assert not committed.exists() and found["stays"] == []
    assert ck("status")[0] == 0 and ck("spec", "list", "--json")[1]["data"]["specs"] == []
    subprocess.run(shlex.split(found["restore"]), check=True, cwd=repo)
    assert committed.read_bytes() == before
    assert data(ck, "task", "list")["tasks"][0]["state"] == "todo"
    assert data(ck, "history")["events"][-1]["event"] == "spec.deleted"
    assert [p for p in (repo / "specs").iterdir() if p != committed] == []


def test_delete_asks(ck: Ck, repo: Path, committed: Path) -> None:
    code, _, err = ck("spec", "delete")
    assert code == 2 and "0/3 tasks done" in err and "--yes" in err and committed.exists()
    assert ck("spec", "delete", "--json")[1]["ok"] is False and committed.exists()
    for answer, code in (("n", 2), ("y", 0)):
        master, slave = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "craftkit", "spec", "delete"],
            cwd=repo,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        ) as child:
            os.close(slave)
            os.write(master, f"{answer}\n".encode())
            assert child.wait(300) == code
        os.close(master)
        assert committed.exists() is (answer == "n")


@pytest.mark.parametrize("how", ["untracked", "changed", "staged", "unseen", "no commit", "no git"])
def test_delete_refuses_what_git_cannot_bring_back(
    ck: Ck, repo: Path, committed: Path, how: str
) -> None:
    if how == "untracked":
        git(repo, "rm", "-q", "--cached", SPEC)
    elif how == "no git":
        shutil.rmtree(repo / ".git")
    elif how == "no commit":
        shutil.rmtree(repo / ".git")
        git(repo, "init", "-q")
        git(repo, "add", "--all")
    else:
        if how == "unseen":
            git(repo, "update-index", "--assume-unchanged", SPEC)
        edit(committed, "T003 Three", "T003 Trois")
        if how == "staged":
            git(repo, "add", SPEC)
    if not (repo / ".git/craftkit").exists():
        ck("init", "--no-agents")
    code, _, err = ck("spec", "delete", "--yes", "--force")
    assert code == 2 and "could not bring" in err and "hint:" in err and committed.exists()


def test_delete_refuses_what_somebody_is_at_work_on(ck: Ck, committed: Path) -> None:
    ck("task", "start", "T001", CRAFTKIT_SESSION="s2")
    code, _, err = ck("spec", "delete", "--yes")
    assert code == 6 and "s2" in err and "--force" in err and committed.exists()
    data(ck, "spec", "delete", "--yes", "--force")
    assert not committed.exists()


def test_only_the_tasks_of_a_folder_go(ck: Ck, repo: Path) -> None:
    ck("init")
    folder = repo / "openspec/changes/login"
    folder.mkdir(parents=True)
    (folder / "tasks.md").write_text("## 1. Do\n\n- [ ] 1.1 One\n")
    (folder / "proposal.md").write_text("# Why\n")
    git(repo, "add", "--all")
    git(repo, "commit", "-q", "-m", "specs")
    code, _, err = ck("spec", "delete", "--yes")
    assert code == 0 and "stays: openspec/changes/login/proposal.md" in err
    assert [p.name for p in folder.iterdir()] == ["proposal.md"]


@pytest.mark.parametrize("words", [["--spec", "nowhere"], ["--spec", "../x"], ["--spec", ""]])
def test_deletes_that_cannot_be(ck: Ck, committed: Path, words: list[str]) -> None:
    edit(committed, "T003", "T004")
    code, _, err = ck("spec", "delete", "--yes", *words)
    assert code == 2 and "hint:" in err and committed.exists()


def test_a_save_in_between_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from craftkit.digests import sha256
    from craftkit.errors import FileChanged
    from craftkit.specs import files

    path = tmp_path / "a.md"
    path.write_bytes(b"old")
    digest = sha256(b"old")
    rename = files._rename

    def saved(folder: Any, one: str, other: str) -> None:
        path.write_bytes(b"new")
        rename(folder, one, other)

    monkeypatch.setattr(files, "_rename", saved)
    with pytest.raises(FileChanged):
        files.remove(str(tmp_path), "a.md", digest)
    assert [p.name for p in tmp_path.iterdir()] == ["a.md"] and path.read_bytes() == b"new"
    monkeypatch.undo()
    with pytest.raises(FileChanged):
        files.remove(str(tmp_path), "a.md", digest)
    files.remove(str(tmp_path), "a.md", sha256(b"new"))
    assert list(tmp_path.iterdir()) == []


# process drop


@pytest.fixture
def stuck(ck: Ck, repo: Path, spec: Path) -> int:
    """A `task done` that was killed before it ticked the box, and whose spec is gone since."""
    ck("task", "done", "T001")
    edit(spec, "- [x] T001", "- [ ] T001")
    with sqlite3.connect(database_of(repo)) as db:
        number = db.execute("select max(id) from processes").fetchone()[0]
        db.execute(
            "update processes set status = 'running', owner = ? where id = ?",
            (f"{os.uname().nodename}:999999999:1", number),
        )
        db.execute("update process_steps set status = 'pending' where process_id = ?", (number,))
        db.execute("update tasks set local_done = 0")
    spec.unlink()
    found: int = number
    return found


def test_what_can_never_finish_is_given_up(ck: Ck, repo: Path, stuck: int) -> None:
    assert f"Process {stuck}" in ck("spec", "list")[2]
    code, _, err = ck("process", "drop", str(stuck))
    assert code == 2 and "--yes" in err and f"Process {stuck}" in ck("status")[2]
    found = data(ck, "process", "drop", str(stuck), "--yes")["process"]
    assert found["status"] == "abandoned" and found["waiting"] == 0
    for words in (["status"], ["session-resume"], ["task", "list"], ["spec", "list"]):
        assert "Process" not in ck(*words)[2]
    assert data(ck, "process", "list")["processes"] == []
    assert data(ck, "process", "list", "--all")["processes"][0]["status"] == "abandoned"
    assert data(ck, "history")["events"][-1]["data"]["id"] == stuck
    checks = {c["name"]: c["status"] for c in data(ck, "doctor")["checks"]}
    assert checks["processes"] == "ok"
    code, _, err = ck("process", "drop", str(stuck), "--yes")
    assert code == 2 and "abandoned already" in err
    with sqlite3.connect(database_of(repo)) as db:
        sql = "select status, interrupt_reason from processes"
        assert db.execute(sql).fetchall() == [("completed", "abandoned")]


@pytest.mark.parametrize("number", ["999", "0", "-1", "x", "1.5", "9" * 30, "1"])
def test_drops_that_cannot_be(ck: Ck, spec: Path, number: str) -> None:
    ck("task", "done", "T001")  # process 1, which is finished
    code, _, err = ck("process", "drop", number, "--yes")
    assert code == 2 and "hint:" in err, err
    assert json.loads(json.dumps(data(ck, "process", "show", "1")))["process"]["status"] == (
        "completed"
    )


def test_what_runs_is_not_given_up(ck: Ck, repo: Path, spec: Path, stuck: int) -> None:
    from craftkit.loop import process_runner

    with sqlite3.connect(database_of(repo)) as db:
        db.execute("update processes set owner = ?", (process_runner.owner(),))
    code, _, err = ck("process", "drop", str(stuck), "--yes")
    assert code == 2 and "running now" in err
