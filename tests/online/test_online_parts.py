"""Specs of more than a hundred tasks have several parents, and go on having room."""

from __future__ import annotations

import os
import re
from typing import Any

import loopback
import pytest
from places import state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any


def parts(one: int, two: int) -> str:
    def lines(first: int, count: int) -> str:
        return "".join(f"- [ ] T{first + n} Do {first + n}\n" for n in range(count))

    return f"### Part 1\n\n{lines(100, one)}\n### Part 2\n\n{lines(300, two)}"


def parents(desk: Desk) -> dict[str, int]:
    found = desk.issues().values()
    return {i["title"]: len(i["children"]) for i in found if i["parent"] is None}


def parent_of(desk: Desk, words: str) -> str:
    issues = desk.issues()
    child = next(i for i in issues.values() if words in i["title"])
    return str(issues[child["parent"]]["title"])


def all_settled(desk: Desk) -> None:
    assert desk.ask("select * from outbox where state <> 'delivered'") == []
    assert desk.quiet("reconcile", "--create") == []


def test_a_spec_that_grows_beyond_a_hundred_uses_the_room_that_is_left(desk: Desk) -> None:
    desk.begin(parts(50, 49)).link()
    for group in ("Part 1", "Part 2"):
        desk.ok("task", "add", "--group", group, f"New in {group}")
    desk.ok("spec", "link", "--yes")
    assert parents(desk) == {"Demo": 100, "Demo: Part 2": 1}
    assert parent_of(desk, "New in Part 1") == "Demo"
    all_settled(desk)


def test_a_heading_that_changed_keeps_its_parent(desk: Desk) -> None:
    desk.begin(parts(51, 51)).link()
    assert parents(desk) == {"Demo: Part 1": 51, "Demo: Part 2": 51}
    desk.replace("### Part 1", "### Part One")
    desk.ok("task", "add", "--group", "Part One", "New")
    desk.ok("reconcile", "--create")
    assert parents(desk) == {"Demo: Part 1": 52, "Demo: Part 2": 51}
    all_settled(desk)


@pytest.mark.parametrize("group", ["Part 1", "Part 2", "Part 3"])
def test_parents_are_found_again_without_a_database(desk: Desk, group: str) -> None:
    desk.begin(parts(51, 51)).link()
    for file in state_of(desk.repo).glob("*.db*"):
        file.unlink()
    if group == "Part 3":
        desk.replace("### Part 2", f"### {group}\n\n- [ ] T200 New\n\n### Part 2")
    else:
        desk.ok("task", "add", "--group", group, "New")
    desk.ok("reconcile", "--create")
    assert parent_of(desk, "New") == f"Demo: {group}"
    assert len(parents(desk)) == (3 if group == "Part 3" else 2)
    all_settled(desk)


def test_issues_of_removed_lines_take_up_room(desk: Desk) -> None:
    desk.begin(100).link()
    text = desk.text
    for number in range(50, 55):
        text = re.sub(rf"- \[ \] T{number:03d} .*\n", "", text)
    (desk.repo / loopback.SPEC).write_text(text)
    desk.ok("task", "add", "New")
    desk.ck("reconcile", "--create", "--yes")
    assert parents(desk) == {"Demo": 100, "Demo: more 2": 1}
    assert desk.ask("select * from outbox where state <> 'delivered'") == []
