"""A decision: its record is typed, its process ends, and nobody decides on what is not now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from given import NOW, Clock, Open
from hypothesis import given
from hypothesis import strategies as st

from craftkit.clock import iso_utc
from craftkit.commands import recovery
from craftkit.errors import (
    AlreadyRecorded,
    AnotherTaskInProgress,
    CannotRead,
    ConcurrentUpdate,
    TaskClaimed,
    UsageProblem,
)
from craftkit.loop import process_runner, spec_index, tasks, ticked_boxes, transitions
from craftkit.loop.decisions import DecidedTask, Decision, LinkDecision, PhaseDecision
from craftkit.model import DONE, IN_PROGRESS, TODO
from craftkit.runtime.context import Context
from craftkit.store import decisions, outbox, processes
from craftkit.store import tasks as task_records

DECIDED = st.builds(DecidedTask, st.text(min_size=1), st.none() | st.integers(1, 10_000))
DECISION = st.builds(
    Decision,
    st.text(),
    st.sampled_from(["start", "done", "reopen", "drop"]),
    st.sampled_from(["command", "box", "spool", "github"]),
    st.text(),
    st.text(),
    st.text(),
    st.lists(DECIDED, min_size=1).map(tuple),
    st.lists(DECIDED).map(tuple),
    st.text(),
    st.none() | st.text(),
)


@given(DECISION)
def test_a_decision_comes_back_as_it_was(decision: Decision) -> None:
    assert Decision.from_json(decision.to_json()) == decision


def test_what_earlier_versions_recorded_is_read() -> None:
    old = {"spec": "demo", "path": "specs/demo.md", "tasks": ["T001", "1"], "refs": "T001"}
    old |= {"action": "done", "intent": "abc", "source": "box", "held_by": None, "sends": True}
    old |= {"issues": {"T001": 5}, "claimed": {"T001": {}}}
    decision = Decision.from_json(json.dumps(old))
    assert decision.tasks == (DecidedTask("T001", 5), DecidedTask("1", None))
    assert (decision.id, decision.ref, decision.kind) == ("abc", "T001", "task done")
    phase = {"spec": "demo", "path": "a.md", "from": "design", "to": "review", "sends": True}
    assert PhaseDecision.from_json(json.dumps(phase)).new == "review"
    link = {"spec": "demo", "path": "a.md", "adopted": {"T001": 5}, "blocks": [["T002", "T001"]]}
    assert LinkDecision.from_json(json.dumps(link)).blocks == (("T002", "T001"),)


def state(opened: Open, key: str) -> str:
    context = opened("looks")
    spec = spec_index.choose_spec(context, "demo").spec
    rows = spec_index.task_statuses(context, spec)
    return next(row.state for row in rows if row.task.ref == key)


def test_start_done_next(opened: Open, root: Path) -> None:
    started = tasks.start(opened(), "demo", "T001", take_over=False, switch=False)
    assert started.changed and state(opened, "T001") == IN_PROGRESS
    done = tasks.done(opened(), "demo", "T001")
    assert done.task.ref == "T001" and done.next is not None and done.next.task.ref == "T002"
    assert "- [x] T001 One" in (root / "specs/demo.md").read_text()
    assert tasks.done(opened(), "demo", "T001").changed is False


def test_the_clock_and_the_ids_are_those_that_were_given(opened: Open, clock: Clock) -> None:
    clock.now = NOW + 5
    tasks.done(opened(), "demo", "T003")
    context = opened()
    (process,) = processes.newest(context.store, 5)
    assert process.started_at == process.finished_at == iso_utc(NOW + 5)
    assert context.clone is not None and context.clone.id
    assert decisions.is_recorded(context.store, "id-0002")


def test_nobody_decides_on_what_another_has_decided_since(opened: Open) -> None:
    slow = opened("slow")
    spec = spec_index.choose_spec(slow, "demo").spec
    task = spec.tasks[0]
    seen = transitions.decision_version(slow, spec, task)
    tasks.drop(opened("quick"), "demo", "T001", "not wanted")
    with pytest.raises(ConcurrentUpdate):
        transitions.apply_transition(slow, spec, task, "done", "command", expected_version=seen)
    assert "- [ ] T001" in spec_index.load(slow, spec.path).text


def test_a_decision_is_recorded_once(opened: Open) -> None:
    context = opened()
    spec = spec_index.choose_spec(context, "demo").spec
    for expected in (True, False):
        try:
            transitions.apply_transition(
                context, spec, spec.tasks[2], "done", "spool", decision_id="from-a-file"
            )
        except AlreadyRecorded:
            assert not expected
        else:
            assert expected
    assert decisions.version(context.store.connection, "demo", "T003") == 1


def test_a_task_of_a_live_session_is_refused_until_it_is_silent(opened: Open, clock: Clock) -> None:
    tasks.start(opened("s1"), "demo", "T003", take_over=False, switch=False)
    with pytest.raises(TaskClaimed):
        tasks.start(opened("s2"), "demo", "T003", take_over=False, switch=False)
    clock.now += 61 * 60
    taken = tasks.start(opened("s2"), "demo", "T003", take_over=False, switch=False)
    assert taken.changed


def test_one_task_at_a_time_and_one_is_set_aside(opened: Open) -> None:
    tasks.start(opened(), "demo", "T003", take_over=False, switch=False)
    with pytest.raises(AnotherTaskInProgress):
        tasks.start(opened(), "demo", "T004", take_over=False, switch=False)
    tasks.start(opened(), "demo", "T004", take_over=False, switch=True)
    assert state(opened, "T003") == TODO and state(opened, "T004") == IN_PROGRESS


def test_what_is_decided_ends_though_its_file_is_away_for_a_while(
    opened: Open, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, aside = root / "specs/demo.md", root / "aside.md"
    context = opened()
    real = process_runner.carry_out

    def away(*args: object) -> object:
        path.rename(aside)
        return real(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(process_runner, "carry_out", away)
        done = tasks.done(context, "demo", "T003")
    assert done.applied is False and not path.exists()
    with pytest.raises((CannotRead, UsageProblem)):
        spec_index.choose_spec(opened(), "specs/demo.md")
    aside.rename(path)
    assert [note["code"] for note in recovery.repair(opened())] == ["process_resumed"]
    assert state(opened, "T003") == DONE and "- [x] T003" in path.read_text()


def test_a_linked_task_queues_its_closing_with_the_decision(opened: Open, root: Path) -> None:
    path = root / "specs/demo.md"
    path.write_text(path.read_text().replace("T004 Four", "T004 Four (#7)"))
    context = opened(**{"github.repo": "octo-dev/demo"})
    done = tasks.done(context, "demo", "T004")
    (row,) = outbox.waiting(context.store)
    assert done.queued and (row.action, row.issue, row.task_id) == ("close", 7, "T004")
    assert row.payload["ownership_check"]["titles"] == ["Four", "T004 Four"]
    (process,) = processes.newest(context.store, 1)
    assert row.process_id == process.id


@pytest.mark.parametrize("settled", [False, True], ids=["recorded", "settled"])
@pytest.mark.parametrize("before", ["version", "unapplied", "is_done"])
def test_two_sessions_that_see_one_ticked_box_decide_once(
    opened: Open, root: Path, monkeypatch: pytest.MonkeyPatch, before: str, settled: bool
) -> None:
    """The other one decides while this one looks, and may not be through when this one decides."""
    spec_index.record_snapshot(opened(), spec_index.load(opened(), "specs/demo.md"))
    file = root / "specs/demo.md"
    file.write_text(file.read_text().replace("[ ] T003", "[x] T003"))
    owner = {"version": decisions, "unapplied": decisions, "is_done": task_records}[before]
    real, carry_out = getattr(owner, before), process_runner.carry_out

    def other_first(*words: Any) -> Any:
        monkeypatch.setattr(owner, before, real)
        if not settled:
            monkeypatch.setattr(process_runner, "carry_out", lambda *_: {})
        record(opened("other"))
        monkeypatch.setattr(process_runner, "carry_out", carry_out)
        return real(*words)

    def record(context: Context) -> list[dict[str, str]]:
        return ticked_boxes.record_ticked_boxes(context, spec_index.load(context, "specs/demo.md"))

    monkeypatch.setattr(owner, before, other_first)
    record(opened())
    assert getattr(owner, before) is real, "nobody looked"
    with opened().store.read() as connection:
        sql = "select count(*) from history where event = 'task.done'"
        assert connection.execute(sql).fetchone()[0] == 1
