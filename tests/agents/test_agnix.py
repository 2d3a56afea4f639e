"""agnix, a linter of agents' configurations that is not ours, over all that craftkit installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import commands
import pytest

AGNIX = shutil.which("agnix", path=str(Path(sys.executable).parent)) or shutil.which("agnix")
pytestmark = pytest.mark.skipif(AGNIX is None, reason="agnix is not installed")
EXPECTED = {  # rule -> why what it warns of stays
    "CDX-HK-001": "Codex shortens the time of SessionEnd itself; Claude Code has the same text",
}


def test_nothing_that_is_installed_is_warned_of(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CRAFTKIT_", "GIT_"))}
    env = kept | {"HOME": str(home), "CRAFTKIT_SESSION": "s1"}
    assert commands.run("init", "--no-agents", cwd=root, env=env).returncode == 0
    done = commands.run("agents", "install", "--agent", "all", cwd=root, env=env)
    assert done.returncode == 0, done.stderr
    said = subprocess.run(
        [str(AGNIX), ".", "--format", "json"], cwd=root, env=env, capture_output=True, text=True
    )
    found = json.loads(said.stdout)["diagnostics"]
    wrong = {
        (one["rule"], one["file"], one["message"])
        for one in found
        if one["level"] != "info" and one["rule"] not in EXPECTED
    }
    assert wrong == set()
