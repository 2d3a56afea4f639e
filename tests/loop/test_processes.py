"""I9: what is recorded of a process never runs again, whatever stopped it; the rest does."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import pytest
from given import Open

from craftkit.errors import CannotWrite, UnexpectedStep
from craftkit.loop import process_runner
from craftkit.loop.process_runner import ProcessStep
from craftkit.runtime.context import Context
from craftkit.store import processes


class Story:
    """Three steps that act outside and one that only writes; any of them can fail once."""

    def __init__(self, fails: str = "") -> None:
        self.done: list[str] = []
        self.saved: list[str] = []
        self.fails = fails

    def steps(self, *names: str) -> tuple[ProcessStep, ...]:
        return tuple(self._step(name) for name in names)

    def _step(self, name: str) -> ProcessStep:
        def do() -> dict[str, Any]:
            if self.fails == name:
                self.fails = ""
                raise CannotWrite("The disk is full.", "free some space")
            self.done.append(name)
            return {"from": name}

        def save(tx: sqlite3.Connection, result: dict[str, Any]) -> None:
            self.saved.append(name)

        return ProcessStep(name, do=None if name == "settle" else do, save=save)


def begin(context: Context, steps: tuple[ProcessStep, ...]) -> int:
    return process_runner.record(context, "a test", "{}", steps, lambda tx, number: None)


@pytest.mark.parametrize("fails", ["one", "two", "three"])
def test_i9_a_step_that_is_recorded_never_runs_again(opened: Open, fails: str) -> None:
    names = ("one", "two", "settle", "three")
    context, story = opened(), Story(fails)
    number = begin(context, story.steps(*names))
    with pytest.raises(CannotWrite):
        process_runner.carry_out(context, number, story.steps(*names))
    row = process_runner.find(context, number)
    assert (row.status, row.current_step) == ("error", fails)
    finished = process_runner.resume(context, row, lambda *_: story.steps(*names))
    assert finished is not None and finished.status == "completed"
    assert story.done == ["one", "two", "three"] and story.saved == list(names)
    found = processes.steps(context.store, number)
    assert [s.status for s in found] == ["success"] * 4
    assert [s.retry_count for s in found if s.name == fails] == [1]


def test_i9_an_upgrade_in_between_strands_nothing(opened: Open) -> None:
    """The steps are planned again: an old one is skipped, a new one runs."""
    context, story = opened(), Story("two")
    number = begin(context, story.steps("one", "two", "old"))
    with pytest.raises(CannotWrite):
        process_runner.carry_out(context, number, story.steps("one", "two", "old"))
    row = process_runner.find(context, number)
    finished = process_runner.resume(context, row, lambda *_: story.steps("one", "two", "new"))
    assert finished is not None and finished.status == "completed"
    assert story.done == ["one", "two", "new"]
    found = {s.name: s.status for s in processes.steps(context.store, number)}
    assert found == {"one": "success", "two": "success", "old": "skipped", "new": "success"}


def test_a_process_of_somebody_who_lives_is_left_alone(opened: Open) -> None:
    context, story = opened(), Story()
    begin(context, story.steps("one"))
    assert process_runner.unfinished(context) == []
    assert processes.unfinished(context.store)[0].owner.split(":")[1] == str(os.getpid())


def test_what_nobody_can_plan_is_said_and_stays(opened: Open) -> None:
    context, story = opened(), Story("one")
    number = begin(context, story.steps("one"))
    with pytest.raises(CannotWrite):
        process_runner.carry_out(context, number, story.steps("one"))

    def nobody(*_: object) -> tuple[ProcessStep, ...]:
        raise UnexpectedStep("This craftkit knows no operation a test.", "use a newer one")

    found = process_runner.recover(context, nobody)
    assert (found.finished, found.waiting) == ([], [])
    assert [note.code for note in context.diagnostics] == ["process_unfinished"]
    assert process_runner.find(context, number).status == "error"
