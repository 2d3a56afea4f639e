"""What the reader makes of one small file of every dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craftkit.model import Spec
from craftkit.specs import DIALECTS, detect, parse
from craftkit.specs.checks import off_cycles


def read(text: str, path: str = "specs/a.md", **more: object) -> Spec:
    return parse(text.encode("utf-8", "surrogateescape"), path, **more)  # type: ignore[arg-type]


def codes(spec: Spec) -> list[str]:
    return [d.code for d in spec.diagnostics]


CRAFTKIT = """---
id: login
name: "Log in"
phase: implementation
issue: 12
branch: feature/login
pr:
---

# Another title

## Acceptance Criteria

- [ ] it works
- [x] it is fast

## 8. Tasks

### Phase 1: ground

- [x] T001 [P] Set up (#41)
  - [x] small
  - [ ] smaller
- [ ] **T002** [US1] Build (depends on T001) it
1. [ ] T003: Ordered

---

- [X] No key（Issue #1〜#248）
"""


def test_craftkit() -> None:
    spec = read(CRAFTKIT)
    assert (spec.id, spec.name, spec.phase, spec.issue) == ("login", "Log in", "implementation", 12)
    assert (spec.branch, spec.pr, spec.dialect) == ("feature/login", None, "craftkit")
    assert (spec.criteria_done, spec.criteria_total) == (1, 2)
    assert [t.key for t in spec.tasks] == ["T001", "T002", "T003", None]
    first, second, third, last = spec.tasks
    assert (first.title, first.issue, first.parallel, first.checked) == ("Set up", 41, True, True)
    assert (first.steps_done, first.steps_total, first.group) == (1, 2, "Phase 1: ground")
    assert (second.title, second.depends_on) == ("Build it", ("T001",))
    assert (third.title, third.ref, third.place) == ("Ordered", "T003", 3)
    assert last.issue is None and last.ref == "~m8q" and last.id.startswith("~")
    assert spec.diagnostics == ()


CC = """# 名前

**仕様書 ID:** 7d9b
**フェーズ:** review
**更新日時:** 2025/12/01 00:55:17

---

## 3. 受け入れ基準

- [ ] 「## 8. 実装タスクリスト」を読む

**フェーズ:** design

## 10. 実装タスクリスト

- [ ] **タスク 1**: する (#520)
- [ ] する（#15 で検証）
- [ ] (#16 で検証)

## 11. 他

- [ ] no
"""


def test_cc_craft_kit_bold() -> None:
    spec = read(CC, ".cc-craft-kit/specs/7d9b.md")
    assert (spec.id, spec.name, spec.phase) == ("7d9b", "名前", "review")
    assert [t.issue for t in spec.tasks] == [520, None, None]
    assert [t.ref for t in spec.tasks] == ["gh520", "~y2v", "~q46"]
    assert spec.tasks[0].title == "**タスク 1**: する"
    assert (spec.criteria_total, [one.line for one in spec.unread]) == (1, [23])


@pytest.mark.parametrize(
    ("text", "spec_id", "invalid"),
    [
        ("---\nid: one\nphase: design\n\n## Tasks\n- [ ] T001 A\n", "one", True),
        ("---\r\nid: one\r\n\r\n## Tasks\r\n- [ ] T001 A\r\n", "one", True),
        ("---\nA rule, and words: of all kinds\n\n## Tasks\n- [ ] T001 A\n", "two", False),
        ("---\n\n## Tasks\n- [ ] T001 A\n", "two", False),
    ],
)
def test_front_matter_that_never_ends(text: str, spec_id: str, invalid: bool) -> None:
    spec = read(text, "specs/two.md")
    assert (spec.id, "invalid_front_matter" in codes(spec)) == (spec_id, invalid)
    assert [t.key for t in spec.tasks] == ["T001"]


def test_cc_craft_kit_yaml_with_an_invalid_name() -> None:
    text = (
        '---\nid: "1"\nname: "a \\<b\\>"\nphase: "testing"\nbranch_name: null\n'
        "github_issue_number: 9\n---\n# T\n\nphase: design\n\n## 8. タスク分解\n- [ ] x\n"
    )
    spec = read(text, "elsewhere.md")
    assert spec.dialect == "cc-craft-kit"
    assert "invalid_front_matter" in codes(spec)
    assert (spec.id, spec.phase, spec.issue, spec.branch) == ("1", "review", 9, None)
    assert len(spec.tasks) == 1


def test_spec_kit() -> None:
    text = """# Tasks: x

## Phase 1: Setup

- [ ] T001 Create (see a.py)
- [X] T002 [P] [US1] Add in src/a.py (depends on T001)
- [ ] [T003] Bracketed
- [ ] all tests pass

## Definition of Done

- [ ] T099 no
"""
    spec = read(text, "specs/001-x/tasks.md")
    assert (spec.id, spec.phase, spec.dialect) == ("001-x", None, "spec-kit")
    assert [t.key for t in spec.tasks] == ["T001", "T002", "T003", None]
    assert spec.tasks[1].parallel and spec.tasks[1].title == "Add in src/a.py"
    assert spec.tasks[1].group == "Phase 1: Setup"
    assert (spec.criteria_total, spec.unread) == (1, ())


def test_openspec() -> None:
    spec = read(
        "## 1. Core\n- [x] 1.1 One\n  - [ ] sub\n- [ ] 1.2 Two\n- [ ] 3 files\n",
        "openspec/changes/add-x/tasks.md",
    )
    assert [(t.key, t.title) for t in spec.tasks] == [
        ("1.1", "One"),
        ("1.2", "Two"),
        (None, "3 files"),
    ]
    assert spec.tasks[0].steps_total == 1 and spec.id == "add-x"


def test_kiro() -> None:
    text = """# Implementation Plan

- [ ] 1. Parent
  - words
  - [x] 1.1 Child
    - _Requirements: 1.1, 2.3_
  - [-] 1.2 Started (P)
    - _Depends: 1.1_
  - [ ]* 1.3 Optional
  - [ ] a step
- [ ] 7.9* Also optional
"""
    spec = read(text, ".kiro/specs/f/tasks.md")
    assert [t.key for t in spec.tasks] == ["1", "1.1", "1.2", "1.3", "7.9"]
    assert [t.parent for t in spec.tasks] == [None, "1", "1", "1", None]
    started = spec.tasks[2]
    assert started.started and not started.checked and started.parallel
    assert started.depends_on == ("1.1",)
    assert [t.optional for t in spec.tasks] == [False, False, False, True, True]
    assert spec.tasks[0].steps_total == 1


@pytest.mark.parametrize(
    ("body", "count", "code"),
    [
        ("```\n- [ ] no\n```\n- [ ] yes\n", 1, None),
        ("- [ ] yes\n  ```sh\n  - [ ] no\n  ```\n", 1, None),
        ("````md\n```\n- [ ] no\n```\n## 1. x\n- [ ] no\n````\n- [ ] yes\n", 1, None),
        ("```\n- [ ] no\n## Tasks\n- [ ] yes\n", 1, "unclosed_fence"),
        ("<!--\n- [ ] no\n-->\n- [ ] yes\n", 1, None),
        ("> - [ ] no\n\n- [ ] yes\n", 1, None),
        ("- plain\n  - [ ] yes\n", 1, None),
        ("1. item\n   - [ ] yes\n    - [ ] yes too\n", 2, None),
        ("- [ ] yes\n\npara\n\n  - [ ] yes too\n", 2, None),
        ("    - [ ] code\n", 0, "no_tasks"),
        ("- [~] odd\n", 1, "unknown_mark"),
        ("- [1] number\n- [x](link)\n- [ ]\n", 0, "no_tasks"),
        ("- [ ] a\n<<<<<<< HEAD\n- [ ] b\n=======\n>>>>>>> x\n", 1, "conflict_markers"),
        ("```\n<<<<<<< HEAD\n>>>>>>> x\n```\n- [ ] a\n", 1, None),
        ("- [ ] T001 a\n- [ ] T001 b\n", 2, "duplicate_key"),
        ("- [ ] a (#1)\n- [ ] b (#1)\n", 2, "duplicate_link"),
        ("- [ ] a\n- [ ] a\n", 2, "duplicate_text"),
        ("- [ ] T001 a (depends on T009)\n", 1, "unknown_dependency"),
    ],
)
def test_lines(body: str, count: int, code: str | None) -> None:
    spec = read("---\nid: a\n---\n## Tasks\n\n" + body)
    assert len(spec.tasks) == count
    assert codes(spec) == ([code] if code else [])


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"))))
def test_what_is_left_of_dependencies_goes_round_nowhere(pairs: list[tuple[str, str]]) -> None:
    def reaches(start: str, end: str) -> bool:
        seen, todo = set(), [start]
        while todo:
            here = todo.pop()
            todo += [b for a, b in pairs if a == here and b not in seen]
            seen |= {b for a, b in pairs if a == here}
        return end in seen

    assert off_cycles(pairs) == [(a, b) for a, b in pairs if not reaches(b, a) and a != b]


def test_cycles_are_named() -> None:
    spec = read(
        "---\nid: a\n---\n## Tasks\n- [ ] T001 a (depends on T003)\n- [ ] T002 (depends on T002)\n"
        "- [ ] T003 c (depends on T001)\n"
    )
    assert [d.message for d in spec.diagnostics] == ["T001 → T003 → T001", "T002 → T002"]


def test_a_long_chain_needs_no_recursion() -> None:
    rows = "".join(f"- [ ] T{i:05d} a (depends on T{i + 1:05d})\n" for i in range(10_000))
    spec = read("---\nid: a\n---\n## Tasks\n" + rows + "- [ ] T10000 z (depends on T00000)\n")
    assert codes(spec) == ["dependency_cycle"]


def test_shared_keys_are_told_apart() -> None:
    spec = read("## Tasks\n- [ ] T001 a\n- [ ] T001 b (#7)\n- [ ] same\n- [ ] same\n")
    ids = [t.id for t in spec.tasks]
    assert ids[:2] == ["T001~1", "T001~2"] and ids[2][:-1] == ids[3][:-1]
    assert [t.ref for t in spec.tasks] == ["~g2c", "gh7", "~s28", "~x8x"]


def test_configured_titles_come_first() -> None:
    text = "## Tasks\n- [ ] a\n## 2. ✅ Arbeit!\n- [ ] b\n"
    assert read(text).tasks[0].title == "a"
    assert read(text, task_sections=["Arbeit"]).tasks[0].title == "b"
    assert "several_task_sections" in codes(read(text, task_sections=["Arbeit"]))


def test_many_remarks_are_cut_short() -> None:
    spec = read("---\nid: a\n---\n## Tasks\n" + "- [~] x%d\n" * 30 % tuple(range(30)))
    assert len(spec.diagnostics) == 21 and "10 more" in spec.diagnostics[-1].message


def test_bytes_that_are_no_text() -> None:
    spec = parse(b"## Tasks\n- [ ] a\xff\0\n", "specs/a.md")
    assert {"not_utf8", "nul_bytes", "missing_id"} <= set(codes(spec))
    assert len(spec.tasks) == 1


@pytest.mark.parametrize(
    ("path", "text", "dialect"),
    [
        ("/r/.kiro/specs/a/tasks.md", "", "kiro"),
        ("/r/specs/a/tasks.md", "", "spec-kit"),
        ("q/tasks.md", "- [ ] T001 a", "spec-kit"),
        ("q/tasks.md", "- [ ] 1. a\n", "kiro"),
        ("q/tasks.md", "## 1. G\n- [ ] 1.1 a", "openspec"),
        ("q.md", "# t\n- **仕様書ID**: 1\n", "cc-craft-kit"),
        ("q.md", "# t\n", "craftkit"),
    ],
)
def test_detect(path: str, text: str, dialect: str) -> None:
    assert detect(path, text) == dialect and dialect in DIALECTS
