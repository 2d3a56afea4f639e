"""What `doctor` says of the place of the private state, and of places that are not supported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

from craftkit import repo as git
from craftkit.runtime import clone
from craftkit.runtime.context import Context
from craftkit.store import db, outbox
from craftkit.text import count

Finding = tuple[str, str, str]  # status, message and hint
_DEPTH = 6  # folders below `modules` that a submodule may be in


def findings(context: Context) -> list[Finding]:
    """The place of the state, what craftkit ignores, and writes that a deletion would lose."""
    if context.repo.missing is not None:
        return []  # the check of the database says it
    found: list[Finding] = [("ok", f"in {context.state_dir}", "")]
    found += [("warning", *said) for said in unsupported(context.worktree, context.env)]
    if context.repo.common_dir is not None and clone.old_folder(context.repo) is not None:
        old = clone.old_folder(context.repo)
        words = f"an older state lies in {old}, and nothing reads it"
        found.append(("warning", words, "delete it, if it is not yours or not wanted"))
    for folder, queued in _queued_in_submodules(context.repo):
        words = f"{count(queued, 'GitHub write waits', 'GitHub writes wait')} in {folder}"
        hint = "send them before that worktree is removed: `craftkit reconcile` in the submodule"
        found.append(("warning", words, hint))
    return found


def unsupported(where: str, env: Mapping[str, str]) -> list[tuple[str, str]]:
    """Message and hint of each reason why craftkit cannot see the repository that is meant."""
    found = []
    repo = git.find(where)
    named = env.get("GIT_DIR", "")
    if named and not _is_git_dir_of(repo, os.path.join(where, named)):
        found.append(
            (
                f"GIT_DIR names {named}, and craftkit goes by the working directory alone.",
                "a bare repository for dotfiles is not supported: work in a clone with a `.git`",
            )
        )
    if repo is None or repo.git_dir is None:
        top = _jj_workspace(where)
        if top is not None:
            found.append(
                (
                    f"{top} is a jj workspace without a `.git`, which is not supported.",
                    "use a colocated one: `jj git init --colocate`",
                )
            )
    return found


def _is_git_dir_of(repo: git.Repo | None, named: str) -> bool:
    """Whether this is the repository that craftkit sees; git sets GIT_DIR in its own hooks."""
    return repo is not None and os.path.realpath(named) in (repo.git_dir, repo.common_dir)


def _jj_workspace(where: str) -> str | None:
    level = os.path.realpath(where)
    while not os.path.isdir(os.path.join(level, ".jj")):
        parent = os.path.dirname(level)
        if parent == level:
            return None
        level = parent
    return level


def _queued_in_submodules(repo: git.Repo) -> Iterator[tuple[str, int]]:
    """Submodules of linked worktrees with unsent writes: their state goes with the worktree."""
    listed = os.path.join(repo.common_dir or "", "worktrees")
    with suppress(OSError):
        for name in sorted(os.listdir(listed)) if repo.common_dir else ():
            for path in _databases(os.path.join(listed, name, "modules"), _DEPTH):
                queued = outbox.unsent_in(path)
                if queued:
                    yield os.path.dirname(os.path.dirname(path)), queued


def _databases(folder: str, depth: int) -> Iterator[str]:
    path = os.path.join(folder, "craftkit", db.DATABASE)
    if os.path.isfile(path):
        yield path
    elif depth:
        with suppress(OSError):
            for entry in sorted(os.scandir(folder), key=lambda e: e.name):
                if entry.is_dir(follow_symlinks=False) and entry.name != "objects":
                    yield from _databases(entry.path, depth - 1)
