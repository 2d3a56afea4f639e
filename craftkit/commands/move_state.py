"""Move the state of an earlier version from `.craftkit` into git's own directory.

Each step can be repeated: a move that was killed goes on with the next try.  The old files are
deleted last, once everything is in its new place and on the disk.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from craftkit import repo as git
from craftkit.errors import CannotWrite, OldState
from craftkit.runtime import clone, locks
from craftkit.runtime.context import Context
from craftkit.store import db, outbox, private, spool

MANIFEST = "agents.json"
OLD_FILES = (
    *("craftkit.db", "craftkit.db-wal", "craftkit.db-shm", "craftkit.db-journal"),
    *("send.lock", "edit.lock", "job.lock", "agents.lock"),
)
OLD_IGNORE = b"# Everything here is local state, except the configuration."
OLD_FIELDS = ("id", "kind", "spec_id", "task_id", "path", "session", "created_at")
OLD_KINDS = ("start", "done")


class Move(NamedTuple):
    """What came along."""

    folder: str
    held: int  # GitHub writes that were queued there


def refusal(repo: git.Repo) -> str:
    """Why the old database is not taken over, as the end of a sentence; "" if it may be."""
    folder = os.path.join(repo.root, git.STATE_DIR)
    path = os.path.join(folder, db.DATABASE)
    for place, is_kind in ((folder, stat.S_ISDIR), (path, stat.S_ISREG)):
        found = os.lstat(place)
        if not is_kind(found.st_mode):
            return "is not a regular file" if place == path else "is behind a symlink"
        if hasattr(os, "geteuid") and found.st_uid not in (os.geteuid(), _owner(repo)):
            return "belongs to another user"
    if git.is_tracked(repo, path):
        return "is tracked by git, so it may have come with a clone"
    return ""


def _owner(repo: git.Repo) -> int:
    """Root may move what belongs to the owner of git's directory."""
    return os.stat(repo.common_dir or repo.root).st_uid if os.geteuid() == 0 else os.geteuid()


def move(context: Context) -> Move:
    """Move everything.  Raises OldState if that may not be, CannotWrite or DatabaseUnusable."""
    repo, state = context.repo, context.state_dir
    folder = os.path.join(repo.root, git.STATE_DIR)
    try:
        db.prepare_state_dir(state)
        marker = os.path.join(state, clone.MOVING)
        with locks.one_after_another(os.path.join(state, "move.lock")):
            if os.path.lexists(os.path.join(folder, db.DATABASE)):
                why = refusal(repo)
                if why:
                    raise OldState(f"{folder} {why}, so it is left alone.", "delete it yourself")
                private.write_whole(marker, b"")
                _copy_database(context, folder)
            context.clone = clone.record(repo, _known_id(state) or context.ids())
            for worktree, private_dir in _worktrees(repo):
                _move_files(context, worktree, private_dir)
            held = outbox.counts(context.store).held
            _delete_old(repo, folder)
            with suppress(FileNotFoundError):
                os.unlink(marker)
    except OSError as error:
        raise CannotWrite(
            f"The state cannot be moved to {state} ({error.strerror}).",
            "nothing is lost: make room or permit writing, then run it again",
        ) from error
    return Move(folder, held)


def _known_id(state: str) -> str | None:
    found = clone.read(state)
    return found.id if found else None


def _copy_database(context: Context, folder: str) -> None:
    """A whole copy under its new name, with a rollback journal and its queue held."""
    target = os.path.join(context.state_dir, db.DATABASE)
    if os.path.lexists(target):
        return  # it was copied before the move was interrupted
    part = target + ".part"
    for suffix in ("", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(part + suffix)
    os.close(private.open_file(part, os.O_RDWR))
    now = context.now()
    db.copy(os.path.join(folder, db.DATABASE), part, lambda tx: outbox.hold(tx, now))
    os.replace(part, target)
    private.sync_folder(context.state_dir)


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
    old = os.path.join(worktree, git.STATE_DIR, MANIFEST)
    if _is_own(context.repo, old):
        private.make_folder(private_dir)
        with open(old, "rb") as file:
            private.write_whole(os.path.join(private_dir, MANIFEST), file.read())
        os.unlink(old)
    name = os.path.relpath(os.path.dirname(private_dir), context.repo.common_dir or worktree)
    key, recorded = clone.key(context.state_dir), context.clone
    if key is None or recorded is None:
        return
    seal = spool.Seal(key, recorded.id, name if context.repo.common_dir else ".")
    for path in spool.waiting(worktree):
        entry = _old_entry(path) if _is_own(context.repo, path) else None
        if entry is not None and spool.read(path, seal) is None:
            private.write_whole(path, spool.render(entry, seal))


def _is_own(repo: git.Repo, path: str) -> bool:
    """Whether a file is regular, this user's, and not from a clone."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    mine = not hasattr(os, "geteuid") or found.st_uid in (os.geteuid(), _owner(repo))
    return stat.S_ISREG(found.st_mode) and mine and not git.is_tracked(repo, path)


def _old_entry(path: str) -> spool.Entry | None:
    """A decision as earlier versions spooled it, without a seal."""
    try:
        with open(path, "rb") as file:
            values = json.loads(file.read(spool.LIMIT))
        entry = spool.Entry(*(values[name] for name in OLD_FIELDS))
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return None
    if "seal" in values or entry.kind not in OLD_KINDS:
        return None
    whole = all(isinstance(value, str) for value in entry)
    return entry if whole and f"{entry.id}.json" == os.path.basename(path) else None


def _delete_old(repo: git.Repo, folder: str) -> None:
    """Delete what earlier versions kept in `.craftkit`; the configuration and the spool stay."""
    for name in OLD_FILES:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
    logs = os.path.join(folder, "logs")
    with suppress(OSError):
        for name in os.listdir(logs) if not os.path.islink(logs) else ():
            os.unlink(os.path.join(logs, name))
        os.rmdir(logs)
    ignore = os.path.join(folder, ".gitignore")
    with suppress(OSError):
        with open(ignore, "rb") as file:
            ours = file.read(200).startswith(OLD_IGNORE)
        if ours and not git.is_tracked(repo, ignore):
            os.unlink(ignore)
    private.sync_folder(folder)
