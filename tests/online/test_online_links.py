"""Which issue a task line has, by the real command line: keys used again, unlinked, edited."""

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


def state(desk: Desk, number: int) -> tuple[str, str | None]:
    issue = desk.issue(number)
    return issue["state"], issue["reason"]


def agreed(desk: Desk) -> None:
    """Spec and GitHub say the same, and nothing is left to do."""
    assert desk.quiet() == []
    assert desk.ck("reconcile", "--check").code == 0


def codes(desk: Desk) -> list[tuple[str, str]]:
    data = desk.ck("reconcile", "--dry-run", "--json").answer["data"]
    return [(a["code"], a["ref"]) for a in data["specs"][0]["attention"]]


def lose_the_database(desk: Desk) -> None:
    for path in state_of(desk.repo).glob("*.db*"):
        path.unlink()


# A key that is used again


def reuse_a_key(desk: Desk) -> None:
    desk.begin(3).link()
    desk.ok("task", "done", "T003")
    desk.replace("- [x] T003 Task 3 (#4)\n", "- [ ] T003 Something new\n")
    lose_the_database(desk)


def test_a_new_task_does_not_inherit_the_issue_of_an_old_one(desk: Desk) -> None:
    reuse_a_key(desk)
    said = desk.ok("reconcile")
    assert "1 task has no issue (T003)" in said.err
    assert "- [ ] T003 Something new\n" in desk.text and len(desk.issues()) == 4
    assert codes(desk) == []
    desk.ck("session-resume")
    assert "- [ ] T003 Something new\n" in desk.text


def test_link_makes_an_issue_for_a_key_that_is_used_again(desk: Desk) -> None:
    reuse_a_key(desk)
    desk.link()
    assert "- [ ] T003 Something new (#5)\n" in desk.text
    assert desk.issue(5)["title"] == "T003 Something new"
    assert state(desk, 4) == ("closed", "completed") and state(desk, 5)[0] == "open"
    agreed(desk)
    lose_the_database(desk)
    desk.ok("reconcile")
    agreed(desk)
    desk.replace(" (#5)", "")
    lose_the_database(desk)
    desk.ok("reconcile")
    assert "- [ ] T003 Something new (#5)\n" in desk.text
    agreed(desk)


def test_a_file_that_has_the_old_task_still_does_no_harm(desk: Desk) -> None:
    reuse_a_key(desk)
    desk.link()
    desk.replace("- [ ] T003 Something new (#5)", "- [x] T003 Task 3 (#4)")
    lose_the_database(desk)
    said = desk.ck("reconcile")
    assert said.code == 5 and "#5 is open, but its task line is gone" in said.out
    assert state(desk, 5)[0] == "open" and state(desk, 4) == ("closed", "completed")
    assert desk.quiet() == []


@pytest.mark.parametrize("answer", ["another key", "the same task"])
def test_the_two_meanings_of_a_key_that_is_used_again(desk: Desk, answer: str) -> None:
    """The number says that it is the same task, whatever the words."""
    reuse_a_key(desk)
    if answer == "another key":
        desk.replace("T003 Something", "T004 Something")
        desk.ok("reconcile", "--create")
        assert "- [ ] T004 Something new (#5)\n" in desk.text
    else:
        desk.replace("Something new", "Something new (#4)")
        desk.ok("reconcile")
        assert "- [x] T003 Something new (#4)\n" in desk.text
    agreed(desk)


def test_add_takes_no_key_that_was_used_before(desk: Desk) -> None:
    desk.begin(3).link()
    desk.ok("task", "done", "T003")
    desk.replace("- [x] T003 Task 3 (#4)\n", "")
    desk.ok("task", "add", "Something new")
    assert "- [ ] T004 Something new\n" in desk.text
    desk.replace("- [ ] T004 Something new\n", "")
    desk.ok("task", "add", "Another")
    desk.link()
    assert "- [ ] T005 Another (#5)\n" in desk.text
    agreed(desk)


def test_add_goes_on_in_the_files_numbers(desk: Desk) -> None:
    desk.begin("- [ ] 1.1 One\n- [ ] 1.2 Two\n- [ ] 1.3 Three\n")
    desk.ok("task", "list")
    desk.replace("- [ ] 1.3 Three\n", "")
    desk.ok("task", "add", "Four")
    assert "- [ ] 1.4 Four\n" in desk.text


# An issue that is gone


def test_drop_settles_an_issue_that_is_gone(desk: Desk) -> None:
    desk.begin(2).link()
    desk.delete(2)
    assert codes(desk) == [("issue_gone", "T001")]
    desk.ok("task", "drop", "T001")
    assert desk.ask("select action, state from outbox where state <> 'delivered'") == []
    desk.ok("reconcile")
    agreed(desk)


def test_a_drop_that_waited_is_delivered_though_its_issue_is_gone(desk: Desk) -> None:
    desk.begin(2).link()
    desk.ok("task", "drop", "T001", "--offline")
    desk.delete(2)
    desk.ok("reconcile")
    agreed(desk)


def test_a_completion_that_finds_no_issue_is_still_loud(desk: Desk) -> None:
    desk.begin(2).link()
    desk.delete(2)
    desk.ok("task", "done", "T001")
    assert desk.ask("select action, state from outbox where state <> 'delivered'") == [
        ("close", "dead")
    ]


@pytest.mark.parametrize("link", [" (#2)", ""])
def test_unlink_settles_an_issue_that_is_gone(desk: Desk, link: str) -> None:
    """Also where this version of the file does not name it."""
    desk.begin(2).link()
    desk.ok("task", "start", "T001", "--offline")
    desk.delete(2)
    desk.replace("T001 Task 1 (#2)", f"T001 Task 1{link}")
    desk.ck("reconcile")
    assert desk.ask("select state from outbox where state <> 'delivered'") == [("dead",)]
    assert codes(desk) == [("issue_gone", "T001")]
    assert desk.data("spec", "unlink", "--task", "T001")["forgotten"] == 1
    assert desk.ask("select 1 from outbox where state <> 'delivered'") == []
    assert desk.ask("select issue from tasks where task_id = 'T001'") == [(None,)]
    desk.ok("reconcile", "--create")
    assert "T001 Task 1 (#4)" in desk.text
    agreed(desk)


# Unlinked by a person


def test_what_was_unlinked_is_not_linked_again_by_its_marker(desk: Desk) -> None:
    desk.begin(3).link()
    world = desk.state.world
    desk.ok("spec", "unlink", "--task", "T002")
    said = desk.ok("reconcile")
    assert "- [ ] T002 Task 2\n" in desk.text and "(T002): `--create`" in said.err
    assert desk.state.world is world
    desk.ok("session-resume")
    assert "- [ ] T002 Task 2\n" in desk.text


@pytest.mark.parametrize("command", [("spec", "link", "--yes"), ("reconcile", "--create")])
def test_an_unlinked_task_gets_an_issue_of_its_own(desk: Desk, command: tuple[str, ...]) -> None:
    desk.begin(3).link()
    desk.ok("spec", "unlink", "--task", "T002")
    desk.ok(*command)
    assert "- [ ] T002 Task 2 (#5)\n" in desk.text
    assert state(desk, 3)[0] == state(desk, 5)[0] == "open", "neither is a duplicate"
    agreed(desk)


def test_an_unlinked_task_without_a_key(desk: Desk) -> None:
    desk.begin("- [ ] First words\n- [ ] Other words\n").link()
    desk.ok("spec", "unlink", "--task", "#3")
    desk.ok("reconcile")
    assert "- [ ] Other words\n" in desk.text
    desk.link()
    assert "- [ ] Other words (#4)\n" in desk.text and state(desk, 3)[0] == "open"
    agreed(desk)


def test_a_link_written_by_hand_counts_though_it_was_unlinked(desk: Desk) -> None:
    desk.begin(2).link()
    desk.ok("spec", "unlink", "--task", "T002")
    desk.replace("T002 Task 2", "T002 Task 2 (#3)")
    desk.ok("task", "done", "T002")
    assert state(desk, 3) == ("closed", "completed")
    agreed(desk)


def test_an_unlinked_spec_finds_its_issues_again(desk: Desk) -> None:
    desk.begin(2)
    desk.link()
    desk.ok("spec", "unlink")
    assert "(#" not in desk.text
    desk.link()
    assert "(#2)" in desk.text and "(#3)" in desk.text and len(desk.issues()) == 3
    agreed(desk)


# The link and the marker do not agree


def test_an_edited_link_closes_nothing(desk: Desk) -> None:
    desk.begin(3).link()
    theirs = {"title": "Somebody's bug", "author": "reviewer"}
    desk.server.add_issues(loopback.REPO, [theirs])
    desk.replace("T001 Task 1 (#2)", "T001 Task 1 (#5)")
    world = desk.state.world
    said = desk.ok("reconcile")
    assert "bug" not in said.out and "- [ ] T001 Task 1 (#5) (#2)" in desk.text
    assert desk.state.world is world
    desk.ok("task", "done", "T001")
    assert state(desk, 2)[0] == "closed" and state(desk, 5)[0] == "open"
    agreed(desk)


def test_a_persons_word_makes_a_number_the_link(desk: Desk) -> None:
    desk.begin("- [ ] T001 Fix the crash reported in (#1)\n- [ ] T002 Something else\n")
    desk.server.add_issues(loopback.REPO, [{"title": "Crash on start", "author": "reviewer"}])
    said = desk.ok("spec", "link", "--yes", "--take", "1")
    assert desk.issue(1)["title"] == "Crash on start", said.words
    assert "T001 Fix the crash reported in (#1)\n" in desk.text
    assert {n for n, i in desk.issues().items()} == {1, 2, 3}
    assert desk.issue(1)["parent"] == 2  # so that a clone that knows nothing knows whose it is
    for path in state_of(desk.repo).glob("*.db*"):
        path.unlink()
    desk.ok("reconcile")
    assert "(#1)\n" in desk.text and len(desk.issues()) == 3
    desk.ok("task", "done", "T001")
    assert desk.issue(1)["state"] == "closed"


def test_a_mention_gets_an_issue_behind_it_and_is_left_alone(desk: Desk) -> None:
    desk.begin("- [ ] T001 Fix the crash reported in (#1)\n- [ ] T002 Merge it (#2)\n")
    theirs = [
        {"title": "Crash on start", "author": "reviewer"},
        {"title": "Stop it", "author": "reviewer", "pull_request": True},
    ]
    desk.server.add_issues(loopback.REPO, theirs)
    said = desk.ok("spec", "link", "--yes")
    assert "craftkit spec link --take 1" in said.err and "Crash" not in said.out
    assert "T001 Fix the crash reported in (#1) (#4)\n- [ ] T002 Merge it (#2) (#5)" in desk.text
    for key in ("T001", "T002"):
        desk.ok("task", "done", key)
    desk.ok("reconcile")
    assert [n for n, i in desk.issues().items() if i["state"] == "closed"] == [4, 5]
    assert desk.issue(1)["title"] == "Crash on start"
    taken = desk.ck("spec", "link", "--yes", "--take", "7")
    assert taken.code == 2 and "No task line of" in taken.err


def test_a_pull_request_is_not_the_issue_of_a_task(desk: Desk) -> None:
    desk.begin("- [ ] T001 Merge it (#1)\n")
    theirs = {"title": "Stop it", "author": "reviewer", "pull_request": True}
    desk.server.add_issues(loopback.REPO, [theirs])
    said = desk.ck("spec", "link", "--yes", "--take", "1")
    assert said.code == 2 and "#1 is a pull request" in said.err
    assert list(desk.issues()) == [1] and "(#1)\n" in desk.text


def test_the_higher_of_two_issues_is_closed_also_where_the_file_names_it(desk: Desk) -> None:
    desk.begin(2).link()
    twin = {"title": "T001 Task 1", "body": desk.issue(2)["body"], "parent": 1}
    desk.server.add_issues(loopback.REPO, [twin])
    desk.replace("(#2)", "(#4)")
    said = desk.ck("reconcile")
    assert said.code == 5 and "write (#2) in its line in place of (#4)" in said.out
    assert state(desk, 2)[0] == "open" and state(desk, 4) == ("closed", "duplicate")
    assert codes(desk) == [("linked_to_duplicate", "T001")]
    desk.replace("(#4)", "(#2)")
    desk.ok("reconcile")
    agreed(desk)


@pytest.mark.parametrize(
    "line",
    [
        "T001 Task 1 (#2) (#9)",
        "T001 Task 1 (#9) (#2)",
        "T001 Task 1 (#9) (#8) (#2)",
        "T001 Task 1 (#2) (#9)\n      (#8)",
        "T001 Task 1 (#2) and more of it",
        "T001 Task 1 (#2) — see (#9)",
        "T001 Task 1\n  (#2)",
        "T001 Task (#2) 1",
    ],
)
def test_of_several_numbers_the_known_one_is_the_link(desk: Desk, line: str) -> None:
    """Pull requests are mentioned before and behind it; nothing is written twice."""
    desk.begin(2).link()
    pulls = [{"title": f"Pull {n}", "pull_request": True} for n in range(4, 10)]
    desk.server.add_issues(loopback.REPO, pulls)
    desk.replace("T001 Task 1 (#2)", line)
    text = desk.text
    desk.ok("reconcile")
    assert desk.text == text and len(desk.issues()) == 9
    listed = desk.data("task", "list")["tasks"]
    assert [task["issue"] for task in listed] == [2, 3]
    desk.ok("task", "done", "gh2")
    assert desk.text == text.replace("- [ ] T001", "- [x] T001")
    assert state(desk, 2)[0] == "closed" and state(desk, 3)[0] == "open"
    assert desk.quiet() == []


def test_a_number_in_the_middle_that_is_not_the_tasks_gets_its_link_at_the_end(desk: Desk) -> None:
    desk.begin("- [ ] T001 After (#1) is in,\n  clean up\n- [ ] T002 Rest\n")
    pull = {"title": "Stop it", "author": "reviewer", "pull_request": True}
    desk.server.add_issues(loopback.REPO, [pull])
    for _ in range(2):
        desk.ok("spec", "link", "--yes")
        assert "T001 After (#1) is in,\n  clean up (#3)\n- [ ] T002 Rest (#4)\n" in desk.text
        assert len(desk.issues()) == 4
    desk.ok("spec", "unlink", "--task", "T001")
    assert "T001 After (#1) is in,\n  clean up\n" in desk.text
