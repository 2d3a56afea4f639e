"""Gemini CLI."""

from __future__ import annotations

from craftkit.agents import render
from craftkit.agents.fragments import Fragment
from craftkit.agents.target import (
    PROJECT,
    SERVER,
    AgentTarget,
    Facts,
    commands,
    nested_hooks,
    pointer,
    server,
    skill,
)

EVENTS = {
    "SessionStart": ("session-start", ""),
    "BeforeAgent": ("prompt", ""),
    "AfterTool": ("post-edit", "replace|write_file"),
    "AfterAgent": ("stop", ""),
    "PreCompress": ("pre-compact", ""),
    "SessionEnd": ("session-end", ""),
}
MILLISECONDS = 1000  # the unit of its timeouts


def _pieces(facts: Facts) -> list[Fragment]:
    folder = ".gemini"
    settings = f"{folder}/settings.json"
    hooks = [] if facts.plugin else nested_hooks(settings, EVENTS, "gemini", MILLISECONDS)
    words = "GEMINI.md" if facts.scope == PROJECT else f"{folder}/GEMINI.md"
    if facts.scope == PROJECT and facts.same(words, "AGENTS.md"):
        words = "AGENTS.md"
    return [
        *skill(".agents/skills", facts),
        *commands(f"{folder}/commands/{{0}}/{{1}}.toml", render.gemini_toml, facts),
        *hooks,
        server(settings, "mcpServers", SERVER),
        pointer(words, facts),
    ]


TARGET = AgentTarget(
    "gemini",
    "Gemini CLI",
    (".gemini", "GEMINI.md"),
    ".gemini",
    ("gemini",),
    _pieces,
    "Gemini reads this once you trust the folder",
    plugin_signs=("extensions/craftkit/gemini-extension.json",),
)
