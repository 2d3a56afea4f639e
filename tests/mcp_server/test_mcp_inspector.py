"""The inspector, a client that is not ours, from its command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("graphql")

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [os.environ.get("CRAFTKIT_CLIENTS", ""), str(ROOT / ".venv/clients")]
PLACES = [str(Path(folder) / "node_modules/.bin") for folder in FOLDERS if folder]
INSPECTOR = shutil.which(
    "mcp-inspector", path=os.pathsep.join([*PLACES, os.environ.get("PATH", "")])
)
pytestmark = pytest.mark.skipif(INSPECTOR is None, reason="mcp-inspector is not installed")


def inspect(desk: Any, *words: str) -> tuple[int, Any]:
    assert INSPECTOR is not None
    done = subprocess.run(
        [INSPECTOR, "--cli", sys.executable, "-m", "craftkit", "mcp", *words],
        cwd=desk.repo,
        env={**os.environ, **desk.env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout or "null")


def test_the_tools_are_portable(desk: Any) -> None:
    code, answer = inspect(desk, "--method", "tools/list", "--strict")
    assert code == 0 and len(answer["tools"]) == 10
    assert all(tool["outputSchema"]["type"] == "object" for tool in answer["tools"])


def test_calls_and_their_errors(desk: Any) -> None:
    call = ("--method", "tools/call", "--tool-name", "task_done", "--tool-arg")
    code, answer = inspect(desk, *call, "key=T001")
    assert code == 0 and answer["structuredContent"]["next"]["key"] == "T002"
    assert "- [x] T001" in desk.text
    code, answer = inspect(desk, *call, "key=T009")
    assert code == 5 and "has no task T009" in answer["content"][0]["text"]


def test_resources_and_prompt(desk: Any) -> None:
    code, answer = inspect(desk, "--method", "resources/read", "--uri", "craftkit://spec/demo")
    assert code == 0 and len(json.loads(answer["contents"][0]["text"])["tasks"]) == 5
    code, answer = inspect(desk, "--method", "prompts/get", "--prompt-name", "resume")
    assert code == 0 and "0/5 tasks done" in answer["messages"][0]["content"]["text"]
