"""The canonical commands: strict front matter, and instructions that the real CLI understands."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from craftkit.agents import commands
from craftkit.agents.commands import Command
from craftkit.cli.app import app
from craftkit.errors import CraftkitError

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "slash-commands").glob("*.md"))
NAMES = {
    *("spec-create", "spec-list", "spec-get", "spec-phase", "spec-update", "spec-delete"),
    *("task", "session-start", "session-end", "session-resume", "reconcile", "status"),
    *("github-init", "knowledge", "init", "doctor"),
}
FENCE = re.compile(r"^ *```(.*)\n((?: *[^` \n].*\n)*) *```$", re.MULTILINE)
JAPANESE = re.compile("[ぁ-んァ-ヶ]")

parametrize = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def _calls(text: str) -> list[str]:
    return [line.strip() for m in FENCE.finditer(text) for line in m[2].splitlines()]


def test_the_set_is_complete() -> None:
    assert {page.stem for page in PAGES} == NAMES
    assert {command.name for command in commands.load()} == NAMES


@parametrize
def test_the_front_matter_is_strict_yaml(page: Path) -> None:
    _, block, body = page.read_text(encoding="utf-8").split("---\n", 2)
    front = yaml.safe_load(block)
    assert front.keys() <= commands.KEYS and len(re.findall(r"^\S+:", block, re.M)) == len(front)
    assert all(isinstance(value, str) and value for value in front.values())
    command = commands.parse(page.stem, page.read_text(encoding="utf-8"))
    read = (command.name, command.description, command.description_ja, command.hint)
    keys = ("name", "description", "description-ja", "argument-hint")
    assert read == tuple(front.get(key, "") for key in keys)
    assert command.body == body


@parametrize
def test_descriptions_fit_into_a_menu(page: Path) -> None:
    command = commands.parse(page.stem, page.read_text(encoding="utf-8"))
    assert 20 <= len(command.description) <= 200
    assert command.description.isascii() and re.search(r"\bUse ", command.description)
    assert 10 <= len(command.description_ja) <= 100 and JAPANESE.search(command.description_ja)
    assert command.description_ja.endswith("。")


@parametrize
def test_a_page_is_a_screen(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").split("---\n", 2)[2].splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 105


@parametrize
def test_the_users_words_stand_alone_and_never_in_a_shell_line(page: Path) -> None:
    command = commands.parse(page.stem, page.read_text(encoding="utf-8"))
    expected = "Asked for: $ARGUMENTS\n\n" if command.hint else ""
    assert command.body.startswith(expected)
    assert command.body.count("$") == bool(command.hint)


@parametrize
def test_nothing_runs_before_the_agent_reads(page: Path) -> None:
    # What one of the agents would replace: `!` runs, `@` includes, braces are arguments.
    body = page.read_text(encoding="utf-8").split("---\n", 2)[2]
    assert re.findall(r"!`|!\{|@\w|@\{|\{\{|\}\}|\$\{|<[a-z/]", body) == []


@parametrize
def test_calls_are_plain(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = list(FENCE.finditer(text))
    assert blocks and text.count("```") == 2 * len(blocks)
    for block in blocks:
        assert block[1] == "" and len(block[2].splitlines()) == 1
    for call in _calls(text):
        assert call.startswith("craftkit ")
        assert re.findall(r"[^\w '.,/-]", call, re.ASCII) == []
        assert call.count("'") % 2 == 0
    prose = FENCE.sub("", text)
    assert not re.search(r"`craftkit ", prose), "a call stands in a block of its own"


@parametrize
def test_the_cli_understands_every_call(page: Path) -> None:
    for call in _calls(page.read_text(encoding="utf-8")):
        words = shlex.split(call)[1:]
        _parse(words)


@parametrize
def test_options_named_in_the_text_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    called = [shlex.split(call)[1:] for call in _calls(text)]
    known = {option for words in called for option in _options(words)}
    assert set(re.findall(r"--[a-z][a-z-]*", FENCE.sub("", text))) <= known


def _find(path: list[str]) -> Any:
    """The command of that path, or None."""
    command: Any = typer.main.get_command(app)
    for word in path:
        command = getattr(command, "commands", {}).get(word)
    return command


def _split(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words reach, and what is left for it."""
    command: Any = typer.main.get_command(app)
    for at, word in enumerate(words):
        if not hasattr(command, "commands"):
            return command, words[at:]
        command = command.commands.get(word)
        assert command is not None, f"`craftkit {' '.join(words)}`: no command {word}"
    return command, []


def _parse(words: list[str]) -> None:
    command, rest = _split(words)
    is_group = hasattr(command, "commands") and not command.invoke_without_command
    assert not is_group, f"`craftkit {' '.join(words)}` is a group"
    command.make_context(command.name, rest)  # raises for an option or a word too many or too few


def _options(words: list[str]) -> set[str]:
    return {option for param in _split(words)[0].params for option in param.opts}


def test_a_wrong_call_would_be_found() -> None:
    for call in ("spec nwe X", "task next --al", "spec phase", "task", "task next T001 T002"):
        with pytest.raises(Exception, match=r"(?i)no command|no such option|missing|group|extra"):
            _parse(shlex.split(call))


GOOD = "---\nname: x\ndescription: Does x.\ndescription-ja: xをする。\n---\nDo it.\n"


def test_a_good_page_is_read() -> None:
    assert commands.parse("x", GOOD) == Command("x", "Does x.", "xをする。", "", "Do it.\n")
    assert commands.parse("x", GOOD.replace("\n", "\r\n")).description == "Does x."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("---\nname", "name"), "front matter"),
        (("Does x.", "[unclosed"), "front matter"),
        (("Does x.", "does: x"), "front matter"),
        (("name: x\n", "name: x\nmodel: opus\n"), "unknown key: model"),
        (("name: x", "name: y"), "calls itself y"),
        (("name: x\n", ""), "calls itself nothing"),
        (("description: Does x.\n", ""), "lacks"),
        (("description-ja: xをする。\n", ""), "lacks"),
        (("Do it.", ""), "lacks"),
    ],
)
def test_a_damaged_page_is_refused(change: tuple[str, str], words: str) -> None:
    with pytest.raises(CraftkitError, match=re.escape(words)) as caught:
        commands.parse("x", GOOD.replace(*change))
    assert caught.value.hint


def test_missing_and_unreadable_files_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_PLACES", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(CraftkitError, match="missing from this installation") as caught:
        commands.load()
    assert caught.value.hint
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.md").write_bytes(b"---\nname: \xff\n---\n")
    with pytest.raises(CraftkitError, match="cannot be read"):
        commands.load()
    (tmp_path / "b" / "x.md").write_text(GOOD, encoding="utf-8")
    assert [command.name for command in commands.load()] == ["x"]


def test_reading_the_commands_loads_no_yaml() -> None:
    import subprocess

    code = "import sys; from craftkit.agents import commands; commands.load()"
    code += "; sys.exit('yaml' in sys.modules or 'typer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
