"""Worktrees move and go: what was recorded in them moves with them, or is let go.

Looked at before each command, so that it asks only for what the database knows: one SELECT, and a
stat for each worktree that craftkit has run in.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from craftkit import repo as git
from craftkit.loop import task_lookup
from craftkit.runtime.context import Context
from craftkit.store import claims, history, sessions, worktrees
from craftkit.store.claims import Claim
from craftkit.store.worktrees import Worktree


class Changes(NamedTuple):
    """What became of the worktrees that are known."""

    moved_from: str | None  # where this worktree was
    gone: tuple[Worktree, ...]
    remembered: tuple[Worktree, ...]  # those whose row is new or another than before


def plan(
    known: Sequence[Worktree], here: Worktree, main: Worktree, stamps: Mapping[str, int | None]
) -> Changes:
    """Compare the worktrees that are known with what is there.

    `stamps` has the stamp of each known name: 0 if it is gone, None if nobody
    can tell.  If that of the `main` one, the shared directory, is new, the clone was copied back:
    then all stamps may be new, and the names count alone.
    """
    moved_from, gone, remembered = None, [], []
    is_known = False
    restored = any(one.name == main.name and one.stamp != main.stamp for one in known)
    if here.name != main.name and all(one.name != main.name for one in known):
        remembered.append(main)
    for one in known:
        stamp = stamps[one.name]
        if stamp is None or (stamp == one.stamp and one.name != here.name):
            continue
        same = stamp == one.stamp or (restored and stamp != 0)
        if not same:
            gone.append(one)
        elif one.name != here.name:
            remembered.append(one._replace(stamp=stamp))
        else:
            is_known = one == here
            moved_from = None if one.path == here.path else one.path
    if not is_known:
        remembered.append(here)
    return Changes(moved_from, tuple(gone), tuple(remembered))


def settle(context: Context) -> None:
    """Take note of worktrees that moved or went, and say what that changed."""
    known = worktrees.known(context.store)
    here = _worktree(context, context.repo.worktree_name, context.worktree)
    main = _main(context, here)
    stamps = {one.name: git.stamp_of(context.repo, one.name) for one in known}
    changes = plan(known, here, main, stamps | {here.name: here.stamp, main.name: main.stamp})
    if changes == Changes(None, (), ()):
        return
    with context.store.write() as tx:
        now = context.now()
        released = [(one, _release(context, tx, one, now)) for one in changes.gone]
        if changes.moved_from is not None:
            worktrees.rename(tx, changes.moved_from, here.path)
        for one in changes.remembered:
            worktrees.remember(tx, one, now)
    _say(context, changes.moved_from, [(one, freed) for one, freed in released if freed])


def _worktree(context: Context, name: str, path: str) -> Worktree:
    return Worktree(name, git.stamp_of(context.repo, name) or 0, path)


def _main(context: Context, here: Worktree) -> Worktree:
    """The worktree of the shared directory, or that directory itself if it is bare."""
    repo = context.repo
    if repo.common_dir is None or repo.git_dir == repo.common_dir:
        return here
    path = repo.common_dir if repo.root == repo.worktree else repo.root
    return _worktree(context, ".", path)


def _release(context: Context, tx: sqlite3.Connection, gone: Worktree, now: str) -> list[Claim]:
    """Let go of what was in progress in a worktree that was removed."""
    freed = claims.of_worktree(context.store, gone.path)
    for claim in freed:
        claims.release(tx, claim.spec_id, [claim.task_id])
        sessions.forget_current(tx, claim.spec_id, [claim.task_id], now)
        where = (claim.spec_id, claim.task_id)
        history.record(tx, now, "task.released", context.session, *where, worktree=gone.path)
    worktrees.forget(tx, gone)
    return freed


def _say(
    context: Context, moved_from: str | None, released: Sequence[tuple[Worktree, list[Claim]]]
) -> None:
    if moved_from is not None and claims.of_worktree(context.store, context.worktree):
        words = f"The worktree moved from {moved_from} to {context.worktree}, and its tasks too."
        context.note("info", "worktree_moved", words)
    name = task_lookup.namer(context)
    for one, freed in released:
        tasks = ", ".join(
            f"{name(claim.spec_id, claim.task_id)} of {claim.spec_id}" for claim in freed
        )
        context.note(
            "info",
            "worktree_gone",
            f"The worktree {one.path} is gone, so nobody is at work on {tasks} any more.",
            "`craftkit task next` offers what is free",
        )
