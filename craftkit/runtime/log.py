"""The log: JSON lines in the private state, masked, rotated, never in the way of the work."""

from __future__ import annotations

import json
import os
from typing import Any

from craftkit.runtime.context import Context
from craftkit.store import private
from craftkit.text import redact, redact_value

LIMIT = 1_000_000  # bytes of one file
KEEP = 3


def write(context: Context, level: str, step: str, message: str, data: dict[str, Any]) -> None:
    """Append one line; where the log cannot be written, nothing happens."""
    line = json.dumps(
        {
            "timestamp": context.now(),
            "level": level,
            "step": step,
            "message": redact(message),
            "data": redact_value(data),
        },
        ensure_ascii=False,
    )
    append(os.path.join(context.state_dir, "logs", "craftkit.log"), line, LIMIT, KEEP)


def append(path: str, line: str, limit: int, keep: int) -> None:
    """Append a line to a file of at most `limit` bytes, of which `keep` older ones stay.

    If that fails, nothing happens: a log is never in the way of the work.
    """
    try:
        private.make_folder(os.path.dirname(path))
        descriptor = private.open_file(path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, line.encode("utf-8", "replace") + b"\n")
            full = os.fstat(descriptor).st_size > limit
        finally:
            os.close(descriptor)
        if full:
            _rotate(path, keep)
    except OSError:
        return


def _rotate(path: str, keep: int) -> None:
    for number in range(keep - 1, 0, -1):
        older = f"{path}.{number}"
        if os.path.exists(older):
            os.replace(older, f"{path}.{number + 1}")
    os.replace(path, f"{path}.1")
