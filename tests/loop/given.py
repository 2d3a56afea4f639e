"""What the tests of the loop are given: a moment, a clock that stands, a way to open a context."""

from __future__ import annotations

from collections.abc import Callable

from craftkit.runtime.context import Context

NOW = 1_800_000_000.0
Open = Callable[..., Context]
SPEC = "---\nid: demo\nname: Demo\nphase: implementation\n---\n\n## Tasks\n\n"


class Clock:
    """Time that passes only if a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now
