"""`craftkit-hook EVENT [--agent NAME]`: what a coding agent's hooks run.

Silent, or one JSON object; exit 0 always: an error must never stop an agent.  Only an event that
may concern a spec loads more than the standard library.
"""

from __future__ import annotations

import gc
import os
import sys

from craftkit.agents import hook_input

TYPE_CHECKING = False
if TYPE_CHECKING:
    from craftkit.agents.events import HookEvent

# Events that are silent as long as the spec files are as they were.
IDLE = ("prompt", "post-edit", "subagent-stop")
EVENTS = (*IDLE, "session-start", "stop", "pre-compact", "post-compact", "session-end")


OFF = "craftkit is off in this clone. A person switches it on: `craftkit init`"


def run() -> None:
    """The console script.  Never raises, never exits with anything but 0."""
    gc.disable()  # what lives this short need not be tidied up
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
    if event not in EVENTS:
        sys.stderr.write(f"usage: craftkit-hook {'|'.join(EVENTS)} [--agent NAME]\n")
        return ""
    agent = arguments[2] if arguments[1:2] == ["--agent"] and len(arguments) > 2 else ""
    silence = "{}" if agent == "cursor" else ""
    raw = "" if sys.stdin is None else hook_input.read(sys.stdin)
    if event == "post-edit" and ".md" not in raw:
        return silence
    return respond(event, agent, raw) or silence


def respond(event: str, agent: str, raw: str) -> str:
    if event in IDLE:
        from craftkit.agents import hook_fast_path

        if hook_fast_path.nothing_changed(event, agent, raw, os.environ, os.getcwd()):
            return ""
    elif event != "session-start":
        from craftkit.agents import hook_fast_path

        if hook_fast_path.is_off(raw, os.environ, os.getcwd()):
            return ""
    import json

    from craftkit.agents import events

    try:
        payload = json.loads(raw) if raw.strip() else {}
    except ValueError:
        payload = {}
    heard = events.read(event, agent, payload, os.getcwd(), os.environ)
    from craftkit.agents import hook_places

    places = [*dict.fromkeys((*heard.folders, heard.cwd))]
    chosen = hook_places.choose(places, _worktree_if_on)[:1]
    if not chosen:
        return _how_to_switch_on(heard)
    if event == "post-edit":  # an edit of another worktree counts there
        edited = [os.path.dirname(path) for path in heard.paths]
        there = [folder for folder in edited if os.path.isdir(folder)]
        chosen = hook_places.choose([*chosen, *there], _worktree_if_on)
    heard = heard._replace(cwd=chosen[0])
    try:
        from craftkit.agents import hook_handlers

        said = [hook_handlers.respond(heard._replace(cwd=folder)) for folder in chosen]
        words = "\n".join(part.context for part in said if part.context)
        return events.render(heard, said[0]._replace(context=words))
    except BaseException as error:
        _log(heard, error)
        raise


def _log(heard: HookEvent, error: BaseException) -> None:
    from craftkit.agents.hook_handlers import state_of
    from craftkit.clock import iso_utc
    from craftkit.runtime import agent_hook_log

    state_dir = state_of(heard.cwd)
    if state_dir is not None:
        import time

        agent_hook_log.log_error(state_dir, heard.name, error, iso_utc(time.time()))


def _how_to_switch_on(heard: HookEvent) -> str:
    """One fixed line as a session begins in a clone that nobody has switched on."""
    from craftkit import repo as git
    from craftkit.agents import events
    from craftkit.runtime import clone

    found = git.find(heard.cwd) if heard.name == "session-start" else None
    if found is None or clone.standing(found)[0] != clone.OFF:
        return ""
    if not clone.has_configuration(found):
        return ""
    return events.render(heard, events.HookAnswer(context=OFF))


def _worktree_if_on(where: str) -> str | None:
    """The worktree there, if its state can be used, or at least speaks: see `runtime.clone`."""
    from craftkit import repo as git
    from craftkit.runtime import clone

    found = git.find(where)
    speaking = (clone.ON, clone.FOREIGN, clone.MISSING)
    if found is None or clone.standing(found)[0] not in speaking:
        return None
    return found.worktree
