"""How long a task without a line is remembered, and what keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import SPEC, Clock, Open

from craftkit.loop import spec_index, tasks
from craftkit.store import tasks as records

DAY = 86400.0
PATH = "specs/demo.md"
FOUR = ("T001 One", "T002 Two words", "T003 Three", "T004 Four")


def write(root: Path, *titles: str) -> None:
    (root / PATH).write_text(SPEC + "".join(f"- [ ] {title}\n" for title in titles))


def see(opened: Open) -> dict[str, str]:
    """What the next command learns: key -> task id of the lines."""
    context = opened()
    spec = spec_index.load(context, PATH)
    spec_index.record_snapshot(context, spec)
    return {str(task.key): task.id for task in spec.tasks}


def known(opened: Open) -> set[str]:
    return set(records.of_spec(opened().store, "demo"))


@pytest.mark.parametrize(("days", "left"), [(89, True), (91, False)])
def test_a_task_without_a_line_is_forgotten_after_90_days(
    root: Path, opened: Open, clock: Clock, days: int, left: bool
) -> None:
    write(root, *FOUR)
    see(opened)
    clock.now += 400 * DAY  # how long it had a line does not count
    write(root, *FOUR[:3])
    see(opened)
    clock.now += days * DAY
    write(root, *FOUR[:3], "T005 Five")
    see(opened)
    assert ("T004" in known(opened)) is left


def test_a_line_that_comes_back_in_time_is_its_task_again(
    root: Path, opened: Open, clock: Clock
) -> None:
    write(root, *FOUR)
    see(opened)
    context = opened()
    tasks.drop(context, None, "T002", "not needed")
    write(root, FOUR[0], *FOUR[2:])
    see(opened)
    clock.now += 80 * DAY
    write(root, *FOUR)
    assert see(opened)["T002"] == "T002"
    clock.now += 80 * DAY
    write(root, *FOUR, "T005 Five")
    see(opened)
    assert records.of_spec(opened().store, "demo")["T002"].dropped


def test_an_issue_keeps_its_task(root: Path, opened: Open, clock: Clock) -> None:
    write(root, *FOUR[:3], "T004 Four (#9)")
    see(opened)
    write(root, *FOUR[:3])
    see(opened)
    clock.now += 1000 * DAY
    write(root, *FOUR[:2])
    see(opened)
    assert "T004" in known(opened)
