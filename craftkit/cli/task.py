"""`craftkit task …`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from craftkit.cli.options import (
    AnyKey,
    AsJson,
    Key,
    MaybeKey,
    Offline,
    RequireSync,
    SessionId,
    SpecName,
    complete_key,
)
from craftkit.cli.output import Reply, paint
from craftkit.cli.prompt import confirm, has_terminal
from craftkit.cli.run import run_command
from craftkit.errors import EXIT_UNDELIVERED
from craftkit.text import one_line, shell_word, typed

if TYPE_CHECKING:
    from craftkit.loop.task_status import TaskStatus
    from craftkit.loop.transitions import TaskOutcome
    from craftkit.model import Spec
    from craftkit.runtime.context import Context

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, start, finish and settle tasks."
)
MaybeTask = Annotated[
    str | None,
    typer.Argument(
        metavar="[KEY]",
        help="T012, 1.2, gh541 or ~k3f; by default every task.",
        autocompletion=complete_key,
        show_default=False,
    ),
]


@app.command("list", epilog="Example: craftkit task list --ready --json")
def list_(
    spec_name: SpecName = None,
    ready: Annotated[bool, typer.Option("--ready", help="Only tasks that can be started.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the tasks in file order with their state."""

    def action(context: Context) -> Reply:
        from craftkit.loop import spec_index, task_lookup, task_status

        spec = spec_index.choose_spec(context, spec_name).spec
        spec_index.record_snapshot(context, spec)
        spec_index.note_conflicts(context, spec)
        rows = spec_index.task_statuses(context, spec)
        shown = [r for r in rows if r.ready] if ready else rows
        data = {
            "spec": spec.id,
            "progress": task_status.progress(rows),
            "tasks": [task_lookup.task_json(spec, r) for r in shown],
        }
        return Reply(data, _table(shown), [_progress_note(spec, rows)])

    return run_command("task list", as_json, action, repair=True, only_reads=True)


@app.command("next", epilog="Example: craftkit task next")
def next_(spec_name: SpecName = None, session: SessionId = None, as_json: AsJson = False) -> int:
    """Print the next ready task: dependencies first, then file order."""

    def action(context: Context) -> Reply:
        from craftkit.loop import spec_index, task_lookup, task_status

        spec = spec_index.choose_spec(context, spec_name).spec
        spec_index.record_snapshot(context, spec)
        spec_index.note_conflicts(context, spec)
        rows = spec_index.task_statuses(context, spec)
        row, now = task_status.next_ready(rows), task_lookup.current(context, spec, rows)
        data = {
            "spec": spec.id,
            "next": task_lookup.task_json(spec, row) if row else None,
            "current": task_lookup.task_json(spec, now) if now else None,
            "progress": task_status.progress(rows),
            "remaining": len(task_status.open_required(rows)),
        }
        notes = [_current_note(now, context.session.id)] if now else []
        if row is None:
            spec_index.note_unread(context, spec)
        return Reply(data, [_next_line(spec, row, rows)], notes)

    return run_command("task next", as_json, action, session=session, repair=True, only_reads=True)


@app.command(epilog="Example: craftkit task show T012")
def show(key: MaybeKey = None, spec_name: SpecName = None, as_json: AsJson = False) -> int:
    """Show one task; by default the one in progress."""

    def action(context: Context) -> Reply:
        from craftkit.loop import issue_pages, spec_index, task_lookup

        spec, task = task_lookup.find_or_current(context, spec_name, key)
        row = next(r for r in spec_index.task_statuses(context, spec) if r.task.id == task.id)
        page = issue_pages.page_of(context, task.issue) if task.issue else ""
        data = {"spec": spec.id, "task": task_lookup.task_json(spec, row) | {"url": page or None}}
        return Reply(data, _details(spec, row, page))

    return run_command("task show", as_json, action, repair=True, only_reads=True)


@app.command(epilog="Example: craftkit task report T012")
def report(key: MaybeTask = None, spec_name: SpecName = None, as_json: AsJson = False) -> int:
    """Tell what happened to one task, or to all: when, by whom, on which branch, what was noted."""

    def action(context: Context) -> Reply:
        from craftkit.loop import history

        spec, found = history.report(context, spec_name, key)
        data = {"spec": spec.id, "tasks": found}
        if key is not None:
            return Reply(data, _report_one(found[0]))
        return Reply(data, _report_table(found), [] if found else [f"{spec.path} has no tasks yet"])

    return run_command("task report", as_json, action, repair=True)


@app.command(epilog="Example: craftkit task start T012")
def start(
    key: Key,
    spec_name: SpecName = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take it from another live session.")
    ] = False,
    switch: Annotated[
        bool, typer.Option("--switch", help="Set this session's other task aside.")
    ] = False,
    session: SessionId = None,
    offline: Offline = False,
    require_sync: RequireSync = False,
    as_json: AsJson = False,
) -> int:
    """Put a task in progress and remember who works on it."""

    def action(context: Context) -> Reply:
        from craftkit.commands import task as commands
        from craftkit.errors import AnotherTaskInProgress

        try:
            outcome = commands.start(context, spec_name, key, take_over=take_over, switch=switch)
        except AnotherTaskInProgress as error:
            if as_json or not has_terminal() or not confirm(f"{error.message} Set it aside?"):
                raise
            outcome = commands.start(context, spec_name, key, take_over=take_over, switch=True)
        _mention_hooks(context)
        verb = "started" if outcome.changed else "is in progress already:"
        return _outcome_reply(outcome, f"{verb} {outcome.task.title}", require_sync)

    return run_command("task start", as_json, action, session=session, offline=offline, repair=True)


@app.command(epilog="Example: craftkit task done T012")
def done(
    key: AnyKey = None,
    spec_name: SpecName = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also if its issue was closed as not planned or duplicate."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, with --anyway.")] = "",
    session: SessionId = None,
    offline: Offline = False,
    require_sync: RequireSync = False,
    as_json: AsJson = False,
) -> int:
    """Complete a task: record it, tick its box, print the next one."""

    def action(context: Context) -> Reply:
        from craftkit.commands import task as commands

        word = key or _own_task(context, spec_name, "finish", "done", as_json)
        outcome = commands.done(context, spec_name, word, anyway=anyway, reason=reason)
        _mention_hooks(context)
        verb = "done" if outcome.changed else "is done already"
        reply = _outcome_reply(outcome, verb, require_sync)
        return reply._replace(
            lines=[*reply.lines, _next_line(outcome.spec, outcome.next, outcome.rows)]
        )

    return run_command("task done", as_json, action, session=session, offline=offline, repair=True)


@app.command(epilog="Example: craftkit task reopen T012")
def reopen(
    key: AnyKey = None,
    spec_name: SpecName = None,
    session: SessionId = None,
    offline: Offline = False,
    require_sync: RequireSync = False,
    as_json: AsJson = False,
) -> int:
    """Open a finished or dropped task again: its box is unticked."""

    def action(context: Context) -> Reply:
        from craftkit.commands import task as commands

        if not key:  # what is in progress is open
            from craftkit.loop import task_lookup

            raise task_lookup.not_named("re-open")
        outcome = commands.reopen(context, spec_name, key)
        verb = "is open again" if outcome.changed else "is open already"
        return _outcome_reply(outcome, verb, require_sync)

    return run_command(
        "task reopen", as_json, action, session=session, offline=offline, repair=True
    )


@app.command(epilog="Example: craftkit task drop T012 --reason 'no longer wanted'")
def drop(
    key: AnyKey = None,
    reason: Annotated[str, typer.Option(help="Why it is dropped.")] = "",
    spec_name: SpecName = None,
    session: SessionId = None,
    offline: Offline = False,
    require_sync: RequireSync = False,
    as_json: AsJson = False,
) -> int:
    """Drop a task that will not be done; its box stays open."""

    def action(context: Context) -> Reply:
        from craftkit.commands import task as commands

        more = f" --reason {shell_word(reason)}" if reason else ""
        word = key or _own_task(context, spec_name, "drop", "drop", as_json, more)
        outcome = commands.drop(context, spec_name, word, reason)
        verb = "dropped" if outcome.changed else "is dropped already"
        return _outcome_reply(outcome, verb, require_sync)

    return run_command("task drop", as_json, action, session=session, offline=offline, repair=True)


@app.command(epilog="Example: craftkit task add 'Write the parser' --depends-on T003")
def add(
    title: Annotated[str, typer.Argument(help="What is to be done, on one line.")],
    group: Annotated[str | None, typer.Option(help="Heading to put it under.")] = None,
    depends_on: Annotated[
        list[str] | None, typer.Option("--depends-on", help="Key it waits for; repeatable.")
    ] = None,
    spec_name: SpecName = None,
    session: SessionId = None,
    as_json: AsJson = False,
) -> int:
    """Append a task line in the file's own style, with the next free key."""

    def action(context: Context) -> Reply:
        from craftkit.loop import task_lookup, tasks

        spec, row = tasks.add(context, spec_name, title, group, depends_on or [])
        data = {"spec": spec.id, "task": task_lookup.task_json(spec, row)}
        lines = [f"{row.task.ref} added at {spec.path}:{row.task.line}"]
        return Reply(data, lines)

    return run_command("task add", as_json, action, session=session, repair=True)


def _own_task(
    context: Context, spec_name: str | None, verb: str, command: str, as_json: bool, more: str = ""
) -> str:
    """The name of the session's own task, if a person agrees to it.  Raises TaskNotNamed."""
    from craftkit.loop import task_lookup

    task = task_lookup.own(context, spec_name)
    if task is not None and not as_json and has_terminal():
        if confirm(f"{verb.capitalize()} {task.ref} {one_line(task.title, 80)}?"):
            return task.ref
        raise task_lookup.not_named(verb)
    whole = f"craftkit task {command} {typed(task.ref)}{more}" if task else ""
    raise task_lookup.not_named(verb, whole)


def _mention_hooks(context: Context) -> None:
    """Tell an agent once if its hooks do not run; people have none."""
    if context.session.agent != "person":
        from craftkit.agents import hook_health

        hook_health.mention(context)


# What is printed

MARKS = {"todo": "[ ]", "in_progress": "[-]", "done": "[x]", "dropped": "[~]"}


def _line(row: TaskStatus) -> str:
    colour = {"done": "dim", "in_progress": "info"}.get(row.state)
    waits = (
        f"  (waits for {', '.join(row.waits_for)})" if row.waits_for and row.state == "todo" else ""
    )
    named = row.task.ref == f"gh{row.task.issue}"  # without a key: once is enough
    link = f" (#{row.task.issue})" if row.task.issue and not named else ""
    text = f"{MARKS[row.state]} {row.task.ref:<6} {row.task.title}{link}{waits}"
    return paint(text, colour) if colour else text


def _table(rows: list[TaskStatus]) -> list[str]:
    lines, group = [], None
    for row in rows:
        if row.task.group != group:
            group = row.task.group
            lines.append(paint(group or "", "bold"))
        lines.append(_line(row))
    return lines


def _progress_note(spec: Spec, rows: list[TaskStatus]) -> str:
    from craftkit.loop import task_status

    progress = task_status.progress(rows)
    done, total = progress["done"], progress["total"]
    dropped = f", {len(rows) - total} dropped" if total < len(rows) else ""
    return f"{done}/{total} done{dropped} in {spec.path}"


def _current_note(row: TaskStatus, session: str) -> str:
    by = "this session" if row.holder == session else f"session {row.holder}"
    return f"{row.task.ref} is still in progress ({by})."


def _details(spec: Spec, row: TaskStatus, page: str) -> list[str]:
    task = row.task
    lines = [_line(row), f"    {spec.path}:{task.line}  {task.group or ''}".rstrip()]
    if task.steps_total:
        lines.append(f"    steps {task.steps_done}/{task.steps_total}")
    return [*lines, f"    {page}"] if page else lines


def _next_line(spec: Spec, row: TaskStatus | None, rows: list[TaskStatus]) -> str:
    from craftkit.loop import task_status

    if row is not None:
        return f"next: {row.task.ref} {row.task.title}"
    left = task_status.open_required(rows)
    if spec.unmerged and not left:
        names = ", ".join(task.ref for task in spec.unmerged[:5])
        return f"no other task is open: a merge conflict holds {names} ({spec.hunks[0]})"
    if not rows:
        return "there are no tasks yet: craftkit task add …"
    if not left:
        return "every task is done" if not spec.unread_open else "every task that is read is done"
    if all(r.task.struck for r in left):
        names = ", ".join(r.task.ref for r in left[:5])
        return f"no other task is open: {names} is struck out, and its box is open"
    waiting = [r for r in left if r.waits_for]
    if waiting:
        first = waiting[0]
        return (
            f"none of the {len(left)} open tasks is ready:"
            f" {first.task.ref} waits for {', '.join(first.waits_for)}"
        )
    doubtful = [r for r in left if r.reopened]
    if doubtful:
        ref = doubtful[0].task.ref
        return f"none is ready: {ref} was done, but its box is open here; see `craftkit status`"
    double = next((r.task for r in left if r.duplicate), None)
    if double is not None:
        return f"none is ready: the issue of {double.ref} is a duplicate; see `craftkit status`"
    nobodys = next((r.task for r in left if r.task.doubt), None)
    if nobodys is not None:
        return f"none is ready: line {nobodys.line} contradicts itself; see `craftkit status`"
    return f"nothing is ready: {len(left)} open, in progress already"


def _outcome_reply(outcome: TaskOutcome, verb: str, require_sync: bool) -> Reply:
    """What a transition answers."""
    from craftkit.loop import task_lookup, task_status

    row = next((r for r in outcome.rows if r.task.id == outcome.task.id), None)
    data: dict[str, Any] = {
        "spec": outcome.spec.id,
        "task": task_lookup.task_json(outcome.spec, row) if row else None,
        "changed": outcome.changed,
        "applied": outcome.applied,
        "delivered": outcome.delivered,
        "next": task_lookup.task_json(outcome.spec, outcome.next) if outcome.next else None,
        "progress": task_status.progress(outcome.rows),
    }
    code = EXIT_UNDELIVERED if require_sync and not outcome.delivered else 0
    return Reply(data, [f"{outcome.task.ref} {verb}"], exit_code=code)


def _minute(at: str | None) -> str:
    return f"{at[:16]}Z" if at else "-"


def _report_table(found: list[dict[str, Any]]) -> list[str]:
    head = ("task", "state", "issue", "started", "done", "by", "branch", "commit", "notes")
    rows = [head] + [
        (
            str(item["key"]),
            str(item["state"]),
            f"#{item['issue']}" if item["issue"] else "-",
            _minute(item["started_at"]),
            _minute(item["done_at"]),
            f"{item['session']} ({item['agent']})" if item["session"] else "-",
            item["branch"] or "-",
            (item["commit"] or "-")[:12],
            str(len(item["notes"]) or "-"),
        )
        for item in found
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return [line.rstrip() for line in shown] if found else []


def _report_one(item: dict[str, Any]) -> list[str]:
    ended = item["done_at"] or item["dropped_at"]
    facts = [
        ("state", item["state"] + (f" ({item['reason']})" if item["reason"] else "")),
        ("issue", f"#{item['issue']}" if item["issue"] else ""),
        ("started", _minute(item["started_at"]) if item["started_at"] else ""),
        ("dropped" if item["dropped_at"] else "done", _minute(ended) if ended else ""),
        ("by", f"{item['session']} ({item['agent']})" if item["session"] else ""),
        ("branch", item["branch"] or ""),
        ("commit", (item["commit"] or "")[:12]),
    ]
    lines = [f"{item['key']} {item['title']}"]
    lines += [f"  {name:<8} {value}" for name, value in facts if value]
    for note in item["notes"]:
        first, *more = note["text"].split("\n")
        lines.append(f"  {note['kind']:<8} {_minute(note['at'])}  {first}")
        lines += [f"    {line}" for line in more]
    return lines
