"""`craftkit task start`, `done`, `reopen`, `drop`: decide, then tell GitHub, once, at the end."""

from __future__ import annotations

from craftkit.loop import tasks
from craftkit.loop.transitions import TaskOutcome
from craftkit.runtime.context import Context
from craftkit.store import outbox


def start(
    context: Context, wanted_spec: str | None, word: str, *, take_over: bool, switch: bool
) -> TaskOutcome:
    """Put a task in progress.  Raises what `loop.tasks.start` raises."""
    return _deliver(
        context, tasks.start(context, wanted_spec, word, take_over=take_over, switch=switch)
    )


def done(
    context: Context,
    wanted_spec: str | None,
    word: str,
    *,
    anyway: bool = False,
    reason: str = "",
) -> TaskOutcome:
    """Complete a task.  Once this returns, the task ends done whatever happens."""
    outcome = tasks.done(context, wanted_spec, word, anyway=anyway, reason=reason)
    return _deliver(context, outcome)


def reopen(context: Context, wanted_spec: str | None, word: str) -> TaskOutcome:
    """Open a finished or dropped task again."""
    return _deliver(context, tasks.reopen(context, wanted_spec, word))


def drop(context: Context, wanted_spec: str | None, word: str, reason: str) -> TaskOutcome:
    """Give a task up; it counts neither way then."""
    return _deliver(context, tasks.drop(context, wanted_spec, word, reason))


def _deliver(context: Context, outcome: TaskOutcome) -> TaskOutcome:
    """Send what the command has queued.  If that cannot be done now, the outbox keeps it."""
    if not outcome.queued:
        return outcome
    from craftkit.sync import connection  # the whole way to GitHub: not in every command

    connection.deliver(context)
    waits = outbox.waits(context.store, outcome.spec.id, outcome.task.id)
    return outcome._replace(delivered=not waits)
