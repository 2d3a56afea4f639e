"""Repair: finish what was interrupted, record what was spooled or ticked by hand."""

from __future__ import annotations

import json

from craftkit import digests, errors
from craftkit.errors import CraftkitError
from craftkit.loop import process_runner, spec_index, tasks
from craftkit.model import Spec, Task
from craftkit.runtime import background
from craftkit.runtime.context import Context
from craftkit.specs import files
from craftkit.store import specs
from craftkit.store import tasks as task_records
from craftkit.store.processes import Process

WAITS = "process_waits"


def repair(
    context: Context, planner: process_runner.Planner, *, online: bool = False
) -> list[dict[str, str]]:
    """Finish what was interrupted and take in what was spooled.  Every command begins with it.

    What has to ask GitHub is left to a command that asks it anyway: an `online` one.
    """
    notes: list[dict[str, str]] = []
    from craftkit.loop import spool_import  # hooks settle boxes without it

    if not context.store.durable:
        spool_import.lay_over(context)
        return notes
    context.repairing = True
    try:
        found = process_runner.recover(context, planner)
        notes += _finished(found)
        background.report_dead_writes(context)
        taken = spool_import.take_in_spool(context)
    finally:
        context.repairing = False
    if taken:
        notes.append({"code": "spool_taken_in", "message": f"took in {taken} spooled decision(s)"})
    if online and not context.offline:
        return notes + (resume_waiting(context, planner) if found.waiting else [])
    for row in found.waiting:
        context.note(
            "info",
            WAITS,
            f"Process {row.id} ({row.kind}) was interrupted, and {process_runner.WAITS}.",
            "`craftkit reconcile` finishes it",
        )
    return notes


def resume_waiting(context: Context, planner: process_runner.Planner) -> list[dict[str, str]]:
    """Finish what was interrupted and has to ask GitHub."""
    rows = [
        row
        for row in process_runner.unfinished(context)
        if process_runner.waits_for_github(context, row, planner)
    ]
    return _finished(process_runner.recover(context, planner, rows))


def _finished(found: process_runner.Recovered) -> list[dict[str, str]]:
    return [
        {"code": "process_resumed", "message": f"finished `{_what(row)}`"} for row in found.finished
    ]


def _what(row: Process) -> str:
    """A process as a person calls it: `task done T002`."""
    facts = json.loads(row.input)
    return f"{row.kind} {facts.get('ref') or facts.get('refs') or ''}".strip()


def changed_specs(context: Context) -> list[Spec]:
    """Specs whose files are not as they were seen last; the unreadable ones are left out."""
    seen = specs.digests(context.store, context.worktree)
    found = []
    for path in files.discover(context.worktree):
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
    return [task for task in spec.tasks if task.checked and task.id in known]


def record_ticked_boxes(context: Context, spec: Spec) -> list[dict[str, str]]:
    """The local half of the merge: record what the boxes say; at first sight it is the base."""
    first_sight = not specs.is_known(context.store, spec.id)
    spec_index.record_snapshot(context, spec)
    return [] if first_sight else _complete_ticked(context, spec)


def _complete_ticked(context: Context, spec: Spec) -> list[dict[str, str]]:
    """Boxes ticked by hand are completed through the very path of `task done`."""
    notes = []
    for task in ticked_unrecorded(context, spec):
        try:
            tasks.complete(context, spec, task, "box")
        except errors.ConcurrentUpdate:
            continue  # another session is settling it at this moment
        notes.append({"code": "box_ticked", "message": f"{task.ref} was ticked: recorded done"})
    return notes
