"""opencode."""

from __future__ import annotations

from importlib import resources

from craftkit.agents import render
from craftkit.agents.fragments import FILE, Fragment
from craftkit.agents.target import PROJECT, AgentTarget, Facts, commands, pointer, server, skill

SERVER = {"type": "local", "command": ["craftkit", "mcp"], "enabled": True}


def _plugin(folder: str) -> Fragment:
    text = resources.files("craftkit.agents").joinpath("opencode.js").read_text(encoding="utf-8")
    return Fragment(f"{folder}/plugin/craftkit.js", FILE, (), text, "hooks")


def _config(folder: str, facts: Facts) -> str:
    names = ("opencode.jsonc", "opencode.json")
    return folder + next((name for name in names if facts.is_file(folder + name)), names[1])


def _pieces(facts: Facts) -> list[Fragment]:
    folder, skills, words = ".opencode", ".agents/skills", "AGENTS.md"
    config = _config("", facts)
    if facts.scope != PROJECT:
        folder = TARGET.folder(facts.env)
        skills, words = f"{folder}/skills", f"{folder}/AGENTS.md"
        config = _config(f"{folder}/", facts)
    return [
        *skill(skills, facts),
        *commands(f"{folder}/command/{{0}}/{{1}}.md", render.opencode_command, facts),
        _plugin(folder),
        server(config, "mcp", SERVER),
        pointer(words, facts),
    ]


TARGET = AgentTarget(
    "opencode",
    "opencode",
    (".opencode", "opencode.json", "opencode.jsonc"),
    ".config/opencode",
    ("opencode",),
    _pieces,
    home_variable="XDG_CONFIG_HOME",
    home_tail="/opencode",
)
