"""A repository, a home directory that is thrown away, and the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from craftkit.cli import main

AGENTS = ("claude", "codex", "copilot", "cursor", "gemini", "opencode")
MOVED = ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME", "XDG_CONFIG_HOME", "APPDATA")


class Place:
    def __init__(self, top: Path, said: pytest.CaptureFixture[str]) -> None:
        self.top, self.said = top, said
        self.repo, self.home, self.bin = top / "repo", top / "home", top / "bin"
        for folder in (self.repo, self.home, self.bin):
            folder.mkdir()
        init = ["git", "init", "-q", "--template=", "-b", "main", str(self.repo)]
        subprocess.run(init, check=True, capture_output=True)
        assert self("init", "--no-agents")[0] == 0

    def env(self) -> dict[str, str]:
        # git has to be found; clients that this machine has must not be.
        return {"HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin"}

    def __call__(self, *args: str, cwd: Path | None = None, **env: str) -> tuple[int, Any, str]:
        """Run a command in this process, which is quicker: code, answer, stderr."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd or self.repo)
            for name, value in (self.env() | env).items():
                patch.setenv(name, value)
            code = main(args)
        said = self.said.readouterr()
        assert "Traceback" not in said.err
        return code, json.loads(said.out) if "--json" in args else said.out, said.err

    def agents(self, verb: str, *args: str, code: int = 0, **env: str) -> Any:
        got, answer, err = self("agents", verb, *args, "--json", **env)
        assert got == code, (answer, err)
        assert answer["command"] == f"agents {verb}" and answer["ok"] is (code == 0)
        return answer["data"]

    def spawn(self, *args: str, **more: Any) -> subprocess.Popen[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        return subprocess.Popen(
            [sys.executable, "-m", "craftkit", *args],
            cwd=self.repo,
            env={**os.environ, **self.env()},
            text=True,
            **streams,
        )

    def base(self, scope: str) -> Path:
        return self.repo if scope == "project" else self.home

    def write(self, scope: str, name: str, data: bytes) -> Path:
        path = self.base(scope) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def everything(self) -> dict[str, Any]:
        """All files, folders and links; of git's own only the list of what was installed."""
        found: dict[str, Any] = {}
        for path in [*self.home.rglob("*"), *self.repo.rglob("*")]:
            name = str(path.relative_to(self.top))
            if "/.git/" in name and not name.endswith("/.git/craftkit/agents.json"):
                continue
            if path.is_symlink():
                found[name] = os.readlink(path)
            else:
                found[name] = path.read_bytes() if path.is_file() else "folder"
        return found
