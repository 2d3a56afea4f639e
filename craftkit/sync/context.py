"""What a drain works with, and what its parts do with a row that could not be delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from craftkit.clock import iso_utc
from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.store.db import Store

GRACE = 60.0  # seconds that a lost creation is given to show up


class Settings(NamedTuple):
    """How task states look on GitHub."""

    repo: str  # owner/name, as the key of what is remembered
    in_progress_label: str = "status: in-progress"
    phase_label: str = "phase: "
    project: bool = False  # a Projects v2 status field is configured
    grace: float = GRACE
    publish_secrets: bool = False  # a person agreed to titles that look like secrets


class SyncContext(NamedTuple):
    """What a drain works with."""

    store: Store
    gateway: gh.Gateway
    settings: Settings
    clock: Callable[[], float]
    progress: Callable[[int, int], None] | None = None  # delivered so far, of how many
    remark: Callable[[CraftkitError, str], None] | None = None  # of a label or status not set
    declined: Callable[[int, str], None] | None = None  # told of a close that a person outranks

    def now(self) -> str:
        return iso_utc(self.clock())
