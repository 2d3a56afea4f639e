"""Run the command line in forked children, and kill one at a chosen call."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def prepare(repo: Path, tasks: int) -> None:
    """An initialised git repository with one spec."""
    repo.mkdir()
    git = ["git", "-C", str(repo), "init", "-q", "--template=", "-b", "main"]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(git, check=True, env=env)
    (repo / "specs").mkdir()
    lines = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, tasks + 1))
    front = "---\nid: demo\nname: Demo\nphase: requirements\nupdated: 2020-01-01T00:00:00Z\n---\n"
    (repo / "specs/demo.md").write_text(f"{front}\n## Tasks\n\n{lines}")
    assert run(repo, "init")[0] == 0


def in_child(repo: Path, work: Callable[[], int], session: str = "s1") -> tuple[int, str]:
    """Fork, do `work` inside `repo`; exit code (negative for a signal) and all that it printed."""
    import craftkit.cli.app

    # Loaded before the fork, so that it is quick.  Not what single commands load on their own:
    # recovery has to find that by itself.
    import craftkit.workflow.session  # noqa: F401

    said = repo.parent / "said.txt"
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            become(repo, session)
            with open(said, "w", encoding="utf-8", buffering=1) as stream:
                sys.stdout = sys.stderr = stream
                try:
                    code = work()
                except BaseException as error:
                    print(f"raised {error!r}")
        finally:
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), said.read_text(encoding="utf-8")


def become(repo: Path, session: str) -> None:
    """Make this child a caller of its own."""
    for name in list(os.environ):
        if name.startswith(("CRAFTKIT_", "GIT_")):
            del os.environ[name]
    for name in ("CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID", "GEMINI_SESSION_ID"):
        os.environ.pop(name, None)
    os.environ["CRAFTKIT_SESSION"] = session
    os.chdir(repo)


def run(repo: Path, *args: str, session: str = "s1") -> tuple[int, str]:
    from craftkit.cli import main

    return in_child(repo, lambda: main(args), session)


class Killer:
    """Counts the calls that change something, and kills this process at one of them.

    A kill before a call that only reads is the same as one after the call before it, so those
    are not counted.
    """

    def __init__(self, repo: Path, stop: int = 0, side: str = "") -> None:
        self.root, self.stop, self.side = str(repo), stop, side
        self.trace: list[str] = []
        self.ours: set[int] = set()
        self.known_processes = 0

    def at(self, name: str, call: Callable[[], Any]) -> Any:
        self.trace.append(name)
        hit = len(self.trace) == self.stop
        if hit and self.side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call()
        if hit and self.side == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def inside(self, path: Any, *folders: int | None) -> bool:
        if any(fd is not None for fd in folders):
            return True
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        return os.path.abspath(name).startswith(self.root + os.sep) or name == self.root

    def install(self) -> None:
        self._wrap_descriptors()
        for name in ("replace", "rename", "link"):
            self._wrap_two(name)
        unlink = os.unlink

        def new_unlink(path: Any, *, dir_fd: int | None = None) -> None:
            if not self.inside(path, dir_fd):
                return unlink(path, dir_fd=dir_fd)
            self.at(f"unlink {_short(path)}", lambda: unlink(path, dir_fd=dir_fd))

        os.unlink = new_unlink  # type: ignore[assignment]
        self._wrap_exchange()
        self._wrap_sqlite()

    def _wrap_descriptors(self) -> None:
        real_open, write, fsync = os.open, os.write, os.fsync

        def new_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if not self.inside(path, dir_fd):
                return real_open(path, flags, mode, dir_fd=dir_fd)

            def call() -> int:
                return real_open(path, flags, mode, dir_fd=dir_fd)

            fd: int = self.at(f"open {_short(path)}", call) if flags & WRITES else call()
            self.ours.add(fd)
            return fd

        def new_write(fd: int, data: Any) -> int:
            if fd not in self.ours:
                return write(fd, data)
            return int(self.at("write", lambda: write(fd, data)))

        def new_fsync(fd: int) -> None:
            self.at("fsync", lambda: fsync(fd))

        os.open, os.write, os.fsync = new_open, new_write, new_fsync  # type: ignore[assignment]

    def _wrap_two(self, name: str) -> None:
        real = getattr(os, name)

        def new(src: Any, dst: Any, **more: Any) -> Any:
            if not self.inside(src, more.get("src_dir_fd")):
                return real(src, dst, **more)
            return self.at(f"{name} {_short(dst)}", lambda: real(src, dst, **more))

        setattr(os, name, new)

    def _wrap_exchange(self) -> None:
        from craftkit.specs import files

        real = files.exchange
        files.exchange = lambda fd, one, other: self.at(  # type: ignore[assignment]
            f"exchange {_short(other)}", lambda: real(fd, one, other)
        )

    def _wrap_sqlite(self) -> None:
        killer, connect = self, sqlite3.connect

        class Counting(sqlite3.Connection):
            def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:  # type: ignore[override]
                if sql.strip().upper() != "COMMIT":
                    return super().execute(sql, *rest)
                count = super().execute("select count(*) from processes").fetchone()[0]
                decided = count > killer.known_processes
                name = "COMMIT of the decision" if decided else "COMMIT"
                killer.known_processes = count
                real = super().execute
                cursor: sqlite3.Cursor = killer.at(name, lambda: real(sql, *rest))
                return cursor

        sqlite3.connect = lambda *a, **k: connect(  # type: ignore[assignment]
            *a, **{**k, "factory": Counting}
        )


def _short(path: Any) -> str:
    name = os.path.basename(os.fsdecode(path))
    return "(temporary)" if name.endswith(".tmp") else name


def run_killed(
    repo: Path, args: tuple[str, ...], stop: int, side: str, known: int
) -> tuple[int, list[str], str]:
    """Run a command that dies at call `stop`; 0 counts only.  Exit code, trace, words."""
    from craftkit.cli import main

    trace = repo.parent / "trace.json"

    def work() -> int:
        killer = Killer(repo, stop, side)
        killer.known_processes = known
        killer.install()
        code = main(args)
        trace.write_text(json.dumps(killer.trace))
        return code

    trace.unlink(missing_ok=True)
    code, said = in_child(repo, work)
    return code, json.loads(trace.read_text()) if trace.exists() else [], said


def ask(repo: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(repo / ".craftkit/craftkit.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def reset(repo: Path, template: Path) -> None:
    """The template in the place of the repository: the database knows it by its path."""
    shutil.rmtree(repo)
    shutil.copytree(template, repo, symlinks=True)


def captured(work: Callable[[], int]) -> tuple[int, str, str]:
    """Run `work` with its own stdout and stderr; only for a forked child."""
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    code = work()
    return code, sys.stdout.getvalue(), sys.stderr.getvalue()
