"""Spool files: one decision each, written where the database cannot be.

A spool file is input, and anybody who can write to the worktree could have made it.  So it is
sealed: a keyed BLAKE2b over its content, the clone, the worktree and its random id.  Who made the
seal could read the key in this clone's private state.  That keeps out what came by git and other
users, not other programs of the same user.
"""

import os
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from craftkit.errors import CannotWrite
from craftkit.store import private, spool_folder
from craftkit.store.db import Store

LIMIT = 64 * 1024  # bytes of a file
KINDS = ("start", "done", "drop", "note")


class Entry(NamedTuple):
    """One decision, or one note, as it was made."""

    id: str  # random; an id that was read in is not read in again
    kind: str
    spec_id: str
    task_id: str  # "" for a note on the spec itself
    path: str  # of the spec file
    session: str
    created_at: str
    text: str = ""  # the reason of a drop, the words of a note
    label: str = ""  # the kind of a note


class Seal(NamedTuple):
    """What a seal is made with."""

    key: bytes
    clone: str
    worktree: str  # its git directory, relative to the shared one

    def of(self, entry: Entry) -> str:
        import hashlib
        import json

        data = json.dumps([*entry, self.clone, self.worktree]).encode()
        return hashlib.blake2b(data, key=self.key, digest_size=32).hexdigest()


def write(worktree: str, entry: Entry, seal: Seal) -> str:
    """Write one entry durably; return the path.  Raises CannotWrite."""
    folder = spool_folder.directory(worktree)
    path = os.path.join(folder, f"{entry.id}.json")
    data = render(entry, seal)
    if len(data) > LIMIT:
        raise CannotWrite("The words are too long for the spool.", "say it in short")
    try:
        private.make_folder(os.path.dirname(folder))
        private.make_folder(folder)
        private.write_below(worktree, os.path.relpath(path, worktree).split(os.sep), data)
        private.sync_folder(os.path.dirname(folder))
    except OSError as error:
        raise CannotWrite(
            f"Neither the database nor {folder} can be written ({error.strerror}).",
            "make one of them writable; nothing was recorded",
        ) from error
    return path


def render(entry: Entry, seal: Seal) -> bytes:
    """The file of an entry."""
    import json

    return json.dumps({**entry._asdict(), "seal": seal.of(entry)}).encode()


def read(path: str, seal: Seal) -> Entry | None:
    """The entry in a spool file, or None if it may not be trusted."""
    folder = os.path.dirname(path)
    if os.path.realpath(folder) != folder:
        return None  # behind a symlink may lie files that git tracks
    data = _read(path)
    if data is None:
        return None
    import json

    try:
        values = json.loads(data)
        given = values.pop("seal")
        entry = Entry(**values)
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return None
    if not all(isinstance(value, str) for value in (*entry, given)) or entry.kind not in KINDS:
        return None
    import hmac

    sealed = given.isascii() and hmac.compare_digest(given, seal.of(entry))
    return entry if sealed and f"{entry.id}.json" == os.path.basename(path) else None


def _read(path: str) -> bytes | None:
    """What a small regular file of this user says."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a FIFO would block
    try:
        descriptor = os.open(path, os.O_RDONLY | flags)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LIMIT:
            return None
        return os.read(descriptor, LIMIT)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def taken(store: Store, ids: Iterable[str]) -> set[str]:
    """Which of these ids have been read in before."""
    import json

    sql = "select id from spool_taken where id in (select value from json_each(?))"
    rows = store.rows(sql, json.dumps(list(ids)))
    return {row[0] for row in rows}


def remember(tx: sqlite3.Connection, entry_id: str, now: str) -> None:
    """An entry was read in, or never will be: its file says nothing new any more."""
    tx.execute("insert or ignore into spool_taken (id, at) values (?, ?)", (entry_id, now))
