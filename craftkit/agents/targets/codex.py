"""Codex CLI."""

from __future__ import annotations

from craftkit.agents.fragments import TABLE, Fragment
from craftkit.agents.target import PROJECT, SERVER, AgentTarget, Facts, nested_hooks, pointer, skill

EVENTS = {
    "SessionStart": ("session-start", "startup|resume|clear|compact|fork"),
    "UserPromptSubmit": ("prompt", ""),
    "PostToolUse": ("post-edit", "Edit|Write|apply_patch"),
    "Stop": ("stop", ""),
    "SubagentStop": ("subagent-stop", ""),
    "PreCompact": ("pre-compact", ""),
    "PostCompact": ("post-compact", ""),
    "SessionEnd": ("session-end", ""),
}


def _pieces(facts: Facts) -> list[Fragment]:
    folder, words = ".codex", "AGENTS.md"
    if facts.scope != PROJECT:
        folder = TARGET.folder(facts.env)
        words = f"{folder}/AGENTS.md"
    hooks = [] if facts.plugin else nested_hooks(f"{folder}/hooks.json", EVENTS)
    return [
        *skill(".agents/skills", facts),
        *hooks,
        Fragment(f"{folder}/config.toml", TABLE, ("mcp_servers", "craftkit"), SERVER, "mcp"),
        pointer(words, facts),
    ]


TARGET = AgentTarget(
    "codex",
    "Codex CLI",
    (".codex",),
    ".codex",
    ("codex",),
    _pieces,
    "Codex runs no hook before you trust it: start it here and enter `/hooks`",
    home_variable="CODEX_HOME",
    plugin_signs=("config.toml",),
)
