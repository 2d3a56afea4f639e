"""Finish what was interrupted: which module plans the steps of which kind of process."""

from __future__ import annotations

import json

from craftkit.errors import UnexpectedStep
from craftkit.loop import decisions, phases, process_runner, spool_import, transitions
from craftkit.loop.process_runner import Recovered, Steps
from craftkit.runtime import background
from craftkit.runtime.context import Context
from craftkit.store.processes import Process
from craftkit.text import count

WAITS = "process_waits"


def plan(context: Context, row: Process) -> Steps:
    """The steps of a recorded process, planned again from its decision.

    Raises UnexpectedStep if this craftkit cannot read the decision.
    """
    try:
        if row.kind.startswith("task "):
            return transitions.steps(context, decisions.Decision.from_json(row.input))
        if row.kind == phases.KIND:
            return phases.steps(context, decisions.PhaseDecision.from_json(row.input))
        if row.kind == "spec link":
            from craftkit.sync import linking  # the whole way to GitHub: not in every command

            return linking.steps(context, decisions.LinkDecision.from_json(row.input))
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedStep(
            f"The decision of process {row.id} ({row.kind}) cannot be read.",
            "finish it with the version that began it",
        ) from error
    raise UnexpectedStep(
        f"This craftkit knows no operation {row.kind}.", "finish it with the version that began it"
    )


def repair(context: Context, *, online: bool) -> list[dict[str, str]]:
    """See `recovery.repair`."""
    notes: list[dict[str, str]] = []
    context.repairing = True
    try:
        found = recover(context)
        notes += _finished(found)
        background.report_dead_writes(context)
        taken = spool_import.take_in_spool(context)
    finally:
        context.repairing = False
    if taken:
        notes.append(
            {
                "code": "spool_taken_in",
                "message": f"read in {count(taken, 'decision')} from the spool",
            }
        )
    if online and not context.offline:
        return notes + (resume_waiting(context) if found.waiting else [])
    for row in found.waiting:
        context.note(
            "info",
            WAITS,
            f"Process {row.id} ({row.kind}) was interrupted, and {process_runner.WAITS}.",
            "`craftkit reconcile` finishes it",
        )
    return notes


def resume_waiting(context: Context) -> list[dict[str, str]]:
    """Finish what was interrupted and has to ask GitHub."""
    rows = [
        row
        for row in process_runner.unfinished(context)
        if process_runner.waits_for_github(context, row, plan)
    ]
    return _finished(process_runner.recover(context, plan, rows))


def _finished(found: process_runner.Recovered) -> list[dict[str, str]]:
    return [
        {"code": "process_resumed", "message": f"finished `{_what(row)}`"} for row in found.finished
    ]


def _what(row: Process) -> str:
    """A process as a person calls it: `task done T002`."""
    facts = json.loads(row.input)
    return f"{row.kind} {facts.get('ref') or facts.get('refs') or ''}".strip()


def recover(context: Context) -> Recovered:
    return process_runner.recover(context, plan)


def resume(context: Context, row: Process) -> Process | None:
    """Go on with one process; it as it is then, None if somebody else has it."""
    return process_runner.resume(context, row, plan)
