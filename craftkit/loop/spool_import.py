"""Taking in the decisions that were spooled where the database could not be written."""

from __future__ import annotations

import os
from typing import Any

from craftkit import repo as git
from craftkit.errors import AlreadyRecorded, CannotRead, TaskClaimed, UnsafePath
from craftkit.loop import spec_index, tasks, transitions
from craftkit.runtime.context import Context
from craftkit.store import decisions, spool


def take_in_spool(context: Context) -> int:
    """Carry out each trustworthy spool file of this worktree once, oldest first; how many."""
    taken = 0
    if not context.store.durable:
        return 0
    read = {path: spool.read(path) for path in spool.waiting(context.worktree)}
    for path in sorted(read, key=lambda p: (read[p] or {}).get("created_at", "")):
        intent = read[path]
        if intent is None and not os.path.lexists(path):
            continue  # another session has just taken it in
        if intent is None or git.is_tracked(context.repo, path) or not _take_in(context, intent):
            context.note(
                "warning",
                "spool_refused",
                f"The spool file {path} was not taken in: it is not yours, or names no task here.",
                "look at it, then delete it",
            )
            continue
        spool.remove(path)
        taken += 1
    return taken


@transitions.retry_on_conflict
def _take_in(context: Context, intent: dict[str, Any]) -> bool:
    if decisions.is_recorded(context.store, intent["id"]):
        return True
    try:
        spec = spec_index.by_id(context, intent["spec_id"])
    except (CannotRead, UnsafePath):
        return False
    task = next((t for t in spec.tasks if t.id == intent["task_id"]), None) if spec else None
    if spec is None or task is None:
        return False
    spec_index.record_snapshot(context, spec)
    import copy

    author = copy.copy(context)
    author.session = context.session._replace(id=intent["session"])
    try:
        if intent["kind"] == "done":
            tasks.complete(author, spec, task, "spool", intent["id"])
        else:
            tasks.refuse_foreign_claim(author, spec, task, take_over=False)
            transitions.apply_transition(
                author, spec, task, "start", "spool", decision_id=intent["id"]
            )
    except TaskClaimed as error:  # somebody took the task since: the later decision stands
        context.note("warning", error.code, error.message, error.hint)
    except AlreadyRecorded:
        return True  # another session takes in the same file at this moment
    return True
