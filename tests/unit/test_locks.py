"""Locks between processes: one is in, the others are out or wait, and a death lets go."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from craftkit.runtime import locks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def held_by_another(path: str) -> int:
    """A process that holds the lock until it is killed."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        locks.acquire(path, wait=True)
        os.write(tell, b"x")
        signal.pause()
    os.read(ready, 1)
    return pid


def test_one_at_a_time_and_a_death_lets_go(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    pid = held_by_another(path)
    try:
        with locks.only_one(path) as free:
            assert free is False
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    with locks.only_one(path) as free:
        assert free is True
        with locks.only_one(path) as again:
            assert again is False
    with locks.one_after_another(path), locks.only_one(path) as free:
        assert free is False


def test_no_lock_is_no_reason_to_stop(tmp_path: Path) -> None:
    with locks.one_after_another(str(tmp_path / "nowhere/a.lock")):
        pass
    with pytest.raises(OSError), locks.only_one(str(tmp_path / "nowhere/a.lock")):
        pass


def test_a_link_that_came_with_a_clone_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        locks.acquire(str(tmp_path / "a.lock"), wait=False)
    assert not (tmp_path / "elsewhere").exists()
