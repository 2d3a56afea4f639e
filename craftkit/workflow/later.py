"""Deliveries that nobody waits for: a process of its own, which outlives its parent."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from craftkit.store import outbox
from craftkit.workflow import hub
from craftkit.workflow.context import Context

DETACHED = 0x00000008 | 0x00000200  # on Windows: no console, a group of its own
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


def start(worktree: str, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """`craftkit WORDS` as a process that outlives this one, its terminal and its pipes."""
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
