"""What is saved of two sessions' work holds at every moment, whatever they and an editor do."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sampling
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from places import database_of, state_of, switch_on

from craftkit.commands import recovery, session
from craftkit.errors import TaskClaimed, UsageProblem
from craftkit.loop import spec_index, tasks, transitions, work_status
from craftkit.loop.task_status import TaskStatus
from craftkit.model import DROPPED, IN_PROGRESS, TODO
from craftkit.runtime.context import Context, open_context

FRONT = "---\nid: demo\nname: Demo\nphase: implementation\n---\n\n## Tasks\n\n"
FILES = {
    "specs/demo.md": FRONT + "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, 6)),
    ".kiro/specs/demo/tasks.md": "# Implementation Plan\n\n- [ ] 1. Whole\n  - [ ] 1.1 Part\n"
    "  - [ ] 1.2 Part\n- [ ] 2. Other\n  - _Depends: 1_\n- [ ] 3. Last\n",
}
WHO = st.sampled_from(["s1", "s2"])
PLACE = st.integers(0, 9)  # which of the tasks, counted round
STATE = "select session, task_id, next_action, version from workflow_state"


def set_up(place: Path) -> None:
    (place / ".craftkit").mkdir()
    (place / ".craftkit/config.yaml").touch()
    switch_on(place)


class Loop(RuleBasedStateMachine):
    """Commands run as a process runs them: a context of its own, recovery first."""

    @initialize(path=st.sampled_from(list(FILES)))
    def begin(self, path: str) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="craftkit-state-"))
        self.file, self.seconds = self.place / path, 1_800_000_000.0
        self.file.parent.mkdir(parents=True)
        self.file.write_text(FILES[path])
        set_up(self.place)
        self.finished: set[str] = set()  # tasks that must stay ticked
        self.by_hand: set[str] = set()  # ticked or opened by hand since the last session-resume
        self.versions: dict[str, tuple[Any, ...]] = {}
        self.events: list[tuple[Any, ...]] = []

    def teardown(self) -> None:
        if hasattr(self, "place"):
            shutil.rmtree(self.place, ignore_errors=True)

    @contextmanager
    def context(self, who: str) -> Iterator[Context]:
        context = open_context(str(self.place), {}, who)
        self.seconds += 1
        context.clock = lambda: self.seconds
        try:
            yield context
        finally:
            context.store.connection.close()

    def command(self, who: str, work: Callable[[Context], Any]) -> Any:
        """What `work` returns; None where it was refused, and then nothing may have changed."""
        with self.context(who) as context:
            recovery.repair(context)
            before = self.file.read_bytes(), self.ask("select count(*) from decision_tasks")
            try:
                result = work(context)
            except (UsageProblem, TaskClaimed):
                after = self.file.read_bytes(), self.ask("select count(*) from decision_tasks")
                assert before == after
                return None
            remarks = {"depends_open", "held_by_another", "done_before"}
            assert [d for d in context.diagnostics if d.code not in remarks] == []
            return result

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        if not (database_of(self.place)).exists():
            return []
        with closing(sqlite3.connect(database_of(self.place))) as connection:
            return connection.execute(sql).fetchall()

    def key(self, place: int) -> str:
        keys = re.findall(r"(?m)^ *- \[.\]\*? (T\d+|\d+(?:\.\d+)*)", self.file.read_text())
        return str(keys[place % len(keys)])

    def ticked(self) -> set[str]:
        return set(re.findall(r"(?m)^ *- \[x\] (T\d+|\d+(?:\.\d+)*)", self.file.read_text()))

    @rule(who=WHO, place=PLACE, switch=st.booleans(), take_over=st.booleans())
    def start(self, who: str, place: int, switch: bool, take_over: bool) -> None:
        key = self.key(place)
        answer = self.command(
            who, lambda c: tasks.start(c, None, key, take_over=take_over, switch=switch)
        )
        if answer is not None:
            assert self.row(answer.rows, key).holder == who

    @rule(who=WHO, place=PLACE)
    def done(self, who: str, place: int) -> None:
        key = self.key(place)
        before = self.ticked()
        answer = self.command(who, lambda c: tasks.done(c, None, key))
        if answer is not None:
            assert answer.applied and answer.task.key in self.ticked()
            self.finished |= {answer.task.key} | self.ticked() - before  # a parent, with its parts

    @rule(who=WHO, place=PLACE)
    def reopen(self, who: str, place: int) -> None:
        key = self.key(place)
        if self.command(who, lambda c: tasks.reopen(c, None, key)) is not None:
            assert key not in self.ticked()
            self.finished.discard(key)

    @rule(who=WHO, place=PLACE)
    def drop(self, who: str, place: int) -> None:
        key = self.key(place)
        answer = self.command(who, lambda c: tasks.drop(c, None, key, "no longer wanted"))
        assert answer is None or self.row(answer.rows, key).state == DROPPED

    @rule(who=WHO)
    def add(self, who: str) -> None:
        if self.file.read_text().count("- [") < 9:
            assert self.command(who, lambda c: tasks.add(c, None, "One more", None, [])) is not None

    @rule(place=PLACE)
    def tick_by_hand(self, place: int) -> None:
        key = self.key(place)
        self.edit(key, "x")

    @rule(place=PLACE)
    def untick_by_hand(self, place: int) -> None:
        key = self.key(place)
        self.edit(key, " ")
        self.finished.discard(key)

    def edit(self, key: str, mark: str) -> None:
        line = re.compile(rf"(?m)^( *- \[).(\]\*? {re.escape(key)}\.? )")
        self.file.write_text(line.sub(rf"\g<1>{mark}\2", self.file.read_text()))
        self.by_hand.add(key)

    @rule(who=WHO)
    def session_resume(self, who: str) -> None:
        stand = self.command(who, lambda c: session.resume(c, None))
        self.by_hand.clear()
        self.finished |= self.ticked()
        base = dict(self.ask("select key, local_done from tasks"))
        told = {item["message"].split()[0] for item in stand.conflicts}
        unlike = {key for key, done in base.items() if bool(done) != (key in self.ticked())}
        assert unlike <= told, "base and file differ, and nobody is told"
        assert {key for key in unlike if not base[key]} == set()
        held = {row[0] for row in self.ask("select task_id from claims")}
        assert held.isdisjoint(self.ticked())

    @rule(who=WHO)
    def session_end(self, who: str) -> None:
        self.command(who, lambda c: session.end(c, "over"))

    @rule(hours=st.integers(1, 3))
    def time_passes(self, hours: int) -> None:
        self.seconds += 3600 * hours

    @precondition(lambda self: len(self.events) > 5)
    @rule()
    def lose_the_database(self) -> None:
        for path in state_of(self.place).glob("craftkit.db*"):
            path.unlink(missing_ok=True)
        self.versions, self.events = {}, []

    @staticmethod
    def row(rows: list[TaskStatus], key: str) -> TaskStatus:
        return next(row for row in rows if row.task.key == key)

    @invariant()
    def a_done_task_stays_ticked(self) -> None:
        assert self.finished <= self.ticked()

    @invariant()
    def what_is_next_and_what_is_saved_is_in_progress(self) -> None:
        rows: list[TaskStatus] = []
        for who in ("s1", "s2"):
            with self.context(who) as context:
                chosen = spec_index.choose_spec(context, None)
                rows = spec_index.task_statuses(context, chosen.spec)
                self.next_is_possible(rows, work_status.describe(context, chosen))
        by_id = {row.task.id: row for row in rows}
        for who, task_id, action, _ in self.ask(STATE):
            assert action == ("done" if task_id else "start")
            if task_id is None:
                continue
            row = by_id[task_id]
            if row.task.key not in self.by_hand:
                assert row.state == IN_PROGRESS, (who, task_id)
                assert row.holder == who or len(self.ask("select * from claims")) == 1

    def next_is_possible(self, rows: list[TaskStatus], stand: work_status.WorkStatus) -> None:
        words = stand.next_command.split()
        if stand.next_action in ("start", "done"):
            assert words[:3] == ["craftkit", "task", stand.next_action]
            wanted = TODO if stand.next_action == "start" else IN_PROGRESS
            assert self.row(rows, words[3]).state == wanted

    @invariant()
    def versions_only_grow(self) -> None:
        for who, *row in self.ask(STATE):
            old = self.versions.get(who)
            assert old is None or row == old or row[-1] > old[-1], (who, old, row)
            self.versions[who] = row

    @invariant()
    def history_only_grows(self) -> None:
        events = self.ask("select * from history order by seq")
        assert events[: len(self.events)] == self.events
        self.events = events

    @invariant()
    def nothing_is_left_half_done(self) -> None:
        assert self.ask("select * from processes where status <> 'completed'") == []
        assert list(self.place.rglob("*craftkit-*")) == []


Loop.TestCase.settings = settings(
    max_examples=500 if os.environ.get("CRAFTKIT_THOROUGH") == "1" else sampling.examples(8, 25),
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],  # an explanation takes minutes
    suppress_health_check=list(HealthCheck),
)
TestLoop = Loop.TestCase


def as_session(place: Path, who: str, work: Callable[[Context], Any]) -> Any:
    context = open_context(str(place), {}, who)
    try:
        recovery.repair(context)
        return work(context)
    finally:
        context.store.connection.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/demo.md").write_text(FILES["specs/demo.md"])
    set_up(tmp_path)
    return tmp_path


def start(context: Context, key: str) -> transitions.TaskOutcome:
    return tasks.start(context, None, key, take_over=False, switch=False)


def between(monkeypatch: pytest.MonkeyPatch, intruder: Callable[[], Any]) -> None:
    """Let another session act after a command has looked, and before it decides."""
    real = transitions.apply_transition

    def late(*args: Any, **more: Any) -> transitions.TaskOutcome:
        monkeypatch.setattr(transitions, "apply_transition", real)
        intruder()
        return real(*args, **more)

    monkeypatch.setattr(transitions, "apply_transition", late)


def test_a_dropped_task_is_not_started(place: Path) -> None:
    as_session(place, "s1", lambda c: tasks.drop(c, None, "T001", ""))
    with pytest.raises(UsageProblem, match="dropped"):
        as_session(place, "s1", lambda c: start(c, "T001"))
    as_session(place, "s1", lambda c: tasks.reopen(c, None, "T001"))
    assert as_session(place, "s1", lambda c: start(c, "T001")).changed


def test_what_another_session_finished_is_no_longer_saved_as_current(place: Path) -> None:
    as_session(place, "s1", lambda c: start(c, "T001"))
    as_session(place, "s2", lambda c: tasks.done(c, None, "T001"))
    with closing(sqlite3.connect(database_of(place))) as connection:
        saved = dict(connection.execute("select session, task_id from workflow_state").fetchall())
    assert saved["s1"] is None


def test_what_another_session_took_over_is_no_longer_saved_as_current(place: Path) -> None:
    as_session(place, "s1", lambda c: start(c, "T001"))
    as_session(place, "s2", lambda c: tasks.start(c, None, "T001", take_over=True, switch=False))
    with closing(sqlite3.connect(database_of(place))) as connection:
        saved = dict(connection.execute("select session, task_id from workflow_state").fetchall())
    assert saved == {"s1": None, "s2": "T001"}


def test_two_sessions_cannot_both_get_a_task(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    between(monkeypatch, lambda: as_session(place, "s2", lambda c: start(c, "T001")))
    with pytest.raises(TaskClaimed):
        as_session(place, "s1", lambda c: start(c, "T001"))


def test_a_drop_does_not_undo_a_completion(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    between(monkeypatch, lambda: as_session(place, "s2", lambda c: tasks.done(c, None, "T001")))
    with pytest.raises(UsageProblem):
        as_session(place, "s1", lambda c: tasks.drop(c, None, "T001", ""))
