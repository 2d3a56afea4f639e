"""Where hooks do not run: that it is so, the most likely reason, and the cure."""

from __future__ import annotations

import os
import shutil
import sqlite3

from craftkit import disk
from craftkit.errors import CraftkitError
from craftkit.runtime import agent_hook_log
from craftkit.runtime.context import Context

TOLD = "told.silent"
LIMIT = 1_000_000  # characters of a settings file that are looked at


def mention(context: Context) -> None:
    """Tell an agent, once per session, that none of its hooks has run here.  Never raises."""
    try:
        if not context.store.durable or agent_hook_log.is_known(context, TOLD):
            return
        if agent_hook_log.beats(context, here=True):
            return
        with context.store.write() as tx:
            agent_hook_log.remember(tx, context, TOLD)
        why, cure = reason(context)
        context.note("info", "hooks_silent", f"No craftkit hook has run here: {why}.", cure)
    except (CraftkitError, sqlite3.Error, OSError):
        return  # a remark must never fail a command


def reason(context: Context) -> tuple[str, str]:
    """The most likely reason why no hook runs, and what to do about it."""
    from craftkit.agents import targets  # the installer: only where a hook is missing

    agent = context.session.agent
    if shutil.which("craftkit-hook", path=context.env.get("PATH")) is None:
        return "craftkit-hook is not on the PATH", "install craftkit where your agent finds it"
    if agent not in targets.TARGETS:
        return "hooks for this agent are not known", "`craftkit agents list` shows the known ones"
    if agent == "claude" and _switched_off(context):
        return "disableAllHooks is set", "remove it from .claude/settings.json"
    if not _installed(context, agent):
        return "they are not installed", f"`craftkit agents install --agent {agent}`"
    cures = {"claude": "trust this workspace, then start a new session; `/hooks` lists them"}
    cure = (
        cures.get(agent) or targets.TARGETS[agent].next or "trust this folder, begin a new session"
    )
    return "they are installed but not trusted yet, or the session is older", cure


def _installed(context: Context, agent: str) -> bool:
    from craftkit.agents import detection, targets
    from craftkit.agents.target import SCOPES

    target = targets.TARGETS[agent]
    for name in SCOPES:
        where = detection.scope(name, context.worktree, context.env)
        facts = detection.facts(where, target, context.env, "en")
        paths = {piece.path for piece in target.pieces(facts) if piece.what == "hooks"}
        if facts.plugin or any("craftkit-hook" in _text(where.place(path)) for path in paths):
            return True
    return False


def _switched_off(context: Context) -> bool:
    from craftkit.agents import detection

    return any(
        '"disableAllHooks": true' in _text(os.path.join(base, ".claude", name))
        for base in (context.worktree, detection.home(context.env))
        for name in ("settings.json", "settings.local.json")
    )


def _text(path: str) -> str:
    try:
        return disk.read_regular(path, LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""


def checks(context: Context) -> list[tuple[str, str, str]]:
    """Status, message and hint of what `doctor` says of hooks."""
    found: list[tuple[str, str, str]] = []
    alive = agent_hook_log.beats(context)
    if alive:
        listed = ", ".join(f"{b.agent or 'agent'} ({b.event} at {b.at[11:16]}Z)" for b in alive)
        found.append(("ok", f"ran within a day: {listed}", ""))
    elif context.session.agent == "person":
        found.append(("ok", "none ran within a day; nothing depends on them", ""))
    else:
        why, cure = reason(context)
        found.append(("warning", f"none ran within a day: {why}", cure))
    failed = agent_hook_log.errors(context)
    if failed:
        last = failed[-1]
        words = f"{len(failed)} failed within a day, last {last.get('event')}: {last.get('error')}"
        found.append(("warning", words[:300], f"see {agent_hook_log.log_path(context.state_dir)}"))
    return found
