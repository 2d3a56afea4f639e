"""A look that costs a few milliseconds: is there anything that a hook has to do?

Nothing is imported here but what an interpreter has loaded anyway, and sqlite3: `json`, `re` and
`typing` would cost more than all the rest.  What cannot be told here counts as something to do.
"""

from __future__ import annotations

import os
import time

from craftkit.agents import hook_places
from craftkit.clock import iso_utc
from craftkit.store import hooks
from craftkit.store.version import SCHEMA_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

SPEC_LIMIT = 16 << 20  # bytes
CLOCK_SLACK = 5  # seconds by which the clock of a file system may be off
# Where spec files are; an edit that names none of these concerns no spec that we do not know yet.
SPEC_PLACES = ("specs/", "specs\\", ".kiro", "openspec", ".cc-craft-kit")


def nothing_changed(event: str, agent: str, raw: str, env: Mapping[str, str], cwd: str) -> bool:
    """Whether the spec files are as craftkit last saw them and nothing waits to be said.

    `raw` is the agent's payload, unparsed; `agent` is "" for one that did not say.
    """
    if is_off(raw, env, cwd):
        return True
    root = _main_worktree(_where(raw, cwd) or "/")
    if root is None or not _is_own(os.path.join(root, ".git")):
        return False
    session = _session(raw, agent, env, root)
    if not session:
        return False
    edited = _string(raw, "file_path")
    if edited is None or "*** Begin Patch" in raw:
        return False
    if os.path.isabs(edited) and _main_worktree(os.path.dirname(edited)) != root:
        return False
    import sqlite3

    try:
        path = os.path.join(root, ".git", "craftkit", _database(env))
        connection = sqlite3.connect(path, timeout=0.5, isolation_level=None)
        try:
            return _nothing_changed(connection, (session, root), event, agent, raw)
        finally:
            connection.close()
    except sqlite3.Error:
        return False


def _database(env: Mapping[str, str]) -> str:
    """What `Context.database` says."""
    if not (env.get("CRAFTKIT_GITHUB_API_URL") or env.get("GITHUB_API_URL")):
        return "craftkit.db"
    from craftkit.github import address

    return "sandbox.db" if address.names_loopback(env) else "craftkit.db"


def _main_worktree(cwd: str) -> str | None:
    """The main worktree around `cwd`; a linked one is not looked at.

    A `.git` without HEAD is not git's: a sandbox puts an empty one in the way of who makes one.
    """
    where = os.path.realpath(cwd)
    while not os.path.lexists(os.path.join(where, ".git")):
        above = os.path.dirname(where)
        if above == where:
            return None
        where = above
    return where if os.path.lexists(os.path.join(where, ".git", "HEAD")) else None


def is_off(raw: str, env: Mapping[str, str], cwd: str) -> bool:
    """Whether nobody has switched craftkit on here, so that there is nothing to do.

    False if nobody can say: in a linked worktree, or if the agent names another folder, too.
    """
    where = _where(raw, cwd)
    root = _main_worktree(where) if where else None
    if root is None:
        return False
    if os.path.lexists(os.path.join(root, ".git", "craftkit", "clone.json")):
        return False
    named = [env.get(name, "") for name in hook_places.VARIABLES]
    edited = _string(raw, "file_path")
    if edited is None or '"workspace_roots"' in raw or "*** Begin Patch" in raw:
        return False
    if os.path.isabs(edited):
        named.append(os.path.dirname(edited))
    return all(not folder or _main_worktree(folder) == root for folder in (*named, cwd))


def _where(raw: str, cwd: str) -> str:
    """The folder that the payload names, else the process's own one; "" for unsure."""
    named = _string(raw, "cwd")
    if named == "" and '"workspace_roots"' in raw:
        named = _first_root(raw)
    if named is None:
        return ""
    return named if os.path.isdir(named) else cwd


def _first_root(raw: str) -> str | None:
    """The only member of `workspace_roots`; None if there are more, or none."""
    inside = raw.partition('"workspace_roots"')[2][:5000].lstrip().removeprefix(":").lstrip()
    inside, end, _ = inside.removeprefix("[").partition("]")
    value = inside.strip()
    plain = value[1:-1]
    quoted = len(value) > 2 and value[0] == value[-1] == '"'
    return plain if end and quoted and "\\" not in plain and '"' not in plain else None


def _is_own(git_dir: str) -> bool:
    """Whether the state in git's directory was recorded there, and is not another clone's."""
    try:
        with open(os.path.join(git_dir, "craftkit", "clone.json"), encoding="utf-8") as file:
            text = file.read(10_000)
        inode = os.stat(git_dir).st_ino
    except (OSError, ValueError):
        return False
    return f'"path": "{git_dir}",' in text and f'"inode": {inode},' in text


def _session(raw: str, agent: str, env: Mapping[str, str], root: str) -> str:
    """The session that this hook and the commands of its agent's shell belong to; "" for unsure."""
    from craftkit.runtime import identity

    given = None
    if "CRAFTKIT_SESSION" not in env and agent in ("", *identity.WITH_SESSION):
        given = _string(raw, "session_id")
        if not given:
            return ""
    return identity.session_and_agent(env, root, given)[0]


def _string(raw: str, name: str) -> str | None:
    """The first string member `name` of a JSON text; "" without one, None for one with escapes."""
    at = raw.find(f'"{name}"')
    if at < 0:
        return ""
    rest = raw[at + len(name) + 2 : at + 5000].lstrip().removeprefix(":").lstrip()
    if not rest.startswith('"'):
        return None
    value, end, _ = rest[1:].partition('"')
    return value if end and "\\" not in value else None


def _nothing_changed(
    connection: sqlite3.Connection, place: tuple[str, str], event: str, agent: str, raw: str
) -> bool:
    if hooks.schema_version(connection) != SCHEMA_VERSION:
        return False
    known = hooks.moments(connection, place)
    if event == "prompt" and ("refresh" in known or "pending" in known):
        return False
    views = hooks.seen_files(connection, place[1])
    if event == "post-edit" and _names_unknown_spec(raw, [row[0] for row in views]):
        return False
    if any(_has_changed(os.path.join(place[1], path), *seen) for path, *seen in views):
        return False
    if known.get(f"seen.{event}", "") < iso_utc(int(time.time()) - hooks.FRESH):
        guess = "codex" if '"turn_id"' in raw else "claude"  # the two that need not say
        hooks.beat(connection, place, event, agent or guess, iso_utc(int(time.time())))
    return True


def _names_unknown_spec(raw: str, paths: list[str]) -> bool:
    return any(place in raw for place in SPEC_PLACES) and not any(path in raw for path in paths)


def _has_changed(path: str, digest: str, seen_at: str) -> bool:
    from craftkit import digests, disk

    try:
        if iso_utc(int(os.stat(path).st_mtime) + CLOCK_SLACK) < seen_at:
            return False  # a file with an older date is found at the end of the turn
        data = disk.read_regular(path, SPEC_LIMIT)
    except OSError:
        return False  # it is not in this worktree now: no evidence
    return digests.sha256(data) != digest
