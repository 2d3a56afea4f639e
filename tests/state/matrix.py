"""What works in which place, for whom: found out by trying, as rows of the table in docs/state.md.

    python tests/state/matrix.py

prints the whole table; it takes root, to be other users, and Codex for its column.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import commands
import ground as grounds
from ground import NOBODY, STRANGER, Ground

OPERATIONS = ("read", "brief", "start", "done", "hook", "job", "move")
OWN, OTHER, ROOT, READ_ONLY, CODEX = USERS = (
    "its owner",
    "another user",
    "root, as in a container",
    "read-only `.git`",
    "Codex's sandbox",
)
CLIENTS = Path(__file__).parents[2] / ".venv/clients/node_modules/.bin"


@cache
def codex() -> str:
    """The real Codex, if it is installed and can make a sandbox here; else ""."""
    found = _codex()
    if not found:
        return ""
    probe = [found, "sandbox", "-c", 'sandbox_mode="workspace-write"', "--", "true"]
    return found if subprocess.run(probe, capture_output=True).returncode == 0 else ""


def why_not(kind: str) -> str:
    """Why this machine does not let us be somebody; "" if it does."""
    if kind == CODEX and not codex():
        return "Codex cannot make a sandbox here" if _codex() else "there is no codex"
    return "only root can be another user" if kind not in users() else ""


def _codex() -> str | None:
    return shutil.which("codex", path=os.pathsep.join([str(CLIENTS), os.environ["PATH"]]))


def users() -> list[str]:
    """Whom this machine lets us be."""
    found = list(USERS[:4]) if grounds.IS_ROOT else [OWN, READ_ONLY]
    return [*found, CODEX] if codex() else found


class Visitor:
    """Somebody who tries every operation in one place."""

    def __init__(self, ground: Ground, kind: str, github: str) -> None:
        self.ground, self.kind, self.github = ground, kind, github
        self.owner = NOBODY if grounds.IS_ROOT and kind != CODEX else 0
        self.user = {OTHER: STRANGER, ROOT: 0}.get(kind, self.owner)

    @property
    def server(self) -> dict[str, str]:
        return {"GITHUB_API_URL": self.github, "GH_TOKEN": "sandbox-token"}

    def arrive(self) -> None:
        """The owner has set the place up; then this one comes."""
        if self.owner:
            self.ground.give_to(self.owner)
        owner = self.ground._replace(user=self.owner)
        owner.ok("init", **self.server)
        for path in self.ground.top.rglob("config.yaml"):
            path.write_text("github:\n  repo: octo-dev/demo\n")
        owner.ok("trust", "--yes", **self.server)
        owner.ok("task", "start", "T005", **self.server)

    def shut(self) -> None:
        """Make read-only what this one finds read-only."""
        if self.kind == READ_ONLY:
            self._chmod(writable=False)

    def _chmod(self, *, writable: bool) -> None:
        where = self.ground.state
        if not where.exists():
            where = where.parent
        if not where.exists():
            return
        for path in (where, *where.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | 0o200 if writable else mode & ~0o222)

    def open(self) -> None:
        if self.kind == READ_ONLY:
            self._chmod(writable=True)

    def run(self, *words: str, program: str = commands.CRAFTKIT, given: str = "") -> commands.Done:
        env = self.ground.env | self.server
        if self.kind == ROOT:  # who has to trust it, to use git there at all
            trusting = self.ground.top / "gitconfig"
            trusting.write_text("[safe]\n\tdirectory = *\n")
            env = env | {"GIT_CONFIG_GLOBAL": str(trusting)}
        if self.kind != CODEX:
            return commands.run(
                *words, cwd=self.ground.work, env=env, program=program, given=given, user=self.user
            )
        home = self.ground.top / "codex"
        home.mkdir(exist_ok=True)
        box = [codex(), "sandbox", "-c", 'sandbox_mode="workspace-write"']
        box += ["-c", "sandbox_workspace_write.exclude_slash_tmp=true"]
        box += ["-c", "sandbox_workspace_write.exclude_tmpdir_env_var=true", "--"]
        done = subprocess.run(
            [*box, sys.executable, "-P", *commands.EXECUTED[program], *words],
            cwd=self.ground.work,
            env=env | {"CODEX_HOME": str(home)},
            input=given,
            capture_output=True,
            text=True,
        )
        return commands.Done(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str) -> tuple[int, list[str], Any]:
        """Exit code, codes of the diagnostics, and data."""
        done = self.run(*words, "--json")
        answer = json.loads(done.stdout)
        return done.returncode, [d["code"] for d in answer["diagnostics"]], answer["data"]

    # The operations: each returns the word that stands in the table

    def read(self) -> str:
        code, notes, data = self.json("task", "list")
        if code:
            return _refused(notes)
        assert len(data["tasks"]) == 5
        by_files = {"foreign_state", "git_directory_missing"} & {*notes}
        return "from files" if by_files else "works"

    def brief(self) -> str:
        given = json.dumps({"session_id": "abc", "cwd": str(self.ground.work)})
        done = self.run("session-start", program=commands.HOOK, given=given)
        assert done.returncode == 0, done
        if "Spec demo" not in done.stdout:
            return "silent"
        return "works" if "T005" in done.stdout else "from files"

    def start(self) -> str:
        return self._decide("task", "start", "T001", "--switch")

    def done(self) -> str:
        found = self._decide("task", "done", "T002")
        assert ("[x] T002" in self.ground.text) == (found in ("works", "spooled"))
        return found

    def _decide(self, *words: str) -> str:
        before = len(self.ground.spool), self.ground.decided()
        code, notes, _ = self.json(*words)
        if code:
            assert (len(self.ground.spool), self.ground.decided()) == before
            return _refused(notes)
        return self._what_is_new(*before)

    def _what_is_new(self, spooled: int, decided: list[Any]) -> str:
        if self.ground.decided() != decided:
            return "works"
        return "spooled" if len(self.ground.spool) > spooled else "silent"

    def hook(self) -> str:
        before = len(self.ground.spool), self.ground.decided()
        self.ground.tick("T003")
        path = str(self.ground.work / "specs/demo.md")
        given = {"session_id": "abc", "cwd": str(self.ground.work), "tool_name": "Edit"}
        given |= {"tool_input": {"file_path": path}}  # type: ignore[dict-item]
        done = self.run("post-edit", program=commands.HOOK, given=json.dumps(given))
        assert done.returncode == 0, done
        return self._what_is_new(*before)

    def job(self) -> str:
        code, notes, _ = self.json("reconcile", "--job")
        return "works" if code == 0 else _refused(notes)

    def move(self) -> str:
        self.open()
        folder = grounds.put_old_state(self.ground)
        if self.owner:
            self.ground.give_to(self.owner)
        self.shut()
        _, notes, _ = self.json("init")
        moved = self.ground.ask("select 1 from history where event = 'spec.linked'", "craftkit.db")
        self.open()
        assert bool(moved) != (folder / "craftkit.db").exists()
        return "works" if moved else _refused(notes)


def _refused(notes: list[str]) -> str:
    return f"refused: `{notes[-1]}`"


def row(place: str, kind: str) -> list[str]:
    """What each operation comes to in a place, for somebody of this kind."""
    from craftkit.sandbox.server import serve

    with grounds.folder(on_disk=kind == CODEX) as top, serve() as server:
        visitor = Visitor(grounds.make(place, top), kind, server.url)
        visitor.arrive()
        grounds.lose(place, visitor.ground)
        visitor.shut()
        found = [getattr(visitor, operation)() for operation in OPERATIONS]
        visitor.open()
        return found


def line(place: str, kind: str) -> str:
    return f"| {place} | {kind} | {' | '.join(row(place, kind))} |"


def main() -> None:
    print(f"| place | who | {' | '.join(OPERATIONS)} |")
    print("|" + "---|" * (len(OPERATIONS) + 2))
    for place in grounds.PLACES:
        for kind in users():
            print(line(place, kind), flush=True)


if __name__ == "__main__":
    main()
