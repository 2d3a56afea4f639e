"""A decision on a task: recorded in one transaction, then carried out as a resumable process."""

import functools
import sqlite3
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, ParamSpec, TypeVar

from craftkit.errors import ConcurrentUpdate, CraftkitError, DatabaseUnwritable
from craftkit.loop import (
    github_writes,
    process_runner,
    sessions,
    spec_index,
    spec_writer,
    spool_writer,
    task_lookup,
    task_status,
)
from craftkit.loop.decisions import Action, DecidedTask, Decision, Source
from craftkit.loop.process_runner import ProcessStep
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.store import claims, decisions, outbox, specs, spool, tasks
from craftkit.store import history as events
from craftkit.store import sessions as session_rows

TRIES = 20  # a task on which others decide faster than this is not ours to decide on


class TaskOutcome(NamedTuple):
    """What a task command did: the spec as it is now, the task, and what comes next."""

    spec: Spec
    task: Task
    changed: bool
    applied: bool
    delivered: bool
    next: task_status.TaskStatus | None
    rows: list[task_status.TaskStatus]
    queued: bool = False  # it has something to say to GitHub


P = ParamSpec("P")
R = TypeVar("R")


def retry_on_conflict(use_case: Callable[P, R]) -> Callable[P, R]:
    """Look again and decide anew if another session was faster."""

    @functools.wraps(use_case)
    def run(*args: P.args, **named: P.kwargs) -> R:
        for _ in range(TRIES):
            try:
                return use_case(*args, **named)
            except ConcurrentUpdate:
                continue
        return use_case(*args, **named)

    return run


def decision_version(context: Context, spec: Spec, task: Task) -> int:
    """What `apply_transition` compares: another number tells of another decision."""
    with context.store.read() as connection:
        return decisions.version(connection, spec.id, task.id)


def apply_transition(
    context: Context,
    spec: Spec,
    task: Task,
    action: Action,
    source: Source,
    *,
    decision_id: str | None = None,
    expected_version: int | None = None,
    also: Collection[str] = (),
    set_aside: Collection[str] = (),
    reason: str = "",
    held_by: str | None = None,
    anyway: bool = False,
) -> TaskOutcome:
    """Record a decision in one transaction, then carry it out as a resumable process.

    `also` are the ids of parents that are done with the task, `set_aside` of the tasks that the
    session had in progress in its place; `anyway`, it outranks what a person closed the issue as.
    Raises ConcurrentUpdate if there are more decisions on
    the task than `expected_version` by now, or AlreadyRecorded if `decision_id` is known.
    """
    issues = github_writes.issues(context, spec, [task.id, *also, *set_aside])
    decision = Decision(
        decision_id or context.ids(),
        action,
        source,
        spec.id,
        spec.path,
        task.ref,
        tuple(DecidedTask(i, issues.get(i)) for i in (task.id, *also)),
        tuple(DecidedTask(i, issues.get(i)) for i in set_aside),
        reason,
        held_by,
    )
    if not context.store.durable:
        _spool(context, decision)
    checks = github_writes.ownership_checks(context, spec, decision)
    queued = False

    def save(tx: sqlite3.Connection, process_id: int) -> None:
        nonlocal queued
        version = decisions.version(tx, spec.id, task.id)
        if expected_version is not None and version != expected_version:
            raise ConcurrentUpdate(f"Another session has just decided on {task.ref}.", "look again")
        _record(context, tx, process_id, decision, task)
        if source != "github":  # it is there already
            queued = github_writes.queue(context, tx, process_id, decision, checks, anyway=anyway)

    plan = steps(context, decision, seen=spec)
    process_id = process_runner.record(
        context, decision.kind, decision.to_json(), plan, save, decision.id
    )
    applied = True
    try:
        process_runner.carry_out(context, process_id, plan)
    except CraftkitError as error:
        applied = False
        process_runner.report_unapplied(context, spec.path, error)
    if applied:
        spec = spec_index.known(context, spec.path)
    return outcome(context, spec, task, changed=True, applied=applied, queued=queued)


def lay_over(context: Context, spec: Spec, task: Task, action: str) -> None:
    """Apply a spooled decision to the in-memory copy of the database."""
    with context.store.write() as tx:
        sessions.touch(context, tx)
        if action == "start":
            claims.take(tx, context.session, spec.id, task.id, context.now())
            sessions.save_state(context, tx, spec.id, task, "done")
            return
        done, dropped = action == "done", action == "drop"
        tasks.set_decided(tx, spec.id, [task.id], done=done, dropped=dropped, now=context.now())
        claims.release(tx, spec.id, [task.id])
        sessions.forget_current(context, tx, spec.id, [task.id])


def _spool(context: Context, decision: Decision) -> None:
    """Keep a decision in a file of its own.  Raises DatabaseUnwritable, CannotWrite and others."""
    if decision.action not in spool.KINDS:
        raise DatabaseUnwritable(
            f"The database cannot be written here, and `task {decision.action}` needs it.",
            f"run it where {context.state_dir} is writable",
        )
    entry = spool.Entry(
        decision.id,
        decision.action,
        decision.spec,
        decision.tasks[0].id,
        decision.path,
        context.session.id,
        context.now(),
        decision.reason,
    )
    spool_writer.keep(context, entry)


def outcome(
    context: Context,
    spec: Spec,
    task: Task,
    *,
    changed: bool,
    applied: bool,
    queued: bool = False,
) -> TaskOutcome:
    rows = spec_index.task_statuses(context, spec)
    delivered = not queued and not outbox.waits(context.store, spec.id, task.id)
    following = task_status.next_ready(rows)
    return TaskOutcome(spec, task, changed, applied, delivered, following, rows, queued)


EVENTS = {
    "start": "task.started",
    "done": "task.done",
    "reopen": "task.reopened",
    "drop": "task.dropped",
}


def _record(
    context: Context, tx: sqlite3.Connection, process_id: int, decision: Decision, task: Task
) -> None:
    """The transaction after which the decision cannot be lost."""
    now, session = context.now(), context.session
    named = [(t.id, t.issue) for t in decision.tasks]
    decisions.record(tx, process_id, decision.spec, decision.action, named, now)
    facts = {"source": decision.source, "reason": decision.reason, "held_by": decision.held_by}
    for task_id in decision.task_ids:
        event = EVENTS[decision.action]
        events.record(tx, now, event, session, decision.spec, task_id, **facts)
    sessions.touch(context, tx)
    aside = [other.id for other in decision.set_aside]
    done_with = [*decision.task_ids, *aside]
    sessions.forget_current(context, tx, decision.spec, done_with, keep_own=True)
    if decision.action == "start":
        claims.release(tx, decision.spec, aside)
        claims.take(tx, session, decision.spec, task.id, now)
        sessions.save_state(context, tx, decision.spec, task, "done")
        return
    claims.release(tx, decision.spec, decision.task_ids)
    if session_rows.current_task(tx, session) in (None, *decision.task_ids):
        sessions.save_state(context, tx, decision.spec, None, "start")


# What a decision does to the box of its tasks; a drop leaves it as it is.
BOX_STEPS = {"done": "tick_box", "start": "mark_box", "reopen": "untick_box"}


def steps(
    context: Context, decision: Decision, seen: Spec | None = None
) -> tuple[ProcessStep, ...]:
    """The steps that carry a decision out: first the file, then what is remembered of the tasks.

    `seen` is the spec as the database knows it.
    """

    done: list[spec_writer.Rewritten] = []

    def flip_boxes() -> dict[str, Any]:
        def flip(path: str) -> dict[str, Any]:
            written = _flip_boxes(context, decision, path)
            done.append(written)
            return {"changed": int(written.changed)}

        return spec_index.at_current_path(context, decision.spec, decision.path, flip)

    def settle(tx: sqlite3.Connection, _: dict[str, Any]) -> None:
        _remember(context, tx, decision)
        if done and seen is not None and done[-1].before.digest == seen.digest:
            specs.save_file(tx, done[-1].after, context.worktree, context.now())
        elif done:
            spec_index.save_snapshot(context, tx, done[-1].after)

    if decision.action not in BOX_STEPS:
        return (ProcessStep("settle", save=settle),)
    flipping = ProcessStep(BOX_STEPS[decision.action], do=flip_boxes)
    return (flipping, ProcessStep("settle", save=settle))


def _change(action: Action, spec: Spec, task: Task) -> str:
    if action == "done":
        return spec.text if task.checked else edit.tick(spec, task)
    if action == "reopen":
        return edit.untick(spec, task) if task.checked else spec.text
    return spec.text if task.checked or task.started else edit.start_mark(spec, task)


def _flip_boxes(context: Context, decision: Decision, path: str) -> spec_writer.Rewritten:
    """Flip the boxes.  Repeatable: what is flipped already is left alone."""

    def change(spec: Spec) -> str:
        spec_index.refuse_another(spec, decision.spec)
        edit.refuse_if_held(spec, decision.task_ids)
        text, now = spec.text, spec
        for task_id in decision.task_ids:
            task = next((t for t in now.tasks if t.id == task_id), None)
            if task is not None:
                text = _change(decision.action, now, task)
                now = now if text == now.text else spec_index.parsed(context, path, text)
        return text

    with spec_writer.edit_lock(context, path):
        written = spec_writer.rewrite(context, path, change)
    there = {task.id for task in written.before.tasks}
    missing = [task_id for task_id in decision.task_ids if task_id not in there]
    if missing:
        name = task_lookup.namer(context)
        gone = ", ".join(name(decision.spec, task_id) for task_id in missing)
        context.note(
            "warning",
            "line_gone",
            f"{path} has no line for {gone} any more; it is recorded all the same.",
            "`craftkit history` shows it",
        )
    return written


def _remember(context: Context, tx: sqlite3.Connection, decision: Decision) -> None:
    """What the decision makes of its tasks."""
    action, ids = decision.action, decision.task_ids
    if action != "start":
        tasks.set_decided(
            tx,
            decision.spec,
            ids,
            done=action == "done",
            dropped=action == "drop",
            now=context.now(),
        )
    if decision.source == "github":  # spec and GitHub agree on it
        tasks.set_synced(tx, decision.spec, ids, done=action == "done")
