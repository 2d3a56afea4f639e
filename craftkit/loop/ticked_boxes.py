"""Boxes that were ticked by hand: which they are, and how they become decisions."""

from __future__ import annotations

from craftkit import digests, errors
from craftkit.errors import CraftkitError
from craftkit.loop import spec_index
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import discovery, files
from craftkit.store import specs
from craftkit.store import tasks as task_records


def changed_specs(context: Context) -> list[Spec]:
    """Specs whose files are not as they were seen last; the unreadable ones are left out."""
    seen = specs.digests(context.store, context.worktree)
    found = []
    for path in discovery.discover(context.worktree):
        try:
            if digests.sha256(files.read(context.worktree, path)) != seen.get(path):
                found.append(spec_index.load(context, path))
        except CraftkitError as error:
            context.note("warning", error.code, error.message, error.hint, path)
    return found


def only_reminds(context: Context) -> bool:
    """Whether a ticked box that a hook sees is left to `task done`."""
    return bool(context.config["agents.auto_done"] == "explicit")


def ticked_unrecorded(context: Context, spec: Spec) -> list[Task]:
    """Tasks whose box is ticked though nobody recorded them as done."""
    known = task_records.known_open(context.store, spec.id)
    return [
        task
        for task in spec.tasks
        if task.checked and task.id in known and (spec.id, task.id) not in context.rewritten
    ]


def record_ticked_boxes(context: Context, spec: Spec) -> list[dict[str, str]]:
    """The local half of the merge: record what the boxes say; at first sight it is the base."""
    first_sight = not specs.is_known(context.store, spec.id)
    spec_index.record_snapshot(context, spec)
    return [] if first_sight else _complete_ticked(context, spec)


def _complete_ticked(context: Context, spec: Spec) -> list[dict[str, str]]:
    """Boxes ticked by hand are completed through the very path of `task done`."""
    ticked = ticked_unrecorded(context, spec)
    if not ticked:
        return []
    from craftkit.loop import tasks  # whatever decides: not at each edit of a file

    notes = []
    for task in ticked:
        try:
            tasks.complete(context, spec, task, "box")
        except errors.ConcurrentUpdate:
            continue  # another session is settling it at this moment
        notes.append({"code": "box_ticked", "message": f"{task.ref} was ticked: recorded done"})
    return notes
