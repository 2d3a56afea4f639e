"""The append-only history: what happened, what became of each task, and notes on the work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from craftkit.errors import DatabaseUnwritable, UnknownSpec, UsageProblem
from craftkit.loop import (
    github_writes,
    sessions,
    spec_index,
    spool_writer,
    task_lookup,
    task_status,
)
from craftkit.model import DONE, DROPPED, IN_PROGRESS, TODO, Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs.taskline import text_digest
from craftkit.store import history as events
from craftkit.store import issues, outbox, spool
from craftkit.store.history import Event
from craftkit.text import one_line, redact, strip_escapes

KINDS = ("progress", "error", "tip")
SOURCES = {"github": "from GitHub", "box": "from its box", "spool": "from the spool"}
LIMIT = 10_000  # characters of a note


def record(
    context: Context, kind: str, text: str, wanted_spec: str | None, word: str | None, comment: bool
) -> dict[str, Any]:
    """Keep a note on a task; with `comment`, queue it as a comment of the issue as well.

    It is about the task in progress where none is named, and about the spec where none is.
    Raises UsageProblem where there is nothing to note, or no issue to comment on.
    """
    words = _readable(text)
    spec, task = _about(context, wanted_spec, word)
    issue = _issue_for_comment(context, spec, task) if comment else None
    task_id = task.id if task else None
    note = {
        "spec": spec.id,
        "task": task.ref if task else None,
        "kind": kind,
        "text": words,
        "issue": issue,
    }
    if not context.store.durable:
        if comment:
            raise DatabaseUnwritable(
                "The database cannot be written here, and a comment needs it.",
                "leave out `--comment`: the note itself is kept",
            )
        where = (spec.id, task_id or "", spec.path)
        entry = spool.Entry(
            context.ids(), "note", *where, context.session.id, context.now(), words, kind
        )
        spool_writer.keep(context, entry)
        return note
    spec_index.record_snapshot(context, spec)
    asked = github_writes.ownership_check(context, spec, task, issue) if issue is not None else {}
    with context.store.write() as tx:
        now = context.now()
        sessions.touch(context, tx)
        events.record(
            tx, now, f"knowledge.{kind}", context.session, spec.id, task_id, text=words, issue=issue
        )
        if issue is not None:
            payload = {"text": f"{kind.capitalize()}: {words}", **asked}
            outbox.queue(tx, now, spec.id, task_id, issue, "comment", payload=payload)
    return note


def _readable(text: str) -> str:
    """The text as it is kept.  Raises UsageProblem where it is empty or too long."""
    if len(text) > LIMIT:
        raise UsageProblem(
            f"The note has {len(text):,} characters, and {LIMIT:,} are kept at most.",
            "say it in short, and name the file that has the rest",
        )
    words = redact(strip_escapes(text)).strip()
    if not words:
        raise UsageProblem("A note needs words.", 'craftkit knowledge tip "What you learnt"')
    return words


def _about(context: Context, wanted_spec: str | None, word: str | None) -> tuple[Spec, Task | None]:
    if word is not None:
        return task_lookup.find(context, wanted_spec, word)
    spec = spec_index.choose_spec(context, wanted_spec).spec
    now = task_lookup.current(context, spec, spec_index.task_statuses(context, spec))
    return spec, now.task if now else None


def _issue_for_comment(context: Context, spec: Spec, task: Task | None) -> int:
    """The issue that a comment goes to.  Raises UsageProblem where there is none."""
    found = None
    if context.config["github.repo"]:
        found = github_writes.issue_of(context, spec, task) if task else _parent(context, spec)
    if found is None:
        name = task.ref if task else spec.id
        raise UsageProblem(
            f"{name} has no issue to comment on; nothing was recorded.",
            "`craftkit spec link` makes one, or leave out `--comment`",
        )
    return found


def _parent(context: Context, spec: Spec) -> int | None:
    repo = str(context.config["github.repo"]).lower()
    known = [k.number for k in issues.of_spec(context.store, repo, spec.id) if k.task_id is None]
    return spec.issue or min(known, default=None)


def notes(
    context: Context, wanted_spec: str | None, kind: str | None, word: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest notes that fit, oldest first.  Raises UsageProblem…"""
    if kind is not None and kind not in KINDS:
        raise UsageProblem(f"There is no kind {kind}.", f"one of {', '.join(KINDS)}")
    spec_id, task_id = None, None
    if word is not None:
        spec, task = task_lookup.find(context, wanted_spec, word)
        spec_id, task_id = spec.id, task.id
    elif wanted_spec is not None:
        spec_id = _spec_id(context, wanted_spec)
    found = events.notes(context.store, kind, spec_id, task_id, limit)
    name = task_lookup.namer(context)
    return [as_dict(event, name) for event in found]


def _spec_id(context: Context, wanted: str) -> str:
    """The id of a spec, also of one whose file is gone but whose notes are there."""
    try:
        return spec_index.choose_spec(context, wanted).spec.id
    except UnknownSpec:
        if events.mentions(context.store, wanted):
            return wanted
        raise


def as_dict(event: Event, name: Callable[[str, str], str]) -> dict[str, Any]:
    """A note as `--json` gives it; `name` gives what a person calls a task of a spec."""
    task = event.task_id
    if task is not None and event.spec_id is not None:
        task = name(event.spec_id, task)
    return {
        "at": event.at,
        "kind": event.event.removeprefix("knowledge."),
        "spec": event.spec_id,
        "task": task,
        "text": event.data.get("text", ""),
        "issue": event.data.get("issue"),
        "session": event.session,
        "agent": event.agent,
        "branch": event.branch,
        "commit": event.head,
    }


def history(context: Context, spec: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest `limit` events, oldest first."""
    spec_id = spec_index.choose_spec(context, spec).spec.id if spec else None
    name = task_lookup.namer(context)
    found = events.newest(context.store, spec_id, limit)
    for event in found:
        where = (event["spec_id"], event["task_id"])
        event["task"] = name(*where) if None not in where else None
    return found


def why(event: dict[str, Any]) -> str:
    """Whence an event comes and its reason, as ` (…)`; nothing where it has neither."""
    data = event["data"]
    reason = data.get("reason") or data.get("why") or ""
    said = [SOURCES.get(data.get("source"), ""), one_line(str(reason))]
    words = ": ".join(part for part in said if part)
    return f" ({words})" if words else ""


# The event that brought a task into its state.
ENDS = {DONE: "task.done", DROPPED: "task.dropped", TODO: "", IN_PROGRESS: ""}


def report(
    context: Context, wanted_spec: str | None, word: str | None
) -> tuple[Spec, list[dict[str, Any]]]:
    """One report for each task of the spec in file order, or for the one that is named."""
    if word is not None:
        spec, task = task_lookup.find(context, wanted_spec, word)
    else:
        spec, task = spec_index.choose_spec(context, wanted_spec).spec, None
    spec_index.record_snapshot(context, spec)
    rows = spec_index.task_statuses(context, spec)
    shown = [row for row in rows if task is None or row.task.id == task.id]
    names = _former_names(spec)
    happened: dict[str, list[Event]] = {row.task.id: [] for row in shown}
    for event in events.of_tasks(context.store, spec.id):
        task_id = names.get(event.task_id or "", event.task_id or "")
        if task_id in happened:
            happened[task_id].append(event)
    return spec, [_one(context, spec, row, happened[row.task.id]) for row in shown]


def _former_names(spec: Spec) -> dict[str, str]:
    """How lines without a key were called before they were linked."""
    titles = Counter(task.title for task in spec.tasks)
    return {
        f"~{text_digest(task.title)}.1": task.id
        for task in spec.tasks
        if task.id.startswith("#") and titles[task.title] == 1
    }


def _one(
    context: Context, spec: Spec, row: task_status.TaskStatus, events: list[Event]
) -> dict[str, Any]:
    started = _last(events, "task.started")
    ended = _last(events, ENDS[row.state])
    last = ended or started
    return {
        "key": row.task.ref,
        "title": row.task.title,
        "state": row.state,
        "issue": _issue(context, spec, row.task),
        "started_at": started.at if started else None,
        "done_at": ended.at if ended and row.state == DONE else None,
        "dropped_at": ended.at if ended and row.state == DROPPED else None,
        "reason": ended.data.get("reason", "") if ended else "",
        "by": ended.data.get("source", "") if ended else "",
        "session": last.session if last else None,
        "agent": last.agent if last else None,
        "branch": last.branch if last else None,
        "commit": last.head if last else None,
        "times_started": sum(e.event == "task.started" for e in events),
        "times_reopened": sum(e.event == "task.reopened" for e in events),
        "notes": [as_dict(e, lambda *_: row.task.ref) for e in events if _is_note(e)],
    }


def _is_note(event: Event) -> bool:
    return event.event.startswith("knowledge.")


def _issue(context: Context, spec: Spec, task: Task) -> int | None:
    return task.issue if task.issue is not None else github_writes.issue_of(context, spec, task)


def _last(events: list[Event], name: str) -> Event | None:
    return next((e for e in reversed(events) if e.event == name), None)
