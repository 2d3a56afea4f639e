"""I7, I8, I18: in a file with merge conflicts only what both sides agree on is a task."""

from __future__ import annotations

from collections import Counter

import pytest
import sampling
from helpers import PATHS, document, line
from hypothesis import given, settings
from hypothesis import strategies as st

from craftkit.errors import CraftkitError, SpecNeedsAttention
from craftkit.model import Spec, Task
from craftkit.specs import parse
from craftkit.specs.adding import add_task
from craftkit.specs.edit import encode, link_all, set_meta, tick, unlink, untick

HEAD = "---\nid: a\nphase: design\n---\n# A\n\n## Tasks\n\n"


@st.composite
def merges(draw: st.DrawFn) -> tuple[str, str, str]:
    """One side, the other side and the file that git leaves."""
    eol = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    row = st.one_of(
        line(), st.sampled_from(["      goes on (#12)", "- [ ] T003 a", "- [x] T003 a"])
    )
    some = st.lists(row, max_size=4).map(lambda rows: "".join(text + eol for text in rows))
    ours = theirs = merged = HEAD if draw(st.booleans()) else ""
    for number in range(draw(st.integers(1, 3))):
        common, one, other = draw(some), draw(some), draw(some)
        base = f"||||||| b{eol}{draw(some)}" if draw(st.booleans()) else ""
        ours, theirs = ours + common + one, theirs + common + other
        merged += f"{common}<<<<<<< HEAD{eol}{one}{base}======={eol}{other}>>>>>>> c{number}{eol}"
    last = draw(some)
    return ours + last, theirs + last, merged + last


def said(task: Task) -> tuple[object, ...]:
    return (task.key, task.title, task.issue, task.mark, task.optional)


def hides(text: str) -> bool:
    """Whether markers may stand in code or in a comment, where they are text."""
    return (
        any(mark in text for mark in ("```", "~~~", "<!--"))
        or "<<<<<<< a" in text
        or ">>>>>>> b" in text
    )


@given(merges(), PATHS)
@settings(max_examples=sampling.examples(150, 1500), deadline=None)
def test_i18_what_is_ticked_in_a_conflicted_file_is_ticked_on_both_sides(
    texts: tuple[str, str, str], path: str
) -> None:
    ours, theirs, merged = texts
    dialect = parse(encode(ours), path).dialect
    spec = parse(encode(merged), path, dialect=dialect)
    assert encode(spec.text) == encode(merged)
    for task in (*spec.tasks, *spec.unmerged):
        assert merged[task.mark_at] == task.mark and merged[task.mark_at - 1] == "["
        assert merged.count("\n", 0, task.mark_at) + 1 == task.line
    names = Counter(task.id for task in (*spec.tasks, *spec.unmerged))
    assert not names or max(names.values()) == 1
    if hides(merged):
        return
    assert spec.hunks
    sides = [parse(encode(text), path, dialect=dialect) for text in (ours, theirs)]
    for task in spec.tasks:
        assert all(not hunk.first <= task.line <= hunk.last for hunk in spec.hunks)
        assert all(said(task) in map(said, side.tasks) for side in sides)
    keys = {task.key for side in sides for task in side.tasks if task.key}
    found = Counter(task.key for task in (*spec.tasks, *spec.unmerged) if task.key)
    assert set(found) == keys
    assert not set(t.key for t in spec.tasks if t.key) & set(t.key for t in spec.unmerged)
    if spec.blocked_by is None:
        _ticks_on_both_sides(spec, sides, path)


def _ticks_on_both_sides(spec: Spec, sides: list[Spec], path: str) -> None:
    for i, task in enumerate(spec.tasks):
        try:
            text = tick(spec, task)
        except SpecNeedsAttention:
            continue
        after = parse(encode(text), path, dialect=spec.dialect)
        before = [t.checked for t in spec.tasks]
        before[i] = True
        assert [t.checked for t in after.tasks] == before
        assert [said(t) for t in after.unmerged] == [said(t) for t in spec.unmerged]
        for side in sides:
            more = parse(encode(side.text), path, dialect=spec.dialect)
            same = [t for t in more.tasks if said(t) == said(task)]
            assert same


@given(document(), PATHS)
@settings(max_examples=sampling.examples(60, 400), deadline=None)
def test_i8_markers_that_are_no_conflict_are_text(text: str, path: str) -> None:
    spec = parse(encode(text), path)
    if not spec.hunks:
        assert spec.unmerged == () and spec.conflict is None and spec.blocked_by is None
    else:
        assert spec.conflict is not None


def conflict(ours: str, theirs: str, base: str | None = None) -> str:
    middle = "" if base is None else f"||||||| base\n{base}"
    return f"<<<<<<< HEAD\n{ours}{middle}=======\n{theirs}>>>>>>> other\n"


def read(body: str, path: str = "specs/a.md") -> Spec:
    return parse(encode(HEAD + body), path)


def keys(tasks: tuple[Task, ...]) -> list[str]:
    return [task.ref for task in tasks]


@pytest.mark.parametrize(
    ("body", "tasks", "held"),
    [
        # The box, the words, the link of one line differ; a line is only on one side.
        (conflict("- [x] T001 a\n", "- [ ] T001 a\n") + "- [ ] T002 b\n", ["T002"], ["T001"]),
        (conflict("- [ ] T001 a\n", "- [ ] T001 a (#5)\n", ""), [], ["T001"]),
        ("- [ ] T001 a\n" + conflict("- [ ] T002 b\n", ""), ["T001"], ["T002"]),
        # Both sides put a line in the same place.
        (conflict("- [ ] T003 c\n", "- [ ] T004 d\n"), [], ["T003", "T004"]),
        # The words of a task go on in the conflict, or behind it.
        ("- [ ] T001 a\n" + conflict("  b\n", "  c\n") + "- [ ] T002 b\n", ["T002"], ["T001"]),
        ("- [ ] T001 a\n" + conflict("", "  c\n") + "- [ ] T002 b\n", ["T002"], ["T001"]),
        (
            conflict("- [ ] T001 a\n", "- [x] T001 a\n") + "  b (#7)\n- [ ] T002\n",
            ["T002"],
            ["T001"],
        ),
        # Its steps and its details may differ.
        ("- [ ] T001 a\n" + conflict("  - [x] s\n", "  - [ ] s\n") + "  - [ ] t\n", ["T001"], []),
        ("- [ ] T001 a\n" + conflict("  - one\n", "  - two\n"), ["T001"], []),
        # A step behind a conflict belongs to a task in it.
        (
            "- [ ] T001 a\n" + conflict("- [x] T002 b\n", "- [ ] T002 b\n") + "  - [ ] s\n",
            ["T001"],
            ["T002"],
        ),
        # A line was moved: it is one task, and nobody knows where it stands.
        (conflict("- [ ] T001 a\n", "") + "- [ ] T002 b\n- [ ] T001 a\n", ["T002"], ["T001"]),
        (conflict("- [ ] T001 a (#4)\n", "") + "- [ ] T009 a (#4)\n", [], ["T009", "T001"]),
        # Code that begins on both sides and ends behind them.
        (conflict("```\na\n", "```\nb\n") + "- [ ] T001 no\n```\n- [ ] T002 b\n", ["T002"], []),
        # A conflict that begins in code and ends behind it.
        (
            "```\n" + conflict("```\n- [ ] T001 a\n", "x\n```\n") + "- [ ] T002 b\n",
            ["T002"],
            ["T001"],
        ),
        # Prose, and a heading.
        (conflict("one\n", "two\n") + "\n- [ ] T001 a\n", ["T001"], []),
        ("- [ ] T001 a\n\n" + conflict("## Notes\n", "## More\n") + "- [ ] T002 b\n", ["T001"], []),
        # Conflicts in one another.
        (conflict(conflict("- [ ] T001 a\n", ""), "") + "- [ ] T002 b\n", ["T002"], []),
        # No conflict: an underline, code, a beginning without an end, indented markers.
        ("- [ ] T001 a\n\nTitle\n=======\n", ["T001"], []),
        ("```\n" + conflict("- [ ] T001 a\n", "") + "```\n- [ ] T002 b\n", ["T002"], []),
        ("<<<<<<< HEAD\n- [ ] T001 a\n=======\n", ["T001"], []),
        (">>>>>>> x\n\n- [ ] T001 a\n", ["T001"], []),
    ],
)
def test_what_a_conflict_holds_back(body: str, tasks: list[str], held: list[str]) -> None:
    spec = read(body)
    assert (keys(spec.tasks), keys(spec.unmerged)) == (tasks, held)
    assert spec.blocked_by is None


def test_a_conflict_is_named_with_its_lines() -> None:
    spec = read("- [ ] T001 a\n" + conflict("- [x] T002 b\n", "- [ ] T002 b\n"))
    assert [(h.first, h.last) for h in spec.hunks] == [(10, 14)]
    (note,) = spec.diagnostics
    assert (note.severity, note.code, note.target) == ("error", "conflict_markers", "specs/a.md:10")
    assert "lines 10 to 14" in note.message and "`>>>>>>>`" in note.hint


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "specs/a.md",
            "---\nid: a\n"
            + conflict("updated: 1\n", "updated: 2\n")
            + "---\n## Tasks\n- [ ] T001 a\n",
        ),
        (
            "specs/a.md",
            conflict("---\nid: a\n---\n", "---\nid: b\n---\n") + "## Tasks\n- [ ] T001 a\n",
        ),
        (
            ".cc-craft-kit/specs/a.md",
            "# T\n\n**仕様書 ID:** 1\n"
            + conflict("**フェーズ:** design\n", "**フェーズ:** review\n")
            + "\n## 1. 実装タスクリスト\n- [ ] a\n",
        ),
    ],
)
def test_a_conflict_in_the_metadata_forbids_every_edit(path: str, text: str) -> None:
    spec = parse(encode(text), path)
    assert spec.blocked_by is not None and spec.blocked_by == spec.conflict
    assert len(spec.tasks) == 1 and "metadata" in spec.blocked_by.message
    for edit in (lambda: tick(spec, spec.tasks[0]), lambda: add_task(spec, "b")):
        with pytest.raises(SpecNeedsAttention):
            edit()


def test_edits_around_a_conflict_leave_it_as_it_is() -> None:
    hunk = conflict("- [x] T002 b (#2)\n", "- [ ] T002 b (#2)\n")
    spec = read("- [ ] T001 a\n" + hunk + "- [x] T003 c (#3)\n")
    assert tick(spec, spec.tasks[0]) == spec.text.replace("[ ] T001", "[x] T001")
    assert untick(spec, spec.tasks[1]) == spec.text.replace("[x] T003", "[ ] T003")
    assert link_all(spec, {"T001": 1}) == spec.text.replace("T001 a", "T001 a (#1)")
    assert unlink(spec) == spec.text.replace(" c (#3)", " c")
    assert set_meta(spec, phase="review") == spec.text.replace("design", "review")
    text, key = add_task(spec, "More")
    assert (text, key) == (spec.text + "- [ ] T004 More\n", "T004")
    last = read("- [ ] T001 a\n" + hunk)
    text, key = add_task(last, "More")
    assert (text, key) == (last.text.replace("<<<", "- [ ] T003 More\n<<<", 1), "T003")


def test_a_whole_with_a_part_in_a_conflict_is_held_back() -> None:
    text = "- [ ] 1. a\n  - [x] 1.1 b\n" + conflict("  - [x] 1.2 c\n", "  - [ ] 1.2 c\n")
    spec = parse(encode(text + "- [ ] 2. d\n"), ".kiro/specs/a/tasks.md")
    assert keys(spec.tasks) == ["1.1", "2"] and keys(spec.unmerged) == ["1", "1.2"]
    assert [task.parent for task in spec.tasks] == [None, None]


def test_a_task_waits_for_one_in_a_conflict() -> None:
    from craftkit.loop.task_status import derive_statuses
    from craftkit.loop.task_words import resolve

    hunk = conflict("- [x] T002 b (#2)\n", "- [ ] T002 b (#2)\n")
    spec = read(hunk + "- [ ] T003 c (depends on T002)\n")
    (row,) = derive_statuses(spec)
    assert not row.ready and row.waits_for == ("T002",)
    for word in ("T002", "t002", "#2"):
        with pytest.raises(SpecNeedsAttention, match="T002 stands in a merge conflict"):
            resolve(spec, word)
    with pytest.raises(CraftkitError, match="has no task T009"):
        resolve(spec, "T009")
