"""Many sessions on one database and one file: no lock error, no lost task."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

forked = pytest.importorskip("forked")
WORKERS, EACH, TASKS, KEPT = 8, 60, 40, 32  # tasks above KEPT may be opened again


def commands(seed: int) -> list[tuple[str, ...]]:
    dice = random.Random(seed)
    made: list[tuple[str, ...]] = []
    for _ in range(EACH):
        kind = dice.choices(
            ("start", "done", "next", "list", "add", "reopen"), (20, 35, 12, 12, 8, 13)
        )[0]
        if kind in ("next", "list"):
            made.append(("task", kind))
        elif kind == "add":
            made.append(("task", "add", f"Extra {seed}.{len(made)}"))
        elif kind == "reopen":
            made.append(("task", "reopen", f"T{dice.randint(KEPT + 1, TASKS):03d}"))
        else:
            switch = ("--switch",) if kind == "start" and dice.random() < 0.5 else ()
            made.append(("task", kind, f"T{dice.randint(1, TASKS):03d}", *switch))
    return made


def work(repo: Path, seed: int, out: Path) -> None:
    from craftkit.cli import main

    forked.become(repo, f"worker-{seed}")
    results = []
    for args in commands(seed):
        code, _, err = forked.captured(lambda args=args: main(args))
        results.append((args, code, err))
    out.write_text(json.dumps(results), encoding="utf-8")


def test_eight_sessions_at_once(tmp_path: Path) -> None:
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
    results = [r for out in outs for r in json.loads(out.read_text(encoding="utf-8"))]
    assert len(results) == WORKERS * EACH
    bad = [r for r in results if r[1] not in (0, 2, 6) or "database is locked" in r[2]]
    assert not bad, bad[:5]
    assert forked.ask(repo, "pragma integrity_check") == [("ok",)]
    assert forked.ask(repo, "pragma foreign_key_check") == []
    assert forked.run(repo, "status")[0] == 0
    text = (repo / "specs/demo.md").read_text(encoding="utf-8")
    done = {args[2] for args, code, _ in results if args[1] == "done" and code == 0}
    kept = {key for key in done if int(key[1:]) <= KEPT}
    assert len(kept) > KEPT // 2
    assert [key for key in sorted(kept) if f"- [x] {key} " not in text] == []
    for args, code, _ in results:
        if args[1] == "add":
            assert code == 0 and text.count(f" {args[2]}\n") == 1, args
    keys = re.findall(r"(?m)^- \[.\] (T\d+) ", text)
    assert len(keys) == len(set(keys))
    left = forked.ask(repo, "select * from processes where status <> 'completed'")
    assert left == [] and not list(repo.rglob(".craftkit-*.tmp"))
    per_key = forked.ask(repo, "select task_id, base_done from tasks where base_done = 1")
    assert kept <= {row[0] for row in per_key}
