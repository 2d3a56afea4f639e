"""The page on the architecture is true: its walk is the way of the calls, its names exist."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
WALK = re.findall(r"(?m)^\d+\. `(craftkit[\w.]+)`", PAGE)


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Any]:
    import loopback

    from craftkit.sandbox.server import serve

    with serve() as server:
        place = loopback.Desk(tmp_path.resolve(), server).begin(2)
        place.link()
        yield place


def test_the_walk_is_the_way_of_the_calls(linked: Any) -> None:
    assert 5 < len(WALK) <= 10
    seen = linked.where / "calls.txt"

    def follow() -> None:
        calls = seen.open("w", buffering=1)

        def note(frame: FrameType, event: str, _: Any) -> None:
            if event == "call":
                name = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}"
                if name in WALK:
                    calls.write(name + "\n")

        sys.setprofile(note)

    said = linked.ck("task", "done", "T001", prepare=follow)
    assert said.code == 0, said.words
    assert list(dict.fromkeys(seen.read_text().split())) == WALK


def test_every_file_of_the_page_is_there() -> None:
    for name in re.findall(r"`((?:\w+/)+\w+\.py|\w+\.py)`", PAGE):
        found = list((ROOT / "craftkit").rglob(name))
        assert found, name
    packages = {p.name for p in (ROOT / "craftkit").iterdir() if (p / "__init__.py").exists()}
    assert packages == set(re.findall(r"`(\w+)/`", PAGE))


def test_the_invariants_are_those_that_tests_prove() -> None:
    ids = re.findall(r"(?m)^\| (I\d+) \|", PAGE)
    assert ids == [f"I{number}" for number in (*range(1, 18), 19)]


WORDS = {
    "agree_open": "agreed: open",
    "agree_done": "agreed: done",
    "close": "close",
    "reopen": "re-open",
    "untick": "untick",
    "tick": "tick",
    "drop": "dropped here too",
    "undrop": "taken up again",
}


def fits(row: tuple[str, ...], case: Any) -> bool:
    """Whether a row of the table on the page is about a combination."""
    base, box, issue, decision = row
    plain, *more = decision.split(", ")
    named = {"re-opened": "reopen", "dropped": "drop"}.get(plain, plain)
    wanted = {named, "anyway"} if "--anyway" in decision else {named}
    issues = {
        "not listed": {"unseen"},
        "closed": {"completed", "not planned", "duplicate"},
        "closed as not planned or duplicate": {"not planned", "duplicate"},
    }
    return (
        (base == "any" or case.base in base.split(" or "))
        and (box == "any" or box == {"open": "open", "done": "ticked"}[case.box])
        and (issue == "any" or case.github in issues.get(issue, {issue.split(" as ")[-1]}))
        and (decision == "any" or case.decision in wanted)
        and ("held" not in more or case.held == "in another worktree")
        and ("dropped before" not in more or case.decided == "drop")
        and ("done before" not in more or case.decided == "done")
    )


def test_the_table_of_the_merge_is_what_the_planner_does() -> None:
    sys.path.append(str(ROOT / "tests/sync"))
    import test_merge_table

    table = PAGE[PAGE.index("| base | box | issue | decision |") :]
    rows = re.findall(r"(?m)^\| " + r"([^|]+?) \| " * 4 + r"([^|]+?) \|$", table)[1:]
    used = set()
    for case in test_merge_table.CASES:
        row = next(row for row in rows if fits(row[:4], case))
        used.add(row)
        for found in test_merge_table.outcome(case) or ("nothing",):
            word = "conflict" if found.startswith("?") else WORDS.get(found, found)
            assert word in row[4], (row, case)
    assert [row for row in rows if row not in used] == []
