"""Each test has a folder of its own, which other users reach too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ground as grounds
import pytest
from ground import Ground


@pytest.fixture
def top() -> Iterator[Path]:
    with grounds.folder() as made:
        yield made


@pytest.fixture
def ground(top: Path) -> Ground:
    """A main worktree that is set up, with T001 in progress and T002 done."""
    made = grounds.make("main worktree", top)
    made.ok("init")
    made.ok("task", "done", "T002")
    made.ok("task", "start", "T001")
    grounds.git(made.work, "add", "-A")
    grounds.git(made.work, "commit", "-qm", "work")
    return made
