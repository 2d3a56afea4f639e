"""A word names one task or none, whatever is done to the file: never another task."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sampling
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import switch_on

from craftkit.errors import AmbiguousTask, UnknownTask
from craftkit.loop import spec_index, task_lookup, task_words
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context, open_context
from craftkit.specs import names, parse
from craftkit.store import issues
from craftkit.store.issues import LinkedIssue
from craftkit.text import typed

REPO = "octo-dev/demo"
FRONT = "---\nid: demo\nphase: implementation\n---\n\n## Tasks\n\n"
# Whole numbers are keys in Kiro's files only: there a key looks like an issue.
PLACES = {
    "specs/demo.md": (FRONT, st.sampled_from(["", "T001 ", "T002 ", "T0002 ", "T003a ", "1.2 "])),
    ".kiro/specs/demo/tasks.md": (
        "# Plan\n\n",
        st.sampled_from(["", "1. ", "5. ", "05. ", "5.1 "]),
    ),
    "specs/demo/tasks.md": ("# Tasks\n\n", st.sampled_from(["T001 ", "T005 ", "T050 "])),
    "specs/plain.md": (FRONT, st.just("")),
}
TITLES = st.sampled_from(["One", "Two words", "Three more words", "One", "Five (see #5)"])
ISSUES = st.sampled_from(["", "", " (#1)", " (#5)", " (#6)", " (#12)"])


@st.composite
def stories(draw: st.DrawFn) -> tuple[str, list[str], dict[int, int]]:
    """A path, what the file says at one time after the other, and which issues are known."""
    path = draw(st.sampled_from(list(PLACES)))
    front, keys = PLACES[path]
    line = st.tuples(keys, TITLES, ISSUES).map(lambda parts: f"- [ ] {''.join(parts)}\n")
    lines = draw(st.lists(line, min_size=1, max_size=6))
    texts = [front + "".join(lines)]
    for _ in range(draw(st.integers(0, 3))):
        kept = draw(st.permutations(lines))[: draw(st.integers(0, len(lines)))]
        lines = [*kept, *draw(st.lists(line, min_size=0 if kept else 1, max_size=2))]
        texts.append(front + "".join(lines))
    known = draw(st.dictionaries(st.sampled_from([1, 5, 6, 7]), st.integers(0, 5), max_size=2))
    return path, texts, known


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("words")
    (place / ".craftkit").mkdir()
    (place / ".craftkit/config.yaml").write_text(f"github:\n  repo: {REPO}\n")
    switch_on(place, repo=REPO)
    yield place


def words(spec: Spec, own: dict[str, int]) -> set[str]:
    """What somebody might type, near and far."""
    numbers = {t.issue for t in spec.tasks} | set(own.values()) | {1, 5, 7, 12, 541}
    found = {f"{before}{n}" for n in numbers if n for before in ("", "#", "gh", "GH", "@", "0")}
    for key in filter(None, (t.key for t in spec.tasks)):
        found |= {key, key.lower(), re.sub(r"\b0+|(?<=T)0+", "", key), key[:-1], f"0{key}"}
    for code in (names.code(t.id) for t in spec.tasks):
        found |= {f"~{code[:n]}" for n in (1, 2, 3, 4, 20)} | {f"~{code[:3].upper()}"}
    return found | {t.ref for t in spec.tasks}


def plain(key: str) -> str:
    return ".".join(part.lstrip("0") for part in key.lower().replace("t", "").split("."))


def says(task: Task, word: str, own: dict[str, int], spec: Spec) -> bool:
    """Whether a word is the key, the issue or the short id of a task."""
    number = re.fullmatch(r"(?i)(?:#|gh|)([1-9][0-9]*)", word)
    bare = word.isdecimal()
    if number and not (bare and any(t.key for t in spec.tasks)):
        issue = own.get(task.id, task.issue)
        return issue == int(number[1]) and not task.doubt  # a copy takes no issue away
    if word.startswith("~"):
        return names.code(task.id).startswith(word[1:].lower())
    return task.key is not None and plain(task.key) == plain(word)


@given(stories())
@settings(
    max_examples=sampling.examples(60, 600),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_i18_a_word_names_its_own_task_or_none(
    repo: Path, story: tuple[str, list[str], dict[int, int]]
) -> None:
    path, texts, known = story
    for old in repo.glob(".craftkit/state/craftkit.db*"):
        old.unlink()
    for old in (*repo.glob("specs/**/*.md"), *repo.glob(".kiro/specs/*/*.md")):
        old.unlink()
    file = repo / path
    file.parent.mkdir(parents=True, exist_ok=True)
    once: dict[str, str] = {}  # short id -> the task that had it
    for n, text in enumerate(texts):
        file.write_text(text)
        context = open_context(str(repo), {})
        spec = spec_index.load(context, path)
        if n == 0:
            shown = [t.ref for t in spec.tasks]
            assert shown == [t.ref for t in parse(file.read_bytes(), path).tasks]
            spec_index.record_snapshot(context, spec)
            remember(context, spec, known)
            context.specs_read.clear()
            spec = spec_index.load(context, path)
        judge(context, spec, once)
        spec_index.record_snapshot(context, spec)
        context.close()


def remember(context: Context, spec: Spec, known: dict[int, int]) -> None:
    with context.store.write() as tx:
        for number, place in known.items():
            task = spec.tasks[place % len(spec.tasks)]
            row = LinkedIssue(number, spec.id, task.id, "", number, "", task.title)
            issues.remember(tx, REPO, row)


def judge(context: Context, spec: Spec, once: dict[str, str]) -> None:
    own: dict[str, int] = {
        k.task_id: k.number
        for k in reversed(issues.of_spec(context.store, REPO, spec.id))
        if k.task_id is not None
    }
    assert len({t.ref for t in spec.tasks}) == len(spec.tasks)
    for task in spec.tasks:
        assert task_lookup.resolve(context, spec, task.ref).id == task.id
        if task.id in own:
            assert task_lookup.resolve(context, spec, f"gh{own[task.id]}").id == task.id
        if task.ref[0] == "~":
            assert once.setdefault(task.ref, task.id) == task.id
    for word in words(spec, own) | set(once):
        try:
            task = task_lookup.resolve(context, spec, word)
        except (UnknownTask, AmbiguousTask) as error:
            for named in re.findall(r"craftkit task show ([^`\s]+)`", error.hint):
                task_lookup.resolve(context, spec, named.strip('"'))
            continue
        fits = [t.id for t in spec.tasks if says(t, word, own, spec)]
        assert task.doubt or task.id in fits, (word, task, spec.text)
        clear = task.doubt or word == task.key or task.id in own
        assert clear or fits == [task.id], (word, fits, spec.text)
        if word in once:
            assert once[word] == task.id


def test_a_short_id_is_as_long_as_it_must_be() -> None:
    ids = [f"~task.{n}" for n in range(1000)]
    short, codes = names.short_ids(ids), {one: names.code(one) for one in ids}
    assert len(set(short.values())) == len(ids)
    assert all(re.fullmatch(r"~[a-z][0-9][a-z2-9]+", word) for word in short.values())
    for task_id, word in short.items():
        fits = [one for one, code in codes.items() if code.startswith(word[1:])]
        assert fits == [task_id]
        if len(word) > 4:
            assert sum(code.startswith(word[1:-1]) for code in codes.values()) > 1
    assert names.short_ids(ids[:1]) == {ids[0]: "~" + names.code(ids[0])[:3]}


def test_who_was_there_keeps_a_word_from_being_given_again() -> None:
    by_beginning: dict[str, str] = {}
    for n in range(20_000):
        other = by_beginning.setdefault(names.code(f"~{n}")[:3], f"~{n}")
        if other != f"~{n}":
            break
    text = f"{FRONT}- [ ] One\n"
    spec = parse(text.encode(), "specs/demo.md")
    spec = spec._replace(tasks=(spec.tasks[0]._replace(id=f"~{n}"),))
    word = "~" + names.code(other)[:3]
    assert task_words.resolve(spec, word).id == f"~{n}"
    with pytest.raises(AmbiguousTask, match="gone"):
        task_words.resolve(spec, word, task_words.Known(ids=[other, f"~{n}"]))
    (shown,) = names.with_refs(spec.tasks, [other])
    assert len(shown.ref) > 4 and task_words.resolve(spec, shown.ref).id == f"~{n}"


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("T012", "T012"),
        ("t12", "T012"),
        ("T0012", "T012"),
        ("t12A", "T012a"),
        ("1.02", "1.2"),
        (" 1.2 ", "1.2"),
        ("#5", "T012"),
        ("GH5", "T012"),
        ("gh6", "1.2"),
    ],
)
def test_near_words(word: str, key: str) -> None:
    text = f"{FRONT}- [ ] T012 a (#5)\n- [ ] T012a b\n- [ ] 1.2 c (#6)\n- [ ] 1.20 d\n"
    assert task_words.resolve(parse(text.encode(), "specs/demo.md"), word).key == key


@pytest.mark.parametrize(
    ("lines", "word", "says"),
    [
        ("- [ ] T001 a\n- [ ] T0001 b\n", "t1", "`T001` or `T0001`"),
        ("- [ ] T001 a (#5)\n- [ ] T001 b (#6)\n", "T001", "`gh5` or `gh6`"),
        ("- [ ] T004 a (#5)\n", "5", "write gh5 for the issue, or `T004`"),
        ("- [ ] T004 a (#5)\n- [ ] b (#6)\n", "6", "write gh6 for the issue"),
        ("- [ ] a (#5)\n- [ ] b (#5)\n", "5", '"~'),
        ("- [ ] a\n", "@1", '"~'),
        ("- [ ] T004 a\n", "12", "task list"),
        ("- [ ] T004 a\n", "T", "task list"),
    ],
)
def test_what_names_two_tasks_or_none_is_refused(lines: str, word: str, says: str) -> None:
    spec = parse((FRONT + lines).encode(), "specs/demo.md")
    with pytest.raises((UnknownTask, AmbiguousTask)) as refused:
        task_words.resolve(spec, word)
    assert says in refused.value.hint, refused.value.hint
    for named in re.findall(r"`(\"?[~\w]+\"?)`", refused.value.hint):
        assert typed(task_words.resolve(spec, named.strip('"')).ref) == named


def test_an_issue_is_the_tasks_own_and_not_the_number_of_its_line() -> None:
    spec = parse(f"{FRONT}- [ ] One (#8)\n- [ ] Two\n".encode(), "specs/demo.md")
    one, two = (task.id for task in spec.tasks)
    known = task_words.Known(issues={one: 7, two: 6})
    assert [t.ref for t in names.with_refs(spec.tasks, (), {one: 7, two: 6})] == ["gh7", "gh6"]
    assert task_words.resolve(spec, "gh7", known).id == one
    assert task_words.resolve(spec, "6", known).id == two
    with pytest.raises(UnknownTask, match="not its issue"):
        task_words.resolve(spec, "gh8", known)
