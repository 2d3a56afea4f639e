"""A file can name any issue; only the spec's own are changed, in the repository they are in."""

from __future__ import annotations

import os
from typing import Any

import loopback
import pytest
from places import agree, state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any
OTHER = "octo-dev/web"


def add(desk: Desk, *titles: str, **more: Any) -> None:
    issues = [{"title": title, "author": "reviewer", **more} for title in titles]
    desk.server.add_issues(loopback.REPO, issues)


def forget(desk: Desk) -> None:
    for file in state_of(desk.repo).glob("*.db*"):
        file.unlink()


@pytest.mark.parametrize("words", [("start",), ("done",), ("drop", "--reason", "no")])
def test_what_was_never_linked_is_not_changed(desk: Desk, words: tuple[str, ...]) -> None:
    add(desk, "Somebody's bug")
    desk.begin("- [ ] T001 One (#1)\n- [ ] T002 Two\n")
    world = desk.state.world
    said = desk.ck("task", words[0], "T001", *words[1:])
    assert "given up" in said.err, said.words
    assert desk.state.world is world
    assert "another title" in desk.ok("outbox", "list").out


@pytest.mark.parametrize("title", ["T001 One", "One", " One "])
def test_the_title_is_enough_of_a_proof(desk: Desk, title: str) -> None:
    add(desk, title)
    desk.begin("- [ ] T001 One (#1)\n- [ ] T002 Two\n")
    before = desk.requests()
    desk.ok("task", "done", "T001")
    assert desk.issue(1)["state"] == "closed"
    assert desk.requests() - before <= 4


def test_a_new_database_asks_once_and_remembers(desk: Desk) -> None:
    desk.begin(2).link()
    forget(desk)
    before = desk.requests()
    desk.ok("task", "start", "T001")
    assert desk.requests() - before <= 3  # and the label, whose id is asked for
    before = desk.requests()
    desk.ok("task", "done", "T001")
    assert desk.requests() - before == 1


def test_a_fork_does_not_follow_its_own_issues(desk: Desk) -> None:
    """The file came with links; the fork's issues of these numbers are other people's."""
    add(desk, "A", "B", "C")
    desk.begin(
        "- [ ] T001 One (#2)\n- [ ] T002 Two (#3)\n",
        loopback.forked.FRONT.replace("phase", "github_issue_number: 1\nphase"),
    )
    desk.close(2)
    text, world = desk.text, desk.state.world
    said = desk.ck("reconcile")
    assert said.code == 5 and "#1" in said.out + said.err
    assert desk.text == text and desk.state.world is world


def test_a_line_with_somebody_elses_issue_is_left_to_a_person(desk: Desk) -> None:
    desk.begin(2).link()
    add(desk, "Somebody's bug")
    desk.close(4)
    desk.replace("T002 Task 2 (#3)", "T002 Task 2 (#3)\n- [ ] T003 Three (#4)")
    text = desk.text
    said = desk.ck("reconcile")
    assert said.code == 5 and "#4, which is not its issue" in said.out, said.words
    assert desk.text == text
    desk.replace(" (#4)", "")
    desk.ok("reconcile", "--create")
    assert "T003 Three (#5)" in desk.text


def test_another_specs_issue_is_not_adopted(desk: Desk) -> None:
    desk.begin(1).link()
    front = loopback.forked.FRONT.replace("demo", "two").replace("Demo", "Two")
    desk.write("- [ ] T001 Mine (#2)\n", front, "specs/two.md")
    said = desk.ck("spec", "link", "--yes", "--spec", "two")
    assert "#2" in said.err and "demo" in said.err, said.words
    desk.ck("task", "done", "T001", "--spec", "two")
    assert desk.issue(2)["state"] == "open"


def add_repository(desk: Desk) -> dict[str, str]:
    """A second repository with issues of its own; the environment that chooses it."""
    with desk.state.lock:
        world = desk.state.world
        repo = next(iter(world.repos.values()))
        other = repo._replace(id=repo.id + 1, name="web", highest=0)
        names = {**world.names, OTHER: other.id}
        desk.state.commit(world._replace(repos={**world.repos, other.id: other}, names=names))
    desk.server.add_issues(OTHER, [{"title": f"Bug {n}"} for n in range(1, 5)])
    agree(desk.repo, "github.repo", OTHER)
    return {"CRAFTKIT_GITHUB_REPO": OTHER}


def titles_in(desk: Desk, name: str) -> list[str]:
    from craftkit.sandbox import control

    shown = control.show_state(desk.state)
    found = next(r for r in shown["repos"] if r["full_name"] == name)["issues"]
    return [issue["title"] for issue in found]


def test_another_repository_is_not_written_to(desk: Desk) -> None:
    desk.begin(2).link()
    elsewhere = add_repository(desk)
    world = desk.state.world
    said = desk.ok("task", "done", "T001", **elsewhere)
    assert loopback.REPO in said.err and OTHER in said.err and "github.repo" in said.err
    for command in (("reconcile",), ("reconcile", "--all"), ("reconcile", "--check")):
        said = desk.ck(*command, **elsewhere)
        assert said.code in (3, 5) and "linked in" in said.out + said.err, said.words
    assert desk.state.world is world
    desk.ok("reconcile")
    assert desk.issue(2)["state"] == "closed"
    assert desk.quiet() == []


def test_a_spec_can_be_unlinked_and_linked_in_another_repository(desk: Desk) -> None:
    desk.begin(2).link()
    elsewhere = add_repository(desk)
    desk.ok("spec", "unlink", **elsewhere)
    assert "(#" not in desk.text
    desk.ok("spec", "link", "--yes", **elsewhere)
    bugs = [f"Bug {n}" for n in range(1, 5)]
    assert titles_in(desk, OTHER) == [*bugs, "Demo", "T001 Task 1", "T002 Task 2"]
    assert "T001 Task 1 (#6)" in desk.text
    assert titles_in(desk, loopback.REPO) == ["Demo", "T001 Task 1", "T002 Task 2"]


def test_issues_of_a_namesake_are_not_taken(desk: Desk) -> None:
    """Somebody else has linked a spec with the same id, and finished a task of it."""
    desk.begin("- [ ] T001 Remove the importer\n- [ ] T002 Delete old logs\n").link()
    desk.ok("task", "done", "T001")
    forget(desk)
    desk.write("- [ ] T001 Rotate the keys\n- [ ] T002 Drop a table\n")
    world, text = desk.state.world, desk.text
    for command in (("spec", "link", "--dry-run"), ("spec", "link", "--yes")):
        said = desk.ck(*command)
        assert said.code == 5 and "Remove the importer" in said.err, said.words
    assert desk.state.world is world and desk.text == text


def test_a_new_spec_does_not_get_the_id_of_a_deleted_one(desk: Desk) -> None:
    desk.begin(1).ok("spec", "new", "Beta", "--task", "One")
    desk.ok("spec", "link", "--yes", "--spec", "beta")
    (desk.repo / "specs/beta.md").unlink()
    said = desk.ok("spec", "new", "Beta", "--task", "Another")
    assert "beta-2" in said.out + said.err and (desk.repo / "specs/beta-2.md").exists()
    refused = desk.ck("spec", "new", "Beta", "--slug", "beta")
    assert refused.code == 2 and "--slug" in refused.err
    desk.ok("spec", "link", "--yes", "--spec", "beta-2")
    titles = [issue["title"] for issue in desk.issues().values()]
    assert titles == ["Beta", "T001 One", "Beta", "T001 Another"]
