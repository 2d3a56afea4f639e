"""Start, finish, re-open, drop and add tasks: decide, record, then change the file."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

from craftkit.errors import (
    AlreadyRecorded,
    AnotherTaskInProgress,
    CraftkitError,
    DatabaseUnwritable,
    FileChanged,
    NoTaskInProgress,
    TaskClaimed,
    UnknownTask,
    UsageProblem,
)
from craftkit.model import DONE, DROPPED, IN_PROGRESS, Spec, Task
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


def task_json(spec: Spec, row: choose.View) -> dict[str, Any]:
    task = row.task
    return {
        "key": task.ref,
        "number": task.place,
        "title": task.title,
        "state": row.state,
        "checked": task.checked,
        "group": task.group,
        "depends_on": list(task.depends_on),
        "parallel": task.parallel,
        "optional": task.optional,
        "issue": task.issue,
        "path": spec.path,
        "line": task.line,
        "ready": row.ready,
        "waits_for": list(row.waits_for),
        "holder": row.holder,
        "steps": {"done": task.steps_done, "total": task.steps_total},
    }


def current(context: Context, spec: Spec, rows: list[choose.View]) -> choose.View | None:
    """The task that this session has in progress, else the only one this worktree has."""
    claims = context.store.rows(
        "select task_id, session from claims where spec_id = ? and worktree = ?"
        " order by started_at desc",
        spec.id,
        context.worktree,
    )
    by_id = {row.task.id: row for row in rows if row.state == IN_PROGRESS}
    mine = [c for c in claims if c["session"] == context.session.id and c["task_id"] in by_id]
    if mine:
        return by_id[mine[0]["task_id"]]
    left = [c for c in claims if c["task_id"] in by_id]
    return by_id[left[0]["task_id"]] if len(left) == 1 else None


def find(context: Context, wanted_spec: str | None, word: str | None) -> tuple[Spec, Task]:
    """The task that a command means.  Raises UnknownTask, AmbiguousTask, NoTaskInProgress…"""
    try:
        spec = catalog.choose_spec(context, wanted_spec).spec
    except UsageProblem as error:
        if word is None or wanted_spec is not None or error.code != "ambiguous_spec":
            raise
        spec = _only_spec_with(context, word)
    if word is not None:
        try:
            return spec, choose.resolve_task(spec, word)
        except UnknownTask as error:
            elsewhere = [] if wanted_spec else _specs_with(context, word)
            if not elsewhere:
                raise
            raise UnknownTask(
                error.message, f"it is in {elsewhere[0].path}: add `--spec {elsewhere[0].id}`"
            ) from error
    row = current(context, spec, catalog.task_views(context, spec))
    if row is None:
        raise NoTaskInProgress(
            f"No task of {spec.path} is in progress here.",
            "name one: `craftkit task list` shows the keys",
        )
    return spec, row.task


def _specs_with(context: Context, word: str) -> list[Spec]:
    found = []
    for spec in catalog.load_all(context):
        with contextlib.suppress(CraftkitError):
            choose.resolve_task(spec, word)
            found.append(spec)
    return found


def _only_spec_with(context: Context, word: str) -> Spec:
    found = _specs_with(context, word)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownTask(f"No spec of this worktree has a task {word}.", "`craftkit spec list`")
    from craftkit.errors import AmbiguousTask

    listed = ", ".join(s.path for s in found[:5])
    raise AmbiguousTask(
        f"{word} is a task of {len(found)} specs: {listed}.", f"add `--spec {found[0].id}`"
    )


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


def _decisions(connection: sqlite3.Connection, spec_id: str, task_id: str) -> int:
    """How many decisions on a task there are; each command on it adds one."""
    sql = "select count(*) from intents where spec_id = ? and task_id = ?"
    return int(connection.execute(sql, (spec_id, task_id)).fetchone()[0])


def _seen(context: Context, spec: Spec, task: Task) -> int:
    with context.store.guard() as connection:
        return _decisions(connection, spec.id, task.id)


@on_what_is_now
def start(
    context: Context, wanted_spec: str | None, word: str, *, take_over: bool, switch: bool
) -> Outcome:
    """Put a task in progress for this session.  Raises TaskClaimed, AnotherTaskInProgress…"""
    spec, task = find(context, wanted_spec, word)
    catalog.refuse_if_blocked(spec)
    catalog.observe(context, spec)
    seen = _seen(context, spec, task)
    rows = catalog.task_views(context, spec)
    row = next(r for r in rows if r.task.id == task.id)
    if row.state == DONE:
        raise UsageProblem(
            f"{task.ref} is done already.", f"`craftkit task reopen {task.ref}` opens it again"
        )
    if row.state == DROPPED:
        raise UsageProblem(
            f"{task.ref} is dropped.", f"`craftkit task reopen {task.ref}` takes it up again"
        )
    refuse_foreign_claim(context, spec, task, take_over)
    if row.state == IN_PROGRESS and row.holder == context.session.id:
        return _outcome(context, spec, task, changed=False, applied=True)
    busy = context.store.rows(
        "select task_id from claims where session = ? and worktree = ? and spec_id = ?"
        " and task_id <> ?",
        context.session.id,
        context.worktree,
        spec.id,
        task.id,
    )
    others = [r.task for r in rows if r.task.id in {b[0] for b in busy} and r.state == IN_PROGRESS]
    if others and not switch:
        raise AnotherTaskInProgress(
            f"{others[0].ref} is still in progress in this session.",
            f"finish it with `craftkit task done {others[0].ref}`, or set it aside with"
            f" `craftkit task start {task.ref} --switch`",
        )
    if row.reopened:
        context.note(
            "warning",
            "done_before",
            f"{task.ref} was recorded as done before, but its box is open here.",
            f"`craftkit task done {task.ref}` ticks it without doing it again",
        )
    if row.waits_for:
        context.note("warning", "depends_open", f"{task.ref} waits for {', '.join(row.waits_for)}.")
    aside = [t.id for t in others]
    return decide(context, spec, task, "start", "command", seen=seen, set_aside=aside)


def _held_by_another(context: Context, spec: Spec, task: Task) -> str | None:
    """The live session that has this task in progress; its command is not refused, but told.

    Who comes back under another session id must be able to finish what was begun.
    """
    claim = context.store.row(
        "select session, agent, worktree, started_at from claims where spec_id = ? and task_id = ?",
        spec.id,
        task.id,
    )
    if claim is None or claim["session"] == context.session.id:
        return None
    session = str(claim["session"])
    if not sessions.is_live(context, session, claim["worktree"]):
        return None
    context.note(
        "warning",
        "held_by_another",
        f"{task.ref} was in progress in session {session} ({claim['agent']}) since"
        f" {claim['started_at'][:16]}Z.",
        "tell it, if it is not you",
    )
    return session


def refuse_foreign_claim(context: Context, spec: Spec, task: Task, take_over: bool) -> None:
    claim = context.store.row(
        "select * from claims where spec_id = ? and task_id = ?", spec.id, task.id
    )
    if claim is None or claim["session"] == context.session.id or take_over:
        return
    if sessions.is_live(context, claim["session"], claim["worktree"]):
        raise TaskClaimed(
            f"{task.ref} is held by session {claim['session']} ({claim['agent']}) in"
            f" {claim['worktree']} since {claim['started_at'][:16]}Z.",
            f"take another (`craftkit task next`), or `craftkit task start {task.ref} --take-over`",
        )


@on_what_is_now
def finish(context: Context, wanted_spec: str | None, word: str | None) -> Outcome:
    """Complete a task.  Once this returns, the task ends done whatever happens."""
    spec, task = find(context, wanted_spec, word)
    catalog.refuse_if_blocked(spec)
    catalog.observe(context, spec)
    return complete(context, spec, task, "command")


def complete(
    context: Context, spec: Spec, task: Task, source: str, intent_id: str | None = None
) -> Outcome:
    """The one path of every completion: from a command, a box ticked by hand, or the spool.

    Raises Overtaken where another session decided on the task meanwhile: read it again.
    """
    seen = _seen(context, spec, task)
    base = context.store.value(
        "select base_done from tasks where spec_id = ? and task_id = ?", spec.id, task.id
    )
    claimed = context.store.value(
        "select 1 from claims where spec_id = ? and task_id = ?", spec.id, task.id
    )
    if task.checked and base and not claimed:
        return _outcome(context, spec, task, changed=False, applied=True)
    rows = catalog.task_views(context, spec)
    also = [t.id for t in choose.parents_finished_by(rows, task)]
    held = _held_by_another(context, spec, task)
    more = {"also": also, "held_by": held}
    return decide(context, spec, task, "done", source, intent_id=intent_id, seen=seen, **more)


@on_what_is_now
def reopen(context: Context, wanted_spec: str | None, word: str) -> Outcome:
    spec, task = find(context, wanted_spec, word)
    catalog.refuse_if_blocked(spec)
    catalog.observe(context, spec)
    seen = _seen(context, spec, task)
    row = next(r for r in catalog.task_views(context, spec) if r.task.id == task.id)
    base = context.store.value(
        "select base_done from tasks where spec_id = ? and task_id = ?", spec.id, task.id
    )
    # Of a task with an issue, that may be closed: what is open here is not known to be open there.
    linked = task.issue is not None and context.config["github.repo"]
    if row.state not in (DONE, DROPPED) and not base and not linked:
        return _outcome(context, spec, task, changed=False, applied=True)
    held = _held_by_another(context, spec, task)
    return decide(context, spec, task, "reopen", "command", seen=seen, held_by=held)


@on_what_is_now
def drop(context: Context, wanted_spec: str | None, word: str, reason: str) -> Outcome:
    spec, task = find(context, wanted_spec, word)
    catalog.refuse_if_blocked(spec)
    catalog.observe(context, spec)
    seen = _seen(context, spec, task)
    row = next(r for r in catalog.task_views(context, spec) if r.task.id == task.id)
    if row.state == DONE:
        raise UsageProblem(f"{task.ref} is done, so it cannot be dropped.", "re-open it first")
    if row.state == DROPPED:
        return _outcome(context, spec, task, changed=False, applied=True)
    held = _held_by_another(context, spec, task)
    return decide(context, spec, task, "drop", "command", seen=seen, reason=reason, held_by=held)


def add(
    context: Context,
    wanted_spec: str | None,
    title: str,
    group: str | None,
    depends_on: list[str],
) -> tuple[Spec, choose.View]:
    """Append a task line in the file's own style; return the task as it now reads."""
    spec = catalog.choose_spec(context, wanted_spec).spec
    key = ""

    def change(seen: Spec) -> str:
        nonlocal key
        for needed in depends_on:
            choose.resolve_task(seen, needed)
        sections = context.config["specs.task_sections"]
        text, key = edit.add_task(
            seen, title, group=group, depends_on=depends_on, task_sections=sections
        )
        return text

    with editing.one_writer(context, spec.path):
        before, _ = editing.rewrite(context, spec.path, change)
        spec = catalog.load(context, spec.path)
    old = {t.id for t in before.tasks}
    added = [t for t in spec.tasks if (t.key == key if key else t.id not in old)]
    if not added:
        raise FileChanged(f"The new line of {spec.path} is gone again.", "see who edits the file")
    task = added[-1]
    rows = choose.views(spec)
    try:
        catalog.observe(context, spec)
        with context.store.write() as tx:
            journal.record(
                tx, context.now(), "task.added", context.session, spec.id, task.id, title=title
            )
        rows = catalog.task_views(context, spec)
    except DatabaseUnwritable as error:
        # The line is in the file, which owns it: were this an error, it would be added twice.
        context.note("warning", error.code, error.message, error.hint)
    return spec, next(row for row in rows if row.task.id == task.id)


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
    data["issues"] = _issues(context, spec, [*data["tasks"], *data.get("set_aside", ())])
    # A ticked box is met by commands that compare all with GitHub in a moment, in one go.
    data["sends"] = source not in ("github", "box") and bool(
        data["issues"] and context.config["github.repo"]
    )
    if not context.store.durable:
        if kind not in spool.KINDS:
            raise DatabaseUnwritable(
                f"The database cannot be written here, and `task {kind}` needs it.",
                "run it where .craftkit is writable",
            )
        spool.write(context.worktree, _intent(context, data, task.id, 0))

    def record(tx: sqlite3.Connection, number: int) -> None:
        if seen is not None and _decisions(tx, spec.id, task.id) != seen:
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
    return _outcome(context, spec, task, changed=True, applied=applied)


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


def _outcome(context: Context, spec: Spec, task: Task, *, changed: bool, applied: bool) -> Outcome:
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
    """Queue what GitHub has to hear, for every task of the decision that has an issue."""
    if not context.config["github.repo"]:
        return
    now, action = context.now(), data["action"]
    verb = "close" if action == "done" else action
    issues = data["issues"]
    for task_id in data.get("set_aside", ()):
        if issues.get(task_id):
            place = (data["spec"], task_id, issues[task_id])
            outbox.queue(tx, now, *place, "start", payload={"aside": True})
    for number, task_id in enumerate(data["tasks"]):
        issue = issues.get(task_id)
        if not issue:
            continue
        suffix = f"-{number}" if number else ""
        intent = data["intent"] + suffix
        outbox.queue(tx, now, data["spec"], task_id, issue, verb, intent_id=intent)
        if action in ("start", "done") and context.config["github.comments"] == "true":
            text = {"text": _comment(context, action)}
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
    """Tell GitHub now, if it can be reached; else the outbox keeps it."""
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
