"""Many sessions on one database and one file: no lock error, no lost task."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path

import forked
import pytest
import sampling

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


WORKERS, EACH = 8, sampling.examples(60, 200)
TASKS, KEPT = EACH * 4 // 5, EACH * 3 // 5  # tasks above KEPT may be reopened and dropped
SHARES = {
    "start": 20,
    "done": 30,
    "next": 8,
    "list": 8,
    "add": 4,
    "reopen": 8,
    "drop": 4,
    "status": 6,
    "session-resume": 8,
    "phase": 4,
}


def commands(seed: int) -> list[tuple[str, ...]]:
    dice = random.Random(seed)
    kinds = dice.choices(list(SHARES), list(SHARES.values()), k=EACH)
    return [command(kind, dice, f"Extra {seed}.{n}") for n, kind in enumerate(kinds)]


def command(kind: str, dice: random.Random, title: str) -> tuple[str, ...]:
    if kind in ("status", "session-resume"):
        return (kind,)
    if kind in ("next", "list"):
        return "task", kind
    if kind == "add":
        return "task", kind, title
    if kind == "phase":
        return "spec", kind, dice.choice(("requirements", "design", "implementation", "review"))
    lowest = KEPT + 1 if kind in ("reopen", "drop") else 1
    switch = ("--switch",) if kind == "start" and dice.random() < 0.5 else ()
    return "task", kind, f"T{dice.randint(lowest, TASKS):03d}", *switch


def work(repo: Path, seed: int, out: Path) -> None:
    from craftkit.cli import main

    forked.become(repo, f"worker-{seed}")
    results = []
    for args in commands(seed):
        code, _, err = forked.captured(lambda args=args: main(args))
        results.append((args, code, err))
    out.write_text(json.dumps(results), encoding="utf-8")


def test_i10_eight_sessions_at_once(tmp_path: Path) -> None:
    repo = tmp_path.resolve() / "repo"
    forked.prepare(repo, TASKS)
    outs = [tmp_path / f"out{n}.json" for n in range(WORKERS)]
    pids = []
    for seed, out in enumerate(outs):
        pid = os.fork()
        if pid == 0:
            try:
                work(repo, seed, out)
            finally:
                os._exit(0 if out.exists() else 1)
        pids.append(pid)
    ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert ends == [0] * WORKERS
    results = [
        (tuple(args), code, err)
        for out in outs
        for args, code, err in json.loads(out.read_text(encoding="utf-8"))
    ]
    assert len(results) == WORKERS * EACH
    bad = [r for r in results if r[1] not in (0, 2, 6) or "database is locked" in r[2]]
    assert not bad, bad[:5]
    succeeded = {args[-1] if len(args) == 1 else args[1] for args, code, _ in results if code == 0}
    assert succeeded == set(SHARES)
    assert forked.ask(repo, "pragma integrity_check") == [("ok",)]
    assert forked.ask(repo, "pragma foreign_key_check") == []
    assert forked.run(repo, "status")[0] == 0
    nothing_is_lost(repo, results)
    assert forked.run(repo, "session-resume", session="another")[0] == 0
    nothing_is_lost(repo, results)
    ticked = dict(forked.ask(repo, "select key, local_done from tasks"))
    text = (repo / "specs/demo.md").read_text(encoding="utf-8")
    boxes = re.findall(r"(?m)^- \[(.)\] (T\d+) ", text)
    assert {key for box, key in boxes if box == "x"} <= {key for key in ticked if ticked[key]}


def nothing_is_lost(repo: Path, results: list[tuple[tuple[str, ...], int, str]]) -> None:
    text = (repo / "specs/demo.md").read_text(encoding="utf-8")
    done = {args[2] for args, code, _ in results if args[:2] == ("task", "done") and code == 0}
    kept = {key for key in done if int(key[1:]) <= KEPT}
    assert len(kept) > KEPT // 2
    assert [key for key in sorted(kept) if f"- [x] {key} " not in text] == []
    for args, code, _ in results:
        if args[:2] == ("task", "add"):
            assert code == 0 and text.count(f" {args[2]}\n") == 1, args
    keys = re.findall(r"(?m)^- \[.\] (T\d+) ", text)
    assert len(keys) == len(set(keys))
    assert forked.ask(repo, "select * from processes where status <> 'completed'") == []
    assert list(repo.rglob("*craftkit-*")) == []
    settled = {row[0] for row in forked.ask(repo, "select task_id from tasks where local_done = 1")}
    decided = {
        row[0] for row in forked.ask(repo, "select task_id from decision_tasks where action='done'")
    }
    assert kept <= settled and done <= decided
