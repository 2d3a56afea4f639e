"""What GitHub has to hear of a decision: writes in the outbox, queued with the decision itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from craftkit.loop.decisions import DecidedTask, Decision
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import issues as table
from craftkit.store import outbox
from craftkit.text import code_span, one_line


def queue_closing_again(context: Context, spec: Spec, task: Task, *, anyway: bool = False) -> bool:
    """Say `done` to GitHub once more, if the task has an issue: it may be open again.

    `anyway`, also if a person closed it as not planned or as a duplicate.
    """
    issue = issues(context, spec, [task.id]).get(task.id)
    if issue is None or not context.config["github.repo"] or not context.store.durable:
        return False
    if anyway or task.id not in outbox.pending(context.store, spec.id):
        payload = ownership_check(context, spec, task, issue) | ({"anyway": True} if anyway else {})
        with context.store.write() as tx:
            outbox.queue(tx, context.now(), spec.id, task.id, issue, "close", payload=payload)
    return True


def issues(context: Context, spec: Spec, wanted: list[str]) -> dict[str, int]:
    """The issues of tasks: those that are known, else those that their lines name."""
    repo = str(context.config["github.repo"]).lower()
    named = {task.id: task.issue for task in spec.tasks}
    found: dict[str, int] = {}
    for task_id in wanted:
        number = named.get(task_id)
        if number is None or not table.is_of(context.store, repo, number, spec.id):
            number = table.of_task(context.store, repo, spec.id, task_id) or number
        if number is not None:
            found[task_id] = number
    return found


def ownership_check(context: Context, spec: Spec, task: Task | None, number: int) -> dict[str, Any]:
    """What the sender has to ask before it changes an issue that only the file names.

    Any file can name any number; GitHub is asked once whether the issue is the task's.
    """
    repo = str(context.config["github.repo"]).lower()
    if table.is_of(context.store, repo, number, spec.id):
        return {}
    titles = [spec.name] if task is None else [task.title, issue_title(task)]
    check: dict[str, Any] = {"titles": titles, "parent": spec.issue}
    if task is not None and sum(other.issue == number for other in spec.tasks) > 1:
        check["shared"] = True
    return {"ownership_check": check}


Checks = Mapping[str, dict[str, Any]]  # task id -> what its writes have to ask first


def ownership_checks(context: Context, spec: Spec, decision: Decision) -> Checks:
    """The checks of all tasks of a decision that have an issue."""
    by_id = {task.id: task for task in spec.tasks}
    return {
        task.id: ownership_check(context, spec, by_id.get(task.id), task.issue)
        for task in (*decision.tasks, *decision.set_aside)
        if task.issue is not None and context.config["github.repo"]
    }


def issue_of(context: Context, spec: Spec, task: Task) -> int | None:
    """The issue of a task, also where this version of the file does not name it."""
    return issues(context, spec, [task.id]).get(task.id)


def queue(
    context: Context,
    tx: sqlite3.Connection,
    process_id: int,
    decision: Decision,
    checks: Checks,
    *,
    anyway: bool = False,
) -> bool:
    """Queue what GitHub has to hear of every task that has an issue, or gets one; if anything.

    A close outranks a person who closed the issue as not planned only `anyway`, or if it takes
    back a drop of ours.
    """
    if not context.config["github.repo"]:
        return False
    now, action = context.now(), decision.action
    making = outbox.pending_creations(tx, decision.spec)
    queued = False

    def write(task: DecidedTask, verb: str, payload: dict[str, Any]) -> None:
        nonlocal queued
        queued = True
        place = (decision.spec, task.id, task.issue)
        whole = payload | checks.get(task.id, {})
        outbox.queue(tx, now, *place, verb, process_id=process_id, payload=whole)

    for task in decision.set_aside:
        if task.issue is not None or task.id in making:
            write(task, "start", {"aside": True})
    for task in decision.tasks:
        if task.issue is None and task.id not in making:
            continue
        if action == "done":
            first = task == decision.tasks[0]
            mine = outbox.dropped_before(tx, process_id, decision.spec, task.id)
            write(task, "close", {"anyway": True} if mine or (anyway and first) else {})
        else:
            write(task, action, {})
        if action in ("start", "done") and context.config["github.comments"] == "true":
            write(task, "comment", {"text": _comment(context, action)})
    return queued


def _comment(context: Context, action: str) -> str:
    session = context.session
    where = f" on {code_span(session.branch)}" if session.branch else ""
    commit = f" at {session.head[:12]}" if session.head else ""
    return f"{'Started' if action == 'start' else 'Done'}{where}{commit}."


TITLE_LIMIT = 256  # characters of an issue title


def issue_title(task: Task) -> str:
    """The issue's title: the key leads, so that a list of issues reads like the spec."""
    words = task.title or "(no words)"
    return one_line(f"{task.key} {words}" if task.key else words, TITLE_LIMIT)
