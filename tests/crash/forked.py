"""Run the command line in forked children, and kill one at a chosen call."""

from __future__ import annotations

import builtins
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

from places import database_of

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
READ, DECISION = "read: ", "COMMIT of the decision"
THOROUGH = os.environ.get("CRAFTKIT_THOROUGH") == "1"  # every point; takes minutes
FRONT = "---\nid: demo\nname: Demo\nphase: requirements\nupdated: 2020-01-01T00:00:00Z\n---\n"


def prepare(repo: Path, tasks: int) -> None:
    """An initialised git repository with one spec."""
    repo.mkdir()
    git = ["git", "-C", str(repo), "init", "-q", "--template=", "-b", "main"]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(git, check=True, env=env)
    (repo / "specs").mkdir()
    lines = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, tasks + 1))
    (repo / "specs/demo.md").write_text(f"{FRONT}\n## Tasks\n\n{lines}")
    assert run(repo, "init")[0] == 0


def in_child(repo: Path, work: Callable[[], int], session: str = "s1") -> tuple[int, str]:
    """Fork, do `work` inside `repo`; exit code (negative for a signal) and all that it printed."""
    import craftkit.cli.app

    # Loaded and warmed up before the fork, so that it is quick.  Not what single commands load on
    # their own: recovery has to find that by itself.
    import craftkit.loop.work_status  # noqa: F401
    from craftkit.specs import parse

    parse(FRONT.encode() + b"\n## Tasks\n\n- [ ] T001 Warm\n", "specs/warm.md")

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
    """Counts the calls that touch the repository, and kills this process at one of them.

    In the trace the names of calls that change nothing begin with READ.
    """

    def __init__(self, repo: Path, stop: int = 0, side: str = "") -> None:
        self.root, self.stop, self.side = str(repo), stop, side
        self.trace: list[str] = []
        self.ours: set[int] = set()
        self.known_processes = 0
        self.editor: Callable[[], None] | None = None  # saves once, just before the first exchange

    def at(self, name: str, call: Callable[[], Any]) -> Any:
        self.trace.append(name)
        hit = len(self.trace) == self.stop
        if hit and self.side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return call()
        finally:
            if hit:
                os.kill(os.getpid(), signal.SIGKILL)

    def touches(self, target: Any, more: dict[str, Any]) -> bool:
        """Whether a call is about the repository: by descriptor, or by path."""
        if any(more.get(name) in self.ours for name in ("dir_fd", "src_dir_fd")):
            return True
        if isinstance(target, int):
            return target in self.ours
        if not isinstance(target, str | bytes | os.PathLike):
            return False
        path = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(target)))
        return path == self.root or path.startswith(self.root + os.sep)

    def install(self) -> None:
        import fcntl

        for name in ("stat", "lstat", "fstat", "listdir", "scandir", "readlink", "access", "read"):
            self._wrap(os, name, READ)
        self._wrap(fcntl, "flock", READ)
        for name in ("mkdir", "rmdir", "unlink", "remove", "chmod", "fchmod", "fchown", "utime"):
            self._wrap(os, name)
        for name in ("replace", "rename", "link", "write", "fsync", "truncate", "ftruncate"):
            self._wrap(os, name)
        self._wrap_open_and_close()
        self._wrap_exchange()
        self._wrap_sqlite()

    def _wrap(self, module: Any, name: str, kind: str = "") -> None:
        real = getattr(module, name)

        def new(*args: Any, **more: Any) -> Any:
            if not self.touches(args[0] if args else ".", more):
                return real(*args, **more)
            label = f"{kind}{name} {_short(args[0] if args else '.')}"
            return self.at(label, lambda: real(*args, **more))

        setattr(module, name, new)

    def _wrap_open_and_close(self) -> None:
        real_open, real_close, real_file = os.open, os.close, builtins.open

        def new_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            def call() -> int:
                return real_open(path, flags, mode, dir_fd=dir_fd)

            if not self.touches(path, {"dir_fd": dir_fd}):
                return call()
            fd: int = self.at(f"{'' if flags & WRITES else READ}open {_short(path)}", call)
            self.ours.add(fd)
            return fd

        def new_close(fd: int) -> None:
            if fd not in self.ours:
                return real_close(fd)
            self.ours.discard(fd)
            self.at(f"{READ}close", lambda: real_close(fd))

        def new_file(path: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
            if isinstance(path, int) or not self.touches(path, {}):
                return real_file(path, mode, *args, **more)
            kind = READ if mode in ("r", "rb") else ""
            return self.at(
                f"{kind}open {_short(path)}", lambda: real_file(path, mode, *args, **more)
            )

        os.open, os.close = new_open, new_close  # type: ignore[assignment]
        builtins.open = new_file  # type: ignore[assignment]

    def _wrap_exchange(self) -> None:
        from craftkit.specs import files

        real = files.exchange

        def new(fd: int | None, one: str, other: str) -> bool:
            editor, self.editor = self.editor, None
            if editor is not None:
                editor()
            swapped: bool = self.at(f"exchange {_short(other)}", lambda: real(fd, one, other))
            return swapped

        files.exchange = new

    def _wrap_sqlite(self) -> None:
        connect = sqlite3.connect

        def new(*args: Any, **more: Any) -> sqlite3.Connection:
            base = more.pop("factory", sqlite3.Connection)
            factory = type("Counting", (base,), {"execute": self._counted(base.execute)})
            name = f"{READ}connect"
            connection: sqlite3.Connection = self.at(
                name, lambda: connect(*args, **more, factory=factory)
            )
            return connection

        sqlite3.connect = new

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def execute(connection: sqlite3.Connection, sql: str, *rest: Any) -> Any:
            word = sql.strip().partition(" ")[0].upper()
            if word not in ("BEGIN", "COMMIT", "PRAGMA", "ROLLBACK"):
                return real(connection, sql, *rest)
            name = f"{READ}{sql}"
            if word == "COMMIT":
                count = real(connection, "select count(*) from processes").fetchone()[0]
                name = DECISION if count > self.known_processes else "COMMIT"
                self.known_processes = count
            return self.at(name, lambda: real(connection, sql, *rest))

        return execute


def _short(path: Any) -> str:
    name = str(path) if isinstance(path, int) else os.path.basename(os.fsdecode(path))
    return "(temporary)" if name.startswith(".craftkit-") else name


def run_killed(
    repo: Path,
    args: tuple[str, ...],
    stop: int,
    side: str,
    known: int,
    editor: Callable[[], None] | None = None,
) -> tuple[int, list[str], str]:
    """Run a command that dies at call `stop`; 0 counts only.  Exit code, trace, words."""
    from craftkit.cli import main

    trace = repo.parent / "trace.json"

    def work() -> int:
        killer = Killer(repo, stop, side)
        killer.known_processes, killer.editor = known, editor
        killer.install()
        code = main(args)
        trace.write_text(json.dumps(killer.trace))
        return code

    trace.unlink(missing_ok=True)
    code, said = in_child(repo, work)
    return code, json.loads(trace.read_text()) if trace.exists() else [], said


def ask(repo: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(database_of(repo))
    try:
        with connection:  # what is changed stays changed
            return connection.execute(sql).fetchall()
    finally:
        connection.close()


def reset(repo: Path, template: Path) -> None:
    """The template in the place of the repository: the database knows it by its path.

    And by the inode of git's directory, so that this one stays.
    """
    for folder in (repo / ".git", repo):
        for path in folder.iterdir() if folder.exists() else ():
            if path.is_symlink() or path.is_file():
                path.unlink()
            elif path.name != ".git":
                shutil.rmtree(path)
    shutil.copytree(template, repo, symlinks=True, dirs_exist_ok=True)


def captured(work: Callable[[], int]) -> tuple[int, str, str]:
    """Run `work` with its own stdout and stderr; only for a forked child."""
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    code = work()
    return code, sys.stdout.getvalue(), sys.stderr.getvalue()
