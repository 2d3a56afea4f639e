"""Who is alive, who goes on for whom, and where each session stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from craftkit.clock import iso_utc
from craftkit.model import Task
from craftkit.runtime.context import Context
from craftkit.store import claims, history, hooks
from craftkit.store import sessions as table

PERSON = "person"
# By these a session goes on that was there already, whatever its id is now.
SAME_TALK = ("resume", "compact", "clear")
FOLLOWED = 20  # successors of successors


def touch(context: Context, tx: sqlite3.Connection) -> None:
    """Note that this session is alive."""
    table.touch(tx, context.session, context.now())


def is_live(context: Context, session: str, worktree: str) -> bool:
    """Whether a session has not ended and its agent runs.

    If nobody knows its process, it lives for `session.live_minutes` after it was seen.
    """
    found = table.seen(context.store, session, worktree)
    return found is not None and _is_live(context, found)


def _is_live(context: Context, found: table.Seen) -> bool:
    if found.ended_at is not None:
        return False
    running = _runs(found)
    if running is not None:
        return running
    minutes = float(context.config["session.live_minutes"])
    return found.seen_at >= iso_utc(context.clock() - 60 * minutes)


def _runs(found: table.Seen) -> bool | None:
    from craftkit.runtime import agent_process  # only if another session is asked about

    if found.agent == PERSON or not found.process:
        return None
    return agent_process.runs(found.process)


def is_held_by_another(context: Context, claim: claims.Claim) -> bool:
    """Whether another live session has this task in progress."""
    if claim.session == context.session.id:
        return False
    return is_live(context, claim.session, claim.worktree)


def others(context: Context) -> list[str]:
    """The other sessions of agents that are alive in this worktree."""
    found = table.in_worktree(context.store, context.worktree)
    return [
        one.id
        for one in found
        if one.id != context.session.id and one.agent != PERSON and _is_live(context, one)
    ]


def begin(context: Context, source: str = "") -> str | None:
    """Note that this session begins, and with which process; the id of the one it goes on for.

    `source` is what its agent says of the beginning: `startup`, `resume`, `compact`, `clear` …
    """
    from craftkit.runtime import agent_process

    process = "" if context.session.agent == "cursor" else agent_process.find()
    holders = {claim.session for claim in claims.of_worktree(context.store, context.worktree)}
    old = _predecessor(context, source, process, holders)
    place, now = (context.session.id, context.worktree), context.now()
    with context.store.write() as tx:
        touch(context, tx)
        if process:
            hooks.remember(tx, place, "process", process, now)
        hooks.forget(tx, place, "successor")
        if old is not None:
            if old in holders or source in SAME_TALK:
                claims.pass_on(tx, old, context.session)
                table.inherit(tx, old, context.session, now)
            gone = context.session._replace(id=old)
            table.end(tx, gone, f"went on as {context.session.id}", now)
            hooks.remember(tx, (old, context.worktree), "successor", context.session.id, now)
            history.record(tx, now, "session.succeeded", context.session, after=old)
    return old


def _predecessor(context: Context, source: str, process: str, holders: set[str]) -> str | None:
    """The session whose work this one goes on with, if there is one.

    It ended or died here, or it is the same talk under another id.
    """
    own = context.session.id
    if own in holders:
        return None
    found = [
        one
        for one in table.in_worktree(context.store, context.worktree)
        if one.id != own and _may_pass_on(context, one, source, process)
    ]
    holding = next((one.id for one in found if one.id in holders), None)
    if holding is not None or not found:
        return holding
    last = found[0].id  # the one that was seen last
    return last if hooks.successor(context.store, last) is None else None


def _may_pass_on(context: Context, one: table.Seen, source: str, process: str) -> bool:
    if not _is_live(context, one):
        return True
    if one.agent == PERSON:
        return False
    if source not in SAME_TALK:
        return False
    running = _runs(one)
    return running is None or one.process == process


def followed(context: Context, session: str) -> str:
    """The session that goes on for one that has ended; the same one if there is none."""
    for _ in range(FOLLOWED):
        after = hooks.successor(context.store, session)
        if after is None or after == session:
            break
        session = after
    return session


def save_state(
    context: Context, tx: sqlite3.Connection, spec_id: str, task: Task | None, next_action: str
) -> None:
    """Save where this session stands."""
    table.save_state(tx, context.session, spec_id, task, next_action, context.now())


def forget_current(
    context: Context,
    tx: sqlite3.Connection,
    spec_id: str,
    task_ids: Iterable[str],
    *,
    keep_own: bool = False,
) -> None:
    """Whoever had one of these saved as the current task has nothing in progress now."""
    but = context.session if keep_own else None
    table.forget_current(tx, spec_id, task_ids, context.now(), but)
