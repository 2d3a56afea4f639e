"""How a command is run: its own context, its own hints, one spec."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ck = Callable[..., tuple[int, Any, str]]
SHOW_ALPHA = ["task", "show", "T001", "--spec", "alpha"]
BAD_BETA = ["task", "done", "T999", "--spec", "beta"]


@pytest.fixture
def two(ck: Ck, repo: Path) -> Path:
    """A set-up repository with the specs alpha and beta; neither is active."""
    ck("init")
    for name in ("Alpha", "Beta"):
        ck("spec", "new", name, "--task", "One", "--task", "Two", CRAFTKIT_SESSION="author")
    return repo


def in_one_process(repo: Path, *lines: list[str]) -> str:
    """What the last of some commands, run in one real process, says on stderr."""
    code = f"from craftkit.cli import main; print([main(words) for words in {lines}])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo, capture_output=True, text=True, check=True
    )
    return done.stderr


def test_two_calls_in_one_process_do_not_influence_each_other(two: Path) -> None:
    alone = in_one_process(two, BAD_BETA)
    assert "hint: `craftkit task list --spec beta` shows the keys" in alone
    assert in_one_process(two, SHOW_ALPHA, BAD_BETA) == alone
