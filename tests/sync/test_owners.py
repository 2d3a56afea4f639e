"""Whose issue it is: what a marker says, and what two lines or none say."""

from __future__ import annotations

from craftkit.github import gateway as gh
from craftkit.specs import parse
from craftkit.sync import marker_owners, markers
from craftkit.sync.merge_model import Base, Doubt, Policy, RemoteIssue, SpecSnapshot, SpecTask
from craftkit.sync.planner import plan_merge

FRONT = "---\nid: demo\n---\n\n## Tasks\n\n"


def issue(number: int, key: str, title: str) -> gh.Issue:
    body = markers.marker("demo", key)
    facts = (number, 5_000_000_000 + number, f"I_{number}", title, gh.OPEN, None, (), body)
    return gh.Issue(*facts, "", True, 1, "")


def owners(lines: str, known: dict[int, str], *issues: gh.Issue) -> dict[int, str]:
    return marker_owners.find(parse((FRONT + lines).encode(), "specs/demo.md"), known, issues)


def test_i18_a_key_that_was_used_again_does_not_get_the_issue_of_before() -> None:
    found = owners("- [ ] T002 Draw the board\n", {}, issue(7, "T002", "T002 Write the parser"))
    assert found[7].startswith(marker_owners.NOBODY)


def test_i18_a_text_under_another_key_is_evidence_if_nothing_else_has_it() -> None:
    line, seen = "- [ ] T003 Write the parser\n", issue(7, "T002", "T002 Write the parser")
    assert owners(line, {}, seen) == {7: "T003"}
    twice = owners(line, {}, seen, issue(8, "T001", "T001 Write the parser"))
    assert all(found.startswith(marker_owners.NOBODY) for found in twice.values())
    again = owners(line + "- [ ] T004 Write the parser\n", {}, seen)
    assert again[7].startswith(marker_owners.NOBODY)


def test_i18_a_key_with_a_text_that_is_only_similar_is_no_evidence() -> None:
    line, seen = (
        "- [ ] T002 Write the parsers of dates\n",
        issue(7, "T002", "T002 Write the parser of dates"),
    )
    assert owners(line, {}, seen)[7].startswith(marker_owners.NOBODY)


def test_i18_the_number_in_a_line_and_its_text_are_evidence() -> None:
    line = "- [ ] T003 Write the parser (#7)\n"
    assert owners(line, {}, issue(7, "T002", "T002 Write the parser")) == {7: "T003"}


def test_i18_what_is_remembered_comes_before_a_marker() -> None:
    lines = "- [ ] T002 Write the parser\n- [ ] T003 Draw the board\n"
    twice = (issue(7, "T002", "T002 Write the parser"), issue(8, "T002", "T002 Write the parser"))
    found = owners(lines, {7: "T002", 8: "T003"}, *twice)
    assert found == {7: "T002", 8: "T003"}


def test_i4_two_issues_with_one_marker_and_title_are_one_task_s() -> None:
    twice = (issue(7, "T002", "T002 Write the parser"), issue(8, "T002", "T002 Write the parser"))
    found = owners("- [ ] T002 Write the parser\n", {}, *twice)
    assert found == {7: "T002", 8: "T002"}


def view(lines: list[SpecTask], *doubts: Doubt) -> SpecSnapshot:
    seen = RemoteIssue(7, False, False, "T002 Write the parser", "T002")
    base = {"T002": Base(False, 7, seen.title)}
    return SpecSnapshot(lines, base, {7: seen}, {}, {}, True, doubts=doubts)


def test_i18_an_issue_that_two_lines_name_is_neither_s() -> None:
    lines = [SpecTask(f"T00{n}", f"T00{n}", "Write the parser", True, 7) for n in (2, 3)]
    plan = plan_merge(view(lines), Policy(yes=True))
    assert plan.actions == () and {one.code for one in plan.conflicts} == {"duplicate_link"}


def test_i18_a_line_that_contradicts_itself_is_not_gone() -> None:
    other = SpecTask("T001", "T001", "Set up", False, None)
    doubt = Doubt("T002", 7, "Nobody can say whose line 9 is", "")
    assert "line_removed" in {one.code for one in plan_merge(view([other])).conflicts}
    assert [one.code for one in plan_merge(view([other], doubt)).conflicts] == ["contradicted"]
