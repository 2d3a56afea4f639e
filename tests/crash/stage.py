"""A repository at the point where a command begins, and the end that the command leads to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import forked

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
            repo, "select task_id, local_done, dropped from tasks order by spec_id, task_id"
        ),
        "claims": forked.ask(repo, "select task_id, session, worktree from claims order by 1"),
        "decisions": forked.ask(
            repo,
            "select d.action, d.task_id, json_extract(p.input, '$.source'), p.status"
            " from decision_tasks d join processes p on p.id = d.process_id order by 1, 2",
        ),
        "phase": forked.ask(repo, "select id, phase from specs"),
        "processes": forked.ask(repo, "select kind, status from processes order by id"),
        "events": forked.ask(
            repo,
            "select event, task_id, count(*) from history where event <> 'session.resumed'"
            " group by 1, 2 order by 1, 2",
        ),
        "left over": sorted(p.name for p in repo.rglob("*craftkit-*")),
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


def steps_settled(repo: Path) -> set[tuple[Any, ...]]:
    """The recorded steps, each with the time at which it ended."""
    sql = "select process_id, position, completed_at from process_steps where status = 'success'"
    return set(forked.ask(repo, sql))


class Stage:
    """Where a command begins, with the calls that it makes and its uninterrupted end."""

    def __init__(self, place: Path, name: str) -> None:
        self.repo, self.template = place.resolve() / "repo", place / "template"
        self.args = COMMANDS[name]
        set_stage(self.repo, name)
        self.known = processes(self.repo)
        self.keep(self.template)
        forked.reset(self.repo, self.template)  # restored, as in each of the runs to compare with
        code, self.trace, said = forked.run_killed(self.repo, self.args, 0, "", self.known)
        assert code == 0, said
        assert forked.run(self.repo, "status")[0] == 0
        self.wanted = end_state(self.repo)
        assert self.wanted["left over"] == []
        assert {status for _, status in self.wanted["processes"]} == {"completed"}
        assert {decision[3] for decision in self.wanted["decisions"]} == {"completed"}
        assert self.trace.count(forked.DECISION) == 1
        self.decision = self.trace.index(forked.DECISION) + 1

    def keep(self, where: Path) -> None:
        """Remember the repository as it is now."""
        shutil.rmtree(where, ignore_errors=True)
        shutil.copytree(self.repo, where, symlinks=True)

    def decided_by(self, stop: int, side: str) -> bool:
        return stop > self.decision or (stop == self.decision and side == "after")

    def recorded(self) -> bool:
        return processes(self.repo) > self.known

    def following(self) -> tuple[str, ...]:
        """What somebody runs next: anything, or the same again where nothing had happened."""
        return ("status",) if self.recorded() else self.args

    def kill(self, stop: int, side: str) -> list[str]:
        code, _, said = forked.run_killed(self.repo, self.args, stop, side, self.known)
        wrong = [] if code == -9 else [f"exit {code} in place of a kill: {said[-200:]}"]
        if self.recorded() != self.decided_by(stop, side):
            wrong.append(f"recorded is {self.recorded()}")
        return wrong

    def recover(self) -> list[str]:
        """Run the next command; what differs from the uninterrupted end, then or later."""
        wrong = []
        settled = steps_settled(self.repo)
        code, said = forked.run(self.repo, *self.following())
        if code:
            wrong.append(f"the next command: exit {code}: {said[-200:]}")
        if not settled <= steps_settled(self.repo):
            wrong.append(f"a recorded step ran again: {settled}")
        state, before = end_state(self.repo), working_files(self.repo)
        unlike = [k for k in self.wanted if state[k] != self.wanted[k]]
        wrong += [f"{k}: {state[k]!r}, not {self.wanted[k]!r}" for k in unlike]
        code, said = forked.run(self.repo, *self.args)
        if code or end_state(self.repo) != state or working_files(self.repo) != before:
            wrong.append(f"a further run: exit {code}, or it changed something: {said[-200:]}")
        return wrong
