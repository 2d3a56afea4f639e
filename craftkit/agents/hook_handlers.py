"""What `craftkit-hook` does at each event: settle what the boxes say, and speak only if it helps.

Nothing here decides by what the payload says: it only spares work.  The spec files on disk are
the truth, so an edit by `sed`, an editor, a subagent or another agent counts as well.  Nothing is
ever said in words that came from GitHub.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from craftkit.agents.events import HookAnswer, HookEvent
from craftkit.commands import session
from craftkit.errors import AmbiguousSpec, UnknownSpec
from craftkit.loop import (
    spec_index,
    task_lookup,
    task_status,
    ticked_boxes,
    work_status,
)
from craftkit.model import Spec
from craftkit.runtime import agent_hook_log, background
from craftkit.runtime.context import Context, open_context
from craftkit.runtime.identity import WITH_SESSION
from craftkit.store import decisions
from craftkit.text import typed

BUSY_MS = 3000  # a hook waits no longer for another process; the next one does the rest
FLUSH_SECONDS = 3.0  # at the end of a turn
# Events that are answered also if nothing can be written: a session that begins needs its brief,
# and a box that was ticked is spooled once.
UNREMEMBERED = ("session-start", "post-edit")
PARTS = 300  # characters of what is said after an edit or a prompt
SESSION_PART = 1700

Note = dict[str, str]


def respond(event: HookEvent) -> HookAnswer:
    """Do what the event asks for; what is to be said.  Raises CraftkitError."""
    given = event.session if event.agent in WITH_SESSION else ""
    context = open_context(
        event.cwd, session=None if "CRAFTKIT_SESSION" in os.environ else given or None
    )
    if context.session.agent == "person":
        context.session = context.session._replace(agent=event.agent)
    if not context.store.durable:
        if event.name not in UNREMEMBERED:
            return HookAnswer()  # nothing can be remembered, so nothing is to be said twice
        from craftkit.loop import spool_import  # only where nothing can be written

        spool_import.lay_over(context)
    context.store.wait_at_most(BUSY_MS)
    agent_hook_log.beat(context, event.name, event.agent)
    return DO[event.name](context, event)


def record_boxes(context: Context) -> list[Note]:
    """Record what the boxes of all changed specs say, or remind of it."""
    notes: list[Note] = []
    for spec in ticked_boxes.changed_specs(context):
        if spec.blocked_by is not None:
            continue
        opened = _opened(context, spec)
        if ticked_boxes.only_reminds(context):
            spec_index.record_snapshot(context, spec)
            notes += [
                {
                    "code": "not_recorded",
                    "message": f"{task.ref} is ticked but not recorded:"
                    f" run `craftkit task done {typed(task.ref)}`",
                }
                for task in ticked_boxes.ticked_unrecorded(context, spec)
            ]
        else:
            notes += ticked_boxes.record_ticked_boxes(context, spec)
        notes += opened
    return notes + _changed_lines(context)


def _changed_lines(context: Context) -> list[Note]:
    """Which task lines are somebody else's now, or gone, as this was noticed here."""
    from craftkit.loop.line_changes import REMATCHED, VANISHED

    return [
        {"code": note.code, "message": f"{note.message.rstrip('.')}: {note.hint}"}
        for note in context.diagnostics
        if note.code in (REMATCHED, VANISHED)
    ]


def _opened(context: Context, spec: Spec) -> list[Note]:
    """Boxes that are open though their tasks were done."""
    return [
        {
            "code": "box_open_again",
            "message": f"the box of {row.task.ref} is open, but it was done:"
            f" `craftkit task done {typed(row.task.ref)}`"
            f" or `craftkit task reopen {typed(row.task.ref)}`",
        }
        for row in spec_index.task_statuses(context, spec)
        if row.reopened
    ]


def _session_start(context: Context, event: HookEvent) -> HookAnswer:
    if ticked_boxes.only_reminds(context):
        notes = record_boxes(context)
        chosen = _chosen(context)
        if chosen is None:
            return HookAnswer()
        stand = work_status.describe(context, chosen)
        stand = stand._replace(conflicts=[*_as_conflicts(notes), *stand.conflicts])
    else:
        record_boxes(context)
        stand = session.resume(context, None)
    with context.store.write() as tx:
        agent_hook_log.forget(tx, context, "refresh")
    if stand.spec is None and not stand.others:
        return HookAnswer()  # no spec, or nothing left to do in any: nothing to remember
    return HookAnswer(
        context=safe(work_status.brief(stand, work_status.BRIEF_TOKENS), SESSION_PART)
    )


def _as_conflicts(notes: Sequence[Note]) -> list[Note]:
    return [{"code": n["code"], "message": n["message"], "hint": ""} for n in notes]


def _chosen(context: Context) -> spec_index.Chosen | None:
    try:
        return spec_index.choose_spec(context, None)
    except (AmbiguousSpec, UnknownSpec):
        return None


def _prompt(context: Context, event: HookEvent) -> HookAnswer:
    """After a compaction the short brief, once; else only what has changed meanwhile."""
    notes = record_boxes(context)
    background.deliver_in_background(context)
    with context.store.write() as tx:
        refresh = agent_hook_log.forget(tx, context, "refresh")
    if refresh:
        chosen = _chosen(context)
        if chosen is None:
            return HookAnswer()
        stand = work_status.describe(
            context, chosen, [n for n in notes if n["code"] == "box_ticked"]
        )
        return HookAnswer(
            context=safe(work_status.brief(stand, work_status.SHORT_TOKENS), PARTS * 2)
        )
    return HookAnswer(context=_words(context, notes))


def _post_edit(context: Context, event: HookEvent) -> HookAnswer:
    notes = record_boxes(context)
    background.deliver_in_background(context)
    return HookAnswer(context=_words(context, notes))


def _words(context: Context, notes: Sequence[Note]) -> str:
    """What changed, and the next command; nothing where nothing did."""
    if not notes:
        return ""
    said = "; ".join(note["message"] for note in notes[:3])
    more = f"; and {len(notes) - 3} more" if len(notes) > 3 else ""
    chosen = _chosen(context)
    following = ""
    if chosen is not None:
        stand = work_status.describe(context, chosen)
        done, total = stand.progress["done"], stand.progress["total"]
        following = f" {done}/{total} done. Next: `{stand.next_command}`"
    return safe(f"craftkit: {said}{more}.{following}", PARTS)


def _silent(context: Context, event: HookEvent) -> HookAnswer:
    """Settle and send in the background; a subagent is told nothing."""
    record_boxes(context)
    background.deliver_in_background(context)
    return HookAnswer()


def _stop(context: Context, event: HookEvent) -> HookAnswer:
    notes = record_boxes(context)
    queued = _flush(context)
    if not event.passive:
        for spec_id, ref, reason in contradictions(context, notes):
            if _first_time(context, f"blocked.{event.session}.{event.prompt}.{spec_id}.{ref}"):
                return HookAnswer(block=safe(reason, PARTS))
    if queued and _first_time(context, "told.queued", str(queued)):
        plural = "write waits" if queued == 1 else "writes wait"
        words = f"craftkit: {queued} GitHub {plural}; sent as soon as GitHub can be reached."
        return HookAnswer(message=words)
    return HookAnswer()


def _flush(context: Context) -> int:
    """Send what waits; how many writes wait still."""
    if not background.has_unsent(context):
        return 0
    from craftkit.sync import connection  # half of a turn's end would be its import

    sent = connection.send(context, FLUSH_SECONDS)
    return 0 if sent.code == connection.BUSY else sent.queued  # another process is about it


def _first_time(context: Context, name: str, value: str = "") -> bool:
    """Whether this was not said before; two hooks at once get one yes."""
    with context.store.write() as tx:
        return agent_hook_log.remember(tx, context, name, value)


def contradictions(context: Context, notes: Sequence[Note] = ()) -> list[tuple[str, str, str]]:
    """Spec, task and reason of what the agent can mend itself.

    "In progress" alone is none: to stop and ask a person is legitimate.
    """
    chosen = _chosen(context)
    if chosen is None or chosen.spec.blocked_by is not None:
        return []
    spec = chosen.spec
    found = []
    if ticked_boxes.only_reminds(context):
        for task in ticked_boxes.ticked_unrecorded(context, spec):
            words = f"craftkit: {task.ref} is ticked but not recorded. {_do(task.ref)}"
            found.append((spec.id, task.ref, words))
    rows = spec_index.task_statuses(context, spec)
    now = task_lookup.current(context, spec, rows)
    if now is None:
        return found
    ref = now.task.ref
    if now.task.steps_total and now.task.steps_done == now.task.steps_total:
        why = "all its steps are ticked"
    else:
        after = _done_since(context, spec, rows, now)
        why = f"{after}, which comes after it, is done" if after else ""
    if why:
        found.append((spec.id, ref, f"craftkit: {ref} is still in progress, but {why}. {_do(ref)}"))
    return found


def _do(ref: str) -> str:
    command = f"craftkit task done {typed(ref)}"
    return f"Run `{command}` if it is finished; if not, say so. Asked once a turn."


def _done_since(
    context: Context,
    spec: Spec,
    rows: Sequence[task_status.TaskStatus],
    now: task_status.TaskStatus,
) -> str:
    """A later task that was completed since this one was started; "" where there is none."""
    done = decisions.done_since_start(context.store, spec.id, now.task.id, context.worktree)
    later_ones = (r for r in rows if r.task.place > now.task.place and r.task.id in done)
    return next((row.task.ref for row in later_ones), "")


def _compact(context: Context, event: HookEvent) -> HookAnswer:
    """Save where the work stands, to be said again afterwards."""
    record_boxes(context)
    chosen = _chosen(context)
    if chosen is not None:
        stand = work_status.describe(context, chosen)
        current = stand.current["key"] if stand.current else ""
        with context.store.write() as tx:
            agent_hook_log.remember(tx, context, "refresh", current)
    return HookAnswer()


def _session_end(context: Context, event: HookEvent) -> HookAnswer:
    record_boxes(context)
    session.end(context, safe(event.source, 60) or "ended")
    background.deliver_in_background(context)
    return HookAnswer()


DO: dict[str, Callable[[Context, HookEvent], HookAnswer]] = {
    "session-start": _session_start,
    "prompt": _prompt,
    "post-edit": _post_edit,
    "stop": _stop,
    "subagent-stop": _silent,
    "pre-compact": _compact,
    "post-compact": _compact,
    "session-end": _session_end,
}

# What an agent's host might take for markup of its own.
_TAME = str.maketrans({"<": "‹", ">": "›", "\0": ""})


def safe(text: str, limit: int) -> str:
    """Text that is data to the model that reads it: no tags, at most `limit` characters."""
    text = text.translate(_TAME)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def state_of(where: str) -> str | None:
    """The private state around a directory, where the log is; None if craftkit is off there."""
    from craftkit import repo as git
    from craftkit.runtime import clone

    found = git.find(where)
    return found.state_dir if found is not None and clone.is_on(found) else None
