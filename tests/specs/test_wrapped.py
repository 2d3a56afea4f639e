"""I7, I8: a task is its whole list item, and its link is found wherever it stands."""

from __future__ import annotations

import pytest
import sampling
from hypothesis import example, given, settings
from hypothesis import strategies as st

from craftkit.errors import SpecNeedsAttention
from craftkit.model import Spec, Task
from craftkit.specs import parse
from craftkit.specs.adding import add_task
from craftkit.specs.edit import encode, link, link_all, tick, unlink, untick

WORDS = (
    "write|読む|`a|b`|`(#7)`|**bold**|see|#12|fixes|(P)|-|e.g.|_Requirements: 1.1_|_Depends: 1.1_"
    "|(depends on T002)|<!-- (#9) -->|2024|(#3)|(#44)|(#3),|T009|[P]|[US1]|a_b|x)|(y|\\"
)
WORD = st.sampled_from(WORDS.split("|"))
PATHS = st.sampled_from(["specs/a.md", "specs/001-a/tasks.md", ".kiro/specs/a/tasks.md", "a.md"])
EOL = st.sampled_from(["\n", "\r\n"])


@st.composite
def items(draw: st.DrawFn) -> tuple[str, str]:
    """The same list of tasks twice: each on one line, and wrapped."""
    eol, flat, wrapped = draw(EOL), [], []
    for number in range(draw(st.integers(1, 4))):
        bullet = draw(st.sampled_from(["- [ ]", "* [x]", "1. [ ]", "-\t[ ]"]))
        key = draw(st.sampled_from([f"T00{number + 1} ", f"1.{number + 1} ", ""]))
        words = draw(st.lists(WORD, min_size=1, max_size=8))
        text, lines = f"{bullet} {key}start", [f"{bullet} {key}start"]
        text += "".join(f" {word}" for word in words)
        for word in words:
            # Deep enough to be nothing but a line of the paragraph, whatever it begins with.
            if draw(st.integers(0, 3)) == 0:
                lines.append(draw(st.sampled_from(["          ", "\t\t\t"])) + word)
            else:
                lines[-1] += f" {word}"
        after = draw(st.sampled_from([[], [""], ["  - [ ] step"], ["  - note (#5)"], ["> q"]]))
        flat += [text, *after]
        wrapped += [*lines, *after]
    last = draw(st.sampled_from(["", eol]))
    head = f"## Tasks{eol}{eol}"
    return head + eol.join(flat) + last, head + eol.join(wrapped) + last


def said(task: Task) -> tuple[object, ...]:
    numbers = [other.number for other in task.others]
    own = (task.key, task.title, task.issue, task.mark, task.parallel, numbers)
    return (*own, task.depends_on, task.steps_total, task.steps_done, task.id, task.ref)


def read(text: str, path: str) -> Spec:
    return parse(encode(text), path, dialect="craftkit" if path == "a.md" else None)


@given(items(), PATHS)
@example(("## Tasks\n- [ ] T001 a (#3) b", "## Tasks\n- [ ] T001 a\n (#3)\n b"), "specs/a.md")
@settings(max_examples=sampling.examples(150, 1500), deadline=None)
def test_i8_a_wrapped_task_says_what_it_says_on_one_line(both: tuple[str, str], path: str) -> None:
    flat, wrapped = (read(text, path) for text in both)
    assert [said(t) for t in flat.tasks] == [said(t) for t in wrapped.tasks]


@given(items(), PATHS)
@settings(max_examples=sampling.examples(100, 1000), deadline=None)
def test_i7_links_and_ticks_of_wrapped_tasks_touch_only_their_bytes(
    both: tuple[str, str], path: str
) -> None:
    spec = read(both[1], path)
    bare = read(unlink(spec), path)
    for task, without in zip(spec.tasks, bare.tasks, strict=True):
        if not task.others:  # else the next one may be read as the link then
            assert (without.title, without.issue) == (task.title, None)
    for i, task in enumerate(spec.tasks):
        try:
            ticked = tick(spec, task)
        except SpecNeedsAttention:
            continue
        assert ticked[: task.mark_at] == spec.text[: task.mark_at]
        assert ticked[task.mark_at + 1 :] == spec.text[task.mark_at + 1 :]
        opened = read(untick(read(ticked, path), read(ticked, path).tasks[i]), path)
        assert said(opened.tasks[i])[:3] == said(task)[:3]
        if task.issue is not None:
            with pytest.raises(SpecNeedsAttention):
                link(spec, task, 7001)
            assert link(spec, task, task.issue) == spec.text  # never a second time
            continue
        linked = link(spec, task, 7001)
        assert linked == f"{spec.text[: task.link_at]} (#7001){spec.text[task.link_at :]}"
        after = read(linked, path).tasks[i]
        assert (after.issue, after.title, after.link_at) == (7001, task.title, task.link_at)
        assert unlink(read(linked, path), after.id) == spec.text


@given(items(), PATHS)
@settings(max_examples=sampling.examples(100, 600), deadline=None)
def test_i7_all_links_at_once_and_back(both: tuple[str, str], path: str) -> None:
    spec = read(both[1], path)
    numbers = {task.id: 7001 + i for i, task in enumerate(spec.tasks)}
    linked = read(link_all(spec, numbers), path)
    assert all(task.issue is not None for task in linked.tasks)
    assert [t.title for t in linked.tasks] == [t.title for t in spec.tasks]
    assert link_all(linked, {t.id: 9 for t in linked.tasks}) == linked.text
    text, _ = add_task(linked, "One more")
    assert text.replace("One more", "", 1) != linked.text and text.count("One more") == 1


@pytest.mark.parametrize(
    ("text", "issue", "title", "linked"),
    [
        ("- [ ] T001 Do it (#12) soon\n", 12, "Do it soon", None),
        ("- [ ] T001 Do it (#12) (P)\n", 12, "Do it", None),
        ("- [ ] T001 Do it (#12) — note\n", 12, "Do it — note", None),
        ("- [ ] T001 Do it (#12) (depends on T001)\n", 12, "Do it", None),
        ("- [ ] T001 Do it (#12) <!-- asked by QA -->\n", 12, "Do it", None),
        ("- [ ] T001 Port (#3) to main (#12)\n", 12, "Port (#3) to main", None),
        ("- [ ] T001 Port (#3) (#12) _Requirements: 1_\n", 12, "Port (#3)", None),
        ("- [ ] T001 Do\n      it (#12)\n", 12, "Do it", None),
        ("- [ ] T001 Do (#12)\n  it\n", 12, "Do it", None),
        (
            "- [ ] T001 Do\nit\n\npara (#3)\n",
            None,
            "Do it",
            "- [ ] T001 Do\nit (#9)\n\npara (#3)\n",
        ),
        ("- [ ] T001 Do\r\n  it", None, "Do it", "- [ ] T001 Do\r\n  it (#9)"),
        ("- [ ] T001 Do  \n\n  it (#3)\n", None, "Do", "- [ ] T001 Do (#9)  \n\n  it (#3)\n"),
        ("- [ ] T001 Do\n  - it (#3)\n", None, "Do", "- [ ] T001 Do (#9)\n  - it (#3)\n"),
        ("- [ ] T001 Do\n  ```\n  (#3)\n", None, "Do", "- [ ] T001 Do (#9)\n  ```\n  (#3)\n"),
        ("- [ ] T001 Do\n> it (#3)\n", None, "Do", "- [ ] T001 Do (#9)\n> it (#3)\n"),
        ("- [ ] T001 Do\n  <div> (#3)\n", None, "Do", "- [ ] T001 Do (#9)\n  <div> (#3)\n"),
        ("- [ ] T001 Do\n  ===\n", None, "Do", "- [ ] T001 Do (#9)\n  ===\n"),
        (
            "- [ ] T001 Do\n  _Requirements: 1_\n",
            None,
            "Do",
            "- [ ] T001 Do (#9)\n  _Requirements: 1_\n",
        ),
        ("- [ ] T001 see #3, fixes #4\n", None, "see #3, fixes #4", None),
        ("- [ ] T001 a `(#3)` b\n", None, "a `(#3)` b", None),
        ("- [ ] T001 a (#3) b (#4) c\n", None, "a (#3) b (#4) c", None),
    ],
)
def test_where_a_link_is_read_and_written(
    text: str, issue: int | None, title: str, linked: str | None
) -> None:
    spec = parse(encode(text), "specs/001-a/tasks.md")
    (task,) = spec.tasks
    assert (task.issue, task.title) == (issue, title)
    if issue is None:
        new = link(spec, task, 9)
        assert linked is None or new == linked
        spec = parse(encode(new), spec.path)
        assert (spec.tasks[0].issue, spec.tasks[0].title) == (9, title)


def test_numbers_that_could_all_be_the_link_are_named() -> None:
    spec = parse(b"- [ ] T001 a (#3) b (#4) c (#3) d\n", "specs/001-a/tasks.md")
    assert [other.number for other in spec.tasks[0].others] == [3, 4, 3]
    assert [spec.text[o.at :][:4] for o in spec.tasks[0].others] == ["(#3)", "(#4)", "(#3)"]
    assert [(d.code, d.target) for d in spec.diagnostics] == [
        ("several_numbers", "specs/001-a/tasks.md:1")
    ]


def test_a_link_that_stands_there_twice_is_one_and_goes_as_one() -> None:
    spec = parse(b"- [ ] T001 Do it (#12)\n      and more (#12)\n", "specs/001-a/tasks.md")
    assert (spec.tasks[0].issue, spec.tasks[0].title) == (12, "Do it and more")
    assert unlink(spec) == "- [ ] T001 Do it\n      and more\n"
