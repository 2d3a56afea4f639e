"""The coding agents that craftkit installs itself for: a table of data.

A new agent is one entry more.  A function stands here only if an agent's files depend on what is
there already.  Where each agent reads what is in its page in `docs/agents/`.
"""

from __future__ import annotations

import json
from functools import partial
from importlib import resources
from typing import Any

from craftkit.agents import render
from craftkit.agents.fragments import ELEMENT, FILE, TABLE, Fragment
from craftkit.agents.target import (
    PROJECT,
    SECONDS,
    SERVER,
    AgentTarget,
    Facts,
    Layout,
    command,
    nested_hooks,
    server,
)

SHARED_SKILLS = ".agents/skills"
MILLISECONDS = 1000  # the unit of Gemini's timeouts

_ANYTIME = "startup|resume|clear|compact|fork"
CLAUDE_EVENTS = {
    "SessionStart": ("session-start", _ANYTIME),
    "UserPromptSubmit": ("prompt", ""),
    "PostToolUse": ("post-edit", "Edit|Write|MultiEdit|NotebookEdit"),
    "Stop": ("stop", ""),
    "SubagentStop": ("subagent-stop", ""),
    "PreCompact": ("pre-compact", ""),
    "PostCompact": ("post-compact", ""),
    "SessionEnd": ("session-end", ""),
}
CODEX_EVENTS = CLAUDE_EVENTS | {"PostToolUse": ("post-edit", "Edit|Write|apply_patch")}
GEMINI_EVENTS = {
    "SessionStart": ("session-start", ""),
    "BeforeAgent": ("prompt", ""),
    "AfterTool": ("post-edit", "replace|write_file"),
    "AfterAgent": ("stop", ""),
    "PreCompress": ("pre-compact", ""),
    "SessionEnd": ("session-end", ""),
}
_LATE_EVENTS = {"preCompact": "pre-compact", "sessionEnd": "session-end"}
COPILOT_EVENTS = {
    "sessionStart": "session-start",
    "userPromptSubmitted": "prompt",
    "postToolUse": "post-edit",
    "agentStop": "stop",
    "subagentStop": "subagent-stop",
    **_LATE_EVENTS,
}
CURSOR_EVENTS = {
    "sessionStart": "session-start",
    "beforeSubmitPrompt": "prompt",
    "afterFileEdit": "post-edit",
    "stop": "stop",
    "subagentStop": "subagent-stop",
    **_LATE_EVENTS,
}


def _copilot_hooks(path: str) -> list[Fragment]:
    """A file of its own."""

    def entry(event: str) -> dict[str, Any]:
        run = command(event, "copilot")
        return {"type": "command", "bash": run, "timeoutSec": SECONDS[event]}

    found = {native: [entry(event)] for native, event in COPILOT_EVENTS.items()}
    text = json.dumps({"version": 1, "hooks": found}, indent=2) + "\n"
    return [Fragment(path, FILE, (), text, "hooks")]


def _cursor_hooks(path: str) -> list[Fragment]:
    """Elements of a file that others write to as well."""
    found = []
    for native, event in CURSOR_EVENTS.items():
        value = {"command": command(event, "cursor"), "timeout": SECONDS[event]}
        found.append(Fragment(path, ELEMENT, ("hooks", native, event), value, "hooks", True))
    return found


def _opencode_hooks(path: str) -> list[Fragment]:
    """A plugin of opencode's."""
    text = resources.files("craftkit.agents").joinpath("opencode.js").read_text(encoding="utf-8")
    return [Fragment(path, FILE, (), text, "hooks")]


def _for_claude(layout: Layout, facts: Facts) -> Layout:
    """Without a CLAUDE.md Claude reads AGENTS.md, which a new CLAUDE.md would hide."""
    if facts.scope == PROJECT:
        alone = facts.is_file("AGENTS.md") and not facts.is_file("CLAUDE.md")
        shared = alone or facts.same("CLAUDE.md", "AGENTS.md")
        return layout._replace(words="AGENTS.md") if shared else layout
    target = TARGETS["claude"]
    if target.folder(facts.env) == target.home:
        return layout
    # With CLAUDE_CONFIG_DIR that file moves into the folder.
    moved = server(f"{target.folder(facts.env)}/.claude.json", "mcpServers")
    return layout._replace(servers=(moved,))


def _for_gemini(layout: Layout, facts: Facts) -> Layout:
    """A GEMINI.md that is a link to AGENTS.md is written once."""
    shared = facts.scope == PROJECT and facts.same(layout.words, "AGENTS.md")
    return layout._replace(words="AGENTS.md") if shared else layout


def _for_copilot(layout: Layout, facts: Facts) -> Layout:
    """VS Code reads its servers from its own folder, if the project has one."""
    if facts.scope != PROJECT or not facts.is_folder(".vscode"):
        return layout
    return layout._replace(servers=(*layout.servers, server(".vscode/mcp.json", "servers")))


def _for_opencode(layout: Layout, facts: Facts) -> Layout:
    """Its configuration is written to the file that is there: with comments, or without."""
    (one,) = layout.servers
    commented = one.path.removesuffix(".json") + ".jsonc"
    if not facts.is_file(commented):
        return layout
    return layout._replace(servers=(one._replace(path=commented),))


def _codex_server(path: str) -> Fragment:
    return Fragment(path, TABLE, ("mcp_servers", "craftkit"), SERVER, "mcp")


_CURSOR = Layout(
    skills=".cursor/skills",
    commands=".cursor/commands/{0}-{1}.md",
    hooks=".cursor/hooks.json",
    servers=(server(".cursor/mcp.json", "mcpServers", SERVER),),
)
_GEMINI = Layout(
    skills=SHARED_SKILLS,
    commands=".gemini/commands/{0}/{1}.toml",
    hooks=".gemini/settings.json",
    servers=(server(".gemini/settings.json", "mcpServers", SERVER),),
    words="GEMINI.md",
)
_COPILOT_SERVER = {"type": "local", **SERVER, "tools": ["*"]}
_OPENCODE_SERVER = {"type": "local", "command": ["craftkit", "mcp"], "enabled": True}

TARGETS = {
    "claude": AgentTarget(
        "claude",
        "Claude Code",
        signs=(".claude", "CLAUDE.md"),
        home=".claude",
        binaries=("claude",),
        project=Layout(
            skills=".claude/skills",
            commands=".claude/commands/{0}/{1}.md",
            hooks=".claude/settings.json",
            servers=(server(".mcp.json", "mcpServers"),),
            words="CLAUDE.md",
        ),
        user=Layout(
            skills="{home}/skills",
            commands="{home}/commands/{0}/{1}.md",
            hooks="{home}/settings.json",
            servers=(server(".claude.json", "mcpServers"),),
            words="{home}/CLAUDE.md",
        ),
        hooks=partial(nested_hooks, events=CLAUDE_EVENTS),
        command=render.claude_command,
        adapt=_for_claude,
        next="Claude Code asks once whether to use the project's MCP server",
        home_variable="CLAUDE_CONFIG_DIR",
        plugin_signs=("plugins/installed_plugins.json", "settings.json"),
    ),
    "codex": AgentTarget(
        "codex",
        "Codex CLI",
        signs=(".codex",),
        home=".codex",
        binaries=("codex",),
        project=Layout(
            skills=SHARED_SKILLS,
            hooks=".codex/hooks.json",
            servers=(_codex_server(".codex/config.toml"),),
            words="AGENTS.md",
        ),
        user=Layout(
            skills=SHARED_SKILLS,
            hooks="{home}/hooks.json",
            servers=(_codex_server("{home}/config.toml"),),
            words="{home}/AGENTS.md",
        ),
        hooks=partial(nested_hooks, events=CODEX_EVENTS),
        next="Codex runs no hook before you trust it: start it here and enter `/hooks`",
        home_variable="CODEX_HOME",
        plugin_signs=("config.toml",),
    ),
    "copilot": AgentTarget(
        "copilot",
        "GitHub Copilot",
        signs=(".github/copilot-instructions.md", ".github/hooks", ".github/prompts"),
        home=".copilot",
        binaries=("copilot",),
        project=Layout(
            skills=SHARED_SKILLS,
            commands=".github/prompts/{0}-{1}.prompt.md",
            hooks=".github/hooks/craftkit.json",
            servers=(server(".mcp.json", "mcpServers"),),
            words="AGENTS.md",
        ),
        user=Layout(
            skills="{home}/skills",
            hooks="{home}/hooks/craftkit.json",
            servers=(server("{home}/mcp-config.json", "mcpServers", _COPILOT_SERVER),),
            words="{home}/copilot-instructions.md",
        ),
        hooks=_copilot_hooks,
        command=render.copilot_prompt,
        adapt=_for_copilot,
        next="Copilot reads this once you trust the folder",
        home_variable="COPILOT_HOME",
        plugin_signs=("config.json", "settings.json"),
    ),
    "cursor": AgentTarget(
        "cursor",
        "Cursor",
        signs=(".cursor", ".cursorrules"),
        home=".cursor",
        binaries=("cursor", "cursor-agent"),
        project=_CURSOR._replace(words="AGENTS.md"),
        user=_CURSOR,  # a user's own rules are in Cursor's settings, not in a file
        hooks=_cursor_hooks,
        command=render.cursor_command,
    ),
    "gemini": AgentTarget(
        "gemini",
        "Gemini CLI",
        signs=(".gemini", "GEMINI.md"),
        home=".gemini",
        binaries=("gemini",),
        project=_GEMINI,
        user=_GEMINI._replace(words=".gemini/GEMINI.md"),
        hooks=partial(nested_hooks, events=GEMINI_EVENTS, agent="gemini", factor=MILLISECONDS),
        command=render.gemini_toml,
        adapt=_for_gemini,
        next="Gemini reads this once you trust the folder",
        plugin_signs=("extensions/craftkit/gemini-extension.json",),
    ),
    "opencode": AgentTarget(
        "opencode",
        "opencode",
        signs=(".opencode", "opencode.json", "opencode.jsonc"),
        home=".config/opencode",
        binaries=("opencode",),
        project=Layout(
            skills=SHARED_SKILLS,
            commands=".opencode/command/{0}/{1}.md",
            hooks=".opencode/plugin/craftkit.js",
            servers=(server("opencode.json", "mcp", _OPENCODE_SERVER),),
            words="AGENTS.md",
        ),
        user=Layout(
            skills="{home}/skills",
            commands="{home}/command/{0}/{1}.md",
            hooks="{home}/plugin/craftkit.js",
            servers=(server("{home}/opencode.json", "mcp", _OPENCODE_SERVER),),
            words="{home}/AGENTS.md",
        ),
        hooks=_opencode_hooks,
        command=render.opencode_command,
        adapt=_for_opencode,
        home_variable="XDG_CONFIG_HOME",
        home_tail="/opencode",
    ),
}
