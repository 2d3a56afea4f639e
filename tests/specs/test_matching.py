"""I18: which line is which task, by itself and over thousands of rewrites."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pytest
import rewriting  # type: ignore[import-not-found]
from hypothesis import given
from hypothesis import strategies as st

from craftkit.specs import matching
from craftkit.specs.matching import (
    CONTRADICTED,
    EDITED,
    MOVED,
    NEW,
    SAME,
    Line,
    Matching,
    Remembered,
)

PAGE = Path(__file__).parents[2] / "docs/identity.md"
REWRITES = 3000
SEED = 18

BEFORE = (
    Remembered("a", "T001", "Set the project up", 11),
    Remembered("b", "T002", "Write the parser", 12),
    Remembered("c", "T003", "Write the printer", 13),
    Remembered("d", "T004", "Ship the first version", None),
)


def judged(*lines: tuple[str | None, str, int | None]) -> list[tuple[str, str | None]]:
    found = matching.match(BEFORE, [Line(*line) for line in lines])
    return [(verdict.kind, verdict.id) for verdict in found.matches]


def test_an_insertion_that_renumbers_moves_keys_and_nothing_else() -> None:
    assert judged(
        ("T001", "Set the project up", 11),
        ("T002", "Choose a licence", None),
        ("T003", "Write the parser", 12),
        ("T004", "Write the printer", 13),
        ("T005", "Ship the first version", None),
    ) == [(SAME, "a"), (NEW, None), (MOVED, "b"), (MOVED, "c"), (MOVED, "d")]


def test_numbers_that_stayed_in_their_rows_are_contradicted() -> None:
    assert judged(
        ("T001", "Set the project up", 11),
        ("T002", "Choose a licence", 12),
        ("T003", "Write the parser", 13),
        ("T004", "Write the printer", None),
    ) == [(SAME, "a"), (CONTRADICTED, None), (CONTRADICTED, None), (MOVED, "c")]


def test_words_may_change_under_key_and_number() -> None:
    assert judged(
        ("T001", "Set the whole project up", 11),
        ("T002", "Something else entirely", 12),  # a title may be rewritten
        ("T003", "~~Write the **printer**~~", None),
        ("T004", "Ship the first version, and tell people", None),
    ) == [(EDITED, "a"), (EDITED, "b"), (SAME, "c"), (EDITED, "d")]


def test_if_numbers_moved_a_key_alone_does_not_speak_for_one() -> None:
    found = judged(("T001", "Something else", 11), ("T002", "Write the printer", 12))
    assert found == [(CONTRADICTED, None), (CONTRADICTED, None)]


def test_a_number_twice_is_nobodys() -> None:
    line = ("T002", "Write the parser", 12)
    assert judged(line, line) == [(CONTRADICTED, None), (CONTRADICTED, None)]


def test_another_task_under_an_old_key_is_new() -> None:
    assert judged(("T002", "Buy a domain", None)) == [(NEW, None)]


def test_one_text_in_two_lines_is_neither() -> None:
    lines = [("T008", "Write the parser", None), ("T009", "Write the parser", None)]
    assert judged(*lines) == [(NEW, None), (NEW, None)]


def test_case_and_emphasis_are_no_part_of_a_text() -> None:
    assert judged(("T009", "~~WRITE the **parser**~~", None)) == [(MOVED, "b")]


def test_i18_half_of_the_words_are_not_enough_without_the_key() -> None:
    assert judged(("T009", "Write the release notes", 12)) == [(CONTRADICTED, None)]


def test_i18_a_number_whose_text_went_to_another_line_is_contradicted() -> None:
    first, _ = judged(("T002", "Something else", 12), ("T004", "Write the parser", None))
    assert first == (CONTRADICTED, None)


def test_i18_a_place_says_nothing_in_a_file_that_contradicts_itself() -> None:
    texts = ("Set the project up", "Ship it", "Choose a licence", "Write a parser of all dates", "")
    before = [Remembered(t, None, t, n) for t, n in zip(texts, (11, 12, 13, None, 14), strict=True)]
    lines = [Line(None, task.title, task.issue) for task in before]
    lines[3] = Line(None, "Write a parser of all times", None)
    assert matching.match(before, lines).matches[3].id == texts[3]
    lines[:2] = [Line(None, texts[1], 11), Line(None, texts[0], 12)]
    found = [v.id for v in matching.match(before, lines).matches]
    assert found == [None, None, texts[2], None, texts[4]]


def test_i18_the_number_of_a_task_that_another_branch_has_is_heard() -> None:
    before = [Remembered("a", "T001", "Set the project up", None)]
    others = [Remembered("b", "T002", "Write the parser", 12)]
    found = matching.match(before, [Line("T001", "Set the project up", 12)], others)
    assert [(v.kind, v.id) for v in found.matches] == [(CONTRADICTED, None)]


def test_what_another_branch_had_needs_the_number_or_key_and_title() -> None:
    here = [BEFORE[0]]
    lines = [Line("T009", "Write the parser", 12), Line("T003", "Write the printer", None)]
    lines += [Line("T007", "Ship the first version", None)]
    found = matching.match(here, lines, BEFORE)
    assert [v.id for v in found.matches] == ["b", "c", None]
    assert found.gone == ("a",)


ROWS = st.builds(
    Line,
    key=st.sampled_from([None, "T001", "T002", "T003"]),
    title=st.sampled_from(["", "One", "Two", "~~one~~", "One two three four", "one two three"]),
    issue=st.sampled_from([None, 1, 2, 3]),
)


@given(st.lists(ROWS, max_size=6), st.lists(ROWS, max_size=6), st.lists(ROWS, max_size=3))
def test_a_task_has_at_most_one_line(old: list[Line], lines: list[Line], more: list[Line]) -> None:
    before = [Remembered(f"id{n}", *line) for n, line in enumerate(old)]
    others = [Remembered(f"other{n}", *line) for n, line in enumerate(more)]
    found = matching.match(before, lines, others)
    ids = [verdict.id for verdict in found.matches if verdict.id is not None]
    assert len(ids) == len(set(ids)) and len(found.matches) == len(lines)
    assert set(found.gone) == {task.id for task in before} - set(ids)
    assert all((v.id is None) == (v.kind in (NEW, CONTRADICTED)) for v in found.matches)
    # A line with the number of a task is that task or nobody.
    owners = {task.issue: task.id for task in reversed(before) if task.issue}
    if len(owners) == sum(1 for task in before if task.issue):
        for line, verdict in zip(lines, found.matches, strict=True):
            assert verdict.id in (None, owners.get(line.issue, verdict.id))


@given(st.integers(0, 10_000))
def test_what_was_settled_stays_so(seed: int) -> None:
    rows = rewriting.begin(random.Random(seed))
    before = rewriting.remember(rows)
    found = rewriting.look(before, rows)
    assert [v.id for v in found.matches] == [task.id for task in before]
    assert {v.kind for v in found.matches} == {SAME}


def doubted(rows: list[rewriting.Row], found: Matching) -> list[tuple[str | None, str]]:
    """What the snapshot keeps of lines that are contradicted."""
    pairs = zip(rows, found.matches, strict=True)
    return [(row.key, row.title) for row, verdict in pairs if verdict.kind == CONTRADICTED]


class Noticed(NamedTuple):
    """A rewrite that was seen: tasks of contradicted lines are in no snapshot any more."""

    rows: list[rewriting.Row]
    first: Matching
    learnt: list[Remembered]  # by the snapshot
    left: list[Remembered]  # everything else that is remembered

    def again(self, lines: list[Line]) -> Matching:
        return matching.match(self.learnt, lines, self.left, doubted=doubted(self.rows, self.first))


def noticed(seed: int) -> Noticed:
    rng = random.Random(seed)
    rows = rewriting.begin(rng)
    before = rewriting.remember(rows)
    for kind in rng.sample(list(rewriting.KINDS), rng.randint(1, 2)):
        rows = rewriting.KINDS[kind](rng, rows)
    first = rewriting.look(before, rows)
    issues = {task.id: task.issue for task in before}  # known, whatever a line says
    settled = rewriting.remember(rewriting.settle(rows, first, seed))
    learnt = [task._replace(issue=issues.get(task.id)) for task in settled]
    left = [task for task in before if task.id not in {task.id for task in learnt}]
    return Noticed(rows, first, learnt, left)


@given(st.integers(0, 100_000))
def test_i18_what_is_contradicted_stays_so_until_somebody_speaks(seed: int) -> None:
    """Its task is not in the snapshot any more: nothing may be easier to believe for that."""
    seen = noticed(seed)
    again = seen.again([Line(row.key, row.title, row.issue) for row in seen.rows])
    for one, other in zip(seen.first.matches, again.matches, strict=True):
        if one.kind == CONTRADICTED:
            assert other.id is None, (one, other)


@given(st.integers(0, 100_000))
def test_i18_a_later_edit_launders_no_contradiction(seed: int) -> None:
    """Key and number were at odds with the text once: in new words they still are."""
    seen = noticed(seed)
    doubtful = [verdict.kind == CONTRADICTED for verdict in seen.first.matches]
    again = seen.again(
        [
            Line(
                row.key, f"Quite another thing {n} than before" if is_one else row.title, row.issue
            )
            for n, (row, is_one) in enumerate(zip(seen.rows, doubtful, strict=True))
        ]
    )
    for is_one, verdict in zip(doubtful, again.matches, strict=True):
        assert not is_one or verdict.id is None, verdict


@pytest.fixture(scope="module")
def rates() -> dict[str, rewriting.Judged]:
    found: dict[str, rewriting.Judged] = rewriting.measure(REWRITES, SEED)
    return found


def test_i18_no_rewrite_gives_a_line_to_the_wrong_task(rates: dict[str, rewriting.Judged]) -> None:
    assert len(rewriting.KINDS) >= 24
    for kind, found in rates.items():
        assert found.lines > 500, kind
        if kind in rewriting.BY_EVIDENCE:  # what the line shows is all that anybody can know
            assert found.wrong * 10_000 <= 60 * found.lines, (kind, found)
        else:
            assert found.wrong == 0, (kind, found)


def test_the_page_has_a_row_for_each_kind() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [k for k in (*rewriting.KINDS, "mixed") if f"| {k} |" not in text] == []
