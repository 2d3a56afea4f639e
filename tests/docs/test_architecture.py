"""The page on the architecture is true: its walk is the way of the calls, its names exist."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from craftkit.sync.merge_model import Base, RemoteIssue
from craftkit.sync.planner import merge_task

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
        found = [*(ROOT / "craftkit").rglob(name), *ROOT.glob(name)]
        assert found, name
    packages = {p.name for p in (ROOT / "craftkit").iterdir() if (p / "__init__.py").exists()}
    assert packages == set(re.findall(r"`(\w+)/`", PAGE))


def test_the_invariants_are_those_that_tests_prove() -> None:
    ids = re.findall(r"(?m)^\| (I\d+) \|", PAGE)
    assert ids == [f"I{number}" for number in (*range(1, 18), 19)]


DECIDED = {"done": ("done", "anyway"), "re-opened": ("reopen",), "dropped": ("drop",)}
# What a row has to say of a verdict.
SAID = {
    "tick": ("tick",),
    "untick": ("untick",),
    "close": ("close",),
    "reopen": ("re-open",),
    "agree_done": ("agreed: done", "close"),
    "agree_open": ("agreed: open", "untick", "re-open"),
    "undrop": ("taken up", "tick"),
    "drop": ("dropped here",),
}


def _fits(row: tuple[str, ...], base: Base, box: bool, issue: str, intent: str, held: bool) -> bool:
    agreed = {None: "none", False: "open", True: "done"}[base.synced_done]
    decision, _, more = row[3].partition(", ")
    words = set(filter(None, more.split(", ")))
    before = ("dropped before", base.dropped), ("done before", base.local_done), ("held", held)
    states = row[2].replace("closed as ", "").replace(", or ", ", ").replace(" or ", ", ")
    named = states.split(", ")
    if intent == "anyway" and issue not in ("open", "completed"):
        issue = "a drop of ours"  # which it outranks alike
    return (
        (row[0] == "any" or agreed in row[0].split(" or "))
        and row[1] in ("any", "ticked" if box else "open")
        and (row[2] == "any" or issue in named or (row[2] == "closed" and issue != "open"))
        and (decision == "any" or intent in DECIDED.get(decision, ("",)))
        and all(holds for word, holds in before if word in words)
    )


def test_the_table_of_the_merge_is_what_the_planner_does() -> None:
    """Of the rows on one task with a listed issue, the first that fits says what follows."""
    table = re.findall(r"(?m)^\| ([^|]+) \| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE)
    rows = [row for row in table if row[1] in ("any", "open", "ticked")]
    rows = [row for row in rows if row[2] not in ("not listed", "gone, others are there")]
    assert len(rows) == 21
    used = set()
    issues = {
        "open": RemoteIssue(1, False, False, "x"),
        "completed": RemoteIssue(1, True, True, "x"),
        "not planned": RemoteIssue(1, True, False, "x"),
        "duplicate": RemoteIssue(1, True, False, "x", duplicate=True),
    }
    flags = (False, True)
    for agreed, dropped, done, box, issue, intent, held in product(
        (None, False, True), flags, flags, flags, issues, ("", *sum(DECIDED.values(), ())), flags
    ):
        base = Base(agreed, dropped=dropped, local_done=done)
        verdict = merge_task(base, box, issues[issue], intent or None, held)
        row = next(row for row in rows if _fits(row, base, box, issue, intent, held))
        used.add(row)
        case = (base, box, issue, intent, held, verdict, row)
        if not verdict:
            assert "nothing" in row[4] or row[4] == "agreed: open", case
        elif verdict[0].startswith("?"):
            assert "conflict" in row[4], case
        else:
            assert all(any(word in row[4] for word in SAID[kind]) for kind in verdict), case
    assert set(rows) == used, "a row that says nothing"
