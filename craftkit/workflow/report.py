"""`task report`: what happened to the tasks of a spec, read from the history."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from typing import Any

from craftkit.model import DONE, DROPPED, IN_PROGRESS, TODO, Spec, Task
from craftkit.specs.taskline import text_digest
from craftkit.workflow import catalog, choose, decisions, knowledge, tasks
from craftkit.workflow.context import Context

# The event that brought a task into its state.
ENDS = {DONE: "task.done", DROPPED: "task.dropped", TODO: "", IN_PROGRESS: ""}


def report(
    context: Context, wanted_spec: str | None, word: str | None
) -> tuple[Spec, list[dict[str, Any]]]:
    """One report for each task of the spec in file order, or for the one that is named."""
    if word is not None:
        spec, task = tasks.find(context, wanted_spec, word)
    else:
        spec, task = catalog.choose_spec(context, wanted_spec).spec, None
    catalog.observe(context, spec)
    rows = catalog.task_views(context, spec)
    shown = [row for row in rows if task is None or row.task.id == task.id]
    names = _former_names(spec)
    happened: dict[str, list[sqlite3.Row]] = {row.task.id: [] for row in shown}
    for event in _events(context, spec):
        task_id = names.get(event["task_id"], event["task_id"])
        if task_id in happened:
            happened[task_id].append(event)
    return spec, [_one(context, spec, row, happened[row.task.id]) for row in shown]


def _events(context: Context, spec: Spec) -> list[sqlite3.Row]:
    return context.store.rows(
        "select * from history where spec_id = ? and task_id is not null"
        " and (event like 'task.%' or event like 'knowledge.%') order by seq",
        spec.id,
    )


def _former_names(spec: Spec) -> dict[str, str]:
    """How lines without a key were called before they were linked."""
    titles = Counter(task.title for task in spec.tasks)
    return {
        f"~{text_digest(task.title)}.1": task.id
        for task in spec.tasks
        if task.id.startswith("#") and titles[task.title] == 1
    }


def _one(
    context: Context, spec: Spec, row: choose.View, events: list[sqlite3.Row]
) -> dict[str, Any]:
    started = _last(events, "task.started")
    ended = _last(events, ENDS[row.state])
    last = ended or started
    return {
        "key": row.task.ref,
        "title": row.task.title,
        "state": row.state,
        "issue": _issue(context, spec, row.task),
        "started_at": started["at"] if started else None,
        "done_at": ended["at"] if ended and row.state == DONE else None,
        "dropped_at": ended["at"] if ended and row.state == DROPPED else None,
        "reason": json.loads(ended["data"]).get("reason", "") if ended else "",
        "by": json.loads(ended["data"]).get("source", "") if ended else "",
        "session": last["session"] if last else None,
        "agent": last["agent"] if last else None,
        "branch": last["branch"] if last else None,
        "commit": last["head"] if last else None,
        "times_started": sum(e["event"] == "task.started" for e in events),
        "times_reopened": sum(e["event"] == "task.reopened" for e in events),
        "notes": [knowledge.as_dict(e) for e in events if e["event"].startswith("knowledge.")],
    }


def _issue(context: Context, spec: Spec, task: Task) -> int | None:
    return task.issue if task.issue is not None else decisions.issue_of(context, spec, task)


def _last(events: list[sqlite3.Row], name: str) -> sqlite3.Row | None:
    return next((e for e in reversed(events) if e["event"] == name), None)
