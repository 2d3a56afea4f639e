"""A real git repository and the real command line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commands
import pytest

AGENT_VARIABLES = (
    "CLAUDE_CODE_SESSION_ID",
    "CODEX_THREAD_ID",
    "GEMINI_SESSION_ID",
    "CLAUDECODE",
    "GEMINI_CLI",
    "CURSOR_AGENT",
)
Ck = Callable[..., tuple[int, Any, str]]


def git(where: Path, *args: str) -> None:
    subprocess.run(["git", "-C", str(where), *args], check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty git repository with one commit; the environment names session s1 only."""
    for name in list(os.environ):
        if name.startswith(("CRAFTKIT_", "GIT_")) or name in AGENT_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("CRAFTKIT_SESSION", "s1")
    monkeypatch.setenv("NO_COLOR", "1")
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.email", "test@example.org")
    git(root, "config", "user.name", "Test")
    git(root, "commit", "-q", "--allow-empty", "-m", "begin")
    return root


@pytest.fixture
def ck(repo: Path) -> Ck:
    """`ck("task", "list", "--json", CRAFTKIT_SESSION="s2")` → exit code, answer, stderr.

    The answer is the parsed document with `--json`, else what stdout says.
    """

    def run(*args: str, cwd: Path | None = None, umask: int = -1, **env: str) -> tuple[Any, ...]:
        done = commands.run(*args, cwd=cwd or repo, env={**os.environ, **env}, umask=umask)
        answer = json.loads(done.stdout) if "--json" in args else done.stdout
        assert "Traceback" not in done.stderr
        return done.returncode, answer, done.stderr

    return run


@pytest.fixture
def spec(repo: Path, ck: Ck) -> Path:
    """A set-up repository with one spec of three tasks; its path."""
    assert ck("init")[0] == 0
    made = ck("spec", "new", "Login", "--task", "One", "--task", "Two", "--task", "Three")
    assert made[0] == 0, made
    return repo / "specs" / "login.md"
