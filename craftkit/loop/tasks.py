"""Start, finish, re-open, drop and add tasks: decide, record, then change the file."""

from __future__ import annotations

from craftkit.errors import (
    AnotherTaskInProgress,
    ConcurrentUpdate,
    DatabaseUnwritable,
    FileChanged,
    TaskClaimed,
    UsageProblem,
)
from craftkit.loop import (
    github_writes,
    sessions,
    spec_index,
    spec_writer,
    task_lookup,
    task_status,
    transitions,
)
from craftkit.loop.decisions import Source
from craftkit.model import DONE, DROPPED, IN_PROGRESS, Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import adding, edit
from craftkit.store import claims, decisions
from craftkit.store import history as events
from craftkit.store import tasks as task_records
from craftkit.text import redact, typed


@transitions.retry_on_conflict
def start(
    context: Context, wanted_spec: str | None, word: str, *, take_over: bool, switch: bool
) -> transitions.TaskOutcome:
    """Put a task in progress for this session.  Raises TaskClaimed, AnotherTaskInProgress…"""
    spec, task = task_lookup.find(context, wanted_spec, word)
    edit.refuse_if_blocked(spec)
    spec_index.record_snapshot(context, spec)
    version = transitions.decision_version(context, spec, task)
    rows = spec_index.task_statuses(context, spec)
    row = next(r for r in rows if r.task.id == task.id)
    if row.state == DONE:
        raise UsageProblem(
            f"{task.ref} is done already.",
            f"`craftkit task reopen {typed(task.ref)}` opens it again",
        )
    if row.state == DROPPED:
        raise UsageProblem(
            f"{task.ref} is dropped.", f"`craftkit task reopen {typed(task.ref)}` takes it up again"
        )
    refuse_foreign_claim(context, spec, task, take_over)
    if row.state == IN_PROGRESS and row.holder == context.session.id:
        with context.store.write() as tx:  # what comes next is about this spec again
            sessions.save_state(context, tx, spec.id, task, "done")
        return transitions.outcome(context, spec, task, changed=False, applied=True)
    busy = {
        claim.task_id
        for claim in claims.in_worktree(context.store, context.worktree, spec.id)
        if claim.session == context.session.id and claim.task_id != task.id
    }
    others = [r.task for r in rows if r.task.id in busy and r.state == IN_PROGRESS]
    if others and not switch:
        raise AnotherTaskInProgress(
            f"{others[0].ref} is still in progress in this session.",
            f"finish it with `craftkit task done {typed(others[0].ref)}`, or set it aside with"
            f" `craftkit task start {typed(task.ref)} --switch`",
        )
    if row.reopened:
        context.note(
            "warning",
            "done_before",
            f"{task.ref} was recorded as done before, but its box is open here.",
            f"`craftkit task done {typed(task.ref)}` ticks it without doing it again",
        )
    if row.duplicate:
        context.note(
            "warning",
            task_status.CLOSED_AS_DUPLICATE,
            f"The issue of {task.ref} was closed as a duplicate of another one.",
            f"`craftkit task drop {typed(task.ref)}` if that does its work",
        )
    if row.waits_for:
        context.note("warning", "depends_open", f"{task.ref} waits for {', '.join(row.waits_for)}.")
    aside = [t.id for t in others]
    return transitions.apply_transition(
        context, spec, task, "start", "command", expected_version=version, set_aside=aside
    )


def _held_by_another(context: Context, task: Task, claim: claims.Claim | None) -> str | None:
    """The live session that has this task in progress; its command is not refused, but told.

    Who comes back under another session id must be able to finish what was begun.
    """
    if claim is None or claim.session == context.session.id:
        return None
    session = claim.session
    if not sessions.is_live(context, session, claim.worktree):
        return None
    context.note(
        "warning",
        "held_by_another",
        f"{task.ref} was in progress in session {session} ({claim.agent}) since"
        f" {claim.started_at[:16]}Z.",
        "tell it, if it is not you",
    )
    return session


def refuse_foreign_claim(context: Context, spec: Spec, task: Task, take_over: bool) -> None:
    claim = claims.of_task(context.store, spec.id, task.id)
    if claim is None or claim.session == context.session.id or take_over:
        return
    if sessions.is_live(context, claim.session, claim.worktree):
        raise TaskClaimed(
            f"{task.ref} is held by session {claim.session} ({claim.agent}) in"
            f" {claim.worktree} since {claim.started_at[:16]}Z.",
            "take another (`craftkit task next`), or"
            f" `craftkit task start {typed(task.ref)} --take-over`",
        )


@transitions.retry_on_conflict
def done(
    context: Context,
    wanted_spec: str | None,
    word: str,
    *,
    anyway: bool = False,
    reason: str = "",
) -> transitions.TaskOutcome:
    """Complete a task.  Once this returns, the task ends done whatever happens.

    `anyway`, also on GitHub if somebody closed its issue as not planned or as a duplicate there.
    """
    if reason and not anyway:
        raise UsageProblem(
            "A reason is for what was closed otherwise on GitHub.",
            "leave out `--reason`, or add `--anyway`",
        )
    spec, task = task_lookup.find(context, wanted_spec, word)
    edit.refuse_if_blocked(spec)
    spec_index.record_snapshot(context, spec)
    task_lookup.refuse_rewritten(context, spec, task)
    return complete(context, spec, task, "command", anyway=anyway, reason=redact(reason))


def complete(
    context: Context,
    spec: Spec,
    task: Task,
    source: Source,
    decision_id: str | None = None,
    *,
    anyway: bool = False,
    reason: str = "",
) -> transitions.TaskOutcome:
    """The one path of every completion: from a command, a box ticked by hand, or the spool.

    Raises ConcurrentUpdate if another session decides on the task meanwhile: read it again.
    """
    # In this order: a decision that is settled between two of these reads is seen by the last.
    version = transitions.decision_version(context, spec, task)
    if source == "box" and task.id in decisions.unapplied(context.store, spec.id, "done"):
        raise ConcurrentUpdate(f"Another session is just recording {task.ref}.", "look again")
    base = task_records.is_done(context.store, spec.id, task.id)
    claim = claims.of_task(context.store, spec.id, task.id)
    if task.checked and base and claim is None and not reason:
        queued = source == "command" and github_writes.queue_closing_again(
            context, spec, task, anyway=anyway
        )
        return transitions.outcome(context, spec, task, changed=False, applied=True, queued=queued)
    also: list[str] = []
    if task.parent:
        rows = spec_index.task_statuses(context, spec)
        also = [parent.id for parent in task_status.parents_finished_by(rows, task)]
    held = _held_by_another(context, task, claim)
    return transitions.apply_transition(
        context,
        spec,
        task,
        "done",
        source,
        decision_id=decision_id,
        expected_version=version,
        also=also,
        reason=reason,
        held_by=held,
        anyway=anyway,
    )


@transitions.retry_on_conflict
def reopen(context: Context, wanted_spec: str | None, word: str) -> transitions.TaskOutcome:
    spec, task = task_lookup.find(context, wanted_spec, word)
    edit.refuse_if_blocked(spec)
    spec_index.record_snapshot(context, spec)
    task_lookup.refuse_rewritten(context, spec, task)
    version = transitions.decision_version(context, spec, task)
    rows = spec_index.task_statuses(context, spec)
    row = next(r for r in rows if r.task.id == task.id)
    base = task_records.is_done(context.store, spec.id, task.id)
    # Of a task with an issue, that may be closed: what is open here is not known to be open there.
    linked = task.issue is not None and context.config["github.repo"]
    if row.state not in (DONE, DROPPED) and not base and not linked:
        return transitions.outcome(context, spec, task, changed=False, applied=True)
    held = _held_by_another(context, task, claims.of_task(context.store, spec.id, task.id))
    also = [parent.id for parent in task_status.parents_opened_by(rows, task)]
    return transitions.apply_transition(
        context, spec, task, "reopen", "command", expected_version=version, also=also, held_by=held
    )


@transitions.retry_on_conflict
def drop(
    context: Context, wanted_spec: str | None, word: str, reason: str
) -> transitions.TaskOutcome:
    spec, task = task_lookup.find(context, wanted_spec, word)
    edit.refuse_if_blocked(spec)
    spec_index.record_snapshot(context, spec)
    task_lookup.refuse_rewritten(context, spec, task)
    version = transitions.decision_version(context, spec, task)
    row = next(r for r in spec_index.task_statuses(context, spec) if r.task.id == task.id)
    if row.state == DONE:
        raise UsageProblem(
            f"{task.ref} is done, so it cannot be dropped.",
            f"`craftkit task reopen {typed(task.ref)}` opens it again",
        )
    if row.state == DROPPED:
        return transitions.outcome(context, spec, task, changed=False, applied=True)
    held = _held_by_another(context, task, claims.of_task(context.store, spec.id, task.id))
    return transitions.apply_transition(
        context,
        spec,
        task,
        "drop",
        "command",
        expected_version=version,
        reason=redact(reason),
        held_by=held,
    )


def add(
    context: Context,
    wanted_spec: str | None,
    title: str,
    group: str | None,
    depends_on: list[str],
) -> tuple[Spec, task_status.TaskStatus]:
    """Append a task line in the file's own style; return the task as it now reads."""
    spec = spec_index.choose_spec(context, wanted_spec).spec
    key = ""

    def change(seen: Spec) -> str:
        nonlocal key
        needed = [_key_of(task_lookup.resolve(context, seen, word)) for word in depends_on]
        sections = context.config["specs.task_sections"]
        text, key = adding.add_task(
            seen,
            title,
            group=group,
            depends_on=needed,
            task_sections=sections,
            used=task_records.used_keys(context.store, seen.id),
        )
        return text

    with spec_writer.edit_lock(context, spec.path):
        before = spec_writer.rewrite(context, spec.path, change).before
        spec = spec_index.load(context, spec.path)
    old = {t.id for t in before.tasks}
    added = [t for t in spec.tasks if (t.key == key if key else t.id not in old)]
    if not added:
        raise FileChanged(f"The new line of {spec.path} is gone again.", "see who edits the file")
    task = added[-1]
    rows = task_status.derive_statuses(spec)
    try:
        spec_index.record_snapshot(context, spec)
        with context.store.write() as tx:
            events.record(
                tx, context.now(), "task.added", context.session, spec.id, task.id, title=title
            )
        rows = spec_index.task_statuses(context, spec)
    except DatabaseUnwritable as error:
        # The line is in the file, which owns it: were this an error, it would be added twice.
        context.note("warning", error.code, error.message, error.hint)
    return spec, next(row for row in rows if row.task.id == task.id)


def _key_of(task: Task) -> str:
    """The key by which another line names the task.  Raises UsageProblem if it has none."""
    if task.key is None or task.ref != task.key:
        raise UsageProblem(
            f"{task.ref} has no key of its own, so another line cannot name it.",
            "depend on a task that has a key",
        )
    return task.key
