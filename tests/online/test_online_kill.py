"""I3, I4, I9, I11: killed at any commit, file operation or request, nothing is lost or doubled.

The command is a real process that gets SIGKILL before or after a call; then come the commands that
a user would run next.  Some points of each scenario are tried; CRAFTKIT_THOROUGH=1 tries all of
them, and all ordered pairs of a first kill and one of the recovery: each different state that a
pair can leave (see `killing`) is recovered from once, and some pairs are killed in earnest.
CRAFTKIT_KILLS=3 goes on to rows of three.  A failure prints the line that repeats it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import killing
import loopback
import pytest
import sampling

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

forked = loopback.forked
Desk = Any
Point = tuple[str, int]  # "before" or "after", and the call, counted from 1
# Tried of each scenario and side, of each scenario, and of a run.
SINGLES, PAIRS, STATES = sampling.examples(2, 3), 1, sampling.examples(1, 2)
KILLS = int(os.environ.get("CRAFTKIT_KILLS", "2"))


def set_link(desk: Desk) -> None:
    more = "".join(f"- [ ] T00{n} Task {n}\n" for n in range(2, 7))
    desk.begin("- [x] T001 Task 1\n" + more + "- [ ] T007 Last (depends on T002)\n")


def set_start(desk: Desk) -> None:
    desk.begin(3).link()


def set_done(desk: Desk) -> None:
    desk.begin(3).link()
    desk.ok("task", "start", "T001")


def set_offline(desk: Desk) -> None:
    desk.begin(3).link()
    desk.ok("task", "start", "T001", "--offline")
    desk.ok("task", "done", "T001", "--offline")
    desk.ok("task", "start", "T002", "--offline")


def set_mixed(desk: Desk) -> None:
    """Ten differences of ten kinds."""
    desk.begin(9).link()
    desk.ok("task", "done", "T003")
    desk.replace("[ ] T001", "[x] T001")
    desk.close(3)
    desk.human("PATCH", "issues/4", {"state": "open"})
    desk.replace("T004 Task 4", "T004 Another title")
    desk.replace("T005 Task 5 (#6)", "T005 Task 5")
    desk.server.add_issues(
        loopback.REPO,
        [
            {"title": "T006 Task 6", "body": desk.issue(7)["body"], "parent": 1},
            {"title": "Theirs", "parent": 1, "author": "reviewer"},
        ],
    )
    desk.close(8, "not_planned")
    desk.ok("task", "done", "T008", "--offline")
    desk.ok("task", "start", "T009", "--offline")
    desk.replace("T009 Task 9 (#10)\n", "T009 Task 9 (#10)\n- [ ] T010 A new line\n")


def set_resume(desk: Desk) -> None:
    desk.begin(4).link()
    desk.replace("[ ] T001", "[x] T001")
    desk.close(3)
    desk.ok("task", "done", "T003", "--offline")


MIXED = ("reconcile", "--create", "--adopt")
SCENARIOS: dict[str, tuple[Callable[[Desk], None], tuple[str, ...]]] = {
    "link": (set_link, ("spec", "link", "--yes")),
    "start": (set_start, ("task", "start", "T001")),
    "done": (set_done, ("task", "done", "T001")),
    "done-offline": (set_done, ("task", "done", "T001", "--offline")),
    "deliver": (set_offline, ("reconcile",)),
    "mixed": (set_mixed, MIXED),
    "resume": (set_resume, ("session-resume",)),
}


class Stage:
    def __init__(self, desk: Desk, name: str) -> None:
        prepare, self.args = SCENARIOS[name]
        self.desk, self.name = desk, name
        prepare(desk)
        self.kept = desk.keep()
        self.known = self.processes()
        self.trace = self.run(self.args, None)[1]
        self.settle()
        self.wanted = desk.end()

    def processes(self) -> int:
        return int(self.desk.ask("select count(*) from processes")[0][0])

    def run(self, args: tuple[str, ...], point: Point | None) -> tuple[int, list[str]]:
        """Run a command that dies at a point; its exit code, and its calls where it did not."""
        trace = Path(self.desk.where) / "trace.json"
        trace.unlink(missing_ok=True)
        side, stop = point or ("", 0)

        def prepare() -> None:
            killer = killing.Killer(self.desk.repo, stop, side)
            killer.install()
            leave = os._exit

            def exit_and_tell(code: int) -> None:
                trace.write_text(json.dumps(killer.trace))
                leave(code)

            os._exit = exit_and_tell  # type: ignore[assignment]

        said = self.desk.ck(*args, prepare=prepare)
        assert said.code in ((-9,) if point else (0, 5)), f"{args} {point}: {said.words}"
        return said.code, [] if point else json.loads(trace.read_text())

    def following(self) -> tuple[str, ...]:
        """What somebody runs next: the session's start, or the same where nothing had happened."""
        recorded = self.processes() > self.known or self.args[0] == "reconcile"
        return ("session-resume",) if recorded else self.args

    def settle(self) -> list[str]:
        """The commands after that; what they say where they fail."""
        last = MIXED if self.name == "mixed" else ("reconcile",)
        said = [self.desk.ck(*last) for _ in range(2)]
        return [s.words for s in said[1:] if s.code not in (0, 5)]

    def wrong(self) -> list[str]:
        """Run the next commands; what differs from the end of an uninterrupted run."""
        return self.differs(self.desk.ck(*self.following()))

    def differs(self, said: Any) -> list[str]:
        """What is wrong with the end, after the command that came next said this."""
        desk = self.desk
        wrong = [] if said.code in (0, 5) else [f"the next command: {said.words}"]
        wrong += self.settle()
        end = desk.end()
        wrong += [
            f"{key}: {end[key]!r}, not {value!r}"
            for key, value in self.wanted.items()
            if end[key] != value
        ]
        wrong += [f"twice: {marker}" for marker in desk.doubles() if self.name != "mixed"]
        return wrong + desk.quiet(*(MIXED if self.name == "mixed" else ()))

    def writing(self, trace: list[str]) -> list[int]:
        return [n for n, call in enumerate(trace, 1) if not call.startswith(forked.READ)]

    def replay(self, points: tuple[Point, ...]) -> str:
        where = "+".join(f"{side}:{stop}" for side, stop in points)
        file = "tests/online/test_online_kill.py"
        return f"replay: CRAFTKIT_KILL={self.name}+{where} python -m pytest {file} -k replay"

    def killed(self, *points: Point) -> list[str]:
        """What is wrong after the command was killed, and each one that came next but the last."""
        self.desk.back(self.kept)
        args = self.args
        for point in points:
            self.run(args, point)
            args = self.following()
        return [f"{points}: {wrong}\n  {self.replay(points)}" for wrong in self.wrong()]

    def recovery(self, first: Point) -> list[str]:
        """The calls of the command that comes after a first kill."""
        self.desk.back(self.kept)
        self.run(self.args, first)
        return self.run(self.following(), None)[1]


def some(dice: random.Random, points: list[Any], count: int) -> list[Any]:
    return points if forked.THOROUGH else dice.sample(points, min(count, len(points)))


@pytest.mark.parametrize(
    ("name", "side"), sampling.some(product(SCENARIOS, ["before", "after"]), 3)
)
def test_i11_killed_at_a_call(desk: Desk, name: str, side: str) -> None:
    stage, dice = Stage(desk, name), random.Random(name + side)
    points = stage.writing(stage.trace)
    sending = [n for n in points if stage.trace[n - 1].startswith(("POST", "PATCH"))]
    chosen = {*some(dice, points, SINGLES), *some(dice, sending, 1)}
    failures = [wrong for stop in sorted(chosen) for wrong in stage.killed((side, stop))]
    assert not failures, "\n".join(failures[:6])


@pytest.mark.parametrize("name", sampling.some(SCENARIOS, 2))
def test_i11_killed_again_while_recovering(desk: Desk, name: str) -> None:
    stage, dice, failures = Stage(desk, name), random.Random(name), []
    sides = [(side, n) for n in stage.writing(stage.trace) for side in ("before", "after")]
    for first in some(dice, sides, PAIRS):
        trace = stage.recovery(first)
        again = [(side, n) for n in stage.writing(trace) for side in ("before", "after")]
        for second in dice.sample(again, 2 if forked.THOROUGH else 1):
            failures += stage.killed(first, second)
    assert not failures, "\n".join(failures[:6])


@pytest.mark.parametrize("name", sampling.some(SCENARIOS, 3))
def test_i11_killed_and_killed_again(desk: Desk, name: str) -> None:
    stage, dice, failures = Stage(desk, name), random.Random(name), []
    states = killing.States(desk, lambda found: some(dice, found, STATES))
    desk.back(stage.kept)
    todo = states.of(stage.args)[1]
    assert todo, "no call of the command changes anything"
    while todo:
        state = todo.pop(0)
        desk.back(state.kept)
        if len(state.points) < KILLS:
            said, more = states.of(stage.following(), state.points)
            todo += more
        else:
            said = desk.ck(*stage.following())
        shutil.rmtree(state.kept[0])
        replay = stage.replay(state.points)
        failures += [f"{state.points}: {wrong}\n  {replay}" for wrong in stage.differs(said)]
    print(f"{name}: {states.seen} points left {len(states.known)} different states")
    assert not failures, "\n".join(failures[:6])


@pytest.mark.parametrize("name", sampling.some(SCENARIOS, 2))
def test_a_copied_state_is_what_a_kill_leaves(desk: Desk, name: str) -> None:
    stage, dice = Stage(desk, name), random.Random(name)
    states = killing.States(desk, list)
    desk.back(stage.kept)
    for state in some(dice, states.of(stage.args)[1], 1):
        desk.back(stage.kept)
        stage.run(stage.args, state.points[0])
        left, copied = (
            killing.description(*p) for p in ((desk.repo, desk.state.world), state.kept)
        )
        assert left.splitlines() == copied.splitlines(), f"{name} {state.points}"


@pytest.mark.skipif("CRAFTKIT_KILL" not in os.environ, reason="repeats one failure")
def test_replay(desk: Desk) -> None:
    name, *where = os.environ["CRAFTKIT_KILL"].split("+")
    points = [(side, int(stop)) for side, _, stop in (w.partition(":") for w in where)]
    wrong = Stage(desk, name).killed(*points)
    assert not wrong, "\n".join(wrong)
