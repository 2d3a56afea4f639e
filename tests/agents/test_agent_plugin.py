"""The plugin: what is committed is what is made, and Claude Code accepts it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
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


def _client(name: str) -> str | None:
    """The binary: where the tests' clients are installed, else in PATH."""
    inside = Path("node_modules", ".bin")
    places = [ROOT / ".venv" / "clients" / inside]
    if os.environ.get("CRAFTKIT_CLIENTS"):
        places.insert(0, Path(os.environ["CRAFTKIT_CLIENTS"]) / inside)
    found = (shutil.which(name, path=str(place)) for place in places)
    return next(filter(None, found), None) or shutil.which(name)


def _run(place: Path, name: str, *words: str, cwd: Path | None = None) -> str:
    """What a client prints, with a home of its own; it has to end well."""
    binary = _client(name)
    if binary is None:
        pytest.skip(f"{name} is not installed")
    for path, text in generate.wanted().items():
        (place / "it" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "it" / path).write_text(text, encoding="utf-8")
    env = {
        # craftkit and craftkit-hook beside the interpreter, as `pip install` puts them.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(place),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    done = subprocess.run(
        [binary, *words],
        env=env,
        cwd=cwd or place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("what", [plugin.FOLDER, plugin.MARKETPLACE])
def test_claude_code_accepts_it(what: str, tmp_path: Path) -> None:
    _run(tmp_path, "claude", "plugin", "validate", str(tmp_path / "it" / what), "--strict")


def test_gemini_accepts_its_extension(tmp_path: Path) -> None:
    place = str(tmp_path / "it" / plugin.GEMINI_FOLDER)
    assert "success" in _run(tmp_path, "gemini", "extensions", "validate", place).lower()


def test_claude_code_really_injects_the_brief(tmp_path: Path) -> None:
    """The start of a real session, without a model: its log says what the hook has given."""
    project, log = tmp_path / "project", tmp_path / "debug.log"
    (project / "specs").mkdir(parents=True)
    (project / "specs/demo.md").write_text("# Demo\n\n## Tasks\n\n- [ ] T001 One\n")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    craftkit = [sys.executable, "-m", "craftkit"]
    subprocess.run([*craftkit, "init"], cwd=project, check=True, capture_output=True)
    folder = str(tmp_path / "it" / plugin.FOLDER)
    words = ("--init-only", "--plugin-dir", folder, "--debug-file", str(log))
    _run(tmp_path, "claude", *words, cwd=project)
    said = log.read_text(encoding="utf-8", errors="replace")
    assert re.search(r"SessionStart.*provided additionalContext \(\d+ chars\)", said), said[-3000:]
    status = subprocess.run([*craftkit, "doctor"], cwd=project, capture_output=True, text=True)
    assert "claude (session-" in status.stdout
