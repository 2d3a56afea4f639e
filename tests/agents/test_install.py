"""`agents install|list|update|remove`: written, recognised, kept apart and taken away."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import sampling
from installing import AGENTS, Place
from places import state_of
from terminal import shown

from craftkit.agents import jsontext, render, target, targets

SCOPES = ("project", "user")
EACH = pytest.mark.parametrize("agent", AGENTS)
BOTH = pytest.mark.parametrize("scope", SCOPES)
OURS = ("/.craftkit/", "craftkit/agents.")  # the configuration, and the list of what is installed
EVERY = list(itertools.product(AGENTS, SCOPES))
EVENTS = set(target.SECONDS)

# What users have in the files that are merged into: other layouts, comments, foreign entries.
FOREIGN = {
    ".claude/settings.json": b"""\
{
    // what may be run
    "permissions": { "allow": ["Bash(ls:*)"] }, /* kept */
    "hooks": {
        "Stop": [
            { "hooks": [{ "type": "command", "command": "say done // really" }] }, // mine
        ],
    },
}""",
    ".mcp.json": b'{"mcpServers":{"other":{"command":"x"}}}',
    ".claude.json": b'{\n\t"numStartups": 3,\n\t"mcpServers": {}\n}',
    ".codex/hooks.json": b'\xef\xbb\xbf{\r\n  "hooks": {\r\n    "Stop": []\r\n  }\r\n}\r\n',
    ".codex/config.toml": b'# mine\r\nmodel = "x" # why\r\n[mcp_servers.other]\r\ncommand = "y"',
    ".gemini/settings.json": b'{ "ui": { "theme": "x" } // end\n}\n',
    ".copilot/mcp-config.json": b'{\n  "mcpServers": {\n  }\n}\n',
    ".vscode/mcp.json": b'{\n\t// servers\n\t"servers": {},\n\t"inputs": []\n}\n',
    ".cursor/hooks.json": b'{"version":1,"hooks":{"stop":[{"command":"./mine.sh"}]}}',
    ".cursor/mcp.json": b"",
    "opencode.jsonc": b"{\n  // none yet\n}",
    ".config/opencode/opencode.json": b'{"$schema": "https://opencode.ai/config.json"}\n',
    "AGENTS.md": b"# Rules\r\n\r\nBe kind.",
    "CLAUDE.md": "# Regeln\n\nSei höflich.\n".encode(),
    "GEMINI.md": b"\xef\xbb\xbf# Rules\n\n",
    ".claude/CLAUDE.md": b"",
    ".codex/AGENTS.md": b"No end",
    ".copilot/copilot-instructions.md": b"\n\n\n",
}


def install(place: Place, agent: str, scope: str, *more: str, code: int = 0, **env: str) -> Any:
    return place.agents("install", "--agent", agent, "--scope", scope, *more, code=code, **env)


def remove(place: Place, agent: str, scope: str, *more: str, code: int = 0, **env: str) -> Any:
    return place.agents("remove", "--agent", agent, "--scope", scope, *more, code=code, **env)


def state(place: Place, agent: str, scope: str) -> str:
    (row,) = place.agents("list", "--agent", agent, "--scope", scope)["agents"]
    return str(row["state"])


def settle(place: Place) -> dict[str, Any]:
    """Everything, save the manifest's lock."""
    return {k: v for k, v in place.everything().items() if not k.endswith("agents.lock")}


def merged(place: Place) -> None:
    for scope in SCOPES:
        for name, data in FOREIGN.items():
            if (scope == "user") == name.startswith((".config/", ".copilot/", ".claude.json")):
                place.write(scope, name, data)
    for name in (".claude/settings.json", ".codex/hooks.json", ".codex/config.toml"):
        place.write("user", name, FOREIGN[name])
    for name in (".gemini/settings.json", ".cursor/hooks.json", ".claude/CLAUDE.md"):
        place.write("user", name, FOREIGN[name])


def read(data: bytes) -> Any:
    return jsontext.parse(data.decode()).value


# Any agent


@EACH
@BOTH
@pytest.mark.parametrize("full", [False, True], ids=["empty", "full"])
def test_install_twice_remove_twice(place: Place, agent: str, scope: str, full: bool) -> None:
    if full:
        merged(place)
    before = settle(place)
    assert state(place, agent, scope) == "absent"
    assert settle(place) == before
    assert install(place, agent, scope)["agents"][0]["changed"] is True
    installed = settle(place)
    assert set(installed) > set(before)
    assert state(place, agent, scope) == "installed"
    assert install(place, agent, scope)["agents"][0]["changed"] is False
    assert place.agents("update", "--scope", scope)["agents"][0]["changed"] is False
    assert settle(place) == installed
    remove(place, agent, scope)
    assert settle(place) == before
    assert state(place, agent, scope) == "absent"
    assert remove(place, agent, scope)["agents"][0]["changed"] is False
    assert settle(place) == before


@BOTH
@pytest.mark.parametrize("order", [AGENTS, AGENTS[::-1]], ids=["forth", "back"])
def test_all_agents_share_files(place: Place, scope: str, order: tuple[str, ...]) -> None:
    merged(place)
    before = settle(place)
    install(place, "all", scope)
    installed = settle(place)
    for agent in order:
        assert state(place, agent, scope) == "installed"
    remove(place, order[0], scope)
    assert {state(place, a, scope) for a in order[1:]} == {"installed"}
    install(place, order[0], scope)
    assert {k: v for k, v in settle(place).items() if "agents.json" not in k}.keys() == {
        k for k in installed if "agents.json" not in k
    }
    for agent in order:
        remove(place, agent, scope)
    assert settle(place) == before


@EACH
@BOTH
def test_nothing_foreign_is_lost(place: Place, agent: str, scope: str) -> None:
    """Every byte that was there is there still, in its order."""
    merged(place)
    before = settle(place)
    install(place, agent, scope)
    after = settle(place)
    for name, old in before.items():
        if isinstance(old, bytes) and old != after[name]:
            rest = iter(after[name])
            assert all(byte in rest for byte in old), name
            if name.endswith((".json", ".jsonc")) and old.strip():
                assert holds(read(after[name]), read(old)), name
            if b"\r\n" in old:
                assert b"\n" not in after[name].replace(b"\r\n", b""), name


def holds(new: Any, old: Any) -> bool:
    if isinstance(old, dict):
        return [k for k in new if k in old] == list(old) and all(
            holds(new[k], v) for k, v in old.items()
        )
    if isinstance(old, list):
        return bool(new[: len(old)] == old)
    return bool(new == old)


@EACH
@BOTH
def test_dry_run_writes_nothing(place: Place, agent: str, scope: str) -> None:
    merged(place)
    before = place.everything()
    data = install(place, agent, scope, "--dry-run")
    assert place.everything() == before and data["dry_run"] is True
    files = {file["path"] for file in data["agents"][0]["files"]}
    assert all(file["diff"] for file in data["agents"][0]["files"])
    code, text, _ = place("agents", "install", "--agent", agent, "--scope", scope, "--dry-run")
    assert code == 0 and place.everything() == before and "+++ " in text
    install(place, agent, scope)
    after = {k for k, v in settle(place).items() if before.get(k) != v and v != "folder"}
    assert {name.partition("/")[2] for name in after} == files | {
        ".git/craftkit/agents.json" if scope == "project" else ".config/craftkit/agents.json"
    }


@pytest.mark.parametrize(("agent", "scope"), sampling.some(EVERY, 4))
def test_what_a_user_changed_is_left_alone(place: Place, agent: str, scope: str) -> None:
    """In each file, one after the other; `--force` overrides."""
    before = settle(place)
    install(place, agent, scope)
    base, pieces = place.base(scope), install(place, agent, scope)["agents"][0]["pieces"]
    for path in sampling.few(sorted({piece["path"] for piece in pieces}), 4):
        file = base / path
        whole = file.read_bytes()
        mine = whole.replace(b"craftkit", b"craftkit  ", 1)
        if "commands" in path:
            mine = whole + b"# more\n"
        elif path.endswith(".js"):
            mine = whole + b"// mine\n"
        elif b"craftkit-hook" in whole:
            mine = whole.replace(b"exit 0", b"exit 1", 1)
        elif path.endswith((".json", ".toml")):
            mine = b'mcp --mine"'.join(whole.rsplit(b'mcp"', 1))
        elif path in ("AGENTS.md", "CLAUDE.md", "GEMINI.md") or b"craftkit:begin" in whole:
            mine = whole.replace(b"session-resume", b"status")
        assert mine != whole, path
        file.write_bytes(mine)
        assert state(place, agent, scope) == "changed", path
        for verb in ("install", "update"):
            code, answer, _ = place("agents", verb, "--agent", agent, "--scope", scope, "--json")
            notes = [n for n in answer["diagnostics"] if n["code"] == "changed_by_user"]
            assert code == 0 and [n["target"] for n in notes] == [path]
            assert "--force" in notes[0]["hint"] and file.read_bytes() == mine
        install(place, agent, scope, "--force")
        assert file.read_bytes() == whole, path
        file.write_bytes(mine)
        remove(place, agent, scope)
        left = {k: v for k, v in settle(place).items() if isinstance(v, bytes)}
        kept = left.pop(f"{place.base(scope).name}/{path}")
        assert b"craftkit" in kept and b"craftkit" not in b"".join(
            v for k, v in left.items() if not any(name in k for name in OURS)
        )
        remove(place, agent, scope, "--force")
        assert settle(place) == before, path
        install(place, agent, scope)


@pytest.mark.parametrize(("agent", "scope"), sampling.some(EVERY, 4))
def test_what_a_newer_craftkit_says(
    place: Place, agent: str, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts and timeouts change, commands go and come; what is old is replaced or taken away."""
    merged(place)
    before = settle(place)
    install(place, agent, scope)
    first = settle(place)
    monkeypatch.setitem(target.SECONDS, "stop", 99)
    monkeypatch.setattr(target, "_POINTER", "## craftkit\n{where}\nNew words.\n")
    monkeypatch.setattr(
        render, "skill_files", lambda commands, language: {"SKILL.md": "new\n", "x.md": "y"}
    )
    assert state(place, agent, scope) == "outdated"
    assert settle(place) == first
    (done,) = place.agents("update", "--scope", scope)["agents"]
    assert done["changed"] is True and {p["action"] for p in done["pieces"]} > {"replaced"}
    assert state(place, agent, scope) == "installed"
    assert place.agents("update", "--scope", scope)["agents"][0]["changed"] is False
    monkeypatch.undo()
    os.environ["GIT_CONFIG_GLOBAL"] = os.devnull
    place.agents("update", "--scope", scope)
    assert {k: v for k, v in settle(place).items() if "agents.json" not in k} == {
        k: v for k, v in first.items() if "agents.json" not in k
    }
    remove(place, agent, scope)
    assert settle(place) == before


@EACH
@BOTH
def test_what_somebody_deleted(place: Place, agent: str, scope: str) -> None:
    install(place, agent, scope)
    whole = settle(place)
    skill = next(name for name in whole if name.endswith("SKILL.md"))
    (place.top / skill).unlink()
    assert state(place, agent, scope) == "missing"
    code, answer, _ = place("agents", "update", "--scope", scope, "--json")
    assert code == 0 and "agents install" in answer["diagnostics"][0]["hint"]
    assert not (place.top / skill).exists()
    install(place, agent, scope)
    assert {k: v for k, v in settle(place).items() if "agents.json" not in k} == {
        k: v for k, v in whole.items() if "agents.json" not in k
    }


@EACH
@BOTH
def test_without_the_manifest_what_is_there_is_recognised(
    place: Place, agent: str, scope: str
) -> None:
    """As in a fresh clone of a repository with the files."""
    install(place, agent, scope)
    whole = settle(place)
    folder = state_of(place.repo) if scope == "project" else place.home / ".config/craftkit"
    (folder / "agents.json").unlink()
    assert state(place, agent, scope) == "installed"
    install(place, agent, scope)
    assert {k: v for k, v in settle(place).items() if "agents.json" not in k} == {
        k: v for k, v in whole.items() if "agents.json" not in k
    }
    (folder / "agents.json").unlink()
    remove(place, agent, scope)
    left = {k: v for k, v in settle(place).items() if not any(name in k for name in OURS)}
    texts = [v for v in left.values() if v != "folder"]
    assert not any(b"craftkit" in text for text in texts)


# What the agents get


@EACH
@BOTH
def test_hooks_keep_their_command_line_and_their_unit(place: Place, agent: str, scope: str) -> None:
    install(place, agent, scope)
    texts = [v for v in settle(place).values() if isinstance(v, bytes)]
    hooks = [v for v in texts if b"craftkit-hook" in v and b"timeout" in v]
    if agent == "opencode":
        return
    (data,) = hooks
    tail = "" if agent in ("claude", "codex") else f" --agent {agent}"
    line = r"command -v craftkit-hook >/dev/null 2>&1 \|\| exit 0; craftkit-hook ([a-z-]+)"
    found = re.findall(rf'"{line}{tail}"', data.decode())
    assert len(found) == len(set(found)) and set(found) <= EVENTS
    assert {"session-start", "prompt", "post-edit", "stop", "session-end"} <= set(found)
    seconds = {int(n) for n in re.findall(rb'"timeout(?:Sec)?": ([0-9]+)', data)}
    factor = 1000 if agent == "gemini" else 1
    assert {5 * factor, 10 * factor, 15 * factor} == seconds


@EACH
def test_the_pointer_is_short(place: Place, agent: str) -> None:
    for language in ("en", "ja"):
        install(place, agent, "project", "--language", language)
        texts = [v for v in settle(place).values() if isinstance(v, bytes)]
        (pointer,) = [v.decode() for v in texts if b"craftkit:begin" in v]
        assert len(pointer.splitlines()) <= 10 and "craftkit task done" in pointer
        assert ("タスク" in pointer) is (language == "ja")
    assert state(place, agent, "project") == "installed"  # the language is remembered


def test_the_ancestors_users_keep_their_names(place: Place) -> None:
    (place.repo / ".cc-craft-kit").mkdir()
    install(place, "claude", "project")
    assert (place.repo / ".claude/commands/cft").is_dir()


def test_each_agent_is_named_in_help_and_has_a_page(place: Place) -> None:
    from craftkit.cli import agents

    assert tuple(targets.TARGETS) == AGENTS
    pages = Path(__file__).resolve().parents[2] / "docs/agents"
    for name in AGENTS:
        assert name in agents.NAMES and (pages / f"{name}.md").is_file()


def test_codex_gets_a_table(place: Place) -> None:
    merged(place)
    install(place, "codex", "project")
    config = tomllib.loads((place.repo / ".codex/config.toml").read_text())
    assert config["mcp_servers"]["craftkit"] == {"command": "craftkit", "args": ["mcp"]}
    assert config["model"] == "x" and config["mcp_servers"]["other"] == {"command": "y"}


def test_a_client_that_adds_another_table_behind_ours(place: Place) -> None:
    install(place, "codex", "user")
    config = place.home / ".codex/config.toml"
    more = '\n[projects."/x"]\ntrust_level = "trusted"\n'
    config.write_text(config.read_text() + more)
    assert state(place, "codex", "user") == "installed"
    remove(place, "codex", "user")
    assert config.read_text() == more


# Finding agents


def test_only_the_agents_that_are_found(place: Place) -> None:
    code, answer, _ = place("agents", "install", "--json")
    assert code == 2 and "--agent" in answer["diagnostics"][0]["hint"]
    (place.bin / "gemini").write_text("#!/bin/sh\n")
    (place.bin / "gemini").chmod(0o755)
    (place.home / ".codex").mkdir()
    place.write("project", "CLAUDE.md", b"x")
    code, text, _ = place("agents", "install")
    assert code == 0
    assert "claude (CLAUDE.md is here):" in text and "`gemini` is on the PATH" in text
    assert ".codex is there" in text and "cursor" not in text and "copilot" not in text
    rows = place.agents("list", "--scope", "project")["agents"]
    assert {r["agent"] for r in rows if r["state"] == "installed"} == {"claude", "codex", "gemini"}
    code, text, _ = place("agents", "remove")
    assert code == 0 and place("agents", "remove")[1] == "nothing is installed\n"


def test_an_unknown_agent(place: Place) -> None:
    for verb in ("install", "update", "remove", "list"):
        code, answer, _ = place("agents", verb, "--agent", "clippy", "--json")
        assert code == 2 and "claude" in answer["diagnostics"][0]["hint"]


def test_folders_that_variables_name(place: Place) -> None:
    config, claude, codex = (place.top / name for name in ("config", "claude", "codex"))
    env = {
        "XDG_CONFIG_HOME": str(config),
        "CLAUDE_CONFIG_DIR": str(claude),
        "CODEX_HOME": str(codex),
        "COPILOT_HOME": str(place.top / "copilot"),
    }
    before = settle(place)
    install(place, "all", "user", **env)
    assert (config / "craftkit/agents.json").is_file()
    assert (config / "opencode/plugin/craftkit.js").is_file()
    assert (claude / "settings.json").is_file() and (claude / ".claude.json").is_file()
    assert (codex / "hooks.json").is_file() and (place.top / "copilot/mcp-config.json").is_file()
    remove(place, "all", "user", **env)
    assert settle(place) == before
    assert not any(path.exists() for path in (config, claude, codex))


def test_outside_of_a_project(place: Place) -> None:
    where = place.top / "elsewhere"
    where.mkdir()
    code, _, err = place("agents", "install", "--agent", "claude", cwd=where)
    assert code == 2 and "craftkit init" in err and "--scope user" in err
    assert place("agents", "list", cwd=where)[0] == 0
    assert place("agents", "install", "--agent", "claude", "--scope", "user", cwd=where)[0] == 0
    assert list(where.iterdir()) == []


@pytest.mark.parametrize(
    ("agent", "sign", "text"),
    [
        ("claude", ".claude/plugins/installed_plugins.json", '{"plugins": {"craftkit@mk": [{}]}}'),
        ("claude", ".claude/settings.json", '{"enabledPlugins": {"craftkit@mk": true}}'),
        ("codex", ".codex/config.toml", '[plugins."craftkit@mk"]\nenabled = true\n'),
        ("gemini", ".gemini/extensions/craftkit/gemini-extension.json", "{}"),
    ],
)
@BOTH
def test_hooks_that_a_plugin_brings(
    place: Place, agent: str, sign: str, text: str, scope: str
) -> None:
    path = place.write("user", sign, text.encode())
    before = settle(place)
    code, answer, _ = place("agents", "install", "--agent", agent, "--scope", scope, "--json")
    assert code == 0 and answer["data"]["agents"][0]["plugin"] is True
    assert answer["diagnostics"][0]["code"] == "plugin_present"
    texts = [v for k, v in settle(place).items() if isinstance(v, bytes)]
    assert not any(b"craftkit-hook" in text for text in texts)
    remove(place, agent, scope)
    assert settle(place) == before
    if "true" in text and agent == "claude":
        path.write_text(text.replace("true", "false"))
        assert install(place, agent, scope)["agents"][0]["plugin"] is False


# `craftkit init`


def test_init_names_the_command_and_writes_nothing(place: Place) -> None:
    before = settle(place)
    (place.home / ".claude").mkdir()
    code, text, _ = place("init")
    assert code == 0 and text.endswith("for your coding agent: craftkit agents install\n")
    assert "agents install" not in place("init", "--no-agents")[1]
    assert {k: v for k, v in settle(place).items() if k != "home/.claude"} == before


def test_init_with_agents(place: Place) -> None:
    (place.home / ".claude").mkdir()
    code, answer, _ = place("init", "--agents", "--json")
    assert code == 0 and answer["data"]["agents"]["agents"][0]["agent"] == "claude"
    assert state(place, "claude", "project") == "installed"
    assert "agents install" not in place("init")[1]
    json.loads((state_of(place.repo) / "agents.json").read_text())


@pytest.mark.parametrize("answer", ["y", "n"])
def test_init_asks_a_terminal(place: Place, answer: str) -> None:
    (place.home / ".claude").mkdir()
    ours, theirs = pty.openpty()
    process = place.spawn("init", stdin=theirs, stderr=theirs)
    os.write(ours, f"{answer}\n".encode())
    text, _ = process.communicate(timeout=300)
    said = shown(ours, "[y/N]")
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0 and "found claude: " in said and "[y/N]" in said
    assert state(place, "claude", "project") == ("installed" if answer == "y" else "absent")
    assert ("agents install" in text) is (answer == "n")


def test_a_file_that_stays_is_edited(place: Place) -> None:
    mine = place.repo / ".mcp.json"
    mine.write_bytes(FOREIGN[".mcp.json"])
    said = place("agents", "install", "--agent", "claude")[1]
    assert "  edited    .mcp.json (mcp)\n" in said
    assert "  added     .claude/settings.json (hooks)\n" in said
    said = place("agents", "remove", "--agent", "claude")[1]
    assert "  edited    .mcp.json (mcp)\n" in said
    assert "  removed   .claude/settings.json (hooks)\n" in said
    assert mine.read_bytes() == FOREIGN[".mcp.json"]


def test_dry_run_shows_what_is_merged_and_only_names_what_is_new(place: Place) -> None:
    (place.repo / ".mcp.json").write_bytes(FOREIGN[".mcp.json"])
    said = place("agents", "install", "--agent", "claude", "--dry-run")[1].splitlines()
    assert "--- .mcp.json" in said and any(line.startswith("@@") for line in said)
    new = [line for line in said if line.startswith("+++ ") and line.endswith(" bytes)")]
    assert any(line.startswith("+++ .claude/settings.json (") for line in new)
    assert not any("/dev/null" in line for line in said)
    assert len(said) < 80
