"""What hooks leave behind: heartbeats, what was said already, and their errors."""

import json
import os
import sqlite3
from typing import NamedTuple

from craftkit import disk
from craftkit.clock import iso_utc
from craftkit.runtime import log
from craftkit.runtime.context import Context
from craftkit.store import hooks

RECENT = 24 * 3600.0  # seconds after which a heartbeat says nothing about today
ERRORS_SHOWN = 50
LOG_LIMIT = 256_000  # bytes; then the older half goes


def remember(tx: sqlite3.Connection, context: Context, name: str, value: str = "") -> bool:
    """Set one value of this session; whether it is new or another than before."""
    place = (context.session.id, context.worktree)
    return hooks.remember(tx, place, name, value, context.now())


def is_known(context: Context, name: str) -> bool:
    """Whether this session has such a value."""
    return hooks.is_known(context.store, (context.session.id, context.worktree), name)


def forget(tx: sqlite3.Connection, context: Context, name: str) -> bool:
    """Whether there was such a value."""
    return hooks.forget(tx, (context.session.id, context.worktree), name)


PENDING = "pending"
PENDING_LIMIT = 600  # characters that wait for a session to be said


def keep_for(tx: sqlite3.Connection, context: Context, session: str, words: str) -> None:
    """Keep words for a session of this worktree until its agent can hear them."""
    place = (session, context.worktree)
    before = hooks.value_in(tx, place, PENDING)
    if before and words in before.split("; "):
        return
    kept = f"{before}; {words}" if before else words
    if len(kept) <= PENDING_LIMIT:
        hooks.remember(tx, place, PENDING, kept, context.now())


def take_kept(tx: sqlite3.Connection, context: Context) -> str:
    """What was kept for this session; it is said once."""
    place = (context.session.id, context.worktree)
    found = hooks.value_in(tx, place, PENDING)
    if found:
        hooks.forget(tx, place, PENDING)
    return found or ""


def beat(context: Context, event: str, agent: str) -> None:
    """Note that a hook runs here, if that was not noted a moment ago: it is not worth a wait."""
    place, name = (context.session.id, context.worktree), f"seen.{event}"
    if hooks.is_known_since(
        context.store, place, name, agent, iso_utc(context.clock() - hooks.FRESH)
    ):
        return
    with context.store.hasty(), context.store.write() as tx:
        remember(tx, context, name, agent)


class Beat(NamedTuple):
    """The last sign of life of an agent's hooks."""

    agent: str
    event: str
    at: str


def beats(context: Context, *, here: bool = False) -> list[Beat]:
    """The last heartbeat of each agent; with `here`, of this session or worktree only."""
    since = iso_utc(context.clock() - RECENT)
    place = (context.session.id, context.worktree) if here else None
    return [Beat(*found) for found in hooks.beats(context.store, place, since)]


def log_path(state_dir: str) -> str:
    return os.path.join(state_dir, "logs", "hooks.jsonl")


def log_error(state_dir: str, event: str, error: BaseException, now: str) -> None:
    """Append one masked line; where that fails, nothing happens."""
    from craftkit.text import redact

    line = json.dumps({"timestamp": now, "event": event, "error": redact(repr(error))[:2000]})
    log.append(log_path(state_dir), line, LOG_LIMIT, keep=1)


def errors(context: Context) -> list[dict[str, str]]:
    """The latest errors of hooks within a day, the last one last."""
    since = iso_utc(context.clock() - RECENT)
    found = []
    try:
        data = disk.read_regular(log_path(context.state_dir), 4 * LOG_LIMIT)
        lines = data.decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    for text in lines[-ERRORS_SHOWN:]:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and str(line.get("timestamp", "")) > since:
            found.append({name: str(value) for name, value in line.items()})
    return found
