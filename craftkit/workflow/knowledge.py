"""Notes on the work (progress, errors, tips), kept in the append-only history."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from craftkit.errors import DatabaseUnwritable, UnknownSpec, UsageProblem
from craftkit.model import Spec, Task
from craftkit.redact import plain, redact
from craftkit.store import journal, outbox
from craftkit.workflow import catalog, decisions, hub, sessions, tasks
from craftkit.workflow.context import Context

KINDS = ("progress", "error", "tip")
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
    issue = _issue(context, spec, task) if comment else None
    if not context.store.durable:
        raise DatabaseUnwritable(
            "The database cannot be written here, and a note needs it.",
            "run it where .craftkit is writable",
        )
    catalog.observe(context, spec)
    task_id = task.id if task else None
    asked = decisions.claim(context, spec, task, issue) if issue is not None else {}
    with context.store.write() as tx:
        now = context.now()
        sessions.touch(context, tx)
        journal.record(
            tx, now, f"knowledge.{kind}", context.session, spec.id, task_id, text=words, issue=issue
        )
        if issue is not None:
            payload = {"text": f"{kind.capitalize()}: {words}", **asked}
            outbox.queue(tx, now, spec.id, task_id, issue, "comment", payload=payload)
    if issue is not None:
        hub.say(context, hub.send(context))
    return {
        "spec": spec.id,
        "task": task.ref if task else None,
        "kind": kind,
        "text": words,
        "issue": issue,
        "delivered": issue is not None and not _waits(context, spec.id, task_id),
    }


def _readable(text: str) -> str:
    """The text as it is kept.  Raises UsageProblem where it is empty or too long."""
    if len(text) > LIMIT:
        raise UsageProblem(
            f"The note has {len(text):,} characters, and {LIMIT:,} are kept at most.",
            "say it in short, and name the file that has the rest",
        )
    words = redact(plain(text)).strip()
    if not words:
        raise UsageProblem("A note needs words.", 'craftkit knowledge tip "What you learnt"')
    return words


def _about(context: Context, wanted_spec: str | None, word: str | None) -> tuple[Spec, Task | None]:
    if word is not None:
        return tasks.find(context, wanted_spec, word)
    spec = catalog.choose_spec(context, wanted_spec).spec
    now = tasks.current(context, spec, catalog.task_views(context, spec))
    return spec, now.task if now else None


def _issue(context: Context, spec: Spec, task: Task | None) -> int:
    """The issue that a comment goes to.  Raises UsageProblem where there is none."""
    found = None
    if context.config["github.repo"]:
        found = decisions.issue_of(context, spec, task) if task else _parent(context, spec)
    if found is None:
        name = task.ref if task else spec.id
        raise UsageProblem(
            f"{name} has no issue to comment on; nothing was recorded.",
            "`craftkit spec link` makes one, or leave out `--comment`",
        )
    return found


def _parent(context: Context, spec: Spec) -> int | None:
    repo = str(context.config["github.repo"]).lower()
    known = [k.number for k in outbox.issues_of(context.store, repo, spec.id) if k.task_id is None]
    return spec.issue or min(known, default=None)


def _waits(context: Context, spec_id: str, task_id: str | None) -> bool:
    rows = outbox.waiting(context.store)
    return any((r.spec_id, r.task_id, r.action) == (spec_id, task_id, "comment") for r in rows)


def notes(
    context: Context, wanted_spec: str | None, kind: str | None, word: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest notes that fit, oldest first.  Raises UsageProblem…"""
    if kind is not None and kind not in KINDS:
        raise UsageProblem(f"There is no kind {kind}.", f"one of {', '.join(KINDS)}")
    where, values = "event like 'knowledge.%'", []
    if kind is not None:
        where, values = "event = ?", [f"knowledge.{kind}"]
    refs: dict[str, str] = {}
    if word is not None:
        spec, task = tasks.find(context, wanted_spec, word)
        where += " and spec_id = ? and task_id = ?"
        values += [spec.id, task.id]
    elif wanted_spec is not None:
        where += " and spec_id = ?"
        values.append(_spec_id(context, wanted_spec))
    for spec in catalog.load_all(context):
        refs |= {f"{spec.id} {t.id}": t.ref for t in spec.tasks}
    rows = context.store.rows(
        f"select * from history where {where} order by seq desc limit ?",  # noqa: S608
        *values,
        limit,
    )
    return [as_dict(row, refs) for row in reversed(rows)]


def _spec_id(context: Context, wanted: str) -> str:
    """The id of a spec, also of one whose file is gone but whose notes are there."""
    try:
        return catalog.choose_spec(context, wanted).spec.id
    except UnknownSpec:
        if context.store.value("select 1 from history where spec_id = ?", wanted):
            return wanted
        raise


def as_dict(row: sqlite3.Row, refs: dict[str, str] | None = None) -> dict[str, Any]:
    data = json.loads(row["data"])
    task = row["task_id"]
    return {
        "at": row["at"],
        "kind": row["event"].removeprefix("knowledge."),
        "spec": row["spec_id"],
        "task": (refs or {}).get(f"{row['spec_id']} {task}", task),
        "text": data.get("text", ""),
        "issue": data.get("issue"),
        "session": row["session"],
        "agent": row["agent"],
        "branch": row["branch"],
        "commit": row["head"],
    }
