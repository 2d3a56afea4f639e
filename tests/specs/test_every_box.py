"""I8: every box of a file is a task, a step, a point of a checklist, quoted or not read."""

from __future__ import annotations

import re

import pytest
import sampling
from hypothesis import given, settings
from hypothesis import strategies as st

from craftkit.loop.task_status import derive_statuses, next_ready, parents_opened_by
from craftkit.model import NOT_UTF8, Spec
from craftkit.specs import parse
from craftkit.specs.adding import add_task
from craftkit.specs.boxes import LineNumbers
from craftkit.specs.edit import encode, tick
from craftkit.specs.scanner import scan
from craftkit.specs.taskline import keys_in

PATHS = {
    "craftkit": "specs/a.md",
    "spec-kit": "specs/001-a/tasks.md",
    "openspec": "openspec/changes/a/tasks.md",
    "kiro": ".kiro/specs/a/tasks.md",
    "cc-craft-kit": ".cc-craft-kit/specs/a.md",
}
TOP = {"craftkit": "---\nid: a\n---\n## Tasks\n", "cc-craft-kit": "# a\n## 1. 実装タスクリスト\n"}
BOTH = pytest.mark.parametrize("dialect", PATHS)


def read(dialect: str, *lines: str) -> Spec:
    text = TOP.get(dialect, "") + "\n".join(lines) + "\n"
    return parse(encode(text), PATHS[dialect])


# --- accounting

BOXES = ["[ ]", "[x]", "[X]", "[ x ]", "[x ]", "[]", "[~]", "［ ］", "［x］", "[\u3000]", "[\xa0]"]
LEADS = ["- ", "* ", "+ ", "1. ", "2) ", "-\u3000", "", "> - ", "### - ", "### ", "1. **", "~~- "]
OTHERS = ["", "", "para", "```", "<!-- c -->", "## Head", "Head\n---", "***", "**Checkpoint**:"]


@st.composite
def files(draw: st.DrawFn) -> str:
    lines: list[str] = []
    for n in range(draw(st.integers(1, 14))):
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(OTHERS)))
            continue
        indent = " " * draw(st.sampled_from([0, 0, 0, 2, 4, 6]))
        key = draw(st.sampled_from(["", "", "T001 ", "1.2 ", "2. "]))
        box = f"{draw(st.sampled_from(LEADS))}{draw(st.sampled_from(BOXES))}"
        lines.append(f"{indent}{box} {key}w{n}")
    return "\n".join(lines) + "\n"


def looks_like_a_box(line: str) -> bool:
    """By the line alone; `[]` only where a list item begins with it."""
    bare = re.match(r"\s*(?:[-*+>#~\s\u3000]|[0-9]+[.)]|\*\*)*[\[［]\s*[xX~]?\s*[\]］]\s+\S", line)
    empty = re.match(r"\s*(?:[-*+>#~\s\u3000]|[0-9]+[.)]|\*\*)*\[\]", line)
    return bare is not None and empty is None


@given(files(), st.sampled_from(sorted(PATHS)))
@settings(max_examples=sampling.examples(150, 1500), deadline=None)
def test_i8_every_box_is_accounted_for(body: str, dialect: str) -> None:
    text = TOP.get(dialect, "") + body
    spec = read(dialect, body.removesuffix("\n"))
    found = scan(text, text.index("\n---\n") + 5 if dialect == "craftkit" else 0)
    steps = sum(task.steps_total for task in spec.tasks)
    loose = [odd for odd in found.odd if not odd.quoted]
    counted = len(spec.tasks) + steps + spec.criteria_total + len(spec.unread)
    assert counted == len(found.boxes) + len(loose)
    numbers = LineNumbers(text)
    known = {numbers.of(one.at) for one in (*found.boxes, *found.odd)}
    for start, end in found.hidden:
        known.update(range(numbers.of(start), numbers.of(end) + 1))
    for at in found.unclosed:
        known.update(range(numbers.of(at), text.count("\n") + 2))
    for number, line in enumerate(text.split("\n"), 1):
        assert number in known or not looks_like_a_box(line), (number, line)


@BOTH
@pytest.mark.parametrize("box", [box for box in BOXES if box != "[~]"])
@pytest.mark.parametrize("lead", ["- ", "* ", "1. ", "-\u3000"])
def test_a_box_of_any_blanks_and_brackets_is_read_and_ticked(
    dialect: str, box: str, lead: str
) -> None:
    spec = read(dialect, f"{lead}{box} Paint")
    assert [task.title for task in spec.tasks] == ["Paint"] and not spec.unread
    done = any(letter in box for letter in "xX")
    assert spec.tasks[0].checked is done
    after = parse(encode(tick(spec, spec.tasks[0])), spec.path, dialect=dialect)
    assert after.tasks[0].checked and after.tasks[0].title == "Paint"


# --- keys

KEYS = ["T001", "T4", "T002.1", "T003A", "T003a", "T1000", "T-HF01", "T-7", "TASK-001"]
SHAPES = ["{} Paint", "{}. Paint", "{}: Paint", "{}：Paint", "**{}** Paint", "**{}:** Paint"]
SHAPES += ["[{}] Paint", "~~{}~~ Paint", "__{}__: Paint"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dialect", ["craftkit", "spec-kit", "cc-craft-kit"])
def test_keys_of_all_shapes(dialect: str, key: str, shape: str) -> None:
    task = read(dialect, f"- [ ] {shape.format(key)}").tasks[0]
    assert (task.key, task.title) == (key, "Paint")


@pytest.mark.parametrize("words", ["Task 1.1: Paint", "task 1.1. Paint", "**Task 1.1:** Paint"])
@pytest.mark.parametrize("dialect", ["craftkit", "spec-kit", "kiro", "openspec"])
def test_the_word_task_is_no_part_of_the_key(dialect: str, words: str) -> None:
    assert [(t.key, t.title) for t in read(dialect, f"- [ ] {words}").tasks] == [("1.1", "Paint")]


@pytest.mark.parametrize(
    "words", ["TLS12 on", "T-shirt", "Task list", "Task 12 of 20", "T001, T002 both", "v1.2 out"]
)
def test_words_that_are_no_keys(words: str) -> None:
    assert read("spec-kit", f"- [ ] {words}").tasks[0].key is None


def test_a_marker_may_stand_before_the_key() -> None:
    task = read("spec-kit", "- [ ] [P] T009 Paint").tasks[0]
    assert (task.key, task.title, task.parallel) == ("T009", "Paint", True)


@BOTH
def test_a_nested_box_with_a_key_is_a_task_and_one_without_is_a_step(dialect: str) -> None:
    keys = ("1.1", "1.1.1") if dialect in ("kiro", "openspec") else ("T001", "T001.1")
    spec = read(dialect, f"- [ ] {keys[0]} Wall", "  - [x] sand", f"  - [ ] {keys[1]} Paint")
    assert [task.key for task in spec.tasks] == list(keys)
    assert spec.tasks[1].parent == spec.tasks[0].id
    assert (spec.tasks[0].steps_done, spec.tasks[0].steps_total) == (1, 1)


def test_a_new_key_is_above_every_number_in_a_box() -> None:
    boxes = ["- [x] T050 One", "- [x] ~~T051~~ No", "- [ ] T052A Two", "- [ ] T053, T054 Both"]
    text, key = add_task(read("spec-kit", *boxes), "Three")
    assert key == "T055" and text.endswith("Both\n- [ ] T055 Three\n")


# --- dependencies


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("T001", ["T001"]),
        ("T001, T002", ["T001", "T002"]),
        ("T001 and T002", ["T001", "T002"]),
        ("T001, T002, and 1.2", ["T001", "T002", "1.2"]),
        ("tasks `T001`、[T002]", ["T001", "T002"]),
        ("T001-T003", ["T001..T003"]),
        ("T001 – T003; T005", ["T001..T003", "T005"]),
        ("1.1 to 1.3", ["1.1..1.3"]),
        ("T-HF01 & TASK-002", ["T-HF01", "TASK-002"]),
        ("2 reviewers", []),
        ("US-1 grants", []),
        ("Phase 2", []),
        ("config + schema", []),
        ("T001 being merged", []),
        ("", []),
    ],
)
def test_only_a_list_of_keys_is_a_dependency(words: str, keys: list[str]) -> None:
    assert keys_in(words) == keys


@pytest.mark.parametrize("words", ["2 reviewers", "config + schema", "the team (2)"])
def test_prose_in_brackets_stays_in_the_title(words: str) -> None:
    task = read("kiro", "- [ ] 2. One", f"- [ ] 3. Sign (depends on {words})").tasks[1]
    assert task.depends_on == () and words in task.title


@given(st.integers(2, 30), st.data())
def test_a_range_means_every_key_between_by_place(count: int, data: st.DataObject) -> None:
    a = data.draw(st.integers(1, count - 1))
    b = data.draw(st.integers(a, count - 1))
    lines = [f"- [ ] T{n:03d} w" for n in range(1, count)]
    spec = read("spec-kit", *lines, f"- [ ] T999 all (depends on T{a:03d}..T{b:03d})")
    assert list(spec.tasks[-1].depends_on) == [f"T{n:03d}" for n in range(a, b + 1)]


def test_ranges_are_read_in_linear_time() -> None:
    lines = [f"- [ ] T{n:04d} w (depends on T0001..T2000)" for n in range(1, 2001)]
    spec = read("spec-kit", *lines)
    assert sum(len(task.depends_on) for task in spec.tasks) < 60_000


# --- headings and checklists

LISTS = ["## タスク", "## __Tasks__", "#### Tasks", "## TODO", "## Task breakdown", "## 任务列表"]
LISTS += ["## Remaining tasks", "## Completed", "## 3. Tasks (12)", "Tasks\n---", "Tasks\n====="]


@pytest.mark.parametrize("heading", LISTS)
def test_headings_that_announce_tasks(heading: str) -> None:
    spec = parse(encode(f"---\nid: a\n---\n{heading}\n\n- [ ] T001 One\n"), "specs/a.md")
    assert [task.key for task in spec.tasks] == ["T001"]


def test_a_title_that_begins_with_tasks_is_none() -> None:
    text = "---\nid: a\n---\n# Tasks on the phone\n- [ ] no\n## Tasks\n- [ ] T001 One\n"
    assert [task.key for task in parse(encode(text), "specs/a.md").tasks] == ["T001"]


def test_every_list_of_tasks_is_read_unless_it_repeats_keys() -> None:
    text = "---\nid: a\n---\n## Tasks\n- [ ] T001 One\n## {}\n- [x] {} Two\n"
    more = parse(encode(text.format("Completed", "T002")), "specs/a.md")
    assert [task.key for task in more.tasks] == ["T001", "T002"] and not more.unread
    again = parse(encode(text.format("Completed", "T001")), "specs/a.md")
    assert [task.key for task in again.tasks] == ["T001"]
    assert [(one.words, one.is_open) for one in again.unread] == [("T001 Two", False)]


CHECKS = ["Success Criteria", "Definition of Done", "Validation Checklist", "Checkpoint"]
CHECKS += ["Dependencies", "2. Validation criteria", "受け入れ基準"]


@BOTH
@pytest.mark.parametrize("title", CHECKS)
def test_points_of_a_checklist_are_no_tasks_and_said(dialect: str, title: str) -> None:
    key = "1.1" if dialect in ("kiro", "openspec") else "T001"
    spec = read(dialect, f"- [x] {key} Build", "", f"## {title}", "- [ ] It holds", "- [x] It too")
    assert len(spec.tasks) == 1 and not spec.unread
    assert (spec.criteria_done, spec.criteria_total) == (1, 2)
    notes = [note for note in spec.diagnostics if note.code == "checklist"]
    assert notes or title == "受け入れ基準"


def test_a_label_in_bold_announces_a_checklist_up_to_the_next_task() -> None:
    lines = ["- [ ] T001 Build", "", "**Checkpoint**: all is well", "- [ ] It runs", ""]
    spec = read("spec-kit", *lines, "- [ ] T002 Ship", "- [ ] Tell them")
    assert [task.title for task in spec.tasks] == ["Build", "Ship", "Tell them"]
    assert spec.criteria_total == 1


def test_a_keyed_task_below_a_checklist_of_a_numbered_group_stays_one() -> None:
    spec = read("openspec", "## 6. Validation checklist", "- [ ] 6.1 Run the tests", "- [ ] Fine")
    assert [task.key for task in spec.tasks] == ["6.1"] and spec.criteria_total == 1


# --- flat lists


def test_parts_of_a_flat_list_come_first_and_open_their_whole() -> None:
    lines = ["- [ ] 1. Store", "- [ ] 1.1 Table", "- [ ] 1.2 Route", "- [ ] 2. Ship"]
    spec = read("kiro", *lines)
    assert [t.parent for t in spec.tasks] == [None, spec.tasks[0].id, spec.tasks[0].id, None]
    first = next_ready(derive_statuses(spec))
    assert first is not None and first.task.key == "1.1"
    done = read("kiro", *(line.replace("[ ]", "[x]") for line in lines[:3]), lines[3])
    opened = parents_opened_by(derive_statuses(done), done.tasks[2])
    assert [task.key for task in opened] == ["1"]


@pytest.mark.parametrize("dialect", ["craftkit", "openspec"])
def test_only_kiros_numbers_make_parts(dialect: str) -> None:
    spec = read(dialect, "- [ ] 1.1 Store", "- [ ] 1.1.1 Table")
    assert [task.parent for task in spec.tasks] == [None, None]


# --- encodings


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        *((name, "One") for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        ("cp932", "壁を塗る"),
        ("gb18030", "粉刷墙壁两遍"),
        ("latin-1", "caf\udce9"),
    ],
)
def test_other_encodings_are_read_and_never_written(encoding: str, title: str) -> None:
    text = f"## P\r\n- [ ] T001 {title}\r\n- [x] T002 Two\r\n"
    data = text.replace("\udce9", "é").encode(encoding)
    spec = parse(data, PATHS["spec-kit"])
    assert [(t.key, t.title) for t in spec.tasks] == [("T001", title), ("T002", "Two")]
    assert spec.blocked_by is not None and spec.blocked_by.code == NOT_UTF8


def test_the_letter_of_most_ticked_boxes_is_the_one_that_is_written() -> None:
    for letters, expected in (("xxX", "x"), ("XXx", "X"), ("", "X"), ("xX", "X"), ("x", "x")):
        boxes = [f"- [{letter}] T{n:03d} w" for n, letter in enumerate(letters, 1)]
        spec = read("spec-kit", *boxes, "- [ ] T099 Last")
        assert f"- [{expected}] T099" in tick(spec, spec.tasks[-1])


def test_a_struck_out_task_is_read_said_and_not_offered() -> None:
    spec = read("openspec", "- [ ] ~~1.2 Removed~~", "- [ ] 1.3 Ship")
    assert [task.key for task in spec.tasks] == ["1.2", "1.3"]
    assert "struck_out" in [note.code for note in spec.diagnostics]
    first = next_ready(derive_statuses(spec))
    assert first is not None and first.task.key == "1.3"


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("_____\n\n## id: a name: A phase: design\n\n## Tasks\n- [ ] T001 a\n", True),
        ("***\n\nid: a\nphase: design\n\n## Tasks\n- [ ] T001 a\n", True),
        ("# A\n\n## Tasks\n- [ ] T001 a\n", False),
        ("# A\n\nThe id: it is shown.\n\n## Tasks\n- [ ] T001 a\n", False),
    ],
)
def test_metadata_that_a_formatter_broke_is_said(text: str, lost: bool) -> None:
    spec = parse(encode(text), "specs/a.md")
    assert ("lost_metadata" in [note.code for note in spec.diagnostics]) is lost
