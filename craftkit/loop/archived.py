"""OpenSpec moves a finished change to its archive: it counts as finished, its issues stay."""

from __future__ import annotations

import os
import re

from craftkit.runtime.context import Context
from craftkit.specs import discovery
from craftkit.store import claims, specs

_DATED = r"[0-9]{4}-[0-9]{2}-[0-9]{2}-"


def any_here(context: Context) -> bool:
    """Whether it is worth looking: one call to the system."""
    return os.path.isdir(os.path.join(context.worktree, *discovery.ARCHIVE.split("/")))


def changes(context: Context) -> dict[str, str]:
    """Name of each archived change, without its date -> the path of its tasks."""
    found = {}
    for path in discovery.archived(context.worktree):
        folder = path.split("/")[-2]
        found[re.sub(rf"\A{_DATED}", "", folder)] = path
    return found


def path_of(context: Context, spec_id: str) -> str | None:
    """Where the tasks of this spec are now if it was archived."""
    if not any_here(context):
        return None
    for path in specs.paths(context.store, context.worktree, spec_id):
        if os.path.lexists(os.path.join(context.worktree, path)):
            return None
    return changes(context).get(spec_id)


def release_claims(context: Context) -> None:
    """Nobody is at work on a task of an archived change any more."""
    if not any_here(context):
        return
    for spec_id in {claim.spec_id for claim in claims.of_worktree(context.store, context.worktree)}:
        path = path_of(context, spec_id)
        if path is not None:
            with context.store.write() as tx:
                claims.release_spec(tx, spec_id)
            words = f"{spec_id} is archived ({path}): it counts as finished, its issues stay."
            context.note("info", "archived", words)
