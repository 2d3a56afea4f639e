"""A repository, a home directory that is thrown away, and the real command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from installing import MOVED, Place


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Place:
    for name in list(os.environ):
        if name.startswith(("CRAFTKIT_", "GIT_")) or name in MOVED:
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    return Place(tmp_path.resolve(), capsys)
