"""I8, I7: reading never fails, changes no byte, and a tick is one byte."""

from __future__ import annotations

import re

import pytest
import sampling
from helpers import PATHS, document
from hypothesis import given, settings
from hypothesis import strategies as st

from craftkit.errors import CraftkitError, SpecNeedsAttention, UsageProblem
from craftkit.specs import DIALECTS, parse
from craftkit.specs.adding import add_task
from craftkit.specs.edit import encode, link, set_meta, start_mark, tick, untick

FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "- [ ] ",
            "```",
            "## Tasks\n",
            "<!--",
            "---\n",
            "\n",
            "\r\n",
            " ",
            "\t",
            "T001",
            "(depends on ",
            "_Depends:",
            "(#1)",
            "\0",
            "\ufeff",
            "**フェーズ:**",
            "x",
            ":",
        ]
    ),
    max_size=60,
).map("".join)


@given(st.one_of(st.binary(), FRAGMENTS.map(str.encode), document().map(str.encode)), PATHS)
@settings(max_examples=sampling.examples(100, 500), deadline=None)
def test_i8_any_bytes_are_read_and_kept(data: bytes, path: str) -> None:
    spec = parse(data, path)
    if spec.blocked_by is None:  # else it is in another encoding, and never written
        assert encode(spec.text) == data
    assert len({t.id for t in spec.tasks}) == len(spec.tasks)
    assert len({t.ref for t in spec.tasks}) == len(spec.tasks)
    for task in spec.tasks:
        assert spec.text.startswith(task.mark, task.mark_at)
        assert spec.text.count("\n", 0, task.mark_at) + 1 == task.line
        assert task.checked or tick(spec._replace(diagnostics=()), task) != spec.text


@given(st.text(), st.sampled_from(sorted(DIALECTS)))
@settings(deadline=None)
def test_i8_any_text_in_any_dialect(text: str, dialect: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert encode(parse(data, "a.md", dialect=dialect).text) == data


@given(document(), PATHS)
@settings(max_examples=sampling.examples(60, 300), deadline=None)
def test_i7_a_tick_is_one_byte_and_one_task(text: str, path: str) -> None:
    spec = parse(encode(text), path)
    for i, task in enumerate(spec.tasks):
        try:
            edited = encode(tick(spec, task))
        except SpecNeedsAttention:
            continue
        after = parse(edited, path, dialect=spec.dialect)
        before = [t.checked for t in spec.tasks]
        before[i] = True
        assert [t.checked for t in after.tasks] == before
        assert [t.id for t in after.tasks] == [t.id for t in spec.tasks]
        different = sum(a != b for a, b in zip(edited, encode(text), strict=True))
        assert different == (not task.checked)
        if task.mark == " ":
            assert untick(after, after.tasks[i]) == spec.text
        started = parse(encode(start_mark(spec, task)), path, dialect=spec.dialect).tasks[i]
        assert started.started is (spec.dialect == "kiro" and task.mark in " -")


@given(document(), PATHS)
@settings(max_examples=sampling.examples(60, 300), deadline=None)
def test_i7_a_link_reads_back_and_is_the_only_change(text: str, path: str) -> None:
    spec = parse(encode(text), path)
    for i, task in enumerate(spec.tasks):
        try:
            edited = link(spec, task, 7001)
        except SpecNeedsAttention:
            continue
        after = parse(encode(edited), path, dialect=spec.dialect)
        assert edited.replace(" (#7001)", "", 1) == spec.text
        assert after.tasks[i].issue == 7001 and after.tasks[i].title == task.title


@given(document(), PATHS, st.sampled_from(["Write more", "T009 x", "a (#3)", "[x] y", "終わり"]))
@settings(max_examples=sampling.examples(60, 300), deadline=None)
def test_adding_a_task_keeps_every_line(text: str, path: str, title: str) -> None:
    spec = parse(encode(text), path)
    try:
        edited, key = add_task(spec, title)
    except CraftkitError:
        return
    after = parse(encode(edited), path, dialect=spec.dialect)
    assert len(after.tasks) == len(spec.tasks) + 1
    assert {(key or None, title)} <= {(t.key, t.title) for t in after.tasks}
    kept = edited.split("\n")
    for line in spec.text.split("\n"):
        assert line in kept or line.rstrip("\r") in {k.rstrip("\r") for k in kept}


@given(document(), PATHS, st.sampled_from(["design", "review"]), st.integers(1, 10**6))
@settings(max_examples=sampling.examples(50, 200), deadline=None)
def test_metadata_reads_back(text: str, path: str, phase: str, number: int) -> None:
    spec = parse(encode(text), path)
    try:
        edited = set_meta(spec, phase=phase, issue=number, branch="a: b", pr=None)
    except SpecNeedsAttention:
        return
    after = parse(encode(edited), path, dialect=spec.dialect)
    assert [t.title for t in after.tasks] == [t.title for t in spec.tasks]
    if spec.text.lstrip("\ufeff").startswith("---") and edited != spec.text:
        assert (after.phase, after.issue, after.branch) == (phase, number, "a: b")


def test_metadata_keeps_its_style() -> None:
    text = (
        '---\r\nid: "1"\r\nphase: "design"  # now\r\ngithub_issue_number: null\r\n'
        "pr_url: null\r\nupdated_at: '2025'\r\n---\r\n"
    )
    spec = parse(text.encode(), ".cc-craft-kit/specs/a.md")
    new = set_meta(spec, phase="review", issue=5, pr="https://h/p/1", updated="2026-01-02")
    assert new == text.replace('"design"', '"review"').replace("number: null", "number: 5").replace(
        "url: null", 'url: "https://h/p/1"'
    ).replace("2025", "2026-01-02")
    bold = "# t\n\n**フェーズ:** design\n**更新日時:** 2025/12/01 00:55:17\n"
    spec = parse(bold.encode(), ".cc-craft-kit/specs/a.md")
    assert set_meta(spec, phase="review", updated="2026-01-02T03:04:05Z", issue=4) == bold.replace(
        "design", "review"
    ).replace("2025/12/01 00:55:17", "2026/01/02 03:04:05")


@pytest.mark.parametrize(
    ("path", "text", "group", "expected", "key"),
    [
        ("specs/a.md", "# A\n", None, "# A\n\n## Tasks\n\n- [ ] T001 New\n", "T001"),
        (
            "specs/a.md",
            "## Tasks\r\n- [x] T013 a\r\n  - [ ] s",
            None,
            "## Tasks\r\n- [x] T013 a\r\n  - [ ] s\r\n- [ ] T014 New",
            "T014",
        ),
        (
            "specs/a.md",
            "## Tasks\n\n## End\n",
            None,
            "## Tasks\n\n- [ ] T001 New\n\n## End\n",
            "T001",
        ),
        (
            "specs/a.md",
            "## Tasks\n### A\n* [ ] T001 a\n### B\n* [ ] T002 b\n",
            "A",
            "## Tasks\n### A\n* [ ] T001 a\n* [ ] T003 New\n### B\n* [ ] T002 b\n",
            "T003",
        ),
        (
            ".cc-craft-kit/specs/a.md",
            "## 8. 実装タスクリスト\n1. [ ] a\n",
            None,
            "## 8. 実装タスクリスト\n1. [ ] a\n2. [ ] New\n",
            "",
        ),
        (
            "openspec/changes/a/tasks.md",
            "## 2. G\n- [ ] 2.3 a\n",
            None,
            "## 2. G\n- [ ] 2.3 a\n- [ ] 2.4 New\n",
            "2.4",
        ),
        (
            "openspec/changes/a/tasks.md",
            "## 1. G\n- [ ] 1.1 a\n## 2. H\n",
            "2. H",
            "## 1. G\n- [ ] 1.1 a\n## 2. H\n\n- [ ] 2.1 New\n",
            "2.1",
        ),
        (
            ".kiro/specs/a/tasks.md",
            "- [ ] 1. a\n  - more\n",
            None,
            "- [ ] 1. a\n  - more\n- [ ] 2. New\n",
            "2",
        ),
    ],
)
def test_add_task(path: str, text: str, group: str | None, expected: str, key: str) -> None:
    assert add_task(parse(text.encode(), path), "New", group=group) == (expected, key)


@pytest.mark.parametrize("title", ["", "a\nb", "a\x1b[0m", "a\u2028b", "a (#5)"])
def test_titles_that_are_refused(title: str) -> None:
    with pytest.raises(UsageProblem):
        add_task(parse(b"## Tasks\n- [ ] T001 a\n", "specs/a.md"), title)


@pytest.mark.parametrize("mark", ["~", "!", "?", "✓", "✔\ufe0f", ">"])
def test_an_explicit_tick_outranks_a_mark_that_is_not_known(mark: str) -> None:
    spec = parse(f"## Tasks\n- [{mark}] a\n".encode(), "specs/a.md")
    task = spec.tasks[0]
    assert not (task.checked or task.started)
    assert start_mark(spec, task) == spec.text
    assert tick(spec, task) == "## Tasks\n- [x] a\n"
    with pytest.raises(SpecNeedsAttention):
        untick(spec, task)


def test_i8_patterns_hold_no_nested_quantifiers_over_blanks() -> None:
    """Linearity is held by possessive quantifiers; this guards the one pattern that sees all."""
    from craftkit.specs import scanner

    assert not re.search(r"[*+](?![+?\]/)])\)[*+](?!\+)", scanner._LINE.pattern)
