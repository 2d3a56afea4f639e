"""What the measurements share: a clean environment, and another revision beside this one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AGENT = {"CRAFTKIT_AGENT": "claude", "CLAUDECODE": "1"}  # what an agent's shell sets
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


def environment(tree: Path, home: Path) -> dict[str, str]:
    """The environment of a person without an agent, in which `import craftkit` finds this tree.

    Bytecode is written, as for an installed craftkit.
    """
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "HOME": str(home),
        "PYTHONPATH": str(tree),
        "CRAFTKIT_SESSION": "bench",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "NO_COLOR": "1",
    }


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The files of a revision in a git worktree, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="craftkit-tree-") as name:
        tree = Path(name).resolve() / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)
