"""What a program wrote to a pseudo-terminal."""

from __future__ import annotations

import os
import select

WAIT = 2.0  # seconds for what is still under way; the kernel hands it over in pieces


def shown(leader: int, last: str) -> str:
    """All that came, up to and with `last`, or until nothing comes any more."""
    data = b""
    while last.encode() not in data and select.select([leader], [], [], WAIT)[0]:
        try:
            data += os.read(leader, 100_000)
        except OSError:  # the other end is closed, and nothing is left
            break
    return data.decode()
