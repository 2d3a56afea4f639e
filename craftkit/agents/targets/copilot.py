"""GitHub Copilot: its CLI, and what VS Code reads of the same files."""

from __future__ import annotations

import json
from typing import Any

from craftkit.agents import render
from craftkit.agents.fragments import FILE, Fragment
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
    "userPromptSubmitted": "prompt",
    "postToolUse": "post-edit",
    "agentStop": "stop",
    "subagentStop": "subagent-stop",
    "preCompact": "pre-compact",
    "sessionEnd": "session-end",
}


def _hooks(path: str) -> Fragment:
    def entry(event: str) -> dict[str, Any]:
        run = command(event, "copilot")
        return {"type": "command", "bash": run, "timeoutSec": SECONDS[event]}

    found = {native: [entry(event)] for native, event in EVENTS.items()}
    text = json.dumps({"version": 1, "hooks": found}, indent=2) + "\n"
    return Fragment(path, FILE, (), text, "hooks")


def _pieces(facts: Facts) -> list[Fragment]:
    if facts.scope != PROJECT:
        folder = TARGET.folder(facts.env)
        local = {"type": "local", **SERVER, "tools": ["*"]}
        return [
            *skill(f"{folder}/skills", facts),
            *([] if facts.plugin else [_hooks(f"{folder}/hooks/craftkit.json")]),
            server(f"{folder}/mcp-config.json", "mcpServers", local),
            pointer(f"{folder}/copilot-instructions.md", facts),
        ]
    return [
        *skill(".agents/skills", facts),
        *commands(".github/prompts/{0}-{1}.prompt.md", render.copilot_prompt, facts),
        *([] if facts.plugin else [_hooks(".github/hooks/craftkit.json")]),
        server(".mcp.json", "mcpServers"),
        *([server(".vscode/mcp.json", "servers")] if facts.is_folder(".vscode") else []),
        pointer("AGENTS.md", facts),
    ]


TARGET = AgentTarget(
    "copilot",
    "GitHub Copilot",
    (".github/copilot-instructions.md", ".github/hooks", ".github/prompts"),
    ".copilot",
    ("copilot",),
    _pieces,
    "Copilot reads this once you trust the folder",
    home_variable="COPILOT_HOME",
    plugin_signs=("config.json", "settings.json"),
)
