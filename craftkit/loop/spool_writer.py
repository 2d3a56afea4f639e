"""Keep a decision in a file of its own, if the database cannot be written here."""

from __future__ import annotations

from craftkit.errors import DatabaseUnwritable
from craftkit.runtime import clone
from craftkit.runtime.context import Context, unreachable_state
from craftkit.store import spool
from craftkit.store.spool import Entry, Seal


def keep(context: Context, entry: Entry) -> None:
    """Write an entry where the database cannot be written.

    Raises ForeignState or GitDirectoryMissing if this clone's state is not ours to add to,
    DatabaseUnwritable if it has no key that we can read, or CannotWrite.
    """
    if context.standing != clone.ON:
        raise unreachable_state(context.repo, context.standing)
    seal = make_seal(context)
    if seal is None:
        raise DatabaseUnwritable(
            f"The key of this clone in {context.state_dir} cannot be read, so nothing is recorded.",
            "run `craftkit init` where git's directory can be written",
        )
    spool.write(context.worktree, entry, seal)


def make_seal(context: Context) -> Seal | None:
    """What spool files of this worktree are sealed with; None if the key cannot be read."""
    try:
        key = clone.key(context.state_dir)
        recorded = context.clone or clone.read(context.state_dir)
    except PermissionError:
        return None
    if key is None or recorded is None:
        return None
    return Seal(key, recorded.id, context.repo.worktree_name)
