"""Spool files: one decision each, written where the database cannot be.

A spool file is input.  It is taken in only when it is a regular file of this user, at most
64 KB, not tracked by git, of a known shape and of a kind that cannot undo anything.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from craftkit.errors import CannotWrite
from craftkit.store.db import write_whole

LIMIT = 64 * 1024
KINDS = ("start", "done")
FIELDS = {
    "id": str,
    "kind": str,
    "spec_id": str,
    "task_id": str,
    "source": str,
    "payload": str,
    "worktree": str,
    "path": str,
    "session": str,
    "created_at": str,
}


def directory(worktree: str) -> str:
    return os.path.join(worktree, ".craftkit", "spool")


def write(worktree: str, intent: dict[str, Any]) -> str:
    """Write one intent durably; return the path.  Raises CannotWrite."""
    folder = directory(worktree)
    path = os.path.join(folder, f"{intent['id']}.json")
    data = json.dumps({name: intent[name] for name in FIELDS}).encode()
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        # What git tracks is not taken in, so a `git add --all` must not reach these files.
        ignore = os.path.join(folder, ".gitignore")
        if not os.path.exists(ignore):
            write_whole(ignore, b"*\n", 0o600)
        write_whole(path, data, 0o600)
        _sync(folder)
    except OSError as error:
        raise CannotWrite(
            f"Neither the database nor {folder} can be written ({error.strerror}).",
            "make one of them writable; nothing was recorded",
        ) from error
    return path


def waiting(worktree: str) -> list[str]:
    """Paths of the spool files of a worktree, oldest name first."""
    try:
        names = os.listdir(directory(worktree))
    except OSError:
        return []
    return [os.path.join(directory(worktree), n) for n in sorted(names) if n.endswith(".json")]


def read(path: str) -> dict[str, Any] | None:
    """The intent in a spool file, or None when it may not be trusted."""
    folder = os.path.dirname(path)
    if os.path.realpath(folder) != folder:
        return None  # behind a symlink may lie files that git tracks
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a FIFO would block
    try:
        descriptor = os.open(path, os.O_RDONLY | flags)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LIMIT:
            return None
        if hasattr(os, "getuid") and facts.st_uid != os.getuid():
            return None
        data = json.loads(os.read(descriptor, LIMIT))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(descriptor)
    if not isinstance(data, dict) or set(data) != set(FIELDS) or data["kind"] not in KINDS:
        return None
    if not all(isinstance(data[name], kind) for name, kind in FIELDS.items()):
        return None
    return data


def remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _sync(folder: str) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
