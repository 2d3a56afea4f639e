"""I9, I11: killed at any call, a command has happened or it has not; nothing is lost.

A kill before a call that only reads leaves the same as one after the call before it.  So those are
sampled, and the calls that change something are tried one and all; CRAFTKIT_THOROUGH=1 tries
every call, and every pair of calls that change something.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import forked
import pytest
import sampling
import stage as stages

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def points(trace: list[str], side: str, reads: int) -> list[int]:
    """Where to kill: at each call that changes something, and at some that do not."""
    if forked.THOROUGH:
        return list(range(1, len(trace) + 1))
    reading = [n for n, call in enumerate(trace, 1) if call.startswith(forked.READ)]
    chosen = random.Random(len(trace)).sample(reading, min(reads, len(reading)))
    return sorted({*range(1, len(trace) + 1)} - {*reading} | {*chosen})


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("name", list(stages.COMMANDS))
def test_i9_i11_killed_at_every_call(tmp_path: Path, name: str, side: str) -> None:
    stage = stages.Stage(tmp_path, name)
    failures = []
    every = points(stage.trace, side, reads=6 if side == "before" else 0)
    for stop in sampling.few(every, 6):
        forked.reset(stage.repo, stage.template)
        wrong = stage.kill(stop, side) + stage.recover()
        where = f"{side} call {stop} of {len(stage.trace)} ({stage.trace[stop - 1]})"
        failures += [f"killed {where}: {w}" for w in wrong]
    assert not failures, "\n".join(failures[:10])


def second_points(dice: random.Random, trace: list[str]) -> list[tuple[int, str]]:
    """Calls of the recovering command that change something; two of them, or all."""
    writing = [n for n, call in enumerate(trace, 1) if not call.startswith(forked.READ)]
    every = [(stop, "before") for stop in writing] + [(writing[-1], "after")]
    return (
        every if forked.THOROUGH else dice.sample(every, min(sampling.examples(1, 2), len(every)))
    )


@pytest.mark.parametrize("name", list(stages.COMMANDS))
def test_i9_i11_killed_again_while_recovering(tmp_path: Path, name: str) -> None:
    stage, dice = stages.Stage(tmp_path, name), random.Random(name)
    killed, failures = tmp_path / "killed", []
    writing = [n for n, call in enumerate(stage.trace, 1) if not call.startswith(forked.READ)]
    firsts = [*((stop, "before") for stop in writing), (writing[-1], "after")]
    for first, side in sampling.few(firsts, 4):
        forked.reset(stage.repo, stage.template)
        wrong = stage.kill(first, side)
        stage.keep(killed)
        known, again = stages.processes(stage.repo), stage.following()
        code, trace, said = forked.run_killed(stage.repo, again, 0, "", known)
        wrong += [] if code == 0 else [f"{again}: exit {code}: {said[-200:]}"]
        for second, other in second_points(dice, trace):
            forked.reset(stage.repo, killed)
            code, _, said = forked.run_killed(stage.repo, again, second, other, known)
            wrong += [] if code == -9 else [f"exit {code} in place of a second kill"]
            where = f"then {other} call {second} of {len(trace)} ({trace[second - 1]})"
            wrong += [f"{where}: {w}" for w in stage.recover()]
        where = f"{side} call {first} of {len(stage.trace)} ({stage.trace[first - 1]})"
        failures += [f"killed {where}: {w}" for w in wrong]
    assert not failures, "\n".join(failures[:10])
