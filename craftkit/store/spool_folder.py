"""Where spool files lie; every command looks whether there are any."""

import os

FILES = 10_000  # that are looked at


def directory(worktree: str) -> str:
    return os.path.join(worktree, ".craftkit", "spool")


def waiting(worktree: str) -> list[str]:
    """Paths of the spool files of a worktree, in the order of their names."""
    folder = directory(worktree)
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = [name for name in sorted(names) if name.endswith(".json")]
    return [os.path.join(folder, name) for name in found[:FILES]]
