"""A decision on a task: recorded in one transaction, then carried out as a resumable process."""

import contextlib
import functools
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

from craftkit.errors import AlreadyRecorded, ConcurrentUpdate, CraftkitError, DatabaseUnwritable
from craftkit.loop import (
    github_writes,
    process_runner,
    sessions,
    spec_index,
    spec_writer,
    task_status,
)
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.store import journal, spool

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


P = ParamSpec("P")
R = TypeVar("R")


def retry_on_conflict(use_case: Callable[P, R]) -> Callable[P, R]:
    """Look again and decide anew where another session was faster."""

    @functools.wraps(use_case)
    def run(*args: P.args, **named: P.kwargs) -> R:
        for _ in range(TRIES):
            try:
                return use_case(*args, **named)
            except ConcurrentUpdate:
                continue
        return use_case(*args, **named)

    return run


def _count(connection: sqlite3.Connection, spec_id: str, task_id: str) -> int:
    """How many decisions on a task there are; each command on it adds one."""
    sql = "select count(*) from intents where spec_id = ? and task_id = ?"
    return int(connection.execute(sql, (spec_id, task_id)).fetchone()[0])


def decision_version(context: Context, spec: Spec, task: Task) -> int:
    with context.store.read() as connection:
        return _count(connection, spec.id, task.id)


def decision_versions(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """By spec and task a number that every decision raises, also one that changes nothing here."""
    rows = connection.execute(
        "select spec_id, task_id, count(*) from (select spec_id, task_id from intents"
        " union all select spec_id, task_id from outbox where task_id is not null"
        " and action in ('close', 'reopen', 'drop')) group by 1, 2"
    )
    return {(str(spec), str(task)): int(number) for spec, task, number in rows}


def apply_transition(
    context: Context,
    spec: Spec,
    task: Task,
    kind: str,
    source: str,
    *,
    intent_id: str | None = None,
    seen: int | None = None,
    **extra: Any,
) -> TaskOutcome:
    """Record a decision in one transaction, then carry it out as a resumable process.

    `seen` is how many decisions on the task the caller knew of.  Raises Overtaken where there are
    more by now.
    """
    data = {
        "spec": spec.id,
        "path": spec.path,
        "tasks": [task.id, *extra.pop("also", [])],
        "refs": task.ref,
        "action": kind,
        "intent": intent_id or context.ids(),
        "source": source,
        **extra,
    }
    touched = [*data["tasks"], *data.get("set_aside", ())]
    data["issues"] = github_writes.issues(context, spec, touched)
    named = {task.id: task for task in spec.tasks if task.id in data["issues"]}
    data["claimed"] = {
        i: github_writes.claim(context, spec, named.get(i), number)
        for i, number in data["issues"].items()
    }
    # A ticked box is met by commands that compare all with GitHub in a moment, in one go.
    data["sends"] = source not in ("github", "box") and github_writes.concerns_github(
        context, spec, touched, data["issues"]
    )
    if not context.store.durable:
        if kind not in spool.KINDS:
            raise DatabaseUnwritable(
                f"The database cannot be written here, and `task {kind}` needs it.",
                "run it where .craftkit is writable",
            )
        spool.write(context.worktree, _intent(context, data, task.id, 0))

    def record(tx: sqlite3.Connection, number: int) -> None:
        if seen is not None and _count(tx, spec.id, task.id) != seen:
            raise ConcurrentUpdate(f"Another session has just decided on {task.ref}.", "look again")
        _record(context, tx, number, data, task)

    process_id = process_runner.start(context, f"task {kind}", data, record)
    applied = True
    try:
        process_runner.run(context, process_id)
    except CraftkitError as error:
        applied = False
        process_runner.report_unapplied(context, spec.path, error)
    if applied:
        spec = spec_index.load(context, spec.path)
        with contextlib.suppress(DatabaseUnwritable):  # it is done; the next command observes
            spec_index.record_snapshot(context, spec)
    return outcome(context, spec, task, changed=True, applied=applied)


def outcome(
    context: Context, spec: Spec, task: Task, *, changed: bool, applied: bool
) -> TaskOutcome:
    rows = spec_index.task_statuses(context, spec)
    queued = context.store.value(
        "select count(*) from outbox where spec_id = ? and task_id = ? and state <> 'delivered'",
        spec.id,
        task.id,
    )
    return TaskOutcome(spec, task, changed, applied, not queued, task_status.next_ready(rows), rows)


def _intent(
    context: Context, data: dict[str, Any], task_id: str, process_id: int
) -> dict[str, Any]:
    suffix = "" if task_id == data["tasks"][0] else f"-{data['tasks'].index(task_id)}"
    return {
        "id": data["intent"] + suffix,
        "kind": data["action"],
        "spec_id": data["spec"],
        "task_id": task_id,
        "source": data["source"],
        "payload": "{}",
        "worktree": context.worktree,
        "path": data["path"],
        "session": context.session.id,
        "process_id": process_id,
        "created_at": context.now(),
    }


EVENTS = {
    "start": "task.started",
    "done": "task.done",
    "reopen": "task.reopened",
    "drop": "task.dropped",
}


def _record(
    context: Context, tx: sqlite3.Connection, process_id: int, data: dict[str, Any], task: Task
) -> None:
    """The transaction after which the decision cannot be lost."""
    now, action = context.now(), data["action"]
    for task_id in data["tasks"]:
        if not journal.add_intent(tx, _intent(context, data, task_id, process_id)):
            raise AlreadyRecorded(f"The decision {data['intent']} is recorded already.")
        journal.record(
            tx,
            now,
            EVENTS[action],
            context.session,
            data["spec"],
            task_id,
            source=data["source"],
            reason=data.get("reason", ""),
            held_by=data.get("held_by"),
        )
    if data["source"] != "github":
        github_writes.queue(context, tx, data)
    sessions.touch(context, tx)
    settled = (*data["tasks"], *data.get("set_aside", ()))
    sessions.forget_current(tx, data["spec"], settled, now, but=context.session)
    if action == "start":
        for other in data.get("set_aside", []):
            _release(tx, data["spec"], other)
        _claim(context, tx, data["spec"], task.id, now)
        sessions.save_state(context, tx, data["spec"], task, "done")
        return
    saved = tx.execute(
        "select task_id from workflow_state where worktree = ? and session = ?",
        (context.worktree, context.session.id),
    ).fetchone()
    for task_id in data["tasks"]:
        _release(tx, data["spec"], task_id)
    if saved is None or saved[0] in (None, *data["tasks"]):
        sessions.save_state(context, tx, data["spec"], None, "start")


def _claim(context: Context, tx: sqlite3.Connection, spec_id: str, task_id: str, now: str) -> None:
    session = context.session
    tx.execute(
        "insert or replace into claims values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            spec_id,
            task_id,
            session.id,
            session.agent,
            session.worktree,
            session.branch,
            session.head,
            session.actor,
            now,
        ),
    )


def _release(tx: sqlite3.Connection, spec_id: str, task_id: str) -> None:
    tx.execute("delete from claims where spec_id = ? and task_id = ?", (spec_id, task_id))


def _build(
    context: Context, process_id: int, data: dict[str, Any]
) -> tuple[process_runner.ProcessStep, ...]:
    names = {"done": "tick_box", "start": "mark_box", "reopen": "untick_box"}
    action = data["action"]
    steps = [process_runner.ProcessStep("settle", save=lambda tx, _: _settle(context, tx, data))]
    if action in names:
        tick = process_runner.ProcessStep(
            names[action],
            do=lambda: spec_index.at_current_path(
                context, data["spec"], data["path"], lambda path: _edit(context, data, path)
            ),
        )
        steps.insert(0, tick)
    if data.get("sends"):
        steps.append(process_runner.ProcessStep(SENDS[action], do=lambda: send(context)))
    return tuple(steps)


def send(context: Context) -> dict[str, Any]:
    """Tell GitHub now, if it can be reached; else the outbox keeps it.

    What is repaired at the beginning of a command waits for what the command itself has to say:
    that must be on the disk first.
    """
    if context.repairing:
        return {"queued": True}
    from craftkit.sync import connection

    sent = connection.send(context)
    connection.report_pending(context, sent)
    return sent.as_dict()


# What a decision is to GitHub, as `process show` names it.
SENDS = {
    "start": "mark_issue",
    "done": "close_issue",
    "reopen": "reopen_issue",
    "drop": "drop_issue",
}

for _kind in EVENTS:
    process_runner.KINDS[f"task {_kind}"] = _build


def _change(action: str, spec: Spec, task: Task) -> str:
    if action == "done":
        return spec.text if task.checked else edit.tick(spec, task)
    if action == "reopen":
        return edit.untick(spec, task) if task.checked else spec.text
    return spec.text if task.checked or task.started else edit.start_mark(spec, task)


def _edit(context: Context, data: dict[str, Any], path: str) -> dict[str, Any]:
    """Flip the boxes.  Repeatable: what is flipped already is left alone."""
    changed, missing = 0, []
    with spec_writer.edit_lock(context, path):
        for task_id in data["tasks"]:

            def change(spec: Spec, task_id: str = task_id) -> str:
                spec_index.refuse_another(spec, data["spec"])
                task = next((t for t in spec.tasks if t.id == task_id), None)
                return spec.text if task is None else _change(data["action"], spec, task)

            spec, written = spec_writer.rewrite(context, path, change)
            changed += written
            if all(task.id != task_id for task in spec.tasks):
                missing.append(task_id)
    if missing:
        context.note(
            "warning",
            "line_gone",
            f"{path} has no line for {', '.join(missing)} any more; it is recorded all the same.",
            "`craftkit history` shows it",
        )
    return {"changed": changed, "missing": missing}


def _settle(context: Context, tx: sqlite3.Connection, data: dict[str, Any]) -> None:
    now, action = context.now(), data["action"]
    if action in ("done", "reopen", "drop"):
        values = {"done": (1, 0), "reopen": (0, 0), "drop": (0, 1)}[action]
        tx.executemany(
            "update tasks set base_done = ?, dropped = ?, updated_at = ?"
            " where spec_id = ? and task_id = ?",
            [(*values, now, data["spec"], task_id) for task_id in data["tasks"]],
        )
    if data["source"] == "github":  # it is there already
        tx.executemany(
            "update tasks set agreed = ? where spec_id = ? and task_id = ?",
            [(int(action == "done"), data["spec"], task_id) for task_id in data["tasks"]],
        )
    for number, _ in enumerate(data["tasks"]):
        suffix = f"-{number}" if number else ""
        journal.settle_intent(tx, data["intent"] + suffix, "applied", now)
