"""I13, I14: whatever goes wrong with any request, all is well after the next commands.

Each scenario, each of its requests, each kind of fault: some are tried, all of them with
CRAFTKIT_THOROUGH=1.  No request goes before it may, and whoever has to do something is told what.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from typing import Any

import loopback
import pytest
import sampling

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

forked = loopback.forked
Desk = Any
SAMPLE = 6  # of each scenario

KINDS: dict[str, dict[str, Any]] = {
    "refuse": {"action": "refuse"},
    "reset": {"action": "reset"},
    "reset, carried out": {"action": "reset", "apply": True},
    "timeout": {"action": "timeout", "seconds": 0.3},
    "timeout, carried out": {"action": "timeout", "seconds": 0.3, "apply": True},
    **{
        f"{status}{', carried out' if apply else ''}": {
            "action": "status",
            "status": status,
            "apply": apply,
        }
        for status in (500, 502, 503)
        for apply in (False, True)
    },
    "401": {"action": "unauthorized"},
    "403": {"action": "forbidden"},
    "403 secondary": {"action": "secondary", "retry_after": 1},
    "429": {"action": "secondary", "retry_after": 1, "status": 429},
    "exhausted": {"action": "exhausted", "reset_in": 1},
    "404": {"action": "not_found"},
    "410": {"action": "gone"},
    "301": {"action": "moved"},
    "422": {"action": "invalid"},
    "truncated": {"action": "truncated"},
    "truncated body": {"action": "truncated", "short": True},
    "wrong type": {"action": "wrong_type"},
    "page": {"action": "html"},
    "10 MB": {"action": "huge"},
    "slow": {"action": "slow", "seconds": 0.4},
    "late": {"action": "late"},
    "late, reset": {"action": "late", "answer": "reset"},
    "stale": {"action": "stale"},
    "stale by three": {"action": "stale", "writes": 3},
}
HOPELESS = ("404", "410", "301", "422")
WAITS = ("403 secondary", "429", "exhausted")


def renumbered(end: dict[str, Any]) -> dict[str, Any]:
    """An end whose issues have the numbers that the order of their titles gives."""
    end["issues"] = {n: i for n, i in end["issues"].items() if i["reason"] != "duplicate"}
    titles = sorted(end["issues"], key=lambda number: str(end["issues"][number]["title"]))
    new = {None: None} | {number: place for place, number in enumerate(titles, 1)}
    issues = {
        new[number]: {
            **issue,
            "parent": new[issue["parent"]],
            "blocked_by": [new[n] for n in issue["blocked_by"]],
        }
        for number, issue in end["issues"].items()
    }
    text = re.sub(r"(?m)(?<=\(#)\d+|(?<=^issue: )\d+", lambda m: str(new[int(m[0])]), end["spec"])
    tasks = [(task, new[number], *rest) for task, number, *rest in end["tasks"]]
    return {**end, "issues": issues, "spec": text, "tasks": tasks}


def set_link(desk: Desk) -> None:
    desk.begin("- [x] T001 Task 1\n- [ ] T002 Task 2\n- [ ] T003 Last (depends on T002)\n")


def set_linked(desk: Desk) -> None:
    desk.begin(3).link()


def set_started(desk: Desk) -> None:
    set_linked(desk)
    desk.ok("task", "start", "T001")


def set_offline(desk: Desk) -> None:
    set_started(desk)
    desk.ok("task", "done", "T001", "--offline")
    desk.ok("task", "start", "T002", "--offline")


def set_mixed(desk: Desk) -> None:
    desk.begin(6).link()
    desk.ok("task", "done", "T003")
    desk.ok("task", "done", "T006")
    desk.replace("[ ] T001", "[x] T001")
    desk.close(3)
    desk.human("PATCH", "issues/4", {"state": "open"})
    desk.replace("T004 Task 4", "T004 Another title")
    desk.replace("T006 Task 6 (#7)\n", "T006 Task 6 (#7)\n- [ ] T007 New\n")
    desk.ok("task", "done", "T005", "--offline")


CREATE = ("reconcile", "--create")
SCENARIOS: dict[str, tuple[Callable[[Desk], None], tuple[str, ...]]] = {
    "link": (set_link, ("spec", "link", "--yes")),
    "start": (set_linked, ("task", "start", "T001")),
    "done": (set_started, ("task", "done", "T001")),
    "deliver": (set_offline, ("reconcile",)),
    "mixed": (set_mixed, CREATE),
    "resume": (set_mixed, ("session-resume",)),
}


def rehearse(desk: Desk, name: str) -> tuple[tuple[str, ...], Any, int]:
    """A scenario without a fault: its command, what is there before it, and its requests."""
    prepare, args = SCENARIOS[name]
    prepare(desk)
    kept = desk.keep()
    before = desk.requests()
    said = desk.ck(*args)
    assert said.code in (0, 5), said.words
    return args, kept, desk.requests() - before


class Stage:
    def __init__(self, desk: Desk, name: str) -> None:
        self.desk, self.name = desk, name
        self.args, self.kept, self.requests = rehearse(desk, name)
        self.recover(())
        self.wanted = desk.end()

    def recover(self, wrong: Any) -> list[str]:
        """What somebody runs when GitHub is well again."""
        desk = self.desk
        again = [self.args] if self.name == "link" else []
        commands = [*again, ("session-resume",), ("outbox", "retry"), CREATE]
        said = [(command, desk.ck(*command)) for command in commands]
        return [f"{c}: {s.words}" for c, s in said if s.code not in (0, 5)]

    def try_one(self, kind: str, nth: int) -> list[str]:
        desk = self.desk
        desk.back(self.kept)
        before = desk.requests()
        desk.server.fault({**KINDS[kind], "nth": nth})
        said = desk.ck(*self.args)
        hit = any(entry.fault for entry in desk.log(before))
        left = desk.ask("select 1 from outbox where state <> 'delivered'")
        wrong = []
        if hit and (said.code not in (0, 5) or left) and "hint:" not in said.err:
            wrong.append(f"no hint: {said.words}")
        if self.args[0] == "task" and said.code != 0:
            wrong.append(f"not recorded: {said.words}")
        if kind in WAITS and hit:
            desk.ck("reconcile")  # comes too early, and must not ask
            loopback.pause(3.2 if kind == "exhausted" else 1.2)  # its reset is in whole seconds
        from craftkit.sandbox import respond

        rest = desk.ask("select max(not_before) from outbox where state in ('queued', 'unknown')")
        loopback.pause(min(max((rest[0][0] or 0) - time.time(), 0), 5))  # before the next try
        desk.server.state.rules = []
        respond.settle(desk.state)
        wrong += self.recover(())
        end = desk.end()
        wanted = self.wanted
        # What was given up is made last; what came late to a second one is closed as duplicate.
        if kind in HOPELESS or kind.startswith("late"):
            end, wanted = renumbered(end), renumbered(wanted)
        wrong += [f"{k}: {end[k]!r}, not {v!r}" for k, v in wanted.items() if end[k] != v]
        wrong += [f"twice: {marker}" for marker in desk.doubles()]
        wrong += [f"early: {e}" for e in desk.log(before) if e.early]
        wrong += desk.quiet()
        file = "tests/online/test_online_faults.py"
        replay = (
            f"replay: CRAFTKIT_FAULT='{self.name}+{kind}+{nth}' python -m pytest {file} -k replay"
        )
        return [
            f"{self.name}, {kind} at request {nth} of {self.requests}: {w}\n  {replay}"
            for w in wrong
        ]

    def chosen(self) -> list[tuple[str, int]]:
        every = [(kind, nth) for kind in KINDS for nth in range(1, self.requests + 1)]
        if forked.THOROUGH:
            return every
        dice, place = random.Random(self.name), list(SCENARIOS).index(self.name)
        # Together the scenarios have every kind; the fast run tries half of them.
        kinds = sampling.some(list(KINDS)[place :: len(SCENARIOS)], 2)
        more = min(len(every), max(0, sampling.examples(0, SAMPLE) - len(kinds)))
        return [(kind, dice.randint(1, self.requests)) for kind in kinds] + dice.sample(every, more)


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_i13_i14_every_fault_is_survived(desk: Desk, name: str) -> None:
    stage = Stage(desk, name)
    failures = [wrong for kind, nth in stage.chosen() for wrong in stage.try_one(kind, nth)]
    assert not failures, f"{len(failures)}:\n" + "\n".join(failures[:8])


@pytest.mark.skipif("CRAFTKIT_FAULT" not in os.environ, reason="repeats one failure")
def test_replay(desk: Desk) -> None:
    name, kind, nth = os.environ["CRAFTKIT_FAULT"].split("+")
    wrong = Stage(desk, name).try_one(kind, int(nth))
    assert not wrong, "\n".join(wrong)
