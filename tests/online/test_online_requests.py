"""How many requests each command makes: no request is made to learn what is already known."""

from __future__ import annotations

import os
from typing import Any

import loopback
import pytest
from places import state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any


def counted(desk: Desk, *args: str) -> int:
    before = desk.requests()
    desk.ok(*args)
    return int(desk.requests() - before)


def test_nothing_changed_on_a_hundred_linked_tasks(desk: Desk) -> None:
    desk.begin(100).link()
    for command in (("reconcile",), ("session-resume",), ("reconcile", "--check")):
        assert counted(desk, *command) == 1, command


def test_commands_that_need_no_network(desk: Desk) -> None:
    desk.begin(3).link()
    for command in (
        ("status",),
        ("task", "list"),
        ("task", "next"),
        ("history",),
        ("outbox", "list"),
    ):
        assert counted(desk, *command) == 0, command
    assert counted(desk, "spec", "link", "--dry-run", "--offline") == 0
    assert counted(desk, "session-resume", "--offline") == 0


def test_start_and_done(desk: Desk) -> None:
    desk.begin(4).link()
    for n in (1, 2, 3, 4):
        assert counted(desk, "task", "start", f"T00{n}") <= 2
        assert counted(desk, "task", "done", f"T00{n}") <= 2
    assert counted(desk, "task", "reopen", "T001") <= 2
    assert counted(desk, "task", "drop", "T001") <= 2


def test_start_and_done_with_a_board(desk: Desk) -> None:
    desk.env["CRAFTKIT_GITHUB_PROJECT"] = "1"
    desk.begin(3).link()
    counted(desk, "task", "start", "T001")  # learns the ids of the board, once
    counted(desk, "task", "done", "T001")
    for n in (2, 3):
        assert counted(desk, "task", "start", f"T00{n}") <= 2
        assert counted(desk, "task", "done", f"T00{n}") <= 2


def test_link_of_23_tasks(desk: Desk) -> None:
    assert counted(desk.begin(23), "spec", "link", "--yes") <= 26
    assert len(desk.issues()) == 24


def test_the_life_of_a_spec_of_23_tasks(desk: Desk) -> None:
    total = counted(desk.begin(23), "spec", "link", "--yes")
    for n in range(1, 24):
        if n == 12:
            total += counted(desk, "session-resume")
        total += counted(desk, "task", "start", f"T{n:03d}")
        total += counted(desk, "task", "done", f"T{n:03d}")
    assert total <= 75
    children = [i for i in desk.issues().values() if i["parent"]]
    assert [i["state"] for i in children] == ["closed"] * 23
    assert all([e["event"] for e in i["timeline"]].count("closed") == 1 for i in children)


def test_ten_specs_together(desk: Desk) -> None:
    desk.begin(2)
    for n in range(2, 11):
        front = loopback.forked.FRONT.replace("demo", f"demo{n}")
        desk.write(2, front, f"specs/demo{n}.md")
    for n in range(1, 11):
        desk.ok("spec", "link", "--yes", "--spec", f"demo{n}" if n > 1 else "demo")
    desk.ok("reconcile", "--all")
    assert counted(desk, "reconcile", "--all") <= 2


def test_what_was_ticked_by_hand_goes_in_one_request(desk: Desk) -> None:
    desk.begin(8).link()
    for n in range(1, 9):
        desk.replace(f"[ ] T00{n}", f"[x] T00{n}")
    assert counted(desk, "session-resume") <= 3
    assert all(i["state"] == "closed" for i in desk.issues().values() if i["parent"])


@pytest.mark.parametrize(("older", "created"), [(90, ""), (150, "created: 2099-01-01\n")])
def test_a_first_link_among_the_issues_of_others(desk: Desk, older: int, created: str) -> None:
    """The newest hundred come with the repository; a spec that is younger has none further back."""
    desk.begin(23, loopback.forked.FRONT.replace("phase:", f"{created}phase:"))
    desk.server.add_issues(loopback.REPO, [{"title": f"Old {n}"} for n in range(older)])
    assert counted(desk, "spec", "link", "--yes") <= 26
    assert desk.text.count("(#") == 23


def test_a_lost_database_costs_a_look_further_back(desk: Desk) -> None:
    desk.begin(3)
    before = desk.text
    desk.link()
    desk.server.add_issues(loopback.REPO, [{"title": f"New {n}"} for n in range(150)])
    for path in state_of(desk.repo).glob("*.db*"):
        path.unlink()
    (desk.repo / loopback.SPEC).write_text(before)
    desk.link()
    assert len(desk.issues()) == 4 + 150
    assert "T001 Task 1 (#2)" in desk.text
