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
    committed,
    sessions,
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
from craftkit.store import claims, decisions
from craftkit.text import one_line, typed

BUSY_MS = 3000  # a hook waits no longer for another process; the next one does the rest
FLUSH_SECONDS = 3.0  # at the end of a turn
# Events that are answered also if nothing can be written: a session that begins needs its brief,
# and a box that was ticked is spooled once.
UNREMEMBERED = ("session-start", "post-edit")
PARTS = 300  # characters of what is said after an edit or a prompt
SESSION_PART = 1700
STOP_PART = 900
STARTUP = "startup"
BRIEFED = "briefed"  # the new start after a compaction has said where the work stands
ASKED = "Asked once."

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


def record_boxes(context: Context, *, aside: bool = False) -> list[Note]:
    """Record what the boxes of all changed specs say, or remind of it.

    With `aside`, a subagent ticked them: that says nothing of what its parent has in progress.
    """
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
            if aside:
                _note_aside(context, spec)
            notes += ticked_boxes.record_ticked_boxes(context, spec)
        notes += opened
    return notes + _changed_lines(context)


def _note_aside(context: Context, spec: Spec) -> None:
    ticked = ticked_boxes.ticked_unrecorded(context, spec)
    if ticked and context.store.durable:
        with context.store.write() as tx:
            for task in ticked:
                agent_hook_log.remember(tx, context, f"aside.{spec.id}.{task.id}")


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
    kept = _take_kept(context)
    if ticked_boxes.only_reminds(context):
        if context.store.durable:
            sessions.begin(context, event.source or STARTUP)
        notes = record_boxes(context)
        chosen = _chosen(context)
        if chosen is None:
            return HookAnswer()
        stand = work_status.describe(context, chosen, kept)
        stand = stand._replace(conflicts=[*_as_conflicts(notes), *stand.conflicts])
    else:
        notes = record_boxes(context)
        stand = session.resume(context, None, event.source or STARTUP)
        stand = stand._replace(repaired=[*kept, *stand.repaired])
    _keep(context, event, notes)
    with context.store.write() as tx:
        agent_hook_log.forget(tx, context, "refresh")
        if event.source == "compact":
            agent_hook_log.remember(tx, context, BRIEFED)
    if stand.spec is None and not stand.others:
        return HookAnswer()  # no spec, or nothing left to do in any: nothing to remember
    return HookAnswer(
        context=safe(work_status.brief(stand, work_status.BRIEF_TOKENS), SESSION_PART)
    )


def _take_kept(context: Context) -> list[Note]:
    """What was recorded without a word to this session, to be said now."""
    if not agent_hook_log.is_known(context, agent_hook_log.PENDING):
        return []
    with context.store.write() as tx:
        words = agent_hook_log.take_kept(tx, context)
    return [{"code": "kept", "message": words}] if words else []


def _keep(context: Context, event: HookEvent, notes: Sequence[Note], *, own: bool = False) -> None:
    """Keep what was recorded for those who did not do it and hear nothing of it now.

    These are the other live sessions of the worktree; with `own`, or if a subagent did it, the
    session itself.
    """
    if not notes or not context.store.durable:
        return
    ticked = [note["message"] for note in notes if note["code"] == "box_ticked"]
    others = sessions.others(context) if ticked else []
    with context.store.write() as tx:
        for other in others:
            for words in ticked:
                kept = f"{words} (session {one_line(context.session.id, 40)})"
                agent_hook_log.keep_for(tx, context, other, kept)
        for note in notes if own or event.subagent else ():
            agent_hook_log.keep_for(tx, context, context.session.id, note["message"])


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
    _keep(context, event, notes)
    background.deliver_in_background(context)
    if event.subagent:
        return HookAnswer()
    notes = _take_kept(context) + notes
    with context.store.write() as tx:
        refresh = agent_hook_log.forget(tx, context, "refresh")
    if refresh:
        chosen = _chosen(context)
        if chosen is None:
            return HookAnswer()
        done = [n for n in notes if n["code"] in ("box_ticked", "kept")]
        stand = work_status.describe(context, chosen, done)
        return HookAnswer(
            context=safe(work_status.brief(stand, work_status.SHORT_TOKENS), PARTS * 2)
        )
    return HookAnswer(context=_words(context, notes))


def _post_edit(context: Context, event: HookEvent) -> HookAnswer:
    notes = record_boxes(context, aside=event.subagent)
    _keep(context, event, notes)
    background.deliver_in_background(context)
    if event.subagent:  # it hears of its own ticks, and nothing that is for its parent to do
        done = [note["message"] for note in notes if note["code"] == "box_ticked"]
        return HookAnswer(context=cut(f"craftkit: {'; '.join(done)}.", PARTS) if done else "")
    return HookAnswer(context=_words(context, _take_kept(context) + notes))


def _words(context: Context, notes: Sequence[Note]) -> str:
    """What changed, and the next command; nothing where nothing did."""
    if not notes:
        return ""
    chosen = _chosen(context)
    following = ""
    if chosen is not None:
        stand = work_status.describe(context, chosen)
        done, total = stand.progress["done"], stand.progress["total"]
        following = f" {done}/{total} done."
        if stand.next_command:
            following += f" Next: `{safe(stand.next_command, PARTS)}`"
    parts = [note["message"] for note in notes]
    for shown in range(min(len(parts), 3), 0, -1):
        more = f"; and {len(parts) - shown} more" if len(parts) > shown else ""
        text = f"craftkit: {'; '.join(parts[:shown])}{more}.{following}"
        if len(text) <= PARTS:
            return safe(text, PARTS)
    return cut(f"craftkit: {parts[0]}", PARTS - len(following) - 1) + f".{following}"


def _silent(context: Context, event: HookEvent) -> HookAnswer:
    """Record and send in the background; the main agent hears of it at its next event."""
    _keep(context, event, record_boxes(context, aside=True), own=True)
    background.deliver_in_background(context)
    return HookAnswer()


def _stop(context: Context, event: HookEvent) -> HookAnswer:
    notes = record_boxes(context)
    _keep(context, event, notes, own=True)
    queued = _flush(context)
    if not event.passive:
        for name, reason in contradictions(context):
            if _first_time(context, f"blocked.{name}"):
                return HookAnswer(block=cut(reason, STOP_PART))
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


def contradictions(context: Context) -> list[tuple[str, str]]:
    """A name, by which it is asked once, and the words for what the agent can mend itself.

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
            found.append((f"unrecorded.{spec.id}.{task.id}", words))
    rows = spec_index.task_statuses(context, spec)
    now = task_lookup.current(context, spec, rows)
    if now is not None:
        why = _against(context, spec, rows, now)
        if why:
            claim = claims.of_task(context.store, spec.id, now.task.id)
            begun = claim.started_at if claim else ""
            words = f"craftkit: {now.task.ref} is still in progress, but {why}. {_do(now.task.ref)}"
            found.append((f"open.{spec.id}.{now.task.id}.{begun}", words))
    unreported = committed.find(context, spec, rows)
    if unreported:
        name = ".".join(task.id for task in unreported)
        note = committed.note(unreported, context.flag)
        words = f"craftkit: {note['message']}. {note['hint']}. {ASKED}"
        found.append((f"committed.{spec.id}.{name}", words))
    return found


def _against(
    context: Context,
    spec: Spec,
    rows: Sequence[task_status.TaskStatus],
    now: task_status.TaskStatus,
) -> str:
    """What speaks against a task's being in progress; "" if nothing does."""
    if now.task.steps_total and now.task.steps_done == now.task.steps_total:
        return "all its steps are ticked"
    after = _done_since(context, spec, rows, now)
    return f"{after}, which comes after it, is done" if after else ""


def _do(ref: str) -> str:
    command = f"craftkit task done {typed(ref)}"
    return f"Run `{command}` if it is finished; if not, say so. {ASKED}"


def _done_since(
    context: Context,
    spec: Spec,
    rows: Sequence[task_status.TaskStatus],
    now: task_status.TaskStatus,
) -> str:
    """A later task that this session completed since this one was started; "" if there is none.

    Tasks that stand together as parallel ones are finished in any order, and so are those that a
    subagent finished.
    """
    done = decisions.done_since_start(context.store, spec.id, now.task.id, context.worktree)
    if not done:
        return ""
    beside = now.task.parallel
    for row in rows:
        if row.task.place <= now.task.place:
            continue
        beside = beside and row.task.parallel
        by_other = agent_hook_log.is_known(context, f"aside.{spec.id}.{row.task.id}")
        if row.task.id in done and not beside and not by_other:
            return row.task.ref
    return ""


def _compact(context: Context, event: HookEvent) -> HookAnswer:
    """Save where the work stands, to be said again afterwards."""
    record_boxes(context)
    chosen = _chosen(context)
    if chosen is None:
        return HookAnswer()
    stand = work_status.describe(context, chosen)
    current = stand.current["key"] if stand.current else ""
    with context.store.write() as tx:
        given = agent_hook_log.forget(tx, context, BRIEFED)
        if not given or event.name != "post-compact":  # else the new start has said it already
            agent_hook_log.remember(tx, context, "refresh", current)
    return HookAnswer()


def _session_end(context: Context, event: HookEvent) -> HookAnswer:
    _keep(context, event, record_boxes(context))
    if event.subagent:
        return HookAnswer()
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


def cut(text: str, limit: int) -> str:
    """The same, cut before a command rather than within it."""
    text = safe(text, limit)
    if text.count("`") % 2:
        text = text.rpartition("`")[0].rstrip() + "…"
    return text


def state_of(where: str) -> str | None:
    """The private state around a directory, where the log is; None if craftkit is off there."""
    from craftkit import repo as git
    from craftkit.runtime import clone

    found = git.find(where)
    return found.state_dir if found is not None and clone.is_on(found) else None
