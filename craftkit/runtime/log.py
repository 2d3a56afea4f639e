"""The log: JSON lines in `.craftkit/logs/`, masked, rotated, never in the way of the work."""

from __future__ import annotations

import json
import os
from typing import Any

from craftkit.runtime.context import Context
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
    folder = os.path.join(context.state_dir, "logs")
    path = os.path.join(folder, "craftkit.log")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode("utf-8", "replace") + b"\n")
            full = os.fstat(descriptor).st_size > LIMIT
        finally:
            os.close(descriptor)
        if full:
            _rotate(path)
    except OSError:
        return


def _rotate(path: str) -> None:
    for number in range(KEEP - 1, 0, -1):
        older = f"{path}.{number}"
        if os.path.exists(older):
            os.replace(older, f"{path}.{number + 1}")
    os.replace(path, f"{path}.1")
