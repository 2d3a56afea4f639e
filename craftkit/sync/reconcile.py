"""Reconcile: drain, list, plan, apply.  What the planner decides is carried out here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.loop import conflicts, spec_identity, spec_index
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.store import decisions, issues, outbox
from craftkit.store.key_values import KeyValueCache
from craftkit.sync import (
    apply,
    connection,
    issue_creation,
    links,
    markers,
    merge_model,
    outbox_sender,
    ownership,
    planner,
    reopenings,
    snapshot,
)
from craftkit.sync.context import SyncContext
from craftkit.sync.reconcile_report import ReconcileReport, SpecReport, conflict_notes

IDLE = outbox_sender.Drained(0, None)  # nothing was to be sent, or another process sends


def run(
    context: Context,
    specs: Sequence[Spec],
    policy: merge_model.Policy,
    *,
    change: bool = True,
    max_writes: int | None = None,
    seconds: float = connection.SECONDS,
) -> ReconcileReport:
    """Compare specs with GitHub; with `change`, settle what can be settled."""
    try:
        with connection.github_session(context, seconds) as sync:
            before, last = sync.gateway.requests, IDLE
            # Also what is delivered in a moment: a list may show how it was before.
            decided = {spec.id: outbox.pending(context.store, spec.id) for spec in specs}
            with context.store.read() as db:
                counted = decisions.versions(db)
            first = _drain(context, sync, max_writes, decided, lists=False) if change else IDLE
            with context.store.read() as db:
                away = issues.linked_elsewhere(db, sync.settings.repo)
            twins = [spec for spec in specs if spec.twin_of]
            here = [spec for spec in specs if spec.id not in away and not spec.twin_of]
            views = snapshot.snapshots(
                context, sync, here, decided, learn=change, adopt=policy.adopt
            )
            reports, by = _compared(context, sync, views, policy)
            reports += [_twin(spec) for spec in twins]
            reports += [
                _linked_elsewhere(spec, away[spec.id], sync) for spec in specs if spec.id in away
            ]
            if change:
                with context.store.write() as tx:  # the merge looks for doubles as well
                    seen = [spec.id for spec, view in views if view.complete and view.linked]
                    outbox.end_looks(tx, seen, context.now())
                issue_creation.close_late_parents(sync)
                reports = [apply.apply_plan(context, sync, r, counted) for r in reports]
                left = None if max_writes is None else max_writes - first.delivered
                last = _drain(context, sync, left, decided)
                unsent = {(row.spec_id, row.task_id) for row in outbox.waiting(context.store)}
                reports = [
                    report._replace(unsent=frozenset(t for s, t in unsent if s == report.spec.id))
                    for report in reports
                ]
                for report in reports:
                    _note_edits(context, report)
                _remember_rounds(context, sync, reports, by)
                _task_lists(context, sync, specs)
                _remember_time(context, sync)
            _remember_conflicts(context, sync, reports)
            waits = connection.pending_status(context)
            if change:
                if last.away is not None:
                    waits = connection.stopped(outbox.counts(context.store), last.away)
                connection.report_pending(context, waits)
            asked = sync.gateway.requests - before
            return ReconcileReport(
                tuple(reports), waits, asked, delivered=first.delivered + last.delivered
            )
    except CraftkitError as error:
        return ReconcileReport(
            (), connection.stopped(outbox.counts(context.store), error), 0, error
        )


def _twin(spec: Spec) -> SpecReport:
    found = spec_identity.twin(spec)
    return SpecReport(spec, merge_model.MergePlan(stopped=found.words if found else ""), False)


def _linked_elsewhere(spec: Spec, other: str, sync: SyncContext) -> SpecReport:
    error = ownership.refusal(spec.id, other, sync.settings.repo)
    return SpecReport(spec, merge_model.MergePlan(stopped=error.message), False, linked=True)


def _task_lists(context: Context, sync: SyncContext, specs: Sequence[Spec]) -> None:
    """Where the server has no sub-issues, the parent's body lists the spec's issues."""
    if sync.gateway.capabilities().sub_issues:
        return
    for spec in specs:
        known = issues.of_spec(context.store, sync.settings.repo, spec.id)
        parent = next((k.number for k in known if k.task_id is None), None)
        if spec.hunks:  # a merge conflict holds tasks of the list
            continue
        issue = sync.gateway.issues([parent]).get(parent) if parent is not None else None
        if not isinstance(issue, gh.Issue):
            continue
        now = spec_index.load(context, spec.path)
        tasks_ = [(task.issue, task.checked) for task in now.tasks if task.issue is not None]
        body = markers.with_list(issue.body, tasks_)
        if body != issue.body:
            sync.gateway.set_body(issue, body)


def _drain(
    context: Context,
    sync: SyncContext,
    max_writes: int | None,
    decided: dict[str, dict[str, str]],
    *,
    lists: bool = True,
) -> outbox_sender.Drained:
    """Send what waits.  Raises what stopped it: nothing is compared half-sent.

    What somebody has decided otherwise since is taken out of `decided`.
    """
    with connection.send_lock(context) as free:
        if not free:
            return IDLE
        done = outbox_sender.drain(sync, max_writes, lists=lists)
    if done.stopped is not None:
        raise done.stopped
    connection.report_doubles(context, done.doubles)
    for spec_id, task_id in done.outdone:
        decided.get(spec_id, {}).pop(str(task_id), None)
    return done


def _compared(
    context: Context,
    sync: SyncContext,
    views: Sequence[tuple[Spec, merge_model.SpecSnapshot]],
    policy: merge_model.Policy,
) -> tuple[list[SpecReport], dict[int, gh.Reopening]]:
    """What is to be done with each spec, and who re-opened what was done."""
    box = KeyValueCache(context.store, sync.settings.repo, context.now())
    found: list[SpecReport] = []
    by: dict[int, gh.Reopening] = {}
    for spec, view in views:
        plan = planner.plan_merge(view, policy)
        mine = reopenings.look(sync, plan)
        plan = reopenings.confirm(plan, mine, reopenings.known(box, mine))
        plan = merge_model.with_hunks(plan, spec)
        found.append(SpecReport(spec, plan, False, linked=view.linked))
        by |= mine
    return found, by


def _remember_rounds(
    context: Context,
    sync: SyncContext,
    reports: Sequence[SpecReport],
    by: Mapping[int, gh.Reopening],
) -> None:
    """What was unticked now ends a round of whoever re-opened its issue."""
    box = KeyValueCache(context.store, sync.settings.repo, context.now())
    for action in (a for report in reports if report.applied for a in report.plan.actions):
        who = by.get(action.issue or 0)
        if action.kind == merge_model.UNTICK and action.issue is not None and who is not None:
            reopenings.remember(box, action.issue, who)


def _note_edits(context: Context, report: SpecReport) -> None:
    """Write the links of new issues, and remember what the file says after all edits."""
    if not report.applied:
        return
    kinds = {a.kind for a in report.plan.actions}
    if merge_model.CREATE in kinds or links.lacks_parent(context, report.spec):
        made = {a.task for a in report.plan.actions if a.kind == merge_model.CREATE}
        links.write_links(context, report.spec.id, report.spec.path, made)
    if kinds & (merge_model.WRITES_SPEC | {merge_model.CREATE}):
        spec_index.record_snapshot(context, spec_index.load(context, report.spec.path), again=True)


def _remember_time(context: Context, sync: SyncContext) -> None:
    KeyValueCache(context.store, sync.settings.repo, context.now())["synced"] = context.now()


def _remember_conflicts(context: Context, sync: SyncContext, reports: Sequence[SpecReport]) -> None:
    """What a person has to settle, so that `status` can say it without asking GitHub."""
    if not context.store.durable:
        return
    box = KeyValueCache(context.store, sync.settings.repo, context.now())
    for report in reports:
        name = conflicts.REMEMBERED + report.spec.id
        text = (
            json.dumps(conflict_notes(report))
            if report.plan.conflicts or report.plan.stopped
            else ""
        )
        if text:
            box[name] = text  # also where it is the same: it holds from now on
        else:
            box.pop(name, None)


def synced_at(context: Context) -> str | None:
    """When this repository was last compared with GitHub."""
    if not context.config["github.repo"]:
        return None
    repo = connection.settings(context).repo
    return KeyValueCache(context.store, repo, context.now()).get("synced")
