"""What every command begins with: finish what an earlier one was killed in.

Most of the time there is nothing, which one SELECT and one look at a folder tell.
"""

from __future__ import annotations

import os

from craftkit import repo as git
from craftkit.runtime import background
from craftkit.runtime.config import FILE, config_file
from craftkit.runtime.context import Context
from craftkit.store import decisions, spool_folder, worktrees
from craftkit.text import shell_word


def repair(context: Context, *, online: bool = False) -> list[dict[str, str]]:
    """Finish what was interrupted, read in what was spooled, and say what that was.

    What has to ask GitHub is left to a command that asks it anyway: an `online` one.
    """
    if not context.store.durable:
        from craftkit.loop import spool_import  # only where nothing can be written

        spool_import.lay_over(context)
        return []
    if _has_worktree_changed(context):
        from craftkit.loop import worktree_changes  # once in a while

        worktree_changes.settle(context)
    _look_for_configuration(context)
    if os.path.isdir(os.path.join(context.worktree, "openspec", "changes", "archive")):
        from craftkit.loop import archived  # only OpenSpec has them

        archived.release_claims(context)
    if not decisions.any_unfinished(context.store) and not spool_folder.waiting(context.worktree):
        background.report_dead_writes(context)
        return []
    from craftkit.commands import interrupted  # it knows every kind of process

    return interrupted.repair(context, online=online)


def _has_worktree_changed(context: Context) -> bool:
    """Whether this worktree is new or moved, or another one is not as it is known."""
    known = worktrees.known(context.store)
    repo = context.repo
    name = repo.worktree_name
    here = worktrees.Worktree(name, git.stamp_of(repo, name) or 0, repo.worktree)
    return here not in known or any(
        one != here and one.stamp != git.stamp_of(repo, one.name) for one in known
    )


def _look_for_configuration(context: Context) -> None:
    """Say on which branch the configuration is, if it is not on this one."""
    if os.path.exists(config_file(context.repo)):
        return
    branch = git.branch_with(context.repo, FILE)
    if branch:
        context.note(
            "info",
            "config_elsewhere",
            f"{FILE} is not on this branch: it is on branch {branch}. The defaults hold here.",
            f"`git checkout {shell_word(branch)} -- {FILE}` brings it here",
        )
