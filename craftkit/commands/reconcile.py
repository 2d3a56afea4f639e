"""`craftkit reconcile`: the local half first, then the half of GitHub."""

from __future__ import annotations

from craftkit.commands import recovery
from craftkit.loop import spec_index, spec_writer, ticked_boxes
from craftkit.runtime.context import Context
from craftkit.sync import connection, merge_model
from craftkit.sync import reconcile as engine
from craftkit.sync.reconcile_report import ReconcileReport


def reconcile(
    context: Context,
    wanted_spec: str | None,
    every: bool,
    policy: merge_model.Policy,
    *,
    change: bool,
    max_writes: int | None,
) -> ReconcileReport:
    """`craftkit reconcile`: the local half first, then GitHub's.  Raises what GitHub answered."""
    context.require_github()
    recorded: list[str] = []
    if change:
        recovery.repair(context, online=True)
    specs = (
        spec_index.load_all(context)
        if every
        else [spec_index.choose_spec(context, wanted_spec).spec]
    )
    if change:
        spec_writer.remove_stale_temp_files(context, specs)
        for spec in specs:
            if spec.blocked_by is None:
                notes = ticked_boxes.record_ticked_boxes(context, spec)
                recorded += [f"{spec.id}: {note['message']}" for note in notes]
        specs = [spec_index.load(context, spec.path) for spec in specs]
    if context.offline:
        connection.report_pending(context, connection.pending_status(context))
        return ReconcileReport((), connection.pending_status(context), 0, recorded=tuple(recorded))
    report = engine.run(context, specs, policy, change=change, max_writes=max_writes)
    if report.failed is not None:
        raise report.failed
    return report._replace(recorded=tuple(recorded))
