"""The plugin: what is committed is what is made, and Claude Code accepts it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from craftkit import __version__
from craftkit.agents import plugin, render

ROOT = Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("plugin_docs", ROOT / "docs" / "generate_plugin.py")
assert _spec and _spec.loader
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)

FILES = plugin.files(__version__)
EVENTS = {
    "SessionStart": ("session-start", 10),
    "UserPromptSubmit": ("prompt", 5),
    "PostToolUse": ("post-edit", 5),
    "Stop": ("stop", 15),
    "SubagentStop": ("subagent-stop", 10),
    "PreCompact": ("pre-compact", 5),
    "PostCompact": ("post-compact", 5),
    "SessionEnd": ("session-end", 5),
}


def test_the_committed_files_are_in_step() -> None:
    assert generate.present() == generate.wanted(), "run `python docs/generate_plugin.py`"


def test_what_does_not_belong_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    old = tmp_path / plugin.FOLDER / "commands" / "gone.md"
    old.parent.mkdir(parents=True)
    old.write_text("gone")
    generate.write()
    assert generate.present() == generate.wanted()
    assert not old.exists()


def test_manifest_and_marketplace_name_the_same_plugin() -> None:
    manifest = json.loads(FILES[".claude-plugin/plugin.json"])
    market = json.loads(plugin.marketplace(__version__))
    (entry,) = market["plugins"]
    assert manifest["name"] == entry["name"] == "craftkit"
    assert manifest["version"] == entry["version"] == __version__
    assert entry["source"] == f"./{plugin.FOLDER}"
    assert json.loads(plugin.files("9.9.9")[".claude-plugin/plugin.json"])["version"] == "9.9.9"


def test_paths_stay_inside_and_names_keep_the_rules() -> None:
    for path, text in FILES.items():
        assert not path.startswith("/") and ".." not in path.split("/")
        assert text.endswith("\n") and "\r" not in text
    folders = {path.split("/")[1] for path in FILES if path.startswith("skills/")}
    assert folders == {render.SKILL}
    front = yaml.safe_load(FILES["skills/craftkit/SKILL.md"].split("---\n")[1])
    assert front["name"] == "craftkit"


def test_hooks_are_constant_guarded_lines() -> None:
    read = json.loads(FILES["hooks/hooks.json"])
    assert read.keys() == {"hooks"} and list(read["hooks"]) == list(EVENTS)
    for name, (event, seconds) in EVENTS.items():
        (entry,) = read["hooks"][name]
        (call,) = entry["hooks"]
        guard = "command -v craftkit-hook >/dev/null 2>&1 || exit 0; "
        assert call == {
            "type": "command",
            "command": f"{guard}craftkit-hook {event}",
            "timeout": seconds,
        }
        assert ("matcher" in entry) == (name in ("SessionStart", "PostToolUse"))


def test_hooks_are_silent_where_the_package_is_missing(tmp_path: Path) -> None:
    for entries in plugin.hooks().values():
        line = entries[0]["hooks"][0]["command"]
        done = subprocess.run(
            ["/bin/sh", "-c", line], env={"PATH": str(tmp_path)}, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_server_is_craftkit_mcp() -> None:
    read = json.loads(FILES[".mcp.json"])
    assert read == {"mcpServers": {"craftkit": {"command": "craftkit", "args": ["mcp"]}}}


def test_the_readme_says_enough() -> None:
    assert len(re.findall(r"\w+", FILES["README.md"])) >= 40


def _claude() -> str | None:
    """The binary: where the tests' clients are installed, else in PATH."""
    inside = Path("node_modules", ".bin")
    places = [ROOT / ".venv" / "clients" / inside]
    if os.environ.get("CRAFTKIT_CLIENTS"):
        places.insert(0, Path(os.environ["CRAFTKIT_CLIENTS"]) / inside)
    found = (shutil.which("claude", path=str(place)) for place in places)
    return next(filter(None, found), None) or shutil.which("claude")


@pytest.mark.skipif(_claude() is None, reason="Claude Code is not installed")
@pytest.mark.parametrize("what", [plugin.FOLDER, plugin.MARKETPLACE])
def test_claude_code_accepts_it(what: str, tmp_path: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    claude = _claude()
    assert claude
    for path, text in generate.wanted().items():
        (tmp_path / "it" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "it" / path).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [claude, "plugin", "validate", str(tmp_path / "it" / what), "--strict"],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
