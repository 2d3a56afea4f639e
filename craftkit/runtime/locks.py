"""Locks between processes: files that are locked, never files that exist.

The system lets go of such a lock when its process ends, however it ends.  Where there are none
(Windows, some network file systems) everybody gets the lock: no promise rests on it alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from craftkit.store import private


def acquire(path: str, *, wait: bool) -> int | None:
    """An open descriptor that holds the lock; None if another process has it and we do not `wait`.

    Raises OSError if the file cannot be opened.
    """
    descriptor = private.open_file(path, os.O_RDWR)
    try:
        import fcntl
    except ImportError:
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        pass  # this file system has no locks
    return descriptor


@contextlib.contextmanager
def only_one(path: str) -> Iterator[bool]:
    """False while another process is in here.  Raises OSError if the file cannot be opened."""
    descriptor = acquire(path, wait=False)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def one_after_another(path: str) -> Iterator[None]:
    """Wait until no other process is in here; where the file cannot be opened, do not."""
    try:
        descriptor = acquire(path, wait=True)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
