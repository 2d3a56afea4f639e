"""I8, I9, I11: killed at any call, a command has happened or it has not; nothing is lost."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

forked = pytest.importorskip("forked")
SPEC = "specs/demo.md"
COMMANDS = {
    "start": ("task", "start", "T002"),
    "done": ("task", "done", "T002"),
    "phase": ("spec", "phase", "design"),
    "resume": ("session-resume",),
}


def set_stage(repo: Path, name: str) -> None:
    """What each command finds: T001 done; T002 started for `done`, ticked for `resume`."""
    forked.prepare(repo, 4)
    assert forked.run(repo, "task", "done", "T001")[0] == 0
    if name == "done":
        assert forked.run(repo, "task", "start", "T002")[0] == 0
    if name == "resume":
        path = repo / SPEC
        path.write_bytes(path.read_bytes().replace(b"[ ] T002", b"[x] T002"))
    forked.ask(repo, "pragma wal_checkpoint(truncate)")


def end_state(repo: Path) -> dict[str, Any]:
    """All that has to be the same, however often the command was interrupted."""
    data = (repo / SPEC).read_bytes()
    return {
        "spec": re.sub(rb"(?m)^updated:.*$", b"", data),
        "tasks": forked.ask(
            repo, "select task_id, base_done, dropped from tasks order by spec_id, task_id"
        ),
        "claims": forked.ask(repo, "select task_id, session, worktree from claims order by 1"),
        "intents": forked.ask(
            repo, "select kind, task_id, source, state from intents order by kind, task_id"
        ),
        "phase": forked.ask(repo, "select id, phase from specs"),
        "processes": forked.ask(repo, "select kind, status from processes order by id"),
        "events": forked.ask(
            repo,
            "select event, task_id, count(*) from history where event <> 'session.resumed'"
            " group by 1, 2 order by 1, 2",
        ),
        "left over": sorted(p.name for p in repo.rglob(".craftkit-*.tmp")),
        "integrity": forked.ask(repo, "pragma integrity_check"),
    }


def working_files(repo: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(repo)): p.read_bytes()
        for p in sorted(repo.rglob("*"))
        if p.is_file() and p.relative_to(repo).parts[0] not in (".craftkit", ".git")
    }


def processes(repo: Path) -> int:
    return int(forked.ask(repo, "select count(*) from processes")[0][0])


def one_kill(
    repo: Path, args: tuple[str, ...], known: int, stop: int, side: str, decided: bool
) -> tuple[list[str], dict[str, Any]]:
    """Kill, recover, run again where nothing had happened; what is wrong, and the end state."""
    wrong = []
    code, _, said = forked.run_killed(repo, args, stop, side, known)
    if code != -9:
        wrong.append(f"exit {code} in place of a kill: {said[-200:]}")
    recorded = processes(repo) > known
    if recorded != decided:
        wrong.append(f"recorded is {recorded}, wanted {decided}")
    code, said = forked.run(repo, "status")
    if code:
        wrong.append(f"status after it: exit {code}: {said[-200:]}")
    if not recorded:
        code, said = forked.run(repo, *args)
        if code:
            wrong.append(f"run again: exit {code}: {said[-200:]}")
    state, before = end_state(repo), working_files(repo)
    code, said = forked.run(repo, "status")
    if code or working_files(repo) != before:
        wrong.append(f"a further status: exit {code}, files changed or error: {said[-200:]}")
    return wrong, state


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("name", list(COMMANDS))
def test_killed_at_every_call(tmp_path: Path, name: str, side: str) -> None:
    repo, template, args = tmp_path.resolve() / "repo", tmp_path / "template", COMMANDS[name]
    set_stage(repo, name)
    shutil.copytree(repo, template)
    known = processes(repo)
    code, trace, said = forked.run_killed(repo, args, 0, "", known)
    assert code == 0, said
    assert forked.run(repo, "status")[0] == 0
    wanted = end_state(repo)
    assert wanted["left over"] == [] and {p[1] for p in wanted["processes"]} == {"completed"}
    assert {i[3] for i in wanted["intents"]} == {"applied"}
    assert trace.count("COMMIT of the decision") == 1 and len(trace) > 5
    decision = trace.index("COMMIT of the decision") + 1
    failures = []
    for stop in range(1, len(trace) + 1):
        forked.reset(repo, template)
        decided = stop > decision or (stop == decision and side == "after")
        wrong, state = one_kill(repo, args, known, stop, side, decided)
        unlike = [k for k in wanted if state[k] != wanted[k]]
        wrong += [f"{k}: {state[k]!r}, not {wanted[k]!r}" for k in unlike]
        where = f"{side} call {stop} of {len(trace)} ({trace[stop - 1]})"
        failures += [f"killed {where}: {w}" for w in wrong]
    assert not failures, "\n".join(failures[:10])
