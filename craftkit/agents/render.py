"""The commands as files of each agent.  Pure."""

from __future__ import annotations

import json

from craftkit.agents.commands import Command, load


def _description(command: Command, language: str) -> str:
    return command.description_ja if language == "ja" else command.description


def _markdown(command: Command, language: str) -> str:
    head = f"description: {json.dumps(_description(command, language), ensure_ascii=False)}"
    return f"---\n{head}\n---\n\n{command.body}"


def skill_files(language: str) -> dict[str, str]:
    """Paths below the skill's folder, and the texts."""
    words = "Work through the tasks of spec files with craftkit"
    rows = "".join(f"- {c.name}: {_description(c, language)}\n" for c in load())
    pages = {f"references/{c.name}.md": c.body for c in load()}
    skill = f"---\nname: craftkit\ndescription: {words}\n---\n\n{rows}"
    return {"SKILL.md": skill, **pages}


def claude_commands(namespace: str, language: str) -> dict[str, str]:
    return {f"{namespace}/{c.name}.md": _markdown(c, language) for c in load()}


def gemini_commands(namespace: str, language: str) -> dict[str, str]:
    def text(command: Command) -> str:
        words = json.dumps(_description(command, language), ensure_ascii=False)
        return f"description = {words}\nprompt = '''\n{command.body}'''\n"

    return {f"{namespace}/{c.name}.toml": text(c) for c in load()}


def opencode_commands(namespace: str, language: str) -> dict[str, str]:
    return {f"{namespace}/{c.name}.md": _markdown(c, language) for c in load()}


def cursor_commands(namespace: str, language: str) -> dict[str, str]:
    return {f"{namespace}-{c.name}.md": c.body for c in load()}


def copilot_prompts(namespace: str, language: str) -> dict[str, str]:
    return {f"{namespace}-{c.name}.prompt.md": _markdown(c, language) for c in load()}
