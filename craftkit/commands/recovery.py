"""What every command begins with: finish what an earlier one was killed in.

Most of the time there is nothing, which one SELECT and one look at a folder tell.
"""

from __future__ import annotations

from craftkit.runtime import background
from craftkit.runtime.context import Context
from craftkit.store import decisions, spool


def repair(context: Context, *, online: bool = False) -> list[dict[str, str]]:
    """Finish what was interrupted, read in what was spooled, and say what that was.

    What has to ask GitHub is left to a command that asks it anyway: an `online` one.
    """
    if not context.store.durable:
        from craftkit.loop import spool_import  # only where nothing can be written

        spool_import.lay_over(context)
        return []
    if not decisions.any_unfinished(context.store) and not spool.waiting(context.worktree):
        background.report_dead_writes(context)
        return []
    from craftkit.commands import interrupted  # it knows every kind of process

    return interrupted.repair(context, online=online)
