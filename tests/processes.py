"""Wait for what runs in the background: its end, not a time in which it may have ended."""

from __future__ import annotations

import os
import time
from pathlib import Path

LIMIT = 120  # seconds, on a machine that is busy with something else


def running_in(folder: Path) -> list[int]:
    """The processes, other than this one, whose directory is `folder`."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal() and os.readlink(f"/proc/{name}/cwd") == str(folder):
                found.append(int(name))
        except OSError:
            continue  # it has ended, or is somebody else's
    return [pid for pid in found if pid != os.getpid()]


def wait_for_the_end(folder: Path) -> None:
    """Return when no process works in `folder` any more.  Fails if that takes for ever."""
    limit = time.monotonic() + LIMIT
    while running_in(folder):
        assert time.monotonic() < limit, f"{running_in(folder)} do not end"
        time.sleep(0.02)
