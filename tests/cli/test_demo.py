"""The demo plays its whole story, also if an agent runs it."""

from __future__ import annotations

import os
from pathlib import Path

import commands
import pytest


@pytest.mark.parametrize("who", [{}, {"CLAUDECODE": "1"}], ids=["a person", "an agent"])
def test_nothing_is_lost(tmp_path: Path, who: dict[str, str]) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | who
    done = commands.run("demo", cwd=tmp_path, env=env)
    assert done.returncode == 0, done
    assert (
        "13/13 tasks done, 13/13 Sub Issues closed, none made twice: nothing was lost."
        in done.stdout
    )
    assert "killed by signal 9" in done.stdout
