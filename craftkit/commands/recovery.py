"""Finish what was interrupted: which module plans the steps of which kind of process."""

from __future__ import annotations

from craftkit.errors import UnexpectedStep
from craftkit.loop import decisions, phases, process_runner, transitions
from craftkit.loop import repair as local
from craftkit.loop.process_runner import Recovered, Steps
from craftkit.runtime.context import Context
from craftkit.store.processes import Process


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


def repair(context: Context, *, online: bool = False) -> list[dict[str, str]]:
    """What every command begins with: see `loop.repair.repair`."""
    return local.repair(context, plan, online=online)


def resume_waiting(context: Context) -> list[dict[str, str]]:
    """Finish what was interrupted and has to ask GitHub."""
    return local.resume_waiting(context, plan)


def recover(context: Context) -> Recovered:
    return process_runner.recover(context, plan)


def resume(context: Context, row: Process) -> Process | None:
    """Go on with one process; it as it is then, None if somebody else has it."""
    return process_runner.resume(context, row, plan)
