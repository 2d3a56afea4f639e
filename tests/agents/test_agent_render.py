"""What each agent is given: well formed, within the rules of skills, nothing left unreplaced."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any, get_args

import pytest
import yaml

from craftkit.agents import render
from craftkit.agents.commands import Command, load

COMMANDS = load()
LANGUAGES = get_args(render.Language)
STANDARD = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
TRICKY = Command(
    "tricky",
    'Says "no": to C:\\new # really',
    "「はい」: と言う # 本当に",
    "[a|b] {c}: d",
    "Asked for: $ARGUMENTS\n\nWrite \"\"\" and \\n and '''.\n\n```\ncraftkit status\n```\n",
)
each = pytest.mark.parametrize("command", [*COMMANDS, TRICKY], ids=lambda c: c.name)
in_each = pytest.mark.parametrize("language", LANGUAGES)


def _front(text: str) -> tuple[dict[str, Any], str]:
    first, block, body = text.split("---\n", 2)
    assert first == ""
    return yaml.safe_load(block), body.removeprefix("\n")


def _check_skill(folder: str, text: str) -> None:
    """The rules of agentskills.io."""
    front, body = _front(text)
    assert front.keys() <= STANDARD
    assert front["name"] == folder and len(folder) <= 64
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", folder)
    assert 1 <= len(front["description"]) <= 1024
    assert isinstance(front.get("allowed-tools", ""), str)
    assert len(body.splitlines()) < 500


@in_each
def test_the_one_skill_names_every_command_and_has_its_page(language: render.Language) -> None:
    files = render.skill_files(COMMANDS, language)
    _check_skill("craftkit", files["SKILL.md"])
    named = re.findall(r"\]\((references/[a-z-]+\.md)\)", files["SKILL.md"])
    assert {"SKILL.md", *named} == files.keys()
    assert len(named) == len(COMMANDS)
    for command in COMMANDS:
        page = files[f"references/{command.name}.md"]
        assert render.describe(command, language) in page
        assert "$ARGUMENTS" not in page and "Asked for" not in page


@in_each
def test_japanese_is_japanese(language: render.Language) -> None:
    front, body = _front(render.overview_skill(COMMANDS, language))
    kana = re.compile("[ぁ-んァ-ヶ]")
    assert bool(kana.search(front["description"])) == (language == "ja")
    assert bool(kana.search(body)) == (language == "ja")
    for command in COMMANDS:
        assert bool(kana.search(render.claude_command(command, language))) == (language == "ja")


def test_the_loop_in_the_skill_is_allowed_and_needs_no_agreement() -> None:
    front, body = _front(render.overview_skill(COMMANDS))
    allowed = re.findall(r"Bash\(([^)]*):\*\)", front["allowed-tools"])
    calls = re.findall(r"^ *(craftkit .*)$", body, re.MULTILINE)
    assert len(calls) == 3
    for call in calls:
        assert any(call.startswith(words) for words in allowed), call
    for words in ("craftkit spec link", "craftkit spec delete", "craftkit task drop"):
        assert not any(words.startswith(prefix) for prefix in allowed)


def test_what_needs_agreement_is_not_allowed_beforehand() -> None:
    asking = {c.name for c in COMMANDS if render.needs_agreement(c)}
    wanted = "init spec-delete spec-update github-init reconcile spec-phase"
    assert set(wanted.split()) == asking
    for command in COMMANDS:
        front = _front(render.claude_command(command))[0]
        assert ("allowed-tools" in front) == (command.name not in asking)


@each
@in_each
def test_claude_calls_it_only_when_the_user_does(
    command: Command, language: render.Language
) -> None:
    front, body = _front(render.claude_command(command, language))
    assert front["disable-model-invocation"] is True
    assert front["description"] == render.describe(command, language)
    assert front.get("argument-hint", "") == command.hint
    assert body == command.body


@each
@in_each
def test_gemini_reads_toml(command: Command, language: render.Language) -> None:
    read = tomllib.loads(render.gemini_toml(command, language))
    assert read.keys() == {"description", "prompt"}
    assert read["description"] == render.describe(command, language)
    assert read["prompt"] == command.body.replace("$ARGUMENTS", "{{args}}")


@each
def test_opencode_gets_the_arguments(command: Command) -> None:
    front, body = _front(render.opencode_command(command))
    assert front == {"description": command.description}
    assert body == command.body


@each
def test_copilot_works_as_an_agent(command: Command) -> None:
    front, body = _front(render.copilot_prompt(command))
    assert front["agent"] == "agent" and front["description"] == command.description
    assert front.get("argument-hint", "") == command.hint
    assert "ARGUMENTS" not in body and "Asked for" not in body


@each
def test_cursor_gets_plain_markdown(command: Command) -> None:
    text = render.cursor_command(command)
    assert text.startswith(f"{command.description}\n\n")
    assert "ARGUMENTS" not in text and "Asked for" not in text


FORMS: list[Callable[[Command, render.Language], str]] = [
    render.reference,
    render.claude_command,
    render.gemini_toml,
    render.opencode_command,
    render.cursor_command,
    render.copilot_prompt,
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_keeps_every_call(form: Callable[[Command, render.Language], str]) -> None:
    for command in COMMANDS:
        text = form(command, "en")
        for call in re.findall(r"^ *(craftkit .*)$", command.body, re.MULTILINE):
            assert call in text
        assert text.endswith("\n") and "\r" not in text
