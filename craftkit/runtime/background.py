"""Deliveries that nobody waits for: a process of its own, which outlives its parent."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from craftkit.runtime.context import Context
from craftkit.store import outbox

if TYPE_CHECKING:
    import subprocess

DETACHED = 0x00000008 | 0x00000200  # on Windows: no console, a group of its own
DEAD = "outbox_dead"
COMMAND = ("outbox", "send", "--json")


def deliver_in_background(context: Context) -> bool:
    """Send what waits in a detached process; whether there was anything to send."""
    if context.offline or not has_unsent(context):
        return False
    start_detached(context.worktree, COMMAND)
    return True


def has_unsent(context: Context) -> bool:
    """Whether something waits for GitHub that could be sent."""
    return bool(context.config["github.repo"] and outbox.counts(context.store).queued)


def report_dead_writes(context: Context, dead: int | None = None) -> None:
    """Say, once in a command, that GitHub writes were given up; `dead` is how many, if known."""
    if dead is None:
        dead = outbox.counts(context.store).dead
    context.dead_writes = dead
    if dead and all(note.code != DEAD for note in context.diagnostics):
        context.note(
            "error",
            DEAD,
            f"{dead} GitHub {'write was' if dead == 1 else 'writes were'} given up.",
            "`craftkit outbox list` shows why; then `craftkit outbox retry` or `outbox drop`",
        )


def start_detached(worktree: str, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """`craftkit WORDS` as a process that outlives this one, its terminal and its pipes."""
    import subprocess

    apart: dict[str, Any] = (
        {"creationflags": DETACHED} if os.name == "nt" else {"start_new_session": True}
    )
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "craftkit", *words],  # -P: nothing of the project is imported
        cwd=worktree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=True,
        **apart,
    )
