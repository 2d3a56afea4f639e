"""Every test has a sandbox of its own, whose clock it may move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from craftkit.sandbox.server import Server, serve


@pytest.fixture
def sandbox() -> Iterator[Server]:
    with serve() as server:
        yield server
