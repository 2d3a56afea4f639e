"""Formatters rewrite spec files; the tasks, their states and their links stay the same."""

from __future__ import annotations

import os
from pathlib import Path

import formatting
import pytest
import sampling

PLACES = {  # a tool tells its files by their places
    "spec-kit.md": "specs/001-login/tasks.md",
    "craft-kit.md": "specs/12345678-1234-4234-8234-123456789abc.md",
    "kiro.md": ".kiro/specs/login/tasks.md",
    "openspec.md": "openspec/changes/login/tasks.md",
}
OWN = Path(__file__).with_name("formatted")
CORPUS = os.environ.get("CRAFTKIT_CORPUS", "")


def check(name: str, files: dict[str, str]) -> None:
    if name.startswith("prettier") and formatting.prettier_program() is None:
        pytest.skip("prettier is not installed")
    after = formatting.FORMATTERS[name](files)
    assert any(after[path] != text for path, text in files.items())
    found = {p: formatting.differences(text, after[p], p) for p, text in files.items()}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("name", formatting.FORMATTERS)
def test_i18_a_formatter_changes_no_task(name: str) -> None:
    check(name, {place: (OWN / own).read_text("utf-8") for own, place in PLACES.items()})


@pytest.mark.skipif(
    not Path(CORPUS).is_dir() or not CORPUS, reason="CRAFTKIT_CORPUS names no folder"
)
@pytest.mark.parametrize("name", formatting.FORMATTERS)
def test_i18_a_formatter_changes_no_task_of_the_corpus(name: str) -> None:
    files = formatting.read(Path(CORPUS))
    check(name, {path: files[path] for path in sampling.some(sorted(files), 20)})
