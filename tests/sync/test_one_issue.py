"""Which issue is a task's: markers that count, keys used again, two issues of one task."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import sampling
from hypothesis import given, settings
from hypothesis import strategies as st

from craftkit.github import gateway as gh
from craftkit.model import Spec
from craftkit.specs import parse
from craftkit.sync import marker_owners, markers
from craftkit.sync.merge_model import Base, MergePlan, RemoteIssue, SpecSnapshot, SpecTask
from craftkit.sync.planner import plan_merge

OPEN, DONE, NOT, DUPLICATE = "open", "completed", "not planned", "duplicate"
STATES = (OPEN, DONE, NOT, DUPLICATE)


def task(n: int, issue: int | None = None, *, title: str = "t", checked: bool = False) -> SpecTask:
    return SpecTask(f"T{n:03d}", f"T{n:03d}", title, checked, issue)


def seen(
    number: int, state: str = OPEN, marker: str | None = "T001", title: str = "t"
) -> RemoteIssue:
    closed = state != OPEN
    return RemoteIssue(
        number, closed, state == DONE, title, marker, True, state == DUPLICATE, origin=title
    )


def look(lines: Sequence[SpecTask], issues: Sequence[RemoteIssue], **more: object) -> SpecSnapshot:
    facts: dict[str, object] = {"base": {}, "gone": {}, "undelivered": {}, "complete": True, **more}
    return SpecSnapshot(lines, issues={i.number: i for i in issues}, **facts)  # type: ignore[arg-type]


def does(result: MergePlan, but: Sequence[str] = ("agree_open",)) -> list[tuple[str, int | None]]:
    return [(a.kind, a.issue) for a in result.actions if a.kind not in but]


def codes(result: MergePlan) -> list[tuple[str, int | None]]:
    for doubt in result.conflicts:
        assert doubt.message and doubt.commands
    return [(a.code, a.issue) for a in result.conflicts]


# A key that is used again


def owner(spec: Spec, *issues: gh.Issue) -> list[str | None]:
    """Whose each issue is, if nothing is remembered."""
    found = marker_owners.find(spec, {}, issues)
    ids = {task.id for task in spec.tasks}
    return [found[i.number] if found[i.number] in ids else None for i in issues]


def issue(number: int, title: str, body: str, state: str = gh.OPEN) -> gh.Issue:
    reason = None if state == gh.OPEN else gh.COMPLETED
    return gh.Issue(number, number, "", title, state, reason, (), body, "", True, None, "")


def read(*lines: str) -> Spec:
    text = "## Tasks\n\n" + "".join(f"- [ ] {line}\n" for line in lines)
    return parse(text.encode(), "specs/demo.md")


@pytest.mark.parametrize("state", [gh.OPEN, gh.CLOSED])
@pytest.mark.parametrize("of", [markers.origin("T001", "Old"), ""])
def test_a_key_that_is_used_again_is_a_new_task(state: str, of: str) -> None:
    old = issue(4, "T001 Old", markers.marker("demo", "T001", of), state)
    assert owner(read("T001 Something new"), old) == [None]
    assert owner(read("T001 Old"), old) == ["T001"]


def test_a_marker_with_an_origin_holds_whatever_the_title_is_now() -> None:
    body = markers.marker("demo", "T001", markers.origin("T001", "Old"))
    new = markers.marker("demo", "T001", markers.origin("T001", "New"))
    named = issue(4, "A title that a person gave", body, gh.CLOSED)
    both = [named, issue(5, "T001 New", new)]
    assert owner(read("T001 Old"), *both) == ["T001", None]
    assert owner(read("T001 New"), *both) == [None, "T001"]


def test_what_the_line_or_the_base_names_is_linked_whatever_its_title() -> None:
    old = seen(4, DONE, title="T001 Old")
    named = plan_merge(look([task(1, 4, title="T001 New")], [old]))
    assert does(named) == [("tick", 4)] and codes(named) == []
    known = plan_merge(look([task(1, title="T001 New")], [old], base={"T001": Base(False, 4)}))
    assert does(known) == [("link", 4), ("tick", 4)] and codes(known) == []


def test_an_open_issue_or_one_with_the_same_title_is_linked_by_its_marker() -> None:
    assert does(plan_merge(look([task(1, title="u")], [seen(4)]))) == [("link", 4)]
    assert does(plan_merge(look([task(1)], [seen(4, DONE)]))) == [("link", 4), ("tick", 4)]


@pytest.mark.parametrize("number", [4, 5])
def test_two_tasks_that_had_one_key_are_no_duplicates(number: int) -> None:
    """Also where the file is an old one that has the old task still."""
    pair = [seen(4, DONE, title="T001 Old"), seen(5, title="T001 New")]
    title = "T001 Old" if number == 4 else "T001 New"
    result = plan_merge(look([task(1, number, title=title, checked=number == 4)], pair))
    assert does(result, ("agree_open", "agree_done")) == [] and codes(result) == []


def test_two_open_issues_with_one_marker_and_two_titles_are_for_a_person() -> None:
    pair = [seen(4, title="T001 Old"), seen(5, title="T001 New")]
    result = plan_merge(look([task(1, 5, title="T001 New")], pair))
    assert does(result) == [] and codes(result) == [("marker_elsewhere", 5)]
    assert result.conflicts[0].commands == (
        "write (#4) in its line in place of (#5)",
        "close #4 on GitHub",
    )


# What was unlinked


def test_an_unlinked_issue_is_neither_linked_nor_a_duplicate() -> None:
    away = {"unlinked": frozenset({3})}
    alone = plan_merge(look([task(1)], [seen(3)], **away))
    assert does(alone) == [] and codes(alone) == [] and alone.missing == ("T001",)
    again = plan_merge(look([task(1, 5)], [seen(3), seen(5)], **away))
    assert does(again) == [] and codes(again) == [] and again.orphans == ()
    removed = plan_merge(look([task(2, 9)], [seen(3), seen(9, marker="T002")], **away))
    assert codes(removed) == [] and removed.orphans == ()


def test_a_link_that_is_written_by_hand_counts_as_ever() -> None:
    pair = [seen(3), seen(5)]
    result = plan_merge(look([task(1, 3)], pair, unlinked=frozenset({3})))
    assert does(result) == [("close_duplicate", 5)]


# The marker is on another issue than the link


def test_an_edited_link_closes_nothing() -> None:
    person = seen(5, marker=None)
    result = plan_merge(look([task(1, 5)], [seen(2), person]))
    assert does(result) == [] and codes(result) == [("marker_elsewhere", 5)]
    assert result.conflicts[0].commands == (
        "write (#2) in its line in place of (#5)",
        "close #2 on GitHub",
    )
    ticked = plan_merge(look([task(1, 5, checked=True)], [seen(2), person]))
    assert does(ticked) == [], "nothing is done to somebody else's issue for a slip"
    asked = plan_merge(look([task(1, 5)], [seen(2), person], undelivered={"T001": "done"}))
    assert does(asked) == [("tick", 5), ("close", 5)]
    settled = plan_merge(look([task(1, 5)], [seen(2, NOT), person]))
    assert does(settled) == [] and codes(settled) == []


def test_keys_that_moved_to_other_lines_are_nothing_to_settle() -> None:
    lines = [task(1, 4), task(2, 2), task(3, 3)]  # one was put in front, the others renumbered
    issues = [seen(2, marker="T001"), seen(3, marker="T002"), seen(4, marker="T001")]
    result = plan_merge(look(lines, issues))
    assert does(result) == [] and codes(result) == []


def test_an_issue_that_is_gone_makes_no_other_one_a_duplicate() -> None:
    result = plan_merge(look([task(1, 2)], [seen(7), seen(9)], gone={2: "deleted"}))
    assert does(result) == [] and codes(result) == [("issue_gone", 2)]
    dropped = {"T001": Base(False, 2, dropped=True)}
    result = plan_merge(look([task(1, 2)], [seen(7)], gone={2: "deleted"}, base=dropped))
    assert does(result) == [] and codes(result) == [("marker_elsewhere", 2)]


# Two issues of one task


class Clone:
    """One file and one base; what it does to the two issues."""

    def __init__(self, link: int | None, base: int | None, checked: bool = False) -> None:
        self.line, self.base = task(1, link, checked=checked), {"T001": Base(False, base)}

    def act(
        self, world: dict[int, RemoteIssue], sight: dict[int, RemoteIssue] | None = None
    ) -> MergePlan:
        result = plan_merge(look([self.line], list((sight or world).values()), base=self.base))
        for action in result.actions:
            number = action.issue or 0
            if action.kind == "close_duplicate":
                world[number] = seen(number, DUPLICATE)
            elif action.kind == "close":
                world[number] = seen(number, DONE)
            elif action.kind == "link":
                self.line = self.line._replace(issue=number)
            elif action.kind in ("tick", "agree_done"):
                self.line = self.line._replace(checked=True)
        return result


LINKS = tuple(itertools.product((None, 7, 9), (None, 7, 9)))


@pytest.mark.parametrize("both_at_once", [False, True])
@pytest.mark.parametrize("states", list(itertools.product(STATES, STATES)))
def test_i4_two_clones_that_name_different_issues_come_to_one(
    states: tuple[str, str], both_at_once: bool
) -> None:
    """Every pair of states, every pair of links and bases: all 16 x 9 x 9 of them."""
    for one, other in itertools.product(LINKS, LINKS):
        world = {7: seen(7, states[0]), 9: seen(9, states[1])}
        clones = [Clone(*one), Clone(*other)]
        before = dict(world)
        for clone in clones:
            clone.act(world, before if both_at_once else None)
        left = [n for n, issue in world.items() if not issue.closed]
        if states == (OPEN, OPEN):
            assert left == [7]
        if DUPLICATE not in states:
            assert not world[7].duplicate, "the lowest stays"
        assert OPEN not in states or not all(i.duplicate for i in world.values())
        settled = dict(world)
        doubts = [clone.act(world) for clone in clones]
        assert world == settled, "a second time changes nothing"
        for clone, result in zip(clones, doubts, strict=True):
            number = clone.line.issue or 0
            if world[number].duplicate and left:
                assert codes(result) == [("linked_to_duplicate", number)]
                assert result.conflicts[0].commands == (
                    f"write (#{left[0]}) in its line in place of (#{number})",
                )
                clone.line = clone.line._replace(issue=left[0])
                assert codes(clone.act(world)) == []


NUMBERS = (7, 8, 9, 10)
SIGHTS = st.sets(st.sampled_from(NUMBERS), min_size=1)


@given(
    st.lists(st.sampled_from([OPEN, DUPLICATE]), min_size=4, max_size=4),
    st.lists(st.tuples(st.sampled_from(NUMBERS), SIGHTS, st.booleans()), min_size=1, max_size=6),
)
@settings(max_examples=sampling.examples(150, 400), deadline=None)
def test_i4_lists_that_lack_some_or_are_old_never_close_the_last_one(
    states: list[str], acts: list[tuple[int, set[int], bool]]
) -> None:
    world = {n: seen(n, state) for n, state in zip(NUMBERS, states, strict=True)}
    start = dict(world)
    lowest = next((n for n in NUMBERS if not world[n].duplicate), None)
    for link, sight, old in acts:
        shown = {n: (start if old else world)[n] for n in sight}
        Clone(link, None).act(world, shown)
        assert lowest is None or not world[lowest].closed
    for link in NUMBERS:
        Clone(link, None).act(world)
    assert [n for n in NUMBERS if not world[n].closed] == ([lowest] if lowest else [])


def test_a_task_that_was_done_with_the_higher_issue_is_for_a_person() -> None:
    known = {"T001": Base(True, 9, local_done=True)}
    lines = [task(1, 9, checked=True)]
    result = plan_merge(look(lines, [seen(7), seen(9, DONE)], base=known))
    assert does(result) == [] and codes(result) == [("linked_to_duplicate", 9)]
    assert "close #7 on GitHub" in result.conflicts[0].commands
    settled = plan_merge(look(lines, [seen(7, DONE), seen(9, DONE)], base=known))
    assert does(settled) == [] and codes(settled) == []


def test_a_command_goes_before_the_closing_of_its_issue() -> None:
    lines, pair = [task(1, 9)], [seen(7), seen(9)]
    result = plan_merge(look(lines, pair, undelivered={"T001": "done"}))
    assert does(result) == [("tick", 9), ("close", 9)]
