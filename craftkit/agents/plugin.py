"""The plugin in Claude Code's layout, which Codex and Copilot install as well."""

from __future__ import annotations

import json
from typing import Any

from craftkit.agents import render
from craftkit.agents.commands import load
from craftkit.agents.target import SERVER, group
from craftkit.agents.targets import CLAUDE_EVENTS, GEMINI_EVENTS, MILLISECONDS

NAME = "craftkit"
FOLDER = "craftkit-plugin"
GEMINI_FOLDER = "craftkit-gemini"
MARKETPLACE = ".claude-plugin/marketplace.json"
_ABOUT = "Keeps spec files, GitHub Sub Issues and the agent's task loop in step"
_OWNER = {"name": "craftkit contributors"}

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
        ".mcp.json": _json({"mcpServers": {NAME: SERVER}}),
        "README.md": _README,
        "hooks/hooks.json": _json({"hooks": hooks()}),
        **{f"commands/{c.name}.md": render.claude_command(c) for c in load()},
        **{f"skills/{render.SKILL}/{path}": text for path, text in skill.items()},
    }


def gemini_files(version: str) -> dict[str, str]:
    """Every file of the extension for Gemini CLI: path inside of it -> text."""
    skill = render.skill_files(load())
    own = {"name": NAME, "version": version, "description": _ABOUT, "mcpServers": {NAME: SERVER}}
    calls = {
        native: [group(event, matcher, "gemini", MILLISECONDS)]
        for native, (event, matcher) in GEMINI_EVENTS.items()
    }
    return {
        "gemini-extension.json": _json(own),
        "hooks/hooks.json": _json({"hooks": calls}),
        **{f"commands/{NAME}/{c.name}.toml": render.gemini_toml(c) for c in load()},
        **{f"skills/{render.SKILL}/{path}": text for path, text in skill.items()},
    }


def marketplace(version: str) -> str:
    """The catalogue at the root of the repository, which has this one plugin."""
    plugin = {"name": NAME, "source": f"./{FOLDER}", "description": _ABOUT, "version": version}
    return _json({"name": NAME, "owner": _OWNER, "description": _ABOUT, "plugins": [plugin]})


def hooks() -> dict[str, Any]:
    """What stands under `hooks` in hooks.json: the same as in a project's settings."""
    return {native: [group(event, matcher)] for native, (event, matcher) in CLAUDE_EVENTS.items()}


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
