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


def test_i18_as_many_lines_as_before_may_be_others(linked: Desk) -> None:
    """The list is turned round and numbered anew, and its links are lost."""
    front = linked.text.partition("\n## Tasks")[0] + "\n"
    turned = enumerate(reversed(TITLES), 1)
    linked.write("".join(f"- [ ] T{n:03d} {title}\n" for n, title in turned), front)
    linked.ok("task", "done", "T001")
    linked.ok("reconcile")
    assert [n for n, (_, state) in states(linked).items() if state == "closed"] == [5]


def other_words(desk: Desk, mark: str = " ") -> None:
    """Another text stands under the key and the number of T002."""
    desk.replace("- [ ] T002 Write the parser", f"- [{mark}] T002 Call the bank")


def test_i18_other_words_are_said_before_they_rename_anything(linked: Desk) -> None:
    other_words(linked)
    said = linked.ck("reconcile")
    assert "T002 says “Call the bank” now, and said “Write the parser” before" in said.words
    assert states(linked)[3][0] == "T002 Write the parser"
    linked.ok("reconcile")
    assert states(linked)[3][0] == "T002 Call the bank"


@pytest.mark.parametrize("verb", ["done", "drop", "reopen"])
def test_i18_the_command_that_sees_other_words_first_does_nothing(linked: Desk, verb: str) -> None:
    before = states(linked)
    other_words(linked)
    words = ("task", verb, "T002", *(("--reason", "why") if verb == "drop" else ()))
    said = linked.ck(*words)
    assert said.code == 5 and "so nothing was done" in said.words
    assert said.words.count("Call the bank") == 1
    assert "- [ ] T002 Call the bank (#3)" in linked.text and states(linked) == before
    assert linked.ck(*words).code == 0  # a person has seen it


def test_i18_a_box_that_came_with_other_words_is_recorded_by_the_next_command(linked: Desk) -> None:
    other_words(linked, "x")
    linked.ck("session-resume")
    assert states(linked)[3][1] == "open"
    linked.ck("session-resume")
    assert states(linked)[3][1] == "closed"


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


def marker_of(desk: Desk, number: int) -> str:
    (line,) = (line for line in desk.issues()[number]["body"].splitlines() if "<!--" in line)
    return str(line)


def test_a_marker_names_the_task_as_it_was_created_for_ever(linked: Desk) -> None:
    first = marker_of(linked, 3)
    assert first.startswith("<!-- craftkit spec=demo task=T002 of=")
    linked.replace("T002 Write the parser", "T009 Write the whole parser")
    linked.ok("reconcile")
    assert linked.issues()[3]["title"] == "T009 Write the whole parser"
    assert marker_of(linked, 3) == first


@pytest.mark.parametrize("ticked", [False, True])
def test_i15_a_lost_database_and_a_list_renumbered_without_links_make_nothing_twice(
    linked: Desk, ticked: bool
) -> None:
    """The text alone says which issue is whose, if nothing else says the same."""
    titles = (TITLES[0], "Choose a licence", *TITLES[1:])
    boxes = "x" if ticked else " "
    linked.write(
        "".join(f"- [{boxes}] T{n:03d} {title}\n" for n, title in enumerate(titles, 1)),
        front=linked.text.partition("\n## Tasks")[0],
    )
    for path in places.state_of(linked.repo).glob("*.db*"):
        path.unlink()
    linked.ok("spec", "link", "--yes")
    made = {number: title for number, (title, _) in states(linked).items()}
    assert len(made) == 5 and made[6] == "T002 Choose a licence"
    for n, (number, title) in enumerate(zip((2, 6, 3, 4, 5), titles, strict=True), 1):
        assert f"- [{boxes}] T{n:03d} {title} (#{number})" in linked.text
    assert {state for _, state in states(linked).values()} == {"closed" if ticked else "open"}


def test_i18_twins_after_a_lost_database_keep_their_issues(desk: Desk) -> None:
    desk.begin("- [ ] Write tests\n- [ ] Write tests\n- [ ] Write tests\n")
    desk.link()
    desk.write("- [ ] Write tests\n" * 3, front=desk.text.partition("\n## Tasks")[0])
    for path in places.state_of(desk.repo).glob("*.db*"):
        path.unlink()
    desk.ok("spec", "link", "--yes")
    assert [n for n in (2, 3, 4) if f"- [ ] Write tests (#{n})" in desk.text] == [2, 3, 4]
    assert all(state == "open" for _, state in states(desk).values())


def test_i18_numbers_that_stayed_in_their_rows_close_nothing_after_a_lost_database(
    linked: Desk,
) -> None:
    """The number is all that is left of what was remembered, and it stands behind another text."""
    before = states(linked)
    stayed(linked)
    for path in places.state_of(linked.repo).glob("*.db*"):
        path.unlink()
    for key in ("T002", "T003", "T004"):
        linked.ck("task", "done", key)
    after = states(linked)
    wrong = {n for n in (3, 4, 5) if after[n][1] == "closed"}
    named = {n: before[n][0].partition(" ")[2] for n in wrong}
    ticked = {line.partition(" (#")[0][11:] for line in linked.text.splitlines() if "[x]" in line}
    assert set(named.values()) <= ticked, (named, linked.text)
    assert {n: after[n][0] for n in before} == {n: before[n][0] for n in before}
    linked.ck("reconcile", "--create")
    found = states(linked)
    assert [found[n][1] for n in (3, 4, 5)] == ["closed", "closed", "open"]
    assert "T003 Write the parser (#4) (#3)\n" in linked.text
    assert "T004 Write the printer (#5) (#4)\n" in linked.text
    assert linked.quiet() == []


def test_i18_a_contradiction_is_not_laundered_by_a_later_edit(linked: Desk) -> None:
    """Two texts change places under their keys and numbers; then both are worded anew."""
    before = states(linked)
    one, two = "T002 Write the parser (#3)", "T003 Write the printer (#4)"
    linked.replace(one, "T002 Write the printer (#3)")
    linked.replace(two, "T003 Write the parser (#4)")
    assert linked.ck("reconcile").code == 5
    linked.replace("T002 Write the printer (#3)", "T002 Print every page in colour (#3)")
    linked.replace("T003 Write the parser (#4)", "T003 Parse what users type (#4)")
    assert linked.ck("reconcile").code == 5
    assert linked.ck("task", "done", "T002").code == 5
    assert states(linked) == before
    linked.ok("spec", "update", "--trust", "keys")
    linked.ok("task", "done", "T002")
    assert states(linked)[3][1] == "closed" and states(linked)[4][1] == "open"
