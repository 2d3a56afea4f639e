"""A decision on a task: recorded in one transaction, then carried out as a resumable process."""

import contextlib
import functools
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

from craftkit.errors import AlreadyRecorded, CraftkitError, DatabaseUnwritable
from craftkit.model import Spec, Task
from craftkit.specs import edit
from craftkit.store import journal, outbox, spool
from craftkit.workflow import catalog, choose, editing, runner, sessions
from craftkit.workflow.context import Context

TRIES = 20  # a task on which others decide faster than this is not ours to decide on


class Outcome(NamedTuple):
    """What a task command did: the spec as it is now, the task, and what comes next."""

    spec: Spec
    task: Task
    changed: bool
    applied: bool
    delivered: bool
    next: choose.View | None
    rows: list[choose.View]


class Overtaken(CraftkitError):
    """Another session decided on this task between our look at it and our decision."""

    code = "overtaken"
    kind = "conflict"
    retryable = True


P = ParamSpec("P")
R = TypeVar("R")


def on_what_is_now(use_case: Callable[P, R]) -> Callable[P, R]:
    """Look again and decide anew where another session was faster."""

    @functools.wraps(use_case)
    def run(*args: P.args, **named: P.kwargs) -> R:
        for _ in range(TRIES):
            try:
                return use_case(*args, **named)
            except Overtaken:
                continue
        return use_case(*args, **named)

    return run


def _count(connection: sqlite3.Connection, spec_id: str, task_id: str) -> int:
    """How many decisions on a task there are; each command on it adds one."""
    sql = "select count(*) from intents where spec_id = ? and task_id = ?"
    return int(connection.execute(sql, (spec_id, task_id)).fetchone()[0])


def how_many(context: Context, spec: Spec, task: Task) -> int:
    with context.store.guard() as connection:
        return _count(connection, spec.id, task.id)


def counts(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """By spec and task a number that every decision raises, also one that changes nothing here."""
    rows = connection.execute(
        "select spec_id, task_id, count(*) from (select spec_id, task_id from intents"
        " union all select spec_id, task_id from outbox where task_id is not null"
        " and action in ('close', 'reopen', 'drop')) group by 1, 2"
    )
    return {(str(spec), str(task)): int(number) for spec, task, number in rows}


def decide(
    context: Context,
    spec: Spec,
    task: Task,
    kind: str,
    source: str,
    *,
    intent_id: str | None = None,
    seen: int | None = None,
    **extra: Any,
) -> Outcome:
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
    data["issues"] = _issues(context, spec, touched)
    named = {task.id: task for task in spec.tasks if task.id in data["issues"]}
    data["claimed"] = {
        i: claim(context, spec, named.get(i), number) for i, number in data["issues"].items()
    }
    # A ticked box is met by commands that compare all with GitHub in a moment, in one go.
    data["sends"] = source not in ("github", "box") and _concerns_github(
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
            raise Overtaken(f"Another session has just decided on {task.ref}.", "look again")
        _record(context, tx, number, data, task)

    process_id = runner.start(context, f"task {kind}", data, record)
    applied = True
    try:
        runner.run(context, process_id)
    except CraftkitError as error:
        applied = False
        runner.note_unapplied(context, spec.path, error)
    if applied:
        spec = catalog.load(context, spec.path)
        with contextlib.suppress(DatabaseUnwritable):  # it is done; the next command observes
            catalog.observe(context, spec)
    return outcome(context, spec, task, changed=True, applied=applied)


def close_again(context: Context, spec: Spec, task: Task) -> None:
    """Say `done` to GitHub once more: somebody may have re-opened the issue since."""
    issue = _issues(context, spec, [task.id]).get(task.id)
    if issue is None or not context.config["github.repo"] or not context.store.durable:
        return
    if task.id not in outbox.pending(context.store, spec.id):
        payload = claim(context, spec, task, issue)
        with context.store.write() as tx:
            outbox.queue(tx, context.now(), spec.id, task.id, issue, "close", payload=payload)
    _send(context)


def _issues(context: Context, spec: Spec, wanted: list[str]) -> dict[str, int]:
    """The issues of tasks; where an old version of the file names none, the one that is known."""
    found = {t.id: t.issue for t in spec.tasks if t.id in wanted and t.issue is not None}
    for task_id in set(wanted) - set(found):
        number = context.store.value(
            "select min(number) from issues where repo = ? and spec_id = ? and task_id = ?",
            str(context.config["github.repo"]).lower(),
            spec.id,
            task_id,
        )
        if number is not None:
            found[task_id] = int(number)
    return found


def claim(context: Context, spec: Spec, task: Task | None, number: int) -> dict[str, Any]:
    """What the outbox has to ask before it changes an issue that only the file names.

    Any file can name any number; GitHub is asked once whether the issue is the task's.
    """
    repo = str(context.config["github.repo"]).lower()
    sql = "select 1 from issues where repo = ? and number = ? and spec_id = ?"
    if context.store.value(sql, repo, number, spec.id):
        return {}
    from craftkit.workflow.blueprint import title_of  # only here: not on the way of most commands

    titles = [spec.name] if task is None else [task.title, title_of(task)]
    return {"claimed": {"titles": titles, "parent": spec.issue}}


def _concerns_github(
    context: Context, spec: Spec, touched: list[str], issues: dict[str, int]
) -> bool:
    if not context.config["github.repo"]:
        return False
    with context.store.guard() as connection:
        return bool(issues) or not outbox.being_made(connection, spec.id).keys().isdisjoint(touched)


def issue_of(context: Context, spec: Spec, task: Task) -> int | None:
    """The issue of a task, also where this version of the file does not name it."""
    return _issues(context, spec, [task.id]).get(task.id)


def outcome(context: Context, spec: Spec, task: Task, *, changed: bool, applied: bool) -> Outcome:
    rows = catalog.task_views(context, spec)
    queued = context.store.value(
        "select count(*) from outbox where spec_id = ? and task_id = ? and state <> 'delivered'",
        spec.id,
        task.id,
    )
    return Outcome(spec, task, changed, applied, not queued, choose.next_ready(rows), rows)


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
        _queue(context, tx, data)
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


def _queue(context: Context, tx: sqlite3.Connection, data: dict[str, Any]) -> None:
    """Queue what GitHub has to hear, for every task that has an issue, or gets one."""
    if not context.config["github.repo"]:
        return
    now, action = context.now(), data["action"]
    verb = "close" if action == "done" else action
    issues: dict[str, int | None] = {**outbox.being_made(tx, data["spec"]), **data["issues"]}
    for task_id in data.get("set_aside", ()):
        if task_id in issues:
            place = (data["spec"], task_id, issues[task_id])
            payload = {"aside": True, **data["claimed"].get(task_id, {})}
            outbox.queue(tx, now, *place, "start", payload=payload)
    for number, task_id in enumerate(data["tasks"]):
        if task_id not in issues:
            continue
        issue = issues[task_id]
        suffix = f"-{number}" if number else ""
        intent = data["intent"] + suffix
        asked = data["claimed"].get(task_id, {})
        outbox.queue(tx, now, data["spec"], task_id, issue, verb, intent_id=intent, payload=asked)
        if action in ("start", "done") and context.config["github.comments"] == "true":
            text = {"text": _comment(context, action), **asked}
            outbox.queue(tx, now, data["spec"], task_id, issue, "comment", payload=text)


def _comment(context: Context, action: str) -> str:
    session = context.session
    where = f" on `{session.branch}`" if session.branch else ""
    commit = f" at {session.head[:12]}" if session.head else ""
    return f"{'Started' if action == 'start' else 'Done'}{where}{commit}."


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


def _build(context: Context, process_id: int, data: dict[str, Any]) -> tuple[runner.Step, ...]:
    names = {"done": "tick_box", "start": "mark_box", "reopen": "untick_box"}
    action = data["action"]
    steps = [runner.Step("settle", save=lambda tx, _: _settle(context, tx, data))]
    if action in names:
        tick = runner.Step(
            names[action],
            do=lambda: catalog.follow(
                context, data["spec"], data["path"], lambda path: _edit(context, data, path)
            ),
        )
        steps.insert(0, tick)
    if data.get("sends"):
        steps.append(runner.Step(SENDS[action], do=lambda: _send(context)))
    return tuple(steps)


def _send(context: Context) -> dict[str, Any]:
    """Tell GitHub now, if it can be reached; else the outbox keeps it.

    What is repaired at the beginning of a command waits for what the command itself has to say:
    that must be on the disk first.
    """
    if context.repairing:
        return {"queued": True}
    from craftkit.workflow import hub

    sent = hub.send(context)
    hub.say(context, sent)
    return sent.as_dict()


# What a decision is to GitHub, as `process show` names it.
SENDS = {
    "start": "mark_issue",
    "done": "close_issue",
    "reopen": "reopen_issue",
    "drop": "drop_issue",
}

for _kind in EVENTS:
    runner.KINDS[f"task {_kind}"] = _build


def _change(action: str, spec: Spec, task: Task) -> str:
    if action == "done":
        return spec.text if task.checked else edit.tick(spec, task)
    if action == "reopen":
        return edit.untick(spec, task) if task.checked else spec.text
    return spec.text if task.checked or task.started else edit.start_mark(spec, task)


def _edit(context: Context, data: dict[str, Any], path: str) -> dict[str, Any]:
    """Flip the boxes.  Repeatable: what is flipped already is left alone."""
    changed, missing = 0, []
    with editing.one_writer(context, path):
        for task_id in data["tasks"]:

            def change(spec: Spec, task_id: str = task_id) -> str:
                catalog.refuse_another(spec, data["spec"])
                task = next((t for t in spec.tasks if t.id == task_id), None)
                return spec.text if task is None else _change(data["action"], spec, task)

            spec, written = editing.rewrite(context, path, change)
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
