"""The plugin in Claude Code's layout, which Codex and Copilot install as well."""

from __future__ import annotations

import json
import re
from typing import Any

from craftkit.agents import render
from craftkit.agents.commands import load
from craftkit.errors import UsageProblem

NAME = "craftkit"
FOLDER = "craftkit-plugin"
MARKETPLACE = ".claude-plugin/marketplace.json"
_ABOUT = "Keeps spec files, GitHub Sub Issues and the agent's task loop in step"
_OWNER = {"name": "craftkit contributors"}

# Agents trust a hook by its command line: these must stay the same from release to release.  The
# guard keeps an agent quiet where the package is not installed.
_COMMAND = "command -v craftkit-hook >/dev/null 2>&1 || exit 0; craftkit-hook {}"
_HOOKS = (
    ("SessionStart", "session-start", 10, "startup|resume|clear|compact|fork"),
    ("UserPromptSubmit", "prompt", 5, ""),
    ("PostToolUse", "post-edit", 5, "Edit|Write|MultiEdit|NotebookEdit"),
    ("Stop", "stop", 15, ""),
    ("SubagentStop", "subagent-stop", 10, ""),
    ("PreCompact", "pre-compact", 5, ""),
    ("PostCompact", "post-compact", 5, ""),
    ("SessionEnd", "session-end", 5, ""),
)
_README = """\
# craftkit, as a plugin

craftkit keeps three things in step while a coding agent works: the Markdown spec with its
checkboxes, the GitHub issue with its Sub Issues, and the agent's task loop. This plugin brings:

- a skill, `craftkit`, with the rule of the loop and a page for each command;
- slash commands, `/craftkit:task` and so on, that only you call;
- hooks that tell a new or compacted session where the work stands, and record boxes that were
  ticked by hand;
- an MCP server, started as `craftkit mcp`.

It calls the programs `craftkit` and `craftkit-hook`, which the Python package of the same name
installs; they must be in the agent's PATH. Without them the hooks stay silent. In a repository that
was not set up with `craftkit init`, they do nothing either.

Install it from a checkout of craftkit:

```
claude plugin marketplace add ./
claude plugin install craftkit@craftkit
```

`python docs/generate_plugin.py` writes this folder from `slash-commands/`; do not edit it by hand.
"""


def files(version: str) -> dict[str, str]:
    """Every file of the plugin: path inside of it -> text."""
    skill = render.skill_files(load())
    return {
        ".claude-plugin/plugin.json": _json(_manifest(version)),
        ".mcp.json": _json({"mcpServers": mcp_servers()}),
        "README.md": _README,
        "hooks/hooks.json": _json({"hooks": hooks()}),
        **claude_commands(),
        **{f"skills/{render.SKILL}/{path}": text for path, text in skill.items()},
    }


def marketplace(version: str) -> str:
    """The catalogue at the root of the repository, which has this one plugin."""
    plugin = {"name": NAME, "source": f"./{FOLDER}", "description": _ABOUT, "version": version}
    return _json({"name": NAME, "owner": _OWNER, "description": _ABOUT, "plugins": [plugin]})


def claude_commands(namespace: str = "", language: render.Language = "en") -> dict[str, str]:
    """`commands/<name>.md`, or `commands/<namespace>/<name>.md` for `/<namespace>:<name>`."""
    if namespace and not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", namespace):
        raise UsageProblem(
            f"{namespace!r} cannot be the first part of a command's name.",
            "take small letters, digits and single hyphens, such as `cft`",
        )
    folder = f"commands/{namespace}/" if namespace else "commands/"
    return {f"{folder}{c.name}.md": render.claude_command(c, language) for c in load()}


def hooks() -> dict[str, Any]:
    """What stands under `hooks` in hooks.json and in settings.json."""
    return {name: [_hook(event, limit, match)] for name, event, limit, match in _HOOKS}


def mcp_servers() -> dict[str, Any]:
    return {NAME: {"command": "craftkit", "args": ["mcp"]}}


def _hook(event: str, seconds: int, matcher: str) -> dict[str, Any]:
    call = {"type": "command", "command": _COMMAND.format(event), "timeout": seconds}
    return ({"matcher": matcher} if matcher else {}) | {"hooks": [call]}


def _manifest(version: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "version": version,
        "description": _ABOUT,
        "author": _OWNER,
        "license": "MIT",
        "keywords": ["spec-driven development", "github issues", "task loop"],
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
