"""Decisions made where the database cannot be written: none is lost, none is taken in twice."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from places import state_of

from craftkit.store import spool

Ck = Callable[..., tuple[int, Any, str]]
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
NOBODY = 65534
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

DECISIONS = (
    "select d.action, d.task_id, json_extract(p.input, '$.source'), p.status"
    " from decision_tasks d join processes p on p.id = d.process_id"
)


class Sandbox(NamedTuple):
    """A main worktree that an agent cannot write to, and a linked one that it works in."""

    main: Path
    side: Path

    @property
    def spool(self) -> Path:
        return self.side / ".craftkit" / "spool"

    @property
    def state(self) -> Path:
        return state_of(self.main)

    def lock(self) -> None:
        for path in self.state.iterdir():
            path.chmod(0o555 if path.is_dir() else 0o444)
        self.state.chmod(0o555)

    def unlock(self) -> None:
        self.state.chmod(0o755)
        for path in self.state.iterdir():
            path.chmod(0o755 if path.is_dir() else 0o644)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.state / "craftkit.db")
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def box(self, key: str) -> str:
        text = (self.side / "specs/demo.md").read_text(encoding="utf-8")
        return text[text.index(f"] {key} ") - 1]


def git(where: Path, *args: str) -> None:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *who, "-C", str(where), *args], check=True, env=env, capture_output=True)


def begin_child(where: Path, args: tuple[str, ...], session: str) -> tuple[int, int]:
    """Fork a user who is not root, in `where`; process id and the end where its words come out."""
    source, target = os.pipe()
    pid = os.fork()
    if pid:
        os.close(target)
        return pid, source
    code = 99
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.chdir(where)
        if IS_ROOT:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        os.environ["CRAFTKIT_SESSION"] = session
        code = run_here(args)
    finally:
        os._exit(code)


def run_here(args: tuple[str, ...]) -> int:
    import sys

    from craftkit.cli import main

    with open(1, "w", encoding="utf-8", closefd=False) as stream:
        sys.stdout = sys.stderr = stream
        return main(args)


def finish_child(child: tuple[int, int]) -> tuple[int, str]:
    pid, source = child
    with open(source, encoding="utf-8") as stream:
        said = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def agent(where: Path, *args: str, session: str = "agent") -> Any:
    """What a command answers to that user; it must exit 0."""
    code, said = finish_child(begin_child(where, (*args, "--json"), session))
    assert code == 0, said
    return json.loads(said)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    import craftkit.commands.init
    import craftkit.commands.spec
    import craftkit.store.schema  # noqa: F401 - the other user may not be able to read them
    from craftkit.cli import main

    with contextlib.redirect_stdout(io.StringIO()):
        main(("--version",))  # loads what typer loads late
    for name in list(os.environ):
        if name.startswith(("CRAFTKIT_", "GIT_")) or name.endswith("SESSION_ID"):
            monkeypatch.delenv(name)
    # pytest's own directories are closed to other users.
    top = Path(tempfile.mkdtemp(prefix="craftkit-sandbox-")).resolve()
    top.chmod(0o755)
    made = Sandbox(top / "main", top / "side")
    (made.main / "specs").mkdir(parents=True)
    lines = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, 5))
    front = "---\nid: demo\nname: Demo\nphase: implementation\n---\n"
    (made.main / "specs/demo.md").write_text(f"{front}\n## Tasks\n\n{lines}", encoding="utf-8")
    git(made.main, "init", "-q", "-b", "main")
    git(made.main, "add", "specs")
    git(made.main, "commit", "-qm", "spec")
    git(made.main, "worktree", "add", "-q", str(made.side), "-b", "side")
    if IS_ROOT:
        for folder, folders, names in os.walk(top):
            for name in (".", *folders, *names):
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)
    try:
        agent(made.main, "init")
        agent(made.side, "session-resume", session="other")
        yield made
    finally:
        if made.state.exists():
            made.unlock()
        shutil.rmtree(top)


def codes(answer: Any) -> list[str]:
    return [d["code"] for d in answer["diagnostics"]]


def test_decisions_go_to_the_spool_and_come_back_once(sandbox: Sandbox) -> None:
    sandbox.lock()
    before = sandbox.ask("select count(*) from history")
    started = agent(sandbox.side, "task", "start", "T001")
    assert started["data"]["task"]["state"] == "in_progress"
    done = agent(sandbox.side, "task", "done", "T001")
    assert done["data"]["changed"] and done["data"]["next"]["key"] == "T002"
    assert codes(started) == codes(done) == ["database_unwritable"]
    assert "hint" in done["diagnostics"][0]
    assert sandbox.box("T001") == "x" and sandbox.ask("select count(*) from history") == before
    files = list(sandbox.spool.glob("*.json"))
    assert len(files) == 2 and not list(sandbox.spool.glob("*.tmp"))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert not (sandbox.main / ".craftkit" / "spool").exists()
    sandbox.unlock()
    resumed = agent(sandbox.side, "session-resume", session="later")
    assert [r["code"] for r in resumed["data"]["repaired"]] == ["spool_taken_in"]
    assert resumed["data"]["progress"] == {"done": 1, "total": 4}
    assert resumed["data"]["current"] is None
    assert not list(sandbox.spool.glob("*.json"))
    assert agent(sandbox.side, "session-resume", session="later")["data"]["repaired"] == []
    decided = "select event, task_id, session from history where task_id is not null order by seq"
    assert sandbox.ask(decided) == [
        ("task.started", "T001", "agent"),
        ("task.done", "T001", "agent"),
    ]
    assert sandbox.ask(DECISIONS + " order by 1") == [
        ("done", "T001", "spool", "completed"),
        ("start", "T001", "spool", "completed"),
    ]
    assert sandbox.ask("select local_done from tasks where task_id = 'T001'") == [(1,)]
    assert sandbox.ask("select * from claims") == []


def test_the_oldest_decision_comes_first(sandbox: Sandbox) -> None:
    """Whatever the names of the files say."""
    sandbox.lock()
    agent(sandbox.side, "task", "start", "T001")
    agent(sandbox.side, "task", "done", "T001")
    names = {"start": "f" * 16, "done": "0" * 16}
    for path in sandbox.spool.glob("*.json"):
        values = json.loads(path.read_text())
        del values["seal"]
        path.unlink()
        spool_file(sandbox.side, spool.Entry(**values | {"id": names[values["kind"]]}))
    sandbox.unlock()
    agent(sandbox.side, "status")
    assert sandbox.ask("select action from decision_tasks order by rowid") == [
        ("start",),
        ("done",),
    ]
    assert sandbox.ask("select * from claims") == []


def test_done_twice_in_the_sandbox_is_one_completion(sandbox: Sandbox) -> None:
    sandbox.lock()
    agent(sandbox.side, "task", "done", "T002")
    agent(sandbox.side, "task", "done", "T002")
    sandbox.unlock()
    agent(sandbox.side, "status")
    assert sandbox.ask("select count(*) from history where event = 'task.done'") == [(1,)]
    assert not list(sandbox.spool.glob("*.json"))


def test_a_box_ticked_by_hand_in_the_sandbox_is_recorded(sandbox: Sandbox) -> None:
    path = sandbox.side / "specs/demo.md"
    sandbox.lock()
    path.write_text(path.read_text(encoding="utf-8").replace("[ ] T003", "[x] T003"))
    answer = agent(sandbox.side, "session-resume")
    assert [r["code"] for r in answer["data"]["repaired"]] == ["box_ticked"]
    sandbox.unlock()
    agent(sandbox.side, "status")
    assert sandbox.ask(DECISIONS) == [("done", "T003", "spool", "completed")]


def test_a_spec_that_cannot_be_written_either(sandbox: Sandbox) -> None:
    """The decision is all there is: the box follows when the file can be written."""
    sandbox.lock()
    (sandbox.side / "specs").chmod(0o555)
    try:
        answer = agent(sandbox.side, "task", "done", "T004")
    finally:
        (sandbox.side / "specs").chmod(0o755)
    assert "recorded_not_applied" in codes(answer) and answer["data"]["applied"] is False
    assert sandbox.box("T004") == " "
    sandbox.unlock()
    agent(sandbox.side, "status")
    assert sandbox.box("T004") == "x"


def test_neither_database_nor_spool(sandbox: Sandbox) -> None:
    sandbox.lock()
    before = (sandbox.side / "specs/demo.md").read_bytes()
    (sandbox.side / ".craftkit").mkdir(exist_ok=True)
    (sandbox.side / ".craftkit").chmod(0o555)
    if IS_ROOT:
        os.chown(sandbox.side / ".craftkit", 0, 0)
    child = begin_child(sandbox.side, ("task", "done", "T001", "--json"), "agent")
    code, said = finish_child(child)
    (sandbox.side / ".craftkit").chmod(0o755)
    answer = json.loads(said)
    assert code == 1 and codes(answer) == ["cannot_write"] and answer["diagnostics"][0]["hint"]
    assert (sandbox.side / "specs/demo.md").read_bytes() == before


def test_what_cannot_be_spooled_is_refused(sandbox: Sandbox) -> None:
    sandbox.lock()
    agent(sandbox.side, "task", "done", "T001")
    before = (sandbox.side / "specs/demo.md").read_bytes()
    child = begin_child(sandbox.side, ("task", "reopen", "T001", "--json"), "agent")
    code, said = finish_child(child)
    assert code == 1 and codes(json.loads(said)) == ["database_unwritable"], said
    assert (sandbox.side / "specs/demo.md").read_bytes() == before


def test_a_drop_and_notes_come_back_with_their_words(sandbox: Sandbox) -> None:
    sandbox.lock()
    dropped = agent(sandbox.side, "task", "drop", "T001", "--reason", "too late")
    assert dropped["data"]["task"]["state"] == "dropped"
    agent(sandbox.side, "knowledge", "error", "It fails at night", "--task", "T002")
    agent(sandbox.side, "knowledge", "progress", "Half of it")
    assert agent(sandbox.side, "task", "next")["data"]["next"]["key"] == "T002"
    assert sandbox.ask("select count(*) from history where task_id is not null") == [(0,)]
    sandbox.unlock()
    agent(sandbox.side, "status", session="later")
    words = "select event, task_id, session, json_extract(data, '$.text'),"
    words += " json_extract(data, '$.reason') from history where session = 'agent' order by event"
    assert sandbox.ask(words) == [
        ("knowledge.error", "T002", "agent", "It fails at night", None),
        ("knowledge.progress", None, "agent", "Half of it", None),
        ("task.dropped", "T001", "agent", None, "too late"),
    ]
    assert not list(sandbox.spool.glob("*.json"))


def test_what_is_spooled_is_laid_over_the_rows(sandbox: Sandbox) -> None:
    """A task that was done here is not offered again, though the box is open on this branch."""
    agent(sandbox.side, "task", "start", "T001")
    sandbox.lock()
    agent(sandbox.side, "task", "done", "T001")
    agent(sandbox.side, "task", "start", "T002")
    git(sandbox.side, "-c", "safe.directory=*", "checkout", "-q", "--", "specs/demo.md")
    laid_over = agent(sandbox.side, "task", "next")["data"]["next"]
    assert laid_over["key"] == "T003"
    assert agent(sandbox.side, "task", "list")["data"]["tasks"][1]["state"] == "in_progress"
    assert agent(sandbox.side, "session-resume")["data"]["current"]["key"] == "T002"
    sandbox.unlock()
    assert agent(sandbox.side, "task", "next")["data"]["next"] == laid_over
    assert sandbox.box("T001") == "x"


def test_a_file_that_is_written_back_is_not_taken_in_again(sandbox: Sandbox) -> None:
    sandbox.lock()
    agent(sandbox.side, "task", "done", "T001")
    (path,) = sandbox.spool.glob("*.json")
    kept = path.read_bytes()
    sandbox.unlock()
    agent(sandbox.side, "status")
    agent(sandbox.side, "task", "reopen", "T001")
    path.write_bytes(kept)
    os.chown(path, *sandbox.spool.stat()[4:6])
    agent(sandbox.side, "status")
    assert sandbox.box("T001") == " " and not path.exists()
    assert sandbox.ask("select count(*) from history where event = 'task.done'") == [(1,)]


def test_reading_needs_no_database(sandbox: Sandbox) -> None:
    sandbox.lock()
    for command in (("task", "list"), ("task", "next"), ("status",), ("spec", "list")):
        assert codes(agent(sandbox.side, *command)) == ["database_unwritable"]
    assert not sandbox.spool.exists()


def test_many_sessions_take_in_one_file(sandbox: Sandbox) -> None:
    sandbox.lock()
    for key in ("T001", "T002", "T003"):
        agent(sandbox.side, "task", "done", key)
    sandbox.unlock()
    children = [
        begin_child(sandbox.side, ("status", "--json"), f"reader-{number}") for number in range(5)
    ]
    answers = [finish_child(child) for child in children]
    assert [code for code, _ in answers] == [0] * 5, answers
    assert [codes(json.loads(said)) for _, said in answers] == [[]] * 5
    done = "select task_id, count(*) from history where event = 'task.done' group by 1 order by 1"
    assert sandbox.ask(done) == [("T001", 1), ("T002", 1), ("T003", 1)]
    assert not list(sandbox.spool.glob("*.json"))


def test_a_task_that_somebody_took_meanwhile_stays_theirs(sandbox: Sandbox) -> None:
    sandbox.lock()
    agent(sandbox.side, "task", "start", "T001")
    sandbox.unlock()
    agent(sandbox.main, "task", "start", "T001", session="faster")
    answer = agent(sandbox.side, "status", session="later")
    assert codes(answer) == ["task_claimed"]
    assert sandbox.ask("select session from claims") == [("faster",)]
    assert codes(agent(sandbox.side, "status", session="later")) == []


def test_git_does_not_see_the_spool(sandbox: Sandbox) -> None:
    """Else `git add --all` would track a decision, and it would be refused."""
    sandbox.lock()
    agent(sandbox.side, "task", "done", "T001")
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "status", "--porcelain", "-uall"],
        cwd=sandbox.side,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
    )
    assert listed.stdout.split() == ["M", "specs/demo.md"], listed


# --- files that were not written by craftkit

GOOD = spool.Entry(
    id="0123456789abcdef",
    kind="done",
    spec_id="login",
    task_id="T002",
    path="specs/login.md",
    session="s9",
    created_at="2026-01-01T00:00:00.000Z",
)


def seal_of(repo: Path) -> spool.Seal:
    """What this clone seals with, read as a program of the same user could."""
    state, name = state_of(repo), "."
    if (repo / ".git").is_file():  # a linked worktree: its git directory, and the shared one
        own = Path((repo / ".git").read_text().removeprefix("gitdir:").strip())
        state, name = own.parents[1] / "craftkit", f"worktrees/{own.name}"
    recorded = json.loads((state / "clone.json").read_text())
    return spool.Seal((state / "key").read_bytes(), recorded["id"], name)


def hostile(repo: Path) -> dict[str, bytes]:
    """Files that this clone did not write, or that mean nothing here."""
    seal = seal_of(repo)
    good = json.loads(spool.render(GOOD, seal))

    def sealed(**other: Any) -> bytes:
        return spool.render(GOOD._replace(**other), seal)

    def changed(**other: Any) -> bytes:
        return json.dumps(good | other).encode()

    return {
        "unknown kind": sealed(kind="reopen"),
        "unknown task": sealed(task_id="T999"),
        "unknown spec": sealed(spec_id="other"),
        "id of another file": sealed(id="fedcba9876543210"),
        "id that climbs": sealed(id="../0123456789abcdef"),
        "without a seal": json.dumps(GOOD._asdict()).encode(),
        "another key": spool.render(GOOD, seal._replace(key=bytes(32))),
        "another clone": spool.render(GOOD, seal._replace(clone="ab" * 8)),
        "another worktree": spool.render(GOOD, seal._replace(worktree="worktrees/side")),
        "another task": changed(task_id="T003"),
        "another kind": changed(kind="drop"),
        "another time": changed(created_at="2026-01-02T00:00:00.000Z"),
        "a seal that is no text": changed(seal=5),
        "a seal beyond ASCII": changed(seal="\u00e9" * 64),
        "field too many": changed(actor="root"),
        "field missing": json.dumps({k: v for k, v in good.items() if k != "session"}).encode(),
        "wrong type": changed(session=5),
        "a list": json.dumps([good]).encode(),
        "no JSON": b"{",
        "no text": b"\xff\xfe",
        "deeply nested": b"[" * 60_000,
        "too large": sealed() + b" " * 70_000,
        "empty": b"",
    }


def spool_file(repo: Path, given: bytes | spool.Entry = GOOD, name: str = GOOD.id) -> Path:
    """Put a file into the spool: sealed as craftkit would, or these bytes."""
    folder = repo / ".craftkit" / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(given, spool.Entry):
        given, name = spool.render(given, seal_of(repo)), given.id
    path = folder / f"{name}.json"
    path.write_bytes(given)
    if IS_ROOT:
        os.chown(path, *repo.stat()[4:6])
    return path


def refused(ck: Ck, spec: Path, *paths: Path) -> None:
    """Two commands refuse each file with one note, do nothing else and leave it there."""
    before = spec.read_bytes()
    for _ in range(2):
        code, answer, err = ck("task", "list", "--json")
        assert code == 0 and codes(answer) == ["spool_refused"] * len(paths) and err == ""
        for path in paths:
            (note,) = (d for d in answer["diagnostics"] if f"{path} " in d["message"])
            assert note["hint"]
        assert {t["state"] for t in answer["data"]["tasks"]} == {"todo"}
    assert all(map(os.path.lexists, paths)) and spec.read_bytes() == before


def test_a_good_file_is_taken_in(repo: Path, spec: Path, ck: Ck) -> None:
    path = spool_file(repo)
    kept = path.read_bytes()
    code, answer, _ = ck("task", "list", "--json")
    assert code == 0 and codes(answer) == []
    assert [t["state"] for t in answer["data"]["tasks"]] == ["todo", "done", "todo"]
    assert b"[x] T002" in spec.read_bytes() and not path.exists()
    path.write_bytes(kept)  # the same once more, as after a crash before the deletion
    assert ck("task", "reopen", "T002")[0] == 0
    assert not path.exists() and b"[ ] T002" in spec.read_bytes()


def test_files_of_another_hand_are_refused(repo: Path, spec: Path, ck: Ck) -> None:
    """Each under a name of its own, save those whose name is right and whose seal is not."""
    refused(ck, spec, *(spool_file(repo, text, name) for name, text in hostile(repo).items()))
    for text in hostile(repo).values():
        shutil.rmtree(repo / ".craftkit/spool")
        refused(ck, spec, spool_file(repo, text))


def test_a_tracked_file_is_refused(repo: Path, spec: Path, ck: Ck) -> None:
    path = spool_file(repo)
    git(repo, "add", "--force", str(path))
    refused(ck, spec, path)


def test_a_symlink_is_refused(repo: Path, spec: Path, ck: Ck) -> None:
    path = spool_file(repo)
    path.rename(repo / "elsewhere.json")
    path.symlink_to(repo / "elsewhere.json")
    refused(ck, spec, path)


def test_a_directory_behind_a_symlink_is_refused(repo: Path, spec: Path, ck: Ck) -> None:
    """What git tracks under another name must not come in through it."""
    path = spool_file(repo)
    path.parent.rename(repo / "tracked")
    git(repo, "add", "--force", "tracked")
    (repo / ".craftkit" / "spool").symlink_to(repo / "tracked")
    refused(ck, spec, path)


def test_a_fifo_is_refused_at_once(repo: Path, spec: Path, ck: Ck) -> None:
    path = spool_file(repo)
    path.unlink()
    os.mkfifo(path)
    refused(ck, spec, path)


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
def test_the_seal_counts_and_not_the_owner(repo: Path, spec: Path, ck: Ck) -> None:
    """Whoever made it could read the key, as an agent that is root in a container can."""
    os.chown(spool_file(repo), 1234, 1234)
    assert ck("task", "list")[0] == 0
    assert b"[x] T002" in spec.read_bytes()
