"""I19: whatever lies in a clone, nothing outside of it is written, run or spoken to.

Asserted by observation: what is outside is compared byte for byte, and strace tells which files
were opened for writing, which programs started and which connections were made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import commands
import ground as grounds
import pytest
import sampling
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OUTSIDE = "mine: yes\n"  # what a file of the user's says, wherever a symlink leads
CONFIG = "github:\n  repo: victim/private\n  api_url: https://evil.example/api/v3\n"
PLACES = (
    *(".craftkit", ".craftkit/config.yaml", ".craftkit/craftkit.db", ".craftkit/craftkit.db-wal"),
    *(".craftkit/state", ".craftkit/state/craftkit.db", ".craftkit/spool", ".craftkit/logs"),
    *(".craftkit/spool/0123456789abcdef.json", ".craftkit/logs/hooks.jsonl"),
    *(".craftkit/agents.json", ".craftkit/.gitignore", ".craftkit/clone.json", ".craftkit/key"),
    *("specs", "specs/demo.md", "specs/other.md", "specs/$(touch RAN).md", "specs/a`b\n.md"),
    *(".claude", ".claude/settings.json", ".claude/skills", "CLAUDE.md", "AGENTS.md", ".mcp.json"),
    *(".github", ".github/workflows", ".github/workflows/craftkit.yml", ".gitattributes"),
    *(".codex", ".codex/config.toml", ".agents", "GEMINI.md", "openspec", ".kiro", ".kiro/specs"),
)


def link_to_file(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "file")


def link_to_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "folder")


def link_to_nothing(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "not there")


def fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, outside: Path) -> None:
    path.mkdir()


def huge(path: Path, outside: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(80 << 20)


def noise(path: Path, outside: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


def database(path: Path, outside: Path) -> None:
    text = (grounds.STORED / "schema_4.sql").read_text(encoding="utf-8")
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(text)


def settings_of_an_agent(path: Path, outside: Path) -> None:
    path.write_text('{"env": {"CRAFTKIT_GITHUB_REPO": "victim/private"}, "hooks": {}}')


KINDS: tuple[Callable[[Path, Path], None], ...] = (
    *(link_to_file, link_to_folder, link_to_nothing, fifo, folder, huge, noise, database),
    settings_of_an_agent,
)
COMMANDS = (
    *("status", "task list", "task next", "spec list", "spec show demo", "task start T001"),
    *("task done T001", "session-resume --offline", "knowledge tip x", "history"),
    *("doctor --fix --offline", "agents install --agent claude", "agents install --agent codex"),
    *("schedule install --target git-hooks", "spec new Other", "spec check", "session-end"),
)
HOOKS = ("session-start", "prompt", "post-edit", "stop", "session-end")
PIECES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(KINDS)), min_size=1, max_size=5
)


class Clone:
    """A clone from an enemy, and what the user has outside of it."""

    def __init__(self, top: Path, pieces: list[tuple[str, Callable[[Path, Path], None]]]) -> None:
        self.top, self.outside = top, top / "outside"
        self.outside.mkdir()
        (self.outside / "file").write_text(OUTSIDE)
        (self.outside / "folder").mkdir()
        (self.outside / "folder/file").write_text(OUTSIDE)
        self.ground = grounds.make("main worktree", top)
        self.work = self.ground.work
        (self.work / ".craftkit").mkdir()
        (self.work / ".craftkit/config.yaml").write_text(CONFIG)
        origin = "https://evil.example/mallory/evil.git"
        grounds.git(self.work, "remote", "add", "origin", origin)
        for name, put in pieces:
            self._put(self.work / name, put)
        self.before = self.seen()

    def _put(self, path: Path, put: Callable[[Path, Path], None]) -> None:
        if any(
            parent.is_symlink() or not parent.is_dir()
            for parent in path.parents
            if os.path.lexists(parent)
        ):
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if not path.parent.is_dir():
            if path.parent.exists():
                return
            path.parent.mkdir(parents=True)
        put(path, self.outside)

    @property
    def env(self) -> dict[str, str]:
        tokens = {"GH_TOKEN": "secret", "GH_ENTERPRISE_TOKEN": "secret"}
        return self.ground.env | tokens | {"HOME": str(self.top / "home")}

    def seen(self) -> dict[str, str]:
        """All that the user has outside of the clone."""
        found = {}
        for place in (self.outside, self.top / "home"):
            for path in sorted(place.rglob("*")):
                found[str(path)] = path.read_text() if path.is_file() else "folder"
        return found

    def walk(self) -> None:
        for words in COMMANDS:
            done = commands.run(*words.split(), cwd=self.work, env=self.env)
            assert "Traceback" not in done.stderr, (words, done.stderr)
            assert "met an error of its own" not in done.stderr, (words, done.stderr)
            assert done.returncode in range(8), (words, done)
        for event in HOOKS:
            done = self.hook(event)
            assert done.returncode == 0 and "Traceback" not in done.stderr, (event, done)
        assert self.seen() == self.before
        assert not list(self.top.rglob("RAN"))

    def hook(self, event: str) -> commands.Done:
        given = f'{{"session_id": "abc", "cwd": "{self.work}"}}'
        return commands.run(event, cwd=self.work, env=self.env, given=given, program=commands.HOOK)


@settings(
    max_examples=sampling.examples(5, 60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(pieces=PIECES, switched_on=st.booleans())
def test_i19_nothing_outside_of_a_clone_is_touched(
    pieces: list[tuple[str, Callable[[Path, Path], None]]], switched_on: bool
) -> None:
    with grounds.folder() as top:
        clone = Clone(top, pieces)
        if switched_on:
            done = commands.run("init", "--no-agents", cwd=clone.work, env=clone.env)
            assert "Traceback" not in done.stderr, done
        clone.walk()
        if not switched_on:
            assert not (clone.work / ".git/craftkit").exists(), "nothing is stored"


@pytest.mark.parametrize("name", sampling.some(PLACES, 12))
def test_i19_one_odd_thing_in_one_place(name: str) -> None:
    """Each kind at each place, before and after `init`."""
    for kind in sampling.few(KINDS, 2):
        with grounds.folder() as top:
            clone = Clone(top, [(name, kind)])
            commands.run("init", "--no-agents", cwd=clone.work, env=clone.env)
            clone.walk()


CALLS = "trace=openat,creat,connect,execve,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"


@pytest.mark.parametrize("switched_on", [False, True])
def test_i19_as_the_kernel_saw_it(switched_on: bool) -> None:
    """Files opened for writing, programs started, connections made: strace's word for it."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    with grounds.folder() as top:
        pieces = [(".craftkit/logs", link_to_folder), (".craftkit/spool", link_to_folder)]
        clone = Clone(top, [*pieces, (".claude", settings_of_an_agent)])
        if switched_on:
            commands.run("init", "--no-agents", cwd=clone.work, env=clone.env)
        log = top / "strace.log"
        words = ["task done T001", "session-resume", "reconcile --all", "status"]
        for line in words:
            done = subprocess.run(
                [
                    *("strace", "-f", "-qq", "-e", CALLS, "-o", str(log), "-A"),
                    *(sys.executable, "-P", "-m", "craftkit", *line.split()),
                ],
                cwd=clone.work,
                env=clone.env,
                capture_output=True,
                text=True,
            )
            if "PTRACE" in done.stderr:
                pytest.skip("strace is not allowed here")
        seen = log.read_text(errors="replace")
        assert "craftkit" in seen
        opened = re.findall(r'open(?:at)?\([^"]*"([^"]*)", [^)]*O_(?:WRONLY|RDWR)', seen)
        own = (str(clone.work), "/dev/null", "/dev/tty", "/proc/")
        wrong = [p for p in opened if os.path.isabs(p) and not p.startswith(own)]
        assert [p for p in wrong if "__pycache__" not in p and ".pyc" not in p] == []
        assert re.findall(r"connect\(\d+, \{sa_family=AF_INET6?[^}]*", seen) == []
        programs = {os.path.basename(p) for p in re.findall(r'execve\("([^"]+)"[^\n]*= 0', seen)}
        assert programs <= {os.path.basename(sys.executable), "git", "python", "gh"}, programs
