"""The way back of decisions that were spooled because the database could not be written."""

from __future__ import annotations

import copy
import os

from craftkit import repo as git
from craftkit.errors import AlreadyRecorded, CannotRead, TaskClaimed, UnsafePath
from craftkit.loop import spec_index, spool_writer, tasks, transitions
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import decisions, specs, spool, spool_folder
from craftkit.store import history as events
from craftkit.store.spool import Entry


def take_in_spool(context: Context) -> int:
    """Carry out each trustworthy spool file of this worktree once, oldest first; how many."""
    taken = 0
    for path, entry in _waiting(context):
        if entry is None and not os.path.lexists(path):
            continue  # another session has just taken it in
        if entry is None or git.is_tracked(context.repo, path):
            _refuse(context, path)
            continue
        known = spool.taken(context.store, [entry.id])
        if not known and not _take_in(context, entry):
            _refuse(context, path)
            continue
        with context.store.write() as tx:
            spool.remember(tx, entry.id, context.now())
        spool.remove(path)
        taken += not known
    return taken


def lay_over(context: Context) -> None:
    """Apply what is spooled to the in-memory copy of the database: no file is changed.

    So that a task which was done here is not offered again.
    """
    for path, entry in _waiting(context):
        if entry is None or spool.taken(context.store, [entry.id]):
            continue
        spec, task = _find(context, entry)
        if spec is None or git.is_tracked(context.repo, path):
            continue
        if not specs.is_known(context.store, spec.id):  # else a hook still has to see what changed
            spec_index.record_snapshot(context, spec)
        if task is not None and entry.kind != "note":
            transitions.lay_over(_as_author(context, entry), spec, task, entry.kind)


def _waiting(context: Context) -> list[tuple[str, Entry | None]]:
    """Path and content of the spool files, the oldest decision first; None if it is not ours."""
    paths = spool_folder.waiting(context.worktree)
    seal = spool_writer.make_seal(context) if paths else None
    read = [(path, spool.read(path, seal) if seal else None) for path in paths]
    return sorted(read, key=lambda found: found[1].created_at if found[1] else "")


def _refuse(context: Context, path: str) -> None:
    context.note(
        "warning",
        "spool_refused",
        f"The spool file {path} was not read in: this clone did not write it, or it names no task"
        " here.",
        "look at it, then delete it",
    )


def _find(context: Context, entry: Entry) -> tuple[Spec | None, Task | None]:
    try:
        spec = spec_index.by_id(context, entry.spec_id)
    except (CannotRead, UnsafePath):
        return None, None
    if spec is None:
        return None, None
    return spec, next((t for t in spec.tasks if t.id == entry.task_id), None)


def _as_author(context: Context, entry: Entry) -> Context:
    author = copy.copy(context)
    author.session = context.session._replace(id=entry.session)
    return author


@transitions.retry_on_conflict
def _take_in(context: Context, entry: Entry) -> bool:
    if decisions.is_recorded(context.store, entry.id):
        return True
    spec, task = _find(context, entry)
    if spec is None or (task is None and entry.task_id):
        return False
    spec_index.record_snapshot(context, spec)
    author = _as_author(context, entry)
    try:
        if entry.kind == "note":
            _keep_note(author, entry)
        elif task is not None:
            _decide(author, spec, task, entry)
    except TaskClaimed as error:  # somebody took the task since: the later decision stands
        context.note("warning", error.code, error.message, error.hint)
    except AlreadyRecorded:
        return True  # another session takes in the same file at this moment
    return True


def _decide(author: Context, spec: Spec, task: Task, entry: Entry) -> None:
    if entry.kind == "done":
        tasks.complete(author, spec, task, "spool", entry.id)
        return
    if entry.kind == "start":
        tasks.refuse_foreign_claim(author, spec, task, take_over=False)
        transitions.apply_transition(author, spec, task, "start", "spool", decision_id=entry.id)
        return
    transitions.apply_transition(
        author, spec, task, "drop", "spool", decision_id=entry.id, reason=entry.text
    )


def _keep_note(author: Context, entry: Entry) -> None:
    """Keep a note; its id is remembered in the same transaction."""
    with author.store.write() as tx:
        events.record(
            tx,
            entry.created_at,
            f"knowledge.{entry.label}",
            author.session,
            entry.spec_id,
            entry.task_id or None,
            text=entry.text,
            issue=None,
        )
        spool.remember(tx, entry.id, author.now())
