"""A repository whose hooks are heard as an agent hears them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commands
from places import database_of

FOREIGN = ("CRAFTKIT_", "GIT_", "GITHUB_", "GH_", "CLAUDE", "CODEX_", "GEMINI_", "CURSOR_")


class Bed:
    """A repository, its commands and its hooks; session `abc` of Claude Code, if not said else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        self.env = kept | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(root.parent),
            "CRAFTKIT_SESSION": "abc",
            "NO_COLOR": "1",
        }

    def begin(self, *titles: str) -> Bed:
        self.root.mkdir()
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=self.root, check=True)
        assert self.ck("init")[0] == 0
        lines = "".join(f"- [ ] T{n:03d} {title}\n" for n, title in enumerate(titles, 1))
        self.write(f"---\nid: demo\nname: Demo\nphase: implementation\n---\n\n## Tasks\n\n{lines}")
        self.ck("status")
        self.hook("session-start")
        return self

    @property
    def path(self) -> Path:
        return self.root / "specs/demo.md"

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def write(self, text: str) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(text, encoding="utf-8", newline="")

    def tick(self, *keys: str) -> None:
        text = self.text
        for key in keys:
            assert f"[ ] {key}" in text
            text = text.replace(f"[ ] {key}", f"[x] {key}")
        self.write(text)

    def ck(self, *words: str, **env: str) -> tuple[int, str, str]:
        return commands.run(*words, cwd=self.root, env=self.env | env)

    def ask(self, sql: str) -> list[Any]:
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(database_of(self.root))) as connection:
            return connection.execute(sql).fetchall()

    def start(
        self, event: str, payload: Any = None, *words: str, cwd: Path | None = None, **env: str
    ) -> Callable[[], str]:
        """Begin a hook; what waits for its stdout."""
        given = {"session_id": "abc", "cwd": str(self.root)} if payload is None else payload
        text = given if isinstance(given, str) else json.dumps(given)
        wait = commands.begin(
            event,
            *words,
            cwd=cwd or self.root,
            env=self.env | env,
            given=text,
            program=commands.HOOK,
        )

        def finish() -> str:
            code, out, err = wait()
            assert code == 0, err
            assert event not in ("prompt",) or not err, err
            return out

        return finish

    def hook(self, event: str, payload: Any = None, *words: str, **more: Any) -> str:
        """What a hook says; it always ends well, and says nothing or one JSON object."""
        out = self.start(event, payload, *words, **more)()
        assert len(out) <= 2000
        assert not out or isinstance(json.loads(out), dict)
        return out

    def said(self, event: str, payload: Any = None, *words: str, **more: Any) -> str:
        """The words of a hook of Claude Code to the model, "" for silence."""
        out = self.hook(event, payload, *words, **more)
        answer = json.loads(out) if out else {}
        part = answer.get("hookSpecificOutput", {})
        found: str = part.get("additionalContext") or answer.get("reason") or ""
        return found
