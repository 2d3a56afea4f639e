"""What was written, read by the agents themselves; each is skipped where it is not installed.

`CRAFTKIT_CLIENTS` names a folder with a `node_modules/.bin`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from installing import Place

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = os.environ.get("CRAFTKIT_CLIENTS", "")
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "COPILOT_OFFLINE": "true",
    "COPILOT_AUTO_UPDATE": "false",
    "NO_COLOR": "1",
}
pytestmark = pytest.mark.slow


def binary(name: str) -> str | None:
    for folder in (CLIENTS, str(ROOT / ".venv/clients")):
        found = os.path.join(folder, "node_modules/.bin", name)
        if folder and os.access(found, os.X_OK):
            return found
    return shutil.which(name)


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(binary(name) is None, reason=f"there is no {name}")


class Client:
    """A client with a home of its own, beside the craftkit under test."""

    def __init__(self, place: Place) -> None:
        self.place = place
        beside = os.path.dirname(sys.executable)
        kept = {k: v for k, v in os.environ.items() if k in ("LANG", "TMPDIR")}
        path = f"{beside}:{os.environ['PATH']}"
        self.env = kept | QUIET | {"HOME": str(place.home), "PATH": path}

    def __call__(self, name: str, *args: str, **env: str) -> str:
        command = [binary(name) or name, *args]
        done = subprocess.run(
            command,
            cwd=self.place.repo,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return done.stdout

    def install(self, agent: str, scope: str) -> None:
        code, *said = self.place("agents", "install", "--agent", agent, "--scope", scope)
        assert code == 0, said


@pytest.fixture
def client(place: Place) -> Client:
    assert place("spec", "new", "Login", "--task", "One")[0] == 0
    return Client(place)


@needs("claude")
@pytest.mark.parametrize("scope", ["project", "user"])
def test_claude_runs_the_hooks_and_finds_the_server(client: Client, scope: str) -> None:
    client.install("claude", scope)
    said = client("claude", "mcp", "list")
    assert "craftkit: craftkit mcp" in said
    assert ("Pending approval" in said) is (scope == "project")
    log = client.place.top / "log"
    client("claude", "--init-only", "--debug-file", str(log))
    text = log.read_text()
    assert "craftkit-hook session-start) provided additionalContext" in text
    assert "0/1 tasks done" in text and "craftkit-hook session-end] completed" in text
    assert client.place("agents", "list", "--scope", scope)[1].startswith(
        f"claude    {scope:<8} inst"
    )
    assert client.place("agents", "remove", "--scope", scope)[0] == 0
    assert "craftkit" not in client("claude", "mcp", "list")


@needs("claude")
def test_claude_reads_the_hooks_and_texts(client: Client) -> None:
    """As those of a plugin, whose validation names what it does not know."""
    client.install("claude", "project")
    plugin = client.place.top / "plugin"
    (plugin / ".claude-plugin").mkdir(parents=True)
    (plugin / ".claude-plugin/plugin.json").write_text('{"name": "x", "description": "x"}')
    for name in ("skills", "commands"):
        shutil.copytree(client.place.repo / ".claude" / name, plugin / name)
    (plugin / "hooks").mkdir()
    shutil.copy(client.place.repo / ".claude/settings.json", plugin / "hooks/hooks.json")
    said = client("claude", "plugin", "validate", str(plugin))
    assert "Validation passed" in said and "unknown" not in said.lower(), said


@needs("claude")
def test_claude_with_the_plugin(client: Client) -> None:
    """A plugin that the client itself installed is noticed."""
    market = client.place.top / "market"
    (market / ".claude-plugin").mkdir(parents=True)
    (market / "craftkit/.claude-plugin").mkdir(parents=True)
    plugin = {"name": "craftkit", "source": "./craftkit", "description": "x"}
    listing = {"name": "mk", "owner": {"name": "x"}, "plugins": [plugin]}
    (market / ".claude-plugin/marketplace.json").write_text(json.dumps(listing))
    manifest = '{"name": "craftkit", "description": "x", "version": "1.0.0"}'
    (market / "craftkit/.claude-plugin/plugin.json").write_text(manifest)
    client("claude", "plugin", "marketplace", "add", str(market))
    assert "craftkit" in client("claude", "plugin", "install", "craftkit@mk")
    code, answer, _ = client.place("agents", "install", "--agent", "claude", "--json")
    assert code == 0 and answer["data"]["agents"][0]["plugin"] is True
    assert not (client.place.repo / ".claude/settings.json").exists()
    client("claude", "plugin", "disable", "craftkit@mk")
    code, answer, _ = client.place("agents", "install", "--agent", "claude", "--json")
    assert code == 0 and answer["data"]["agents"][0]["plugin"] is False


@needs("codex")
@pytest.mark.parametrize("scope", ["project", "user"])
def test_codex_reads_skill_instructions_and_server(client: Client, scope: str) -> None:
    client.install("codex", scope)
    said = client("codex", "debug", "prompt-input", "hello")
    assert "craftkit/SKILL.md" in said and "craftkit:begin" in said
    if scope == "project":  # its config.toml and hooks are read where the folder is trusted
        trust = f'[projects."{client.place.repo}"]\ntrust_level = "trusted"\n'
        client.place.write("user", ".codex/config.toml", trust.encode())
    assert "craftkit" in client("codex", "mcp", "list")


@needs("codex")
def test_codex_that_writes_its_configuration(client: Client) -> None:
    """What it adds beside our table leaves it ours."""
    client.install("codex", "user")
    client("codex", "mcp", "add", "other", "--", "echo", "hi")
    code, text, _ = client.place("agents", "list", "--agent", "codex", "--scope", "user")
    assert code == 0 and "installed" in text
    assert client.place("agents", "remove", "--scope", "user")[0] == 0
    said = client("codex", "mcp", "list")
    names = {line.split()[0] for line in said.splitlines() if line}
    assert "other" in names and "craftkit" not in names


@needs("gemini")
@pytest.mark.parametrize("scope", ["project", "user"])
def test_gemini_reads_skill_and_server(client: Client, scope: str) -> None:
    client.install("gemini", scope)
    trust = json.dumps({str(client.place.repo): "TRUST_FOLDER"}).encode()
    client.place.write("user", ".gemini/trustedFolders.json", trust)
    assert "craftkit: craftkit mcp (stdio)" in client("gemini", "mcp", "list")
    assert "craftkit [Enabled]" in client("gemini", "skills", "list")


@needs("opencode")
@pytest.mark.parametrize("scope", ["project", "user"])
def test_opencode_reads_all_of_it(client: Client, scope: str) -> None:
    client.install("opencode", scope)
    said = client("opencode", "debug", "config")
    config = json.loads(said[said.index("{") :])
    assert config["mcp"]["craftkit"]["command"] == ["craftkit", "mcp"]
    assert [place for place in config["plugin"] if place.endswith("/plugin/craftkit.js")]
    assert [name for name in config["command"] if name.startswith("craftkit")]
    assert '"name": "craftkit"' in client("opencode", "debug", "skill")


@needs("copilot")
@pytest.mark.parametrize("scope", ["project", "user"])
def test_copilot_reads_skill_instructions_and_server(client: Client, scope: str) -> None:
    client.install("copilot", scope)
    assert "craftkit - " in client("copilot", "skill", "list")
    said = client("copilot", "instruction", "list")
    assert ("AGENTS.md" if scope == "project" else "copilot-instructions.md") in said
    trusting = client("copilot", "mcp", "list", COPILOT_ALLOW_ALL="true")
    assert "craftkit (local)" in trusting


PLUGIN = """\
import { Craftkit } from %s
const said = []
const client = { session: { prompt: async (asked) => said.push(asked) } }
const hooks = await Craftkit({ client, directory: process.cwd() })
const system = { system: ["you are"] }, id = { sessionID: "s1" }
await hooks["chat.message"](id, {})
await hooks["experimental.chat.system.transform"](id, system)
const again = { system: [] }
await hooks["experimental.chat.system.transform"](id, again)
const edit = { output: "done" }
await hooks["tool.execute.after"]({ ...id, tool: "edit", args: { filePath: "/x/a.md" } }, edit)
const compact = { context: [] }
await hooks["experimental.session.compacting"](id, compact)
const idle = (sessionID) =>
  hooks.event({ event: { type: "session.idle", properties: { sessionID } } })
await idle("s1")
await idle("s1")
const info = { id: "s2", parentID: "s1" }
await hooks.event({ event: { type: "session.created", properties: { info } } })
await idle("s2")
await hooks.event({ event: { type: "session.compacted", properties: id } })
await hooks.event({ event: { type: "session.deleted", properties: { info: { id: "s1" } } } })
await hooks.event({ event: { type: "odd" } })
console.log(JSON.stringify({ system, again, edit, compact, said }))
"""
HOOK = """\
#!/bin/sh
test "$2 $3" = "--agent opencode" || exit 9
cat >> "$LOG"; echo >> "$LOG"
case "$1" in
  session-start) echo '{"hookSpecificOutput": {"additionalContext": "the brief"}}' ;;
  prompt) echo '{"additionalContext": "once"}' ;;
  post-edit) echo '{"hookSpecificOutput": {"additionalContext": "noted"}}' ;;
  pre-compact) echo 'Keep this.' ;;
  stop) echo '{"decision": "block", "reason": "Not yet."}' ;;
  *) echo '{broken' ;;
esac
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_the_plugin_of_opencode(place: Place) -> None:
    """Each event of opencode runs the hook and hands on what it says; nothing makes it throw."""
    plugin = place.top / "craftkit.mjs"
    shutil.copy(ROOT / "craftkit/agents/opencode.js", plugin)
    script = place.top / "play.mjs"
    script.write_text(PLUGIN % json.dumps(plugin.as_uri()))
    env = {"PATH": f"{place.bin}:{os.environ['PATH']}", "LOG": str(place.top / "log")}
    empty = place.top / "empty"
    empty.mkdir()
    node = shutil.which("node") or ""
    bare = subprocess.run([node, script], env={"PATH": str(empty)}, capture_output=True, text=True)
    answer = json.loads(bare.stdout)
    assert answer["system"]["system"] == ["you are"] and answer["said"] == []
    (place.bin / "craftkit-hook").write_text(HOOK)
    (place.bin / "craftkit-hook").chmod(0o755)
    done = subprocess.run([node, script], env=env, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["system"]["system"] == ["you are", "the brief", "once"]
    assert answer["again"]["system"] == ["the brief"]
    assert answer["edit"]["output"] == "done\n\nnoted"
    assert answer["compact"]["context"] == ["Keep this."]
    parts = [{"type": "text", "text": "Not yet."}]
    assert answer["said"] == [
        {"path": {"id": "s1"}, "body": {"parts": parts}}
    ]  # once, not for ever
    rows = [json.loads(line) for line in (place.top / "log").read_text().splitlines()]
    assert [row["hook_event_name"] for row in rows] == [
        "prompt",
        "session-start",
        "post-edit",
        "pre-compact",
        "stop",
        "stop",
        "subagent-stop",
        "post-compact",
        "session-end",
    ]
    assert [row.get("stop_hook_active") for row in rows[4:6]] == [False, True]
    assert rows[2]["tool_input"] == {"file_path": "/x/a.md"}
