"""Taking in the decisions that were spooled where the database could not be written."""

from __future__ import annotations

from typing import Any

from craftkit import repo as git
from craftkit.store import spool
from craftkit.workflow import catalog, tasks
from craftkit.workflow.context import Context


def take_in_spool(context: Context) -> int:
    """Carry out each trustworthy spool file of this worktree once; how many."""
    taken = 0
    if not context.store.durable:
        return 0
    for path in spool.waiting(context.worktree):
        intent = spool.read(path)
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


def _take_in(context: Context, intent: dict[str, Any]) -> bool:
    if context.store.value("select 1 from intents where id = ?", intent["id"]):
        return True
    spec = next((s for s in catalog.load_all(context) if s.id == intent["spec_id"]), None)
    task = next((t for t in spec.tasks if t.id == intent["task_id"]), None) if spec else None
    if spec is None or task is None:
        return False
    catalog.observe(context, spec)
    tasks.decide(context, spec, task, intent["kind"], "spool", intent_id=intent["id"])
    return True
