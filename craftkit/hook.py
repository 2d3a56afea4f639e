"""`craftkit-hook EVENT`: what a coding agent's hooks run.  Standard library, silent, exit 0.

Only an event that may concern a spec loads more than `os`; an error must never stop an agent.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from craftkit.workflow.context import Context

CONTEXT_EVENTS = {"session-start": "SessionStart", "post-edit": "PostToolUse"}


def run() -> None:
    try:
        text = answer(sys.argv[1:])
        if text:
            sys.stdout.write(text)
        sys.stdout.flush()
    except BaseException as error:
        if os.environ.get("CRAFTKIT_DEBUG") == "1":
            sys.stderr.write(f"craftkit-hook: {error!r}\n")
    os._exit(0)


def answer(arguments: list[str]) -> str:
    """One JSON object for the agent, or nothing."""
    event = arguments[0] if arguments else ""
    if event not in CONTEXT_EVENTS:
        events = "|".join(CONTEXT_EVENTS)
        sys.stderr.write(f"usage: craftkit-hook {events}  (an agent's JSON on stdin)\n")
        return ""
    raw = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read(1_000_000)
    if event == "post-edit" and ".md" not in raw:
        return ""
    if not raw.strip() and not _inside(os.getcwd()):
        return ""
    import json

    payload = json.loads(raw) if raw.strip() else {}
    where = _place(payload if isinstance(payload, dict) else {})
    if not _inside(where):
        return ""
    from craftkit.workflow import session
    from craftkit.workflow.context import open_context

    context = open_context(where, session=payload.get("session_id") or None)
    stand = session.resume(context, _edited_spec(context, payload))
    if event == "post-edit" and not stand.repaired:
        return ""
    text = session.brief(stand, 400 if event == "session-start" else 120)
    extra = {"hookEventName": CONTEXT_EVENTS[event], "additionalContext": text[:1900]}
    return json.dumps({"hookSpecificOutput": extra}, ensure_ascii=False)


def _place(payload: dict[str, Any]) -> str:
    """The directory that the event is about: that of the edited file, else the current one."""
    tool = payload.get("tool_input")
    path = tool.get("file_path") if isinstance(tool, dict) else None
    folder = os.path.dirname(path) if isinstance(path, str) else ""
    return folder if os.path.isabs(folder) and os.path.isdir(folder) else os.getcwd()


def _edited_spec(context: Context, payload: Any) -> str | None:
    """The spec that the edit touched, if the payload names one; else the active spec counts."""
    from craftkit.specs import files

    tool = payload.get("tool_input") if isinstance(payload, dict) else None
    path = tool.get("file_path") if isinstance(tool, dict) else None
    if not isinstance(path, str):
        return None
    inside = os.path.relpath(os.path.realpath(path), context.worktree).replace(os.sep, "/")
    return inside if inside in files.discover(context.worktree) else None


def _inside(where: str) -> bool:
    """Whether a craftkit directory, or a linked worktree that may have one, is above."""
    while True:
        if os.path.isdir(os.path.join(where, ".craftkit")):
            return True
        if os.path.isfile(os.path.join(where, ".git")):
            return True
        above = os.path.dirname(where)
        if above == where:
            return False
        where = above
