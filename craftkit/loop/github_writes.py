"""What GitHub has to hear of a decision: writes in the outbox, queued with the decision itself."""

from __future__ import annotations

import sqlite3
from typing import Any

from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import outbox
from craftkit.text import one_line


def close_again(context: Context, spec: Spec, task: Task) -> None:
    """Say `done` to GitHub once more: somebody may have re-opened the issue since."""
    issue = issues(context, spec, [task.id]).get(task.id)
    if issue is None or not context.config["github.repo"] or not context.store.durable:
        return
    if task.id not in outbox.pending(context.store, spec.id):
        payload = claim(context, spec, task, issue)
        with context.store.write() as tx:
            outbox.queue(tx, context.now(), spec.id, task.id, issue, "close", payload=payload)


def issues(context: Context, spec: Spec, wanted: list[str]) -> dict[str, int]:
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
    titles = [spec.name] if task is None else [task.title, title_of(task)]
    return {"claimed": {"titles": titles, "parent": spec.issue}}


def concerns_github(
    context: Context, spec: Spec, touched: list[str], issues: dict[str, int]
) -> bool:
    if not context.config["github.repo"]:
        return False
    with context.store.read() as connection:
        return bool(issues) or not outbox.pending_creations(connection, spec.id).keys().isdisjoint(
            touched
        )


def issue_of(context: Context, spec: Spec, task: Task) -> int | None:
    """The issue of a task, also where this version of the file does not name it."""
    return issues(context, spec, [task.id]).get(task.id)


def queue(context: Context, tx: sqlite3.Connection, data: dict[str, Any]) -> None:
    """Queue what GitHub has to hear, for every task that has an issue, or gets one."""
    if not context.config["github.repo"]:
        return
    now, action = context.now(), data["action"]
    verb = "close" if action == "done" else action
    issues: dict[str, int | None] = {**outbox.pending_creations(tx, data["spec"]), **data["issues"]}
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


TITLE_LIMIT = 256  # characters of an issue title


def title_of(task: Task) -> str:
    """The issue's title: the key leads, so that a list of issues reads like the spec."""
    words = task.title or "(no words)"
    return one_line(f"{task.key} {words}" if task.key else words, TITLE_LIMIT)
