"""Where craftkit keeps its private state in a repository of a test."""

from __future__ import annotations

from pathlib import Path

from craftkit import repo as git
from craftkit.runtime import clone, trust


def state_of(repo: Path) -> Path:
    """The private state of a main worktree, or of a folder without git."""
    return repo / ".git/craftkit" if (repo / ".git").is_dir() else repo / ".craftkit/state"


def database_of(repo: Path) -> Path:
    """The database; that of a GitHub on this machine, if the repository was used with one."""
    sandbox = state_of(repo) / "sandbox.db"
    return sandbox if sandbox.exists() else state_of(repo) / "craftkit.db"


def switch_on(place: Path, **agreed: str) -> None:
    """As `craftkit init` does it: `switch_on(repo, repo="o/r")` agrees to a repository, too."""
    found = git.find(str(place))
    assert found is not None
    Path(found.state_dir).mkdir(parents=True, exist_ok=True)
    clone.record(found, "0123456789abcdef")
    for name, value in agreed.items():
        agree(place, f"github.{name}", value)


def agree(place: Path, name: str, value: str) -> None:
    """A person agrees to a value of a setting, or to a host."""
    found = git.find(str(place))
    assert found is not None
    trust.agree(found.state_dir, name, value)
