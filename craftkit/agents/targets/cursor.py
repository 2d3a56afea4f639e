"""Cursor."""

from __future__ import annotations

from craftkit.agents import render
from craftkit.agents.fragments import ELEMENT, Fragment
from craftkit.agents.target import (
    PROJECT,
    SECONDS,
    SERVER,
    AgentTarget,
    Facts,
    command,
    commands,
    pointer,
    server,
    skill,
)

EVENTS = {
    "sessionStart": "session-start",
    "beforeSubmitPrompt": "prompt",
    "afterFileEdit": "post-edit",
    "stop": "stop",
    "subagentStop": "subagent-stop",
    "preCompact": "pre-compact",
    "sessionEnd": "session-end",
}


def _hooks(path: str) -> list[Fragment]:
    found = []
    for native, event in EVENTS.items():
        value = {"command": command(event, "cursor"), "timeout": SECONDS[event]}
        found.append(Fragment(path, ELEMENT, ("hooks", native, event), value, "hooks", True))
    return found


def _pieces(facts: Facts) -> list[Fragment]:
    folder = ".cursor"  # of the project, or of the home directory
    return [
        *skill(f"{folder}/skills", facts),
        *commands(f"{folder}/commands/{{0}}-{{1}}.md", render.cursor_command, facts),
        *([] if facts.plugin else _hooks(f"{folder}/hooks.json")),
        server(f"{folder}/mcp.json", "mcpServers", SERVER),
        # A user's own rules are in Cursor's settings, not in a file.
        *([pointer("AGENTS.md", facts)] if facts.scope == PROJECT else []),
    ]


TARGET = AgentTarget(
    "cursor",
    "Cursor",
    (".cursor", ".cursorrules"),
    ".cursor",
    ("cursor", "cursor-agent"),
    _pieces,
)
