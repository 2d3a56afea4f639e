"""Each test has a sandbox GitHub and a repository of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import loopback
import pytest


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[object]:
    from craftkit.sandbox.server import serve

    with serve() as server:
        yield loopback.Desk(tmp_path.resolve(), server)
