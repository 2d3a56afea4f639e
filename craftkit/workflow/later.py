"""Deliveries that nobody waits for: a process of its own, which outlives its parent."""

from __future__ import annotations

import os
import sys

from craftkit.store import outbox
from craftkit.workflow import hub
from craftkit.workflow.context import Context

COMMAND = ("outbox", "send", "--json")


def deliver(context: Context) -> bool:
    """Send what waits in a detached process; whether there was anything to send."""
    if (
        context.offline
        or not hub.is_configured(context)
        or not outbox.counts(context.store)["queued"]
    ):
        return False
    start(context.worktree, COMMAND)
    return True


def start(worktree: str, words: tuple[str, ...]) -> None:
    """Run `craftkit WORDS` in `worktree` without a terminal, and do not wait for it."""
    import subprocess

    apart = (
        {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, a group of its own
        if os.name == "nt"
        else {"start_new_session": True}
    )
    subprocess.Popen(
        [sys.executable, "-m", "craftkit", *words],
        cwd=worktree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=True,
        **apart,
    )
