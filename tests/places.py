"""Where craftkit keeps its private state in a repository of a test."""

from __future__ import annotations

from pathlib import Path


def state_of(repo: Path) -> Path:
    """The private state of a main worktree, or of a folder without git."""
    return repo / ".git/craftkit" if (repo / ".git").is_dir() else repo / ".craftkit/state"


def database_of(repo: Path) -> Path:
    return state_of(repo) / "craftkit.db"
