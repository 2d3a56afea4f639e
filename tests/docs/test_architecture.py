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


def test_the_table_of_the_merge_is_what_the_planner_does() -> None:
    from craftkit.sync.merge_model import Base, RemoteIssue
    from craftkit.sync.planner import merge_task

    open_, done, unplanned = (
        RemoteIssue(1, False, False, "x"),
        RemoteIssue(1, True, True, "x"),
        RemoteIssue(1, True, False, "x"),
    )
    words = {
        (): "nothing",
        ("agree_open",): "agreed: open",
        ("agree_done",): "agreed: done",
        ("close",): "close the issue",
        ("untick",): "untick",
        ("tick",): "tick the box",
    }
    rows = re.findall(r"(?m)^\| (open|ticked) \| ([\w ]+) \| ([^|]+) \| ([^|]+) \|$", PAGE)
    assert len(rows) == 10
    for box, issue, synced, follows in rows:
        local = "local_done" in synced
        bases = [Base(True)] if synced == "yes" else [Base(False, local_done=local)]
        if "never" in synced:
            bases.append(Base(None))
        issues = {"open": [open_], "closed as completed": [done], "closed": [done, unplanned]}
        for base in bases:
            for remote in issues.get(issue, [unplanned]):
                verdict = merge_task(base, box == "ticked", remote, None)
                said = words.get(verdict, "conflict")
                assert said in follows, (box, issue, base, verdict)
