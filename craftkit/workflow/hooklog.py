"""What hooks leave behind: heartbeats, what was said already, and their errors."""

import json
import os
import sqlite3
from typing import NamedTuple

from craftkit.errors import CraftkitError
from craftkit.workflow.context import STATE_DIR, Context, stamp

RECENT = 24 * 3600.0  # seconds after which a heartbeat says nothing about today
ERRORS_SHOWN = 50
LOG_LIMIT = 256_000  # bytes; then the older half goes


def remember(tx: sqlite3.Connection, context: Context, name: str, value: str = "") -> bool:
    """Set one value of this session; whether it is new or another than before."""
    place = (context.session.id, context.worktree, name)
    old = tx.execute(
        "select value from hooks where session = ? and worktree = ? and name = ?", place
    ).fetchone()
    tx.execute(
        "insert into hooks values (?, ?, ?, ?, ?) on conflict do update"
        " set value = excluded.value, at = excluded.at",
        (*place, value, context.now()),
    )
    return old is None or old[0] != value


def forget(tx: sqlite3.Connection, context: Context, name: str) -> bool:
    """Whether there was such a value."""
    done = tx.execute(
        "delete from hooks where session = ? and worktree = ? and name = ?",
        (context.session.id, context.worktree, name),
    )
    return done.rowcount > 0


class Beat(NamedTuple):
    """The last sign of life of an agent's hooks."""

    agent: str
    event: str
    at: str


def beats(context: Context, *, here: bool = False) -> list[Beat]:
    """The last heartbeat of each agent; with `here`, of this session or worktree only."""
    since = stamp(context.clock() - RECENT)
    rows = context.store.rows(
        "select value, name, max(at) from hooks where name like 'seen.%' and at > ?"
        " and (? or session = ? or worktree = ?) group by value order by 3 desc",
        since,
        not here,
        context.session.id,
        context.worktree,
    )
    return [Beat(row[0], str(row[1]).removeprefix("seen."), row[2]) for row in rows]


def say_if_silent(context: Context) -> None:
    """Tell an agent, once per session, that its hooks do not run here, why, and the cure."""
    if context.session.agent == "person" or not context.store.durable or beats(context, here=True):
        return
    with context.store.write() as tx:
        new = remember(tx, context, "told.silent")
    if new:
        why, cure = reason(context)
        context.note("info", "hooks_silent", f"No craftkit hook has run here: {why}.", cure)


def reason(context: Context) -> tuple[str, str]:
    """The most likely reason why no hook runs, and what to do about it."""
    import shutil

    agent = context.session.agent
    install = f"`craftkit agents install --agent {agent}`"
    if shutil.which("craftkit-hook") is None:
        return "craftkit-hook is not on the PATH", "install craftkit where your agent finds it"
    if agent == "claude" and _switched_off(context):
        return "disableAllHooks is set", "remove it from .claude/settings.json"
    if not _installed(context, agent):
        return "they are not installed", install
    cures = {
        "codex": "type `/hooks` in Codex and trust them",
        "gemini": "trust this folder in Gemini",
        "claude": "trust this workspace, then start a new session; `/hooks` lists them",
    }
    cure = cures.get(agent, "start a new session, and trust this folder if you are asked")
    return "they are installed but not trusted yet, or the session is older", cure


def _switched_off(context: Context) -> bool:
    home = os.path.expanduser("~")
    for base in (context.worktree, home):
        for name in ("settings.json", "settings.local.json"):
            if '"disableAllHooks": true' in _text(os.path.join(base, ".claude", name)):
                return True
    return False


# Where each agent's hooks may be written, below the worktree and the home directory.
PLACES = {
    "claude": (".claude/settings.json", ".claude/settings.local.json", ".claude/plugins/"),
    "codex": (".codex/hooks.json", ".codex/config.toml"),
    "gemini": (".gemini/settings.json",),
    "copilot": (".github/hooks/craftkit.json",),
    "cursor": (".cursor/hooks.json",),
    "opencode": (".opencode/plugin/craftkit.js", ".config/opencode/plugin/craftkit.js"),
}


def _installed(context: Context, agent: str) -> bool:
    for base in (context.worktree, os.path.expanduser("~")):
        for place in PLACES.get(agent, ()):
            path = os.path.join(base, place)
            if place.endswith("/"):
                path = os.path.join(path, "installed_plugins.json")
            if "craftkit" in _text(path):
                return True
    return False


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1_000_000)
    except OSError:
        return ""


def log_path(root: str) -> str:
    return os.path.join(root, STATE_DIR, "logs", "hooks.jsonl")


def log_error(root: str, event: str, error: BaseException, now: str) -> None:
    """Append one masked line; where that fails, nothing happens."""
    from craftkit.redact import redact

    path = log_path(root)
    line = {"timestamp": now, "event": event, "error": redact(repr(error))[:2000]}
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
            full = os.fstat(descriptor).st_size > LOG_LIMIT
        finally:
            os.close(descriptor)
        if full:
            os.replace(path, path + ".1")
    except OSError:
        return


def errors(context: Context) -> list[dict[str, str]]:
    """The latest errors of hooks within a day, the last one last."""
    since = stamp(context.clock() - RECENT)
    found = []
    for text in _text(log_path(context.repo.root)).splitlines()[-ERRORS_SHOWN:]:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and str(line.get("timestamp", "")) > since:
            found.append({name: str(value) for name, value in line.items()})
    return found


def checks(context: Context) -> list[tuple[str, str, str]]:
    """Status, message and hint of what `doctor` says of hooks."""
    found: list[tuple[str, str, str]] = []
    alive = beats(context)
    if alive:
        listed = ", ".join(f"{b.agent or 'agent'} ({b.event} at {b.at[11:16]}Z)" for b in alive)
        found.append(("ok", f"ran within a day: {listed}", ""))
    elif context.session.agent == "person":
        found.append(("ok", "none ran within a day; nothing depends on them", ""))
    else:
        why, cure = reason(context)
        found.append(("warning", f"none ran within a day: {why}", cure))
    failed = errors(context)
    if failed:
        last = failed[-1]
        words = f"{len(failed)} failed within a day, last {last.get('event')}: {last.get('error')}"
        path = log_path(context.repo.root)
        found.append(("warning", words[:300], f"they are in {path}; `craftkit doctor` checks all"))
    return found


def safely(context: Context) -> None:
    """`say_if_silent` for commands: a remark must never fail one."""
    try:
        say_if_silent(context)
    except (CraftkitError, sqlite3.Error, OSError):
        return
