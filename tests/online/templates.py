"""Repositories as many tests begin with them: made once in a worker, then copied.

Only what names a place differs from one copy to the next: the path of the repository and the
address of its GitHub, both in the database.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from craftkit import repo as git
from craftkit.runtime import clone, trust


class Linked(NamedTuple):
    folder: Path
    repo: str  # where it was made
    url: str  # of the GitHub that it was linked to
    world: Any  # what that GitHub held then; it never changes


linked: dict[str, Linked] = {}  # by the text of the spec
_folder = Path(tempfile.mkdtemp(prefix="craftkit-templates-"))
REPO = "octo-dev/demo"
_DATABASE = ".git/craftkit/sandbox.db"


def set_up(repo: Path, make: Callable[[], None]) -> None:
    """A repository that `craftkit init` has set up."""
    kept = _folder / "set-up"
    if not kept.exists():
        make()
        trust.agree(str(repo / ".git/craftkit"), trust.REPO, REPO)
        _copy(repo, kept)
    else:
        _put(kept, repo)


def keep_linked(text: str, repo: Path, url: str, world: Any) -> None:
    place = Path(tempfile.mkdtemp(dir=_folder)) / "repo"
    _copy(repo, place)
    linked[text] = Linked(place, str(repo), url, world)


def put_back(kept: Linked, repo: Path, url: str) -> None:
    """Put a linked repository in the place of one that is set up."""
    shutil.rmtree(repo)
    _put(kept.folder, repo)
    with closing(sqlite3.connect(repo / _DATABASE)) as connection, connection:
        for table, column in _texts(connection):
            connection.execute(
                f"update {table} set {column} = replace(replace({column}, ?, ?), ?, ?)",  # noqa: S608
                (kept.repo, str(repo), kept.url, url),
            )


def _texts(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every column that may name a place; the history may not be changed, and names none."""
    names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
    return [
        (table, str(column[1]))
        for (table,) in names
        if table not in ("history", "_sqlite_migrations") and not table.startswith("sqlite_")
        for column in connection.execute(f"pragma table_info({table})")
        if column[2].lower() == "text"
    ]


def _copy(repo: Path, place: Path) -> None:
    shutil.copytree(repo, place, symlinks=True)


def _put(kept: Path, repo: Path) -> None:
    """A clone of its own, which a person has switched on, with the rows of another one."""
    shutil.copytree(kept, repo, symlinks=True)
    found = git.find(str(repo))
    assert found is not None
    clone.make_key(found.state_dir, anew=True)
    clone.record(found, "0123456789abcdef")
