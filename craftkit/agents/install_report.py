"""What was done for agents, in words and as data."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from craftkit.agents import install_plan, targets
from craftkit.agents.detection import Detection
from craftkit.agents.install_plan import InstallOutcome
from craftkit.agents.installer import FileChange, InstallJob, InstallResult
from craftkit.errors import CraftkitError
from craftkit.model import Diagnostic
from craftkit.text import count

MANY = 3  # files of a kind that are named one by one
EDITED = "edited"  # the file was there before, and still is
_ORDER = (
    install_plan.REPLACED,
    EDITED,
    install_plan.ADDED,
    install_plan.REMOVED,
    install_plan.LEFT,
    install_plan.SAME,
)


def piece(outcome: InstallOutcome) -> dict[str, str]:
    return {
        "path": outcome.path,
        "what": outcome.what,
        "at": ".".join(outcome.at),
        "state": outcome.state,
    }


def as_dict(done: InstallResult, clues: Sequence[Detection]) -> dict[str, Any]:
    return {
        "agent": done.agent,
        "why": next((clue.why for clue in clues if clue.agent == done.agent), None),
        "ok": done.error is None,
        "changed": bool(done.changes),
        "plugin": done.plugin,
        "links": list(done.links),
        "pieces": [piece(o) | {"action": o.action} for o in done.outcomes],
        "files": [{"path": c.path, "diff": diff(c)} for c in done.changes],
    }


def lines(work: InstallJob, done: Sequence[InstallResult], why: Mapping[str, str]) -> list[str]:
    found = []
    for one in done:
        if one.error is not None:
            continue
        reason = f" ({why[one.agent]})" if why.get(one.agent) else ""
        rows = _rows(one)
        found.append(f"{one.agent}{reason}:" + ("" if rows else " nothing to do"))
        found += rows
        if work.dry_run:
            found += [line for change in one.changes for line in _preview(change)]
    return found or ([] if done else ["nothing is installed"])


def _rows(done: InstallResult) -> list[str]:
    """One line for each file that changes, or that another agent needs; one for many of a kind."""
    paths: dict[str, tuple[set[str], list[str]]] = {}
    for outcome in done.outcomes:
        if outcome.action in (install_plan.SAME, install_plan.KEPT):
            continue
        actions, what = paths.setdefault(outcome.path, (set(), []))
        actions.add(outcome.action)
        if outcome.what not in what:
            what.append(outcome.what)
    edited = {c.path for c in done.changes if c.before is not None and c.after is not None}
    kinds: dict[tuple[str, str], list[str]] = {}
    for path, (actions, what) in paths.items():
        if path in edited and actions & {install_plan.ADDED, install_plan.REMOVED}:
            actions.add(EDITED)
        word = next(word for word in _ORDER if word in actions)
        word = "kept for others" if word == install_plan.LEFT else word
        kinds.setdefault((word, ", ".join(what)), []).append(path)
    rows = []
    for (word, kind), places in kinds.items():
        if len(places) > MANY:
            folder = os.path.commonpath(places)
            rows.append(f"  {word:<9} {folder}/ ({kind}, {len(places)} files)")
        else:
            rows += [f"  {word:<9} {path} ({kind})" for path in places]
    return rows


def _preview(change: FileChange) -> list[str]:
    """The diff; of a whole file that comes or goes only its name and size."""
    if change.before is None:
        return [f"+++ {change.path} ({count(len(change.after or b''), 'byte')})"]
    if change.after is None:
        return [f"--- {change.path} ({count(len(change.before), 'byte')})"]
    return diff(change).splitlines()


def diff(change: FileChange) -> str:
    """The change as a unified diff."""

    def rows(data: bytes | None) -> list[str]:
        text = (data or b"").decode("utf-8", "replace")
        return text.replace("\r\n", "\n").splitlines()

    names = (
        ("/dev/null" if change.before is None else change.path),
        ("/dev/null" if change.after is None else change.path),
    )
    found = difflib.unified_diff(rows(change.before), rows(change.after), *names, lineterm="", n=1)
    return "\n".join(found)


def failures(done: Sequence[InstallResult]) -> list[Diagnostic]:
    return [
        Diagnostic("error", e.code, _of_agent(one.agent, e), e.hint, e.target)
        for one in done
        if (e := one.error) is not None
    ]


def _of_agent(agent: str, error: CraftkitError) -> str:
    """The message; a file that it begins with says which agent is meant."""
    path = error.target.partition(":")[0]
    named = path and error.message.startswith(path)
    return error.message if named else f"{agent}: {error.message}"


def remarks(work: InstallJob, done: Sequence[InstallResult]) -> list[Diagnostic]:
    """What could not be done, and what was left alone."""
    found = failures(done)
    for one in done:
        kept = [o for o in one.outcomes if o.action == install_plan.KEPT]
        for (path, what, state), names in _grouped(kept).items():
            found.append(_kept(path, what, state, names))
        found += [_not_followed(link, one.agent) for link in one.links]
        if one.plugin and one.error is None:
            title = targets.TARGETS[one.agent].title
            text = f"{title} has the craftkit plugin, which brings the hooks: none are written."
            found.append(Diagnostic("info", "plugin_present", text))
    added = [o for one in done for o in one.outcomes if o.action == install_plan.ADDED]
    if any(o.what == "mcp" for o in added) and find_spec("mcp") is None:
        text = "The MCP entry starts `craftkit mcp`, which needs a package that is not installed."
        found.append(Diagnostic("info", "mcp_missing", text, "`pip install 'craftkit[mcp]'`"))
    return found


def _not_followed(link: str, agent: str) -> Diagnostic:
    return Diagnostic(
        "warning",
        "own_symlink",
        f"{link} is a symlink to {os.path.realpath(link)}, so what belongs there was not written.",
        f"`craftkit agents install --agent {agent} --scope user --follow-links` writes through it",
        link,
    )


def _grouped(outcomes: Sequence[InstallOutcome]) -> dict[tuple[str, str, str], list[str]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for outcome in outcomes:
        key = (outcome.path, outcome.what, outcome.state)
        found.setdefault(key, []).extend(outcome.at[-1:])
    return found


def _kept(path: str, what: str, state: str, names: Sequence[str]) -> Diagnostic:
    part = f"{what}: {', '.join(names)}" if names else what
    if state == install_plan.MISSING:
        text, hint = f"{path} ({part}) was deleted.", "`craftkit agents install` writes it again"
        return Diagnostic("info", "deleted_by_user", text, hint, path)
    text = f"{path} ({part}) was changed, or is not craftkit's, so it is left alone."
    return Diagnostic("warning", "changed_by_user", text, "`--force` overrides this", path)


def next_steps(done: Sequence[InstallResult]) -> list[str]:
    changed = [one.agent for one in done if one.changes and one.error is None]
    return [words for name in changed if (words := targets.TARGETS[name].next)]
