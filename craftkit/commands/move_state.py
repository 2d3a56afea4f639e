"""Move the state into git's own directory.

It is that of an earlier version, in `.craftkit`, or of the time before `git init` was run here, in
`.craftkit/state`.

Each step can be repeated: a move that was killed goes on with the next try.  The old files are
deleted last, once everything is in its new place and on the disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from craftkit import disk
from craftkit import repo as git
from craftkit.errors import CannotWrite, OldState
from craftkit.runtime import clone, locks
from craftkit.runtime.context import Context
from craftkit.store import db, outbox, private, spool, spool_folder, worktrees

MANIFEST = "agents.json"
PART = ".part"  # behind the name of a database that is being copied
OLD_FILES = (
    *("craftkit.db", "craftkit.db-wal", "craftkit.db-shm", "craftkit.db-journal"),
    *("send.lock", "edit.lock", "job.lock", "agents.lock", clone.FILE, clone.KEY),
)
OLD_IGNORE = (b"# Everything here is local state, except the configuration.", b"*\n")
OLD_FIELDS = ("id", "kind", "spec_id", "task_id", "path", "session", "created_at")
OLD_KINDS = ("start", "done")


class Move(NamedTuple):
    """What came along."""

    folder: str
    held: int  # GitHub writes that were queued there


def move(context: Context) -> Move:
    """Move everything.  Raises OldState if that may not be, CannotWrite or DatabaseUnusable."""
    repo, state = context.repo, context.state_dir
    folder = clone.old_folder(repo)
    try:
        db.prepare_state_dir(state)
        marker = os.path.join(state, clone.MOVING)
        with locks.one_after_another(os.path.join(state, "move.lock")):
            if folder is not None:
                why = clone.refusal(repo, folder)
                if why:
                    raise OldState(f"{folder} is left alone: {why}.", "delete it yourself")
                private.write_whole(marker, b"")
                _copy_database(context, folder)
                _copy_key(folder, state)
            known = _known_id(state) or (_known_id(folder) if folder else None)
            context.clone = clone.record(repo, known or context.ids())
            for worktree, private_dir in _worktrees(repo):
                _move_files(context, worktree, private_dir)
            _delete_parts(state)
            held = outbox.counts(context.store).held
            _delete_old(repo)
            with suppress(FileNotFoundError):
                os.unlink(marker)
    except OSError as error:
        raise CannotWrite(
            f"The state cannot be moved to {state} ({error.strerror}).",
            "nothing is lost: make room or permit writing, then run it again",
        ) from error
    return Move(folder or os.path.join(repo.root, git.STATE_DIR), held)


def _known_id(state: str) -> str | None:
    found = clone.read(state)
    return found.id if found else None


def _copy_database(context: Context, folder: str) -> None:
    """A whole copy under its new name, with a rollback journal and its queue held."""
    target = os.path.join(context.state_dir, db.DATABASE)
    if os.path.lexists(target):
        return  # it was copied before the move was interrupted
    part = target + PART
    _delete_parts(context.state_dir)
    os.close(private.open_file(part, os.O_RDWR))

    def change(tx: sqlite3.Connection) -> None:
        outbox.hold(tx, context.now())
        worktrees.forget_all(tx)  # their git directories have other names, or inodes, now

    db.copy(os.path.join(folder, db.DATABASE), part, change)
    os.replace(part, target)
    private.sync_folder(context.state_dir)


def _delete_parts(state: str) -> None:
    """Delete what is left of a copy that was begun."""
    for suffix in ("", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(state, db.DATABASE + PART + suffix))


def _copy_key(folder: str, state: str) -> None:
    """What was sealed in a folder without git is sealed with this clone's key."""
    found = clone.key(folder)
    if found is not None and not os.path.lexists(os.path.join(state, clone.KEY)):
        private.write_whole(os.path.join(state, clone.KEY), found)


def _worktrees(repo: git.Repo) -> Iterator[tuple[str, str]]:
    """Each worktree, and where its private state is."""
    yield repo.root, repo._replace(git_dir=repo.common_dir).private_dir
    listed = os.path.join(repo.common_dir or "", "worktrees")
    with suppress(OSError):
        for name in sorted(os.listdir(listed)) if repo.common_dir else ():
            found = git.worktree_of(os.path.join(listed, name))
            if found is not None:
                yield found, os.path.join(listed, name, "craftkit")


def _move_files(context: Context, worktree: str, private_dir: str) -> None:
    """Seal the spool files of a worktree anew, and move its list of installed files."""
    top = os.path.join(worktree, git.STATE_DIR)
    for old in (os.path.join(top, MANIFEST), os.path.join(top, "state", MANIFEST)):
        if not _is_own(context.repo, old):
            continue
        private.make_folder(private_dir)
        listed = disk.read_regular(old, 1 << 20)
        private.write_whole(os.path.join(private_dir, MANIFEST), listed)
        os.unlink(old)
    name = os.path.relpath(os.path.dirname(private_dir), context.repo.common_dir or worktree)
    key, recorded = clone.key(context.state_dir), context.clone
    if key is None or recorded is None:
        return
    seal = spool.Seal(key, recorded.id, name if context.repo.common_dir else ".")
    for path in spool_folder.waiting(worktree):
        entry = _old_entry(path) if _is_own(context.repo, path) else None
        if entry is not None and spool.read(path, seal) is None:
            private.write_whole(path, spool.render(entry, seal))


def _is_own(repo: git.Repo, path: str) -> bool:
    """Whether a file is regular, this user's, and not from a clone."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    mine = not hasattr(os, "geteuid") or found.st_uid in (os.geteuid(), clone.owner(repo))
    return stat.S_ISREG(found.st_mode) and mine and not git.is_tracked(repo, path)


def _old_entry(path: str) -> spool.Entry | None:
    """A decision as earlier versions spooled it, without a seal."""
    try:
        values = json.loads(disk.read_regular(path, spool.LIMIT))
        entry = spool.Entry(*(values[name] for name in OLD_FIELDS))
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return None
    if "seal" in values or entry.kind not in OLD_KINDS:
        return None
    whole = all(isinstance(value, str) for value in entry)
    return entry if whole and f"{entry.id}.json" == os.path.basename(path) else None


def _delete_old(repo: git.Repo) -> None:
    """Delete what lay in `.craftkit`; the configuration and the spool stay."""
    top = os.path.join(repo.root, git.STATE_DIR)
    for folder in (os.path.join(top, "state"), top):
        if folder == repo.state_dir or os.path.islink(folder) or not os.path.isdir(folder):
            continue
        for name in OLD_FILES:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
        _delete_logs(os.path.join(folder, "logs"))
        _delete_ignore(repo, os.path.join(folder, ".gitignore"))
        private.sync_folder(folder)
    with suppress(OSError):  # it is the new one, or has what somebody else put there
        os.rmdir(os.path.join(top, "state"))


def _delete_logs(folder: str) -> None:
    with suppress(OSError):
        for name in os.listdir(folder) if not os.path.islink(folder) else ():
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def _delete_ignore(repo: git.Repo, path: str) -> None:
    with suppress(OSError):
        ours = disk.read_regular(path, 1 << 16).startswith(OLD_IGNORE)
        if ours and not git.is_tracked(repo, path):
            os.unlink(path)
