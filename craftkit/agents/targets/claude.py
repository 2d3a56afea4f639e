"""Claude Code."""

from __future__ import annotations

from craftkit.agents import render
from craftkit.agents.fragments import Fragment
from craftkit.agents.target import (
    PROJECT,
    AgentTarget,
    Facts,
    commands,
    nested_hooks,
    pointer,
    server,
    skill,
)

EVENTS = {
    "SessionStart": ("session-start", "startup|resume|clear|compact|fork"),
    "UserPromptSubmit": ("prompt", ""),
    "PostToolUse": ("post-edit", "Edit|Write|MultiEdit|NotebookEdit"),
    "Stop": ("stop", ""),
    "SubagentStop": ("subagent-stop", ""),
    "PreCompact": ("pre-compact", ""),
    "PostCompact": ("post-compact", ""),
    "SessionEnd": ("session-end", ""),
}


def _instructions(facts: Facts) -> str:
    """Without a CLAUDE.md the agent reads AGENTS.md, which a new CLAUDE.md would hide."""
    if facts.same("CLAUDE.md", "AGENTS.md"):
        return "AGENTS.md"
    alone = facts.is_file("AGENTS.md") and not facts.is_file("CLAUDE.md")
    return "AGENTS.md" if alone else "CLAUDE.md"


def _pieces(facts: Facts) -> list[Fragment]:
    folder, mcp, words = ".claude", ".mcp.json", _instructions(facts)
    if facts.scope != PROJECT:
        folder = TARGET.folder(facts.env)
        # With CLAUDE_CONFIG_DIR that file moves into the folder.
        mcp = ".claude.json" if folder == TARGET.home else f"{folder}/.claude.json"
        words = f"{folder}/CLAUDE.md"
    hooks = [] if facts.plugin else nested_hooks(f"{folder}/settings.json", EVENTS)
    return [
        *skill(f"{folder}/skills", facts),
        *commands(f"{folder}/commands/{{0}}/{{1}}.md", render.claude_command, facts),
        *hooks,
        server(mcp, "mcpServers"),
        pointer(words, facts),
    ]


TARGET = AgentTarget(
    "claude",
    "Claude Code",
    (".claude", "CLAUDE.md"),
    ".claude",
    ("claude",),
    _pieces,
    "Claude Code asks once whether to use the project's MCP server",
    home_variable="CLAUDE_CONFIG_DIR",
    plugin_signs=("plugins/installed_plugins.json", "settings.json"),
)
