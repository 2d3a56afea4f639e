"""A line that contradicts itself is nobody's until a person says what counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ck = Callable[..., tuple[int, Any, str]]
FRONT = "---\nid: demo\nphase: implementation\n---\n\n## Tasks\n\n"


@pytest.fixture
def swapped(repo: Path, ck: Ck) -> Path:
    """Two linked lines whose texts have changed places, and their numbers have not."""
    ck("init", "--no-agents")
    path = repo / "specs/demo.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{FRONT}- [ ] T001 One (#5)\n- [ ] T002 Two words (#6)\n")
    ck("task", "list")
    path.write_text(f"{FRONT}- [ ] T001 Two words (#5)\n- [ ] T002 One (#6)\n")
    return path


def test_nothing_is_done_for_a_contradicted_line(swapped: Path, ck: Ck) -> None:
    before = swapped.read_bytes()
    for words in (("task", "start", "T001"), ("task", "done", "T001"), ("task", "drop", "T002")):
        code, _, err = ck(*words)
        assert code == 5 and "Nobody can say whose line" in err and "--trust titles" in err
    code, out, err = ck("task", "next")
    assert code == 0 and "contradicts itself" in out + err
    assert swapped.read_bytes() == before


@pytest.mark.parametrize(
    ("what", "lines"),
    [
        ("titles", ["- [ ] T001 Two words (#6)", "- [ ] T002 One (#5)"]),
        ("numbers", ["- [ ] T001 Two words (#5)", "- [ ] T002 One (#6)"]),
        ("keys", ["- [ ] T001 Two words (#5)", "- [ ] T002 One (#6)"]),
    ],
)
def test_a_person_says_what_counts(swapped: Path, ck: Ck, what: str, lines: list[str]) -> None:
    assert ck("spec", "update", "--trust", what)[0] == 0
    assert swapped.read_text().splitlines()[-2:] == lines
    assert ck("task", "done", "T001")[0] == 0
    assert swapped.read_text().splitlines()[-2] == lines[0].replace("[ ]", "[x]")


def test_nothing_is_settled_where_nothing_contradicts_itself(swapped: Path, ck: Ck) -> None:
    ck("spec", "update", "--trust", "titles")
    before = swapped.read_bytes()
    for what in ("titles", "numbers", "keys"):
        assert ck("spec", "update", "--trust", what)[0] == 0
    assert swapped.read_bytes() == before
    assert ck("spec", "update", "--trust", "colours")[0] == 2


def test_another_spec_in_the_place_of_a_file_begins_anew(swapped: Path, ck: Ck) -> None:
    ck("spec", "update", "--trust", "titles")
    swapped.unlink()
    swapped.write_text(f"{FRONT.replace('demo', 'other')}- [ ] T001 One\n")
    code, answer, _ = ck("task", "list", "--json")
    assert code == 0 and [t["key"] for t in answer["data"]["tasks"]] == ["T001"]
    assert ck("task", "done", "T001")[0] == 0
