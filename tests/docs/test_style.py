"""Sentences are held to docs/style.md; the debt of what stood before only gets shorter."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("style_lint", ROOT / "docs/style_lint.py")
assert _spec and _spec.loader
lint = importlib.util.module_from_spec(_spec)
sys.modules["style_lint"] = lint
_spec.loader.exec_module(lint)
MOST = 176  # debts when this was written


def test_every_new_sentence_keeps_the_rules() -> None:
    done = subprocess.run(
        [sys.executable, "docs/style_lint.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    debts = lint.DEBT.read_text(encoding="utf-8").splitlines()
    assert debts == sorted(set(debts)) and len(debts) <= MOST


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("The file is no spec.", ["is no"]),
        ("There is no spec here.", []),
        ("It is no longer there.", []),
        ("Two of them need attention.", ["word attention"]),
        ("The box is settled.  It was told so.", ["word settled", "word told"]),
        ("word " * 25 + "end.", ["long"]),
        ("word " * 24 + "end.", []),
        ("The task is not a box: `is no code` and more.", []),
    ],
)
def test_what_is_found(text: str, rules: list[str]) -> None:
    assert [offence.rule for offence in lint.offences(text, "x:1")] == rules


def test_statements_and_patterns_are_no_sentences(tmp_path: Path) -> None:
    path = ROOT / "craftkit/store/tasks.py"
    assert not [o for o in lint.in_python(path) if "select" in o.sentence]
