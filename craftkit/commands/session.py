"""Begin, resume and end a session."""

from __future__ import annotations

from typing import Any

from craftkit.commands import recovery
from craftkit.errors import AmbiguousSpec, UnknownSpec
from craftkit.loop import (
    committed,
    sessions,
    spec_index,
    spec_writer,
    task_lookup,
    ticked_boxes,
    work_status,
)
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.store import claims
from craftkit.store import history as events
from craftkit.store import sessions as session_rows
from craftkit.text import redact

NETWORK_SECONDS = 2.0  # a session does not wait longer for GitHub before it begins


def resume(context: Context, wanted_spec: str | None, source: str = "") -> work_status.WorkStatus:
    """Re-read the spec, repair what was forgotten, and return where the work stands.

    `source` is how the session of an agent begins, as its hook says: see `sessions.begin`.
    """
    if context.store.durable and (source or context.session.agent != sessions.PERSON):
        sessions.begin(context, source)
    context.network_until = context.clock() + NETWORK_SECONDS
    repaired = recovery.repair(context, online=True)
    try:
        chosen = spec_index.choose_spec(context, wanted_spec)
    except (AmbiguousSpec, UnknownSpec) as error:
        if wanted_spec:
            raise
        return work_status.describe_without_spec(context, error, repaired)
    spec = chosen.spec
    if context.store.durable:
        spec_writer.remove_stale_temp_files(context, [spec])
    conflicts: list[dict[str, str]] | None = None
    if spec.blocked_by is None:
        repaired += ticked_boxes.record_ticked_boxes(context, spec)
        merged, conflicts = _refresh(context, spec_index.load(context, spec.path))
        repaired += merged
        spec = spec_index.load(context, spec.path)
        repaired += _clear_stale(context, spec)
    with context.store.write() as tx:
        sessions.touch(context, tx)
        row = task_lookup.current(context, spec, spec_index.task_statuses(context, spec))
        sessions.save_state(
            context, tx, spec.id, row.task if row else None, "done" if row else "start"
        )
        events.record(tx, context.now(), "session.resumed", context.session, spec.id)
    stand = work_status.describe(context, spec_index.Chosen(spec, chosen.why), repaired, conflicts)
    unreported = committed.find(context, spec, spec_index.task_statuses(context, spec))
    if unreported:
        said = committed.note(unreported, context.flag)
        stand = stand._replace(conflicts=[said, *stand.conflicts])
    return stand


def _refresh(
    context: Context, spec: Spec
) -> tuple[list[dict[str, str]], list[dict[str, str]] | None]:
    """GitHub's half, within NETWORK_SECONDS: what was settled, and what a person has to settle.

    Where that fails, what is known answers: the second is None.
    """
    if context.offline or not context.config["github.repo"] or not context.store.durable:
        return [], None
    if spec.issue is None and all(task.issue is None for task in spec.tasks):
        return [], None
    from craftkit.sync import reconcile
    from craftkit.sync.merge_model import Policy
    from craftkit.sync.reconcile_report import as_notes, conflict_notes

    report = reconcile.run(context, [spec], Policy(), seconds=NETWORK_SECONDS)
    if report.failed is not None:
        since = reconcile.synced_at(context)
        known = f"; this is as of {since[:16]}Z" if since else ""
        message = report.failed.message.rstrip(".")
        context.note("warning", report.failed.code, f"{message}{known}.", report.failed.hint)
        return [], None
    return as_notes(report), [note for item in report.specs for note in conflict_notes(item)]


def _clear_stale(context: Context, spec: Spec) -> list[dict[str, str]]:
    """Claims on tasks that are done, or whose line is gone, are cleared."""
    by_id = {task.id: task for task in spec.tasks}
    held = {task.id for task in spec.unmerged}
    stale = [
        claim.task_id
        for claim in claims.in_worktree(context.store, context.worktree, spec.id)
        if claim.task_id not in held
        and (claim.task_id not in by_id or by_id[claim.task_id].checked)
    ]
    notes = []
    for task_id in stale:
        with context.store.write() as tx:
            claims.release(tx, spec.id, [task_id])
            sessions.forget_current(context, tx, spec.id, [task_id])
        name = task_lookup.namer(context)(spec.id, task_id)
        why = "is done" if task_id in by_id else "has no line any more"
        notes.append({"code": "stale_current", "message": f"{name} {why}: no longer current"})
    return notes


def end(context: Context, reason: str) -> dict[str, Any]:
    """Record the end of this session, why, and what it leaves unfinished."""
    name = task_lookup.namer(context)
    unfinished = [
        {"spec": claim.spec_id, "task": name(claim.spec_id, claim.task_id)}
        for claim in claims.of_worktree(context.store, context.worktree)
        if claim.session == context.session.id
    ]
    now, reason = context.now(), redact(reason)
    with context.store.write() as tx:
        sessions.touch(context, tx)
        session_rows.end(tx, context.session, reason, now)
        events.record(
            tx,
            now,
            "session.ended",
            context.session,
            reason=reason,
            unfinished=unfinished,
        )
    return {"session": context.session.id, "reason": reason, "unfinished": unfinished}
