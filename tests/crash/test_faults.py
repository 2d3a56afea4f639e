"""I12, I14: a full disk, a read-only one or a broken one at any call loses and breaks nothing."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import pytest
import sampling
from places import database_of, state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


SPEC = "specs/demo.md"
THOROUGH = os.environ.get("CRAFTKIT_THOROUGH") == "1"
COMMANDS = {
    "start": ("task", "start", "T002"),
    "done": ("task", "done", "T002"),
    "phase": ("spec", "phase", "design"),
    "resume": ("session-resume",),
    "add": ("task", "add", "Five", "--depends-on", "T003"),
    "init": ("init",),
}
# What the operating system says, and what SQLite makes of it.
FAULTS = {
    "ENOSPC": "database or disk is full",
    "EROFS": "attempt to write a readonly database",
    "EIO": "disk I/O error",
}


class Breaker:
    """Fails one call that writes; on a full disk all that follow as well.

    Nothing is counted but what this process does itself through `os` and through sqlite3.
    """

    def __init__(self, stop: int, fault: str) -> None:
        self.stop, self.fault = stop, fault
        self.trace: list[str] = []

    def at(self, name: str, call: Callable[[], Any]) -> Any:
        self.trace.append(name)
        count = len(self.trace)
        if count == self.stop or (self.fault == "ENOSPC" and 0 < self.stop < count):
            if name.startswith("sql"):
                raise sqlite3.OperationalError(FAULTS[self.fault])
            number = getattr(errno, self.fault)
            raise OSError(number, os.strerror(number))
        return call()

    def install(self) -> None:
        from craftkit.specs import files

        for name in ("write", "fsync", "replace", "rename", "link", "mkdir"):
            self._wrap(os, name)
        self._wrap(files, "exchange")
        self._wrap_open()
        self._wrap_sqlite()

    def _wrap(self, module: Any, name: str) -> None:
        real = getattr(module, name)
        setattr(module, name, lambda *a, **k: self.at(f"{name} {a[:1]}", lambda: real(*a, **k)))

    def _wrap_open(self) -> None:
        real = os.open

        def new(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return real(path, flags, *rest, **more)
            fd: int = self.at(f"open {path}", lambda: real(path, flags, *rest, **more))
            return fd

        os.open = new  # type: ignore[assignment]

    def _wrap_sqlite(self) -> None:
        breaker, connect = self, sqlite3.connect

        def new_connect(path: str, *rest: Any, **more: Any) -> sqlite3.Connection:
            if path == ":memory:" or path.startswith("file:"):
                return connect(path, *rest, **more)

            class Breaking(more.pop("factory", sqlite3.Connection)):  # type: ignore[misc]
                def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
                    real = super().execute
                    if sql == "ROLLBACK":
                        return real(sql, *rest)
                    found: sqlite3.Cursor = breaker.at(f"sql {sql}", lambda: real(sql, *rest))
                    return found

                def executemany(self, sql: str, *rest: Any) -> sqlite3.Cursor:
                    real = super().executemany
                    found: sqlite3.Cursor = breaker.at(f"sql {sql}", lambda: real(sql, *rest))
                    return found

            made: sqlite3.Connection = breaker.at(
                "sql connect", lambda: connect(path, *rest, factory=Breaking, **more)
            )
            return made

        sqlite3.connect = new_connect  # type: ignore[assignment]


def run_broken(
    repo: Path, args: tuple[str, ...], stop: int, fault: str
) -> tuple[int, list[str], str]:
    """Run a command that meets `fault` at call `stop`; exit code, trace, words."""
    from craftkit.cli import main

    trace = repo.parent / "trace.json"

    def work() -> int:
        breaker = Breaker(stop, fault)
        breaker.install()
        code = main(args)
        trace.write_text(json.dumps(breaker.trace), encoding="utf-8")
        return code

    trace.unlink(missing_ok=True)
    code, said = forked.in_child(repo, work)
    return code, json.loads(trace.read_text(encoding="utf-8")) if trace.exists() else [], said


def set_stage(repo: Path, name: str) -> None:
    """What each command finds: T001 done; T002 started for `done`, ticked for `resume`."""
    forked.prepare(repo, 4)
    if name == "init":
        shutil.rmtree(repo / ".craftkit")
        shutil.rmtree(state_of(repo))
        return
    assert forked.run(repo, "task", "done", "T001")[0] == 0
    if name == "done":
        assert forked.run(repo, "task", "start", "T002")[0] == 0
    if name == "resume":
        path = repo / SPEC
        path.write_bytes(path.read_bytes().replace(b"[ ] T002", b"[x] T002"))


def reset(repo: Path, template: Path) -> None:
    for name in (".craftkit", ".git/craftkit", "specs"):
        shutil.rmtree(repo / name, ignore_errors=True)
        if (template / name).exists():
            shutil.copytree(template / name, repo / name)


def text_of(repo: Path) -> bytes:
    return re.sub(rb"(?m)^updated:.*$", b"", (repo / SPEC).read_bytes())


QUERIES = {
    "tasks": "select task_id, local_done, dropped from tasks order by spec_id, task_id",
    "claims": "select task_id, session, worktree from claims order by 1",
    "decisions": "select d.action, d.task_id, p.status from decision_tasks d"
    " join processes p on p.id = d.process_id order by 1, 2",
    "phase": "select id, phase from specs",
    "unfinished": "select kind, status from processes where status <> 'completed'",
    "events": "select event, task_id, count(*) from history"
    " where event in ('task.started', 'task.done') group by 1, 2 order by 1, 2",
    "integrity": "pragma integrity_check",
}


def end_state(repo: Path) -> dict[str, Any]:
    """All that has to be the same, whatever failed on the way."""
    connection = sqlite3.connect(database_of(repo))
    try:
        found: dict[str, Any] = {
            name: connection.execute(sql).fetchall() for name, sql in QUERIES.items()
        }
    finally:
        connection.close()
    state = repo / ".craftkit"
    found["files"] = {"config.yaml": (state / "config.yaml").read_bytes()}
    spool = state / "spool"
    found["spool"] = sorted(p.name for p in spool.glob("*.json")) if spool.exists() else []
    temporary = [*repo.rglob(".craftkit-*"), *repo.rglob("*.tmp")]
    return found | {"spec": text_of(repo), "left over": [p.name for p in temporary]}


def stops(trace: list[str], fault: str) -> list[int]:
    """The calls to break, counted from 1.

    Only a broken disk fails to read.  Inside a transaction one statement fails like any other, so
    these are left to that fault, and each of them is broken where it comes first.
    """
    if THOROUGH:
        return list(range(1, len(trace) + 1))
    found, seen = [], set()
    for number, name in enumerate(trace, start=1):
        outside = name.startswith(("sql connect", "sql PRAGMA", "sql BEGIN", "sql COMMIT"))
        kind = "sql create" if name.lower().startswith("sql create ") else name
        if outside or not name.startswith("sql") or (fault == "EIO" and kind not in seen):
            found.append(number)
        seen.add(kind)
    return found


def words_wrong(code: int, said: str) -> list[str]:
    """An error is one sentence and one hint; a success may carry remarks."""
    wrong = []
    if code not in (0, 1):
        wrong.append(f"exit {code}: {said[-300:]}")
    if "Traceback" in said or "raised " in said or "error of its own" in said:
        wrong.append(f"not an error for people: {said[-300:]}")
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    if code and (len(errors) != 1 or said.count("\nhint: ") < 1):
        wrong.append(f"no single sentence with a hint: {said[-300:]}")
    return wrong


def one_fault(
    repo: Path, args: tuple[str, ...], stop: int, fault: str, allowed: set[bytes]
) -> tuple[list[str], dict[str, Any]]:
    """Break, look, run on without the fault; what is wrong, and the end state."""
    code, _, said = run_broken(repo, args, stop, fault)
    wrong = words_wrong(code, said)
    if text_of(repo) not in allowed:
        wrong.append(f"the spec is neither old nor new: {(repo / SPEC).read_bytes()!r}")
    # What exited 0 is durably recorded and must not be needed again.
    again = ("status",) if code == 0 else args
    code, said = forked.run(repo, *again)
    if code or "error of its own" in said:
        wrong.append(f"{' '.join(again)} after it: exit {code}: {said[-300:]}")
    return wrong, end_state(repo)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every command has run once in this process, so that its forked children are quick."""
    import craftkit.store.schema  # noqa: F401 - it loads much, and only the first command needs it
    from craftkit.cli import main

    repo = tmp_path_factory.mktemp("warm").resolve() / "repo"
    forked.prepare(repo, 4)
    with contextlib.chdir(repo), contextlib.redirect_stdout(io.StringIO()):
        for args in COMMANDS.values():
            assert main(args) == 0


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("name", list(COMMANDS))
def test_i12_i14_a_fault_at_every_call(tmp_path: Path, warm: None, name: str, fault: str) -> None:
    repo, template, args = tmp_path.resolve() / "repo", tmp_path / "template", COMMANDS[name]
    set_stage(repo, name)
    shutil.copytree(repo, template)
    old = text_of(repo)
    code, trace, said = run_broken(repo, args, 0, fault)
    assert code == 0, said
    assert forked.run(repo, "status")[0] == 0
    wanted = end_state(repo)
    assert wanted["left over"] == [] and wanted["unfinished"] == [] and len(trace) > 5
    failures = []
    for stop in sampling.few(stops(trace, fault), 5):
        reset(repo, template)
        allowed = {old, wanted["spec"]}
        wrong, state = one_fault(repo, args, stop, fault, allowed)
        unlike = [k for k in wanted if state[k] != wanted[k]]
        wrong += [f"{k}: {state[k]!r}, not {wanted[k]!r}" for k in unlike]
        where = f"{fault} at call {stop} of {len(trace)} ({trace[stop - 1][:90]})"
        failures += [f"{where}: {w}" for w in wrong]
    assert not failures, f"{len(failures)}:\n" + "\n".join(failures[:12])
