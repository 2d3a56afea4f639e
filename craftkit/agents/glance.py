"""A look that costs a few milliseconds: is there anything that a hook has to do?

Standard library only.  What cannot be told here counts as something to do.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Mapping

from craftkit import repo as git
from craftkit.agents.events import WITH_SESSION, Event
from craftkit.workflow.identity import session_and_agent

SCHEMA_VERSION = 3
FRESH = 300  # seconds for which a heartbeat lasts
# Where spec files are; an edit that names none of these concerns no spec that we do not know yet.
SPEC_PLACES = ("specs/", "specs\\", ".kiro", "openspec", ".cc-craft-kit")


def session_of(event: Event, env: Mapping[str, str], worktree: str) -> str:
    """The session that this hook and the commands of its agent's shell belong to."""
    given = event.session if event.agent in WITH_SESSION and "CRAFTKIT_SESSION" not in env else None
    return session_and_agent(env, worktree, given or None)[0]


def is_quiet(event: Event, raw: str, env: Mapping[str, str]) -> bool:
    """Whether the spec files are as craftkit last saw them and nothing waits to be said."""
    found = git.find(event.cwd)
    if found is None:
        return True
    path = os.path.join(found.root, ".craftkit", "craftkit.db")
    if not os.path.exists(path):
        return not os.path.isdir(os.path.dirname(path))
    session = session_of(event, env, found.worktree)
    try:
        connection = sqlite3.connect(path, timeout=0.5, isolation_level=None)
        try:
            return _is_quiet(connection, event, raw, session, found.worktree)
        finally:
            connection.close()
    except sqlite3.Error:
        return False


def _is_quiet(
    connection: sqlite3.Connection, event: Event, raw: str, session: str, worktree: str
) -> bool:
    if connection.execute("pragma user_version").fetchone()[0] != SCHEMA_VERSION:
        return False
    known = dict(
        connection.execute(
            "select name, value from hooks where session = ? and worktree = ?", (session, worktree)
        )
    )
    if "refresh" in known and event.name == "prompt":
        return False
    views = connection.execute(
        "select path, digest from views where worktree = ?", (worktree,)
    ).fetchall()
    if event.name == "post-edit" and _names_unknown_spec(raw, views):
        return False
    if any(_has_changed(os.path.join(worktree, path), digest) for path, digest in views):
        return False
    _beat(connection, event, session, worktree)
    return True


def _names_unknown_spec(raw: str, views: list[tuple[str, str]]) -> bool:
    return any(place in raw for place in SPEC_PLACES) and not any(path in raw for path, _ in views)


def _has_changed(path: str, digest: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest() != digest
    except OSError:
        return False  # it is not in this worktree now: no evidence


def _beat(connection: sqlite3.Connection, event: Event, session: str, worktree: str) -> None:
    """Note that hooks run here; seldom, and without waiting for the disk."""
    now = time.time()
    name = f"seen.{event.name}"
    row = connection.execute(
        "select at from hooks where session = ? and worktree = ? and name = ?",
        (session, worktree, name),
    ).fetchone()
    if row is not None and row[0] > _stamp(now - FRESH):
        return
    connection.execute("pragma synchronous = normal")
    connection.execute(
        "insert into hooks values (?, ?, ?, ?, ?) on conflict do update"
        " set value = excluded.value, at = excluded.at",
        (session, worktree, name, event.agent, _stamp(now)),
    )


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
