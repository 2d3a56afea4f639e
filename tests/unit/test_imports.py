"""What the hot paths load: heavy libraries stay out of the commands between two tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("github", "sqlite_utils", "yaml", "rich", "pydantic", "requests", "click", "mcp")
HOOK_HEAVY = ("typer", "sqlite3", "yaml", "rich", "github")

MAIN = """\
import contextlib, io, json, sys
from craftkit.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""
HOOK = """\
import json, sys
from craftkit import agent_hook
text = agent_hook.answer(sys.argv[1:] or ["post-edit"])
print(json.dumps({"text": text, "modules": sorted(sys.modules)}))
"""


def _python(code: str, *words: str, cwd: Path, stdin: str = "") -> dict[str, object]:
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("CRAFTKIT_", "GIT_"))}
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env=keep | {"CRAFTKIT_SESSION": "imports"},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with a spec, whose database exists already."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    spec = ["spec", "new", "Warm", "--task", "One", "--task", "Two"]
    for words in (["init"], spec, ["session-resume"], ["task", "next"]):
        assert _python(MAIN, *words, cwd=tmp_path)["code"] == 0
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [["task", "next"], ["task", "done", "T001"], ["session-resume"], ["status"]],
    ids=" ".join,
)
def test_hot_commands_load_no_heavy_library(place: Path, words: list[str]) -> None:
    answer = _python(MAIN, *words, cwd=place)
    assert answer["code"] == 0
    loaded = answer["modules"]
    assert isinstance(loaded, list)
    assert [name for name in HEAVY if name in loaded] == []


ONLY_TO_DECIDE = ("commands.interrupted", "loop.ticked_boxes", "sync.reconcile", "github.client")


@pytest.mark.parametrize("words", [["task", "next"], ["task", "list"], ["status"]], ids=" ".join)
def test_a_command_that_decides_nothing_loads_no_deciding_half(
    place: Path, words: list[str]
) -> None:
    loaded = _python(MAIN, *words, cwd=place)["modules"]
    assert isinstance(loaded, list)
    assert [name for name in ONLY_TO_DECIDE if f"craftkit.{name}" in loaded] == []


INSTALLER = ("detection", "fragments", "installer", "jsontext", "manifest", "target", "targets")


@pytest.mark.parametrize("words", [["task", "start", "T002"], ["task", "done", "T001"]])
def test_an_agent_does_not_pay_for_the_installer(
    place: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was told that its hooks do not run."""
    monkeypatch.setenv("CLAUDECODE", "1")
    _python(MAIN, "task", "reopen", "T001", cwd=place)
    _python(MAIN, "task", "start", "T001", cwd=place)
    _python(MAIN, "task", "done", "T001", cwd=place)
    _python(MAIN, "task", "reopen", "T001", cwd=place)
    answer = _python(MAIN, *words, cwd=place)
    assert answer["code"] == 0
    loaded = answer["modules"]
    assert isinstance(loaded, list) and "craftkit.agents.hook_health" in loaded
    assert [name for name in INSTALLER if f"craftkit.agents.{name}" in loaded] == []


def test_the_hook_of_another_file_loads_almost_nothing(place: Path) -> None:
    edit = '{"session_id": "imports", "tool_input": {"file_path": "src/app.py"}}'
    answer = _python(HOOK, cwd=place, stdin=edit)
    assert answer["text"] == ""
    loaded = answer["modules"]
    assert isinstance(loaded, list)
    assert [name for name in HOOK_HEAVY if name in loaded] == []


def test_an_idle_prompt_takes_a_glance_and_no_more(place: Path) -> None:
    answer = _python(HOOK, "prompt", cwd=place, stdin='{"session_id": "imports"}')
    assert answer["text"] == ""
    loaded = answer["modules"]
    assert isinstance(loaded, list)
    assert {name for name in loaded if name.startswith("craftkit.")} == {
        "craftkit.agent_hook",
        "craftkit.agents",
        "craftkit.agents.hook_fast_path",
        "craftkit.agents.hook_input",
        "craftkit.agents.hook_places",
        "craftkit.digests",
        "craftkit.disk",
        "craftkit.clock",
        "craftkit.runtime",
        "craftkit.runtime.identity",
        "craftkit.store",
        "craftkit.store.hooks",
        "craftkit.store.version",
    }
    assert "hashlib" not in loaded  # nor OpenSSL with it
