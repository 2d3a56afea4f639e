"""What craftkit costs an agent's context stays below the limits."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("token_bench", ROOT / "benchmarks" / "tokens.py")
assert _spec and _spec.loader
bench: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bench)


def test_the_limits_are_the_promised_ones() -> None:
    assert (bench.BRIEF_TOKENS, bench.SHORT_TOKENS) == (400, 120)
    assert (bench.ALWAYS, bench.COMMAND) == (120, 600)


@pytest.mark.parametrize("figure", bench.texts(), ids=lambda figure: figure.name)
def test_texts(figure: Any) -> None:
    assert 0 < figure.tokens <= (figure.limit or 2_000)


def test_briefs() -> None:
    for figure in bench.briefs():
        assert 20 < figure.tokens <= figure.limit, figure.name


def test_only_what_an_agent_preloads_is_counted() -> None:
    skill = "---\nname: a\ndescription: A skill.\n---\n\nA long page.\n"
    hidden = skill.replace("name: a\n", "name: b\ndisable-model-invocation: true\n")
    files = {"skills/a/SKILL.md": skill, "commands/b.md": hidden, "README.md": "# Read\n"}
    assert bench.preloaded(files) == "a: A skill."
