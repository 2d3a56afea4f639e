"""The generated page is up to date, and every command is documented."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
assert _spec and _spec.loader
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)

COMMANDS = {
    context.command_path: command
    for command, context in generate.walk()
    if not hasattr(command, "commands")
}


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_page_is_what_the_generator_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """At any terminal: this one is narrow, and wants colour."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    page = generate.page()
    assert _read("docs/commands.md") == page, "run `make docs`"
    assert "\x1b" not in page


def test_every_command_is_shown_at_work() -> None:
    # The README shows what the demo prints; the sandbox runs until Ctrl-C, the MCP server until
    # its client hangs up.
    watched_elsewhere = {"craftkit demo", "craftkit sandbox", "craftkit mcp"}
    assert set(COMMANDS) - set(generate.examples()) == watched_elsewhere


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_every_command_is_documented(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    assert (command.epilog or "").startswith(f"Example: {path}")
    assert f"`{path}`" in _read("docs/commands.md")
    words = re.escape(path.removeprefix("craftkit "))
    as_command = rf"(?m)(craftkit |`){words}(?![\w-])"  # not in the middle of a sentence
    assert re.search(as_command, _read("README.md"))


def test_the_seed_of_the_page_is_one(tmp_path: Path) -> None:
    pytest.importorskip("graphql")
    from craftkit.sandbox import faults, seed, shape

    page = _read("docs/sandbox.md")
    path = tmp_path / "seed.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    built = seed.load(path)
    assert list(built.world.tokens) == ["owner-token", "read-token", "actions-token"]
    assert len(built.world.issues) == 3 and built.limits.core == 100
    assert all(f"`{name}`" in page for name in (*shape.SEED.fields, *faults.ACTIONS))
    assert all(f"`{token}`" in page for token in seed.build().world.tokens)
