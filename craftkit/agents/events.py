"""An agent's hook event as our record, and our answer as the JSON that this agent understands.

Standard library only, and little of it: this runs at every edit.  The shapes are those that each
agent documents; where one is stricter than the others, its form is used for all that share it.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

LIMIT = 2000  # characters of one answer, whatever happens

# Our name of an event -> what the agents call it.  The first is that of the Claude layout, which
# Codex shares; the others are those of Gemini.  Camel case is Copilot's and Cursor's.
NATIVE = {
    "session-start": ("SessionStart", "sessionStart"),
    "prompt": ("UserPromptSubmit", "BeforeAgent", "userPromptSubmitted", "beforeSubmitPrompt"),
    "post-edit": ("PostToolUse", "AfterTool", "postToolUse", "afterFileEdit"),
    "stop": ("Stop", "AfterAgent", "agentStop", "stop"),
    "subagent-stop": ("SubagentStop", "subagentStop"),
    "pre-compact": ("PreCompact", "PreCompress", "preCompact"),
    "post-compact": ("PostCompact",),
    "session-end": ("SessionEnd", "sessionEnd"),
}
EVENTS = tuple(NATIVE)
AGENTS = ("claude", "codex", "gemini", "copilot", "cursor", "opencode")


class HookEvent(NamedTuple):
    """What happened, as far as it matters; the files on disk are the truth."""

    name: str  # one of EVENTS
    agent: str
    native: str  # what this agent calls it, to be said in the answer
    session: str  # the agent's id of the conversation, "" if it named none
    cwd: str
    paths: tuple[str, ...]  # of edited files, where the payload names any
    folders: tuple[str, ...]  # where the work may be, most telling first
    source: str  # of a session's start or end: startup, resume, clear, compact, fork, logout …
    prompt: str  # the agent's id of the turn, "" if it named none
    passive: bool  # nothing may be asked of the model now: a subagent, a plan, a second stop
    subagent: bool = False  # it works for another one, whose session it names


class HookAnswer(NamedTuple):
    """What is to be said: at most one of the three."""

    context: str = ""  # to the model
    block: str = ""  # to the model, which goes on instead of stopping
    message: str = ""  # to the person


def read(
    name: str, agent: str, payload: Any, cwd: str, env: Mapping[str, str] | None = None
) -> HookEvent:
    """The event of a payload.  Whatever is not as documented is left out."""
    from craftkit.agents import hook_places

    data: Mapping[str, Any] = payload if isinstance(payload, dict) else {}
    agent = agent if agent in AGENTS else _guess(data)
    said = _text(data, "hook_event_name") or _text(data, "hookEventName")
    native = said if said in NATIVE[name] else _native(name, agent)
    where = _text(data, "cwd")
    listed = data.get("workspace_roots")
    roots = [r for r in listed if isinstance(r, str)] if isinstance(listed, list) else []
    based = next((f for f in (where, *roots) if os.path.isdir(f)), cwd)
    paths = _paths(data, based)
    folders = hook_places.candidates(paths, where, roots, env or {}, cwd)
    return HookEvent(
        name,
        agent,
        native,
        _text(data, "session_id") or _text(data, "sessionId") or _text(data, "conversation_id"),
        folders[0] if folders else cwd,
        paths,
        tuple(folders),
        _text(data, "source") or _text(data, "reason") or _text(data, "trigger"),
        _text(data, "prompt_id") or _text(data, "turn_id") or _text(data, "generation_id"),
        _is_passive(data),
        bool(data.get("agent_id")),
    )


def _is_passive(data: Mapping[str, Any]) -> bool:
    """Whether nothing may be asked of the model now, which includes who pressed stop."""
    again = data.get("loop_count")
    return bool(
        data.get("stop_hook_active")
        or data.get("background_tasks")
        or data.get("agent_id")
        or data.get("permission_mode") == "plan"
        or _text(data, "status") in ("aborted", "error")
        or (isinstance(again, int) and again > 0)
    )


def _guess(data: Mapping[str, Any]) -> str:
    """Which agent sends this, where the command line does not say."""
    said = _text(data, "hook_event_name")
    if "conversation_id" in data or "workspace_roots" in data:
        return "cursor"
    if said in ("BeforeAgent", "AfterTool", "AfterAgent", "PreCompress"):
        return "gemini"
    if "sessionId" in data or said[:1].islower():
        return "copilot"
    return "codex" if "turn_id" in data else "claude"


def _native(name: str, agent: str) -> str:
    names = NATIVE[name]
    if agent == "gemini" and len(names) > 1 and names[1][:1].isupper():
        return names[1]
    return names[0]


def _paths(data: Mapping[str, Any], based: str) -> tuple[str, ...]:
    from craftkit.agents import hook_places

    tool = data.get("tool_input")
    found = [_text(data, "file_path")]
    if isinstance(tool, dict):
        found += [_text(tool, name) for name in ("file_path", "path", "notebook_path")]
        for name in ("command", "input", "patch"):  # a patch may name many files
            found += hook_places.in_patch(_text(tool, name), based)
    return tuple(dict.fromkeys(path for path in found if os.path.isabs(path)))


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def render(event: HookEvent, answer: HookAnswer) -> str:
    """The answer as this agent's JSON, or nothing.  Never longer than LIMIT."""
    shape = _SHAPES.get(event.agent, _claude)
    room = LIMIT
    while True:
        found = shape(event, answer)
        text = _dumps(found) if found else _silence(event.agent)
        if len(text) <= LIMIT:
            return text
        room -= len(text) - LIMIT + 20
        answer = HookAnswer(*(_cut(part, room) for part in answer))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room, 0)].rstrip() + "…"


def _silence(agent: str) -> str:
    return "{}" if agent == "cursor" else ""  # it takes no silence for an answer


def _dumps(value: dict[str, Any]) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _claude(event: HookEvent, answer: HookAnswer) -> dict[str, Any]:
    """Also of Codex, which takes no other keys than these, and of our opencode plugin."""
    if answer.block and event.name == "stop":
        return {"decision": "block", "reason": answer.block}
    if answer.context and event.name in ("session-start", "prompt", "post-edit"):
        said = {"hookEventName": event.native, "additionalContext": answer.context}
        return {"hookSpecificOutput": said}
    return {"systemMessage": answer.message} if answer.message else {}


def _gemini(event: HookEvent, answer: HookAnswer) -> dict[str, Any]:
    if answer.block and event.name == "stop":
        return {"decision": "deny", "reason": answer.block}
    return _claude(event, answer._replace(block=""))


def _copilot(event: HookEvent, answer: HookAnswer) -> dict[str, Any]:
    if answer.block and event.name == "stop":
        return {"decision": "block", "reason": answer.block}
    return {"additionalContext": answer.context} if answer.context else {}


def _cursor(event: HookEvent, answer: HookAnswer) -> dict[str, Any]:
    if answer.block and event.name == "stop":
        return {"followup_message": answer.block}
    return {"additional_context": answer.context} if answer.context else {}


_SHAPES = {"gemini": _gemini, "copilot": _copilot, "cursor": _cursor}
