"""I18 through commands: evidence says which line is a task; a contradiction changes nothing."""

from __future__ import annotations

from typing import Any

import places
import pytest

Desk = Any
TITLES = ("Set the project up", "Write the parser", "Write the printer", "Ship the first version")
LINES = "".join(f"- [ ] T{n:03d} {title}\n" for n, title in enumerate(TITLES, 1))


@pytest.fixture
def linked(desk: Desk) -> Desk:
    desk.begin(LINES)
    desk.link()
    return desk


def states(desk: Desk) -> dict[int, tuple[str, str]]:
    return {n: (i["title"], i["state"]) for n, i in sorted(desk.issues().items()) if n > 1}


def test_i18_work_goes_to_the_issue_that_moved_with_its_text(linked: Desk) -> None:
    """A task is put in and all that follow are renumbered, each number staying with its text."""
    linked.ok("task", "done", "T001")
    body = "- [x] T001 Set the project up (#2)\n- [ ] T002 Choose a licence\n"
    for n, title in enumerate(TITLES[1:], 3):
        body += f"- [ ] T{n:03d} {title} (#{n})\n"
    linked.write(body)
    linked.ok("task", "done", "T002")
    assert all(state == "open" for n, (_, state) in states(linked).items() if n > 2)
    linked.ok("task", "done", "T003")
    linked.ok("reconcile")
    found = states(linked)
    assert found[3][0].endswith("Write the parser") and found[3][1] == "closed"
    assert (found[4][1], found[5][1]) == ("open", "open")


def stayed(desk: Desk) -> None:
    """A task is put in, and the numbers stay in their rows: they stand behind other texts now."""
    titles = (TITLES[0], "Choose a licence", *TITLES[1:])
    numbers = (" (#2)", " (#3)", " (#4)", " (#5)", "")
    desk.write(
        "".join(
            f"- [ ] T{n:03d} {title}{number}\n"
            for n, (title, number) in enumerate(zip(titles, numbers, strict=True), 1)
        )
    )


def test_i18_what_contradicts_itself_changes_nothing(linked: Desk) -> None:
    before = states(linked)
    stayed(linked)
    for words in (("task", "done", "T003"), ("task", "start", "T002"), ("reconcile",)):
        said = linked.ck(*words)
        assert said.code == 5 and "--trust titles" in said.out + said.err, said.words
    after = states(linked)
    assert {n: after[n] for n in (2, 3, 4)} == {n: before[n] for n in (2, 3, 4)}
    assert after[5] == ("T005 Ship the first version", "open")  # which nothing contradicts
    assert "[x]" not in linked.text
    found = linked.data("status")["attention"]
    assert {note["task"] for note in found if note["code"] == "contradicted"} == {
        *("T002", "T003", "T004")
    }


@pytest.mark.parametrize("what", ["titles", "numbers"])
def test_i18_a_person_says_what_counts(linked: Desk, what: str) -> None:
    stayed(linked)
    linked.ok("spec", "update", "--trust", what)
    linked.ok("task", "done", "T003")
    linked.ck("reconcile", "--create")
    number = 3 if what == "titles" else 4
    assert [n for n, (_, state) in states(linked).items() if state == "closed"] == [number]
    lines = linked.text.splitlines()
    assert f"- [x] T003 Write the parser (#{number})" in lines
    linked.ok("reconcile", "--check")


def lose_the_database(desk: Desk) -> None:
    for path in places.state_of(desk.repo).glob("*.db*"):
        path.unlink()


@pytest.mark.parametrize(
    "lines", ["- [ ] One\n- [ ] Two\n", "- [ ] One\n- [ ] One\n- [ ] Two\n", LINES]
)
@pytest.mark.parametrize("links", ["kept", "lost"])
def test_i15_i4_a_lost_database_makes_no_second_issue(desk: Desk, lines: str, links: str) -> None:
    """Without keys, too, and of tasks with one text; also if the links were lost with it."""
    desk.begin(lines)
    desk.link()
    text, before = desk.text, states(desk)
    if links == "lost":
        desk.write(lines, desk.text.split("\n## Tasks")[0] + "\n")
    lose_the_database(desk)
    desk.ok("reconcile", "--create")
    assert states(desk) == before
    assert [line for line in desk.text.splitlines() if "- [" in line] == [
        line for line in text.splitlines() if "- [" in line
    ]
