"""Each test has a repository and a sandbox GitHub of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A set-up repository with five tasks; this process has its environment, too."""
    import loopback

    from craftkit.sandbox.server import serve

    with serve() as server:
        made = loopback.Desk(tmp_path.resolve(), server).begin(5)
        for name in list(os.environ):
            if loopback.FOREIGN.match(name) or name in loopback.AGENTS:
                monkeypatch.delenv(name)
        monkeypatch.delenv("CLAUDE_PROJECT_DIR", raising=False)
        for name, value in made.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(made.repo)
        yield made
