"""Carry out what a merge plan says: boxes here, issues through the outbox."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from craftkit import errors
from craftkit.errors import CraftkitError, SpecNeedsAttention, UsageProblem
from craftkit.github import gateway as gh
from craftkit.loop import github_writes, spec_index, spec_writer, transitions
from craftkit.loop.decisions import Action
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import adding, edit
from craftkit.store import decisions, issues, outbox
from craftkit.store import history as events
from craftkit.store import tasks as task_records
from craftkit.store.key_values import KeyValueCache
from craftkit.sync import connection, discovery, link_plan, links, merge_model
from craftkit.sync.context import SyncContext
from craftkit.sync.reconcile_report import SpecReport
from craftkit.text import one_line


def apply_plan(
    context: Context, sync: SyncContext, report: SpecReport, counted: Mapping[tuple[str, str], int]
) -> SpecReport:
    """Carry out what one plan says; GitHub's part goes through the outbox.

    A task on which somebody has decided since its decisions were `counted` is left to the next run.
    """
    spec, plan = report.spec, report.plan
    if plan.stopped:
        return report
    by_id = {task.id: task for task in spec.tasks}

    def is_as_counted(task_id: str) -> bool:
        with context.store.read() as db:
            now = decisions.versions(db)
        return now.get((spec.id, task_id)) == counted.get((spec.id, task_id))

    agreed: list[tuple[str, bool]] = []
    waiting = outbox.pending(context.store, spec.id)
    for action in plan.actions:
        task = by_id.get(action.task)
        if action.kind in (merge_model.AGREE_DONE, merge_model.AGREE_OPEN):
            agreed.append((action.task, action.kind == merge_model.AGREE_DONE))
        elif action.kind in LOCAL and task is not None:
            known = transitions.decision_version(context, spec, task)
            if is_as_counted(task.id):
                with contextlib.suppress(errors.ConcurrentUpdate):
                    kind, why = LOCAL[action.kind], action.why
                    transitions.apply_transition(
                        context, spec, task, kind, "github", expected_version=known, reason=why
                    )
        elif action.kind in REMOTE and not (action.task in waiting and action.kind in STATES):
            _queue(context, spec, action, task)
    undropped = [a.task for a in plan.actions if a.kind == merge_model.UNDROP]
    if agreed or undropped:  # before links are written: they give a line without a key its name
        with context.store.write() as tx:
            now = decisions.versions(tx)
            unchanged = [
                (task_id, done)
                for task_id, done in agreed
                if now.get((spec.id, task_id)) == counted.get((spec.id, task_id))
            ]
            task_records.set_agreed(tx, spec.id, unchanged)
            task_records.take_up(tx, spec.id, undropped)
    _keep_titles(context, sync, by_id, plan)
    _links(context, spec, [a for a in plan.actions if a.kind == merge_model.LINK])
    _adopt(context, spec, [a for a in plan.actions if a.kind == merge_model.ADOPT], sync)
    if any(a.kind == merge_model.CREATE for a in plan.actions):
        # Above this number a lost creation is looked for: an old one would make that a long search.
        box = KeyValueCache(context.store, sync.settings.repo, context.now())
        box["highest"] = str(sync.gateway.repository().highest)
        plan = _create(context, sync, spec, plan)
    return report._replace(plan=plan, applied=True)


LOCAL: dict[str, Action] = {
    merge_model.TICK: "done",
    merge_model.UNTICK: "reopen",
    merge_model.DROP: "drop",
}


STATES = (merge_model.CLOSE, merge_model.REOPEN)


REMOTE = {
    merge_model.CLOSE: "close",
    merge_model.REOPEN: "reopen",
    merge_model.RETITLE: "retitle",
    merge_model.CLOSE_DUPLICATE: "duplicate",
}


def _queue(context: Context, spec: Spec, action: merge_model.Action, task: Task | None) -> None:
    payload = {}
    if action.kind == merge_model.RETITLE and task is not None:
        payload = {"title": github_writes.issue_title(task)}
    owner = None if action.kind == merge_model.CLOSE_DUPLICATE else action.task
    verb = REMOTE[action.kind]
    same = [
        row
        for row in outbox.waiting(context.store)
        if (row.spec_id, row.issue, row.action) == (spec.id, action.issue, verb)
    ]
    if any(row.payload == payload for row in same[-1:]):
        return
    with context.store.write() as tx:
        outbox.mark(
            tx, [row.id for row in same], "delivered", context.now(), error="a later one is queued"
        )
        outbox.queue(tx, context.now(), spec.id, owner, action.issue, verb, payload=payload)
        events.record(
            tx,
            context.now(),
            f"merge.{action.kind}",
            context.session,
            spec.id,
            action.task or None,
            issue=action.issue,
            why=action.why,
        )


def _keep_titles(
    context: Context, sync: SyncContext, by_id: Mapping[str, Task], plan: merge_model.MergePlan
) -> None:
    """Let issues keep the titles that they have, though their lines have others by now."""
    kept = [a for a in plan.actions if a.kind == merge_model.KEEP_TITLE and a.task in by_id]
    if kept:
        with context.store.write() as tx:
            for action in kept:
                title = github_writes.issue_title(by_id[action.task])
                issues.set_title(tx, sync.settings.repo, action.issue, title)


def _links(context: Context, spec: Spec, found: Sequence[merge_model.Action]) -> None:
    """Write a lost ` (#N)` back, behind what its line mentions."""
    numbers = {a.task: a.issue for a in found if a.issue is not None}
    if not numbers:
        return
    mentions = {(task.id, task.mention) for task in spec.tasks if task.mention is not None}

    def change(now: Spec) -> str:
        with_prose = edit.with_mentions(now, lambda task: (task.id, task.issue) in mentions)
        return edit.link_all(with_prose, numbers)

    with spec_writer.edit_lock(context, spec.path):
        spec_writer.rewrite(context, spec.path, change)


def _adopt(
    context: Context, spec: Spec, found: Sequence[merge_model.Action], sync: SyncContext
) -> None:
    """Append a task line for each sub-issue without one; its title becomes the line's words."""
    numbers = [a.issue for a in found if a.issue is not None]
    if not numbers:
        return
    issues = sync.gateway.issues(numbers)
    other: dict[int, bool] = {}
    for number in numbers:
        issue = issues.get(number)
        if not isinstance(issue, gh.Issue):
            continue
        title = one_line(issue.title, github_writes.TITLE_LIMIT)

        def change(now: Spec, title: str = title, number: int = number) -> str:
            if any(t.issue == number for t in now.tasks):
                return now.text
            text, other[number] = _with_line(context, now, title, number)
            return text

        with spec_writer.edit_lock(context, spec.path):
            spec_writer.rewrite(context, spec.path, change)
        if other.get(number):
            context.note(
                "info",
                "adopted_in_other_words",
                f"The title of #{number} cannot be a task line, so it says “{_stand_in(number)}”.",
                f"reword that line of {spec.path} as you like: the issue keeps its title",
            )


def _stand_in(number: int) -> str:
    """What a task line says where the title of its issue would be read as something else."""
    return f"Do what issue {number} asks for"


def _with_line(context: Context, spec: Spec, title: str, number: int) -> tuple[str, bool]:
    """The text with one more task line, linked; whether its words are ours, not the title."""
    sections = context.config["specs.task_sections"]
    used, ours = task_records.used_keys(context.store, spec.id), False
    try:
        text, _ = adding.add_task(spec, title, task_sections=sections, used=used)
    except CraftkitError:  # it would be read as a key, a tag or a link
        text, _ = adding.add_task(spec, _stand_in(number), task_sections=sections, used=used)
        ours = True
    more = spec_index.parsed(context, spec.path, text)
    old = {t.id for t in spec.tasks}
    added = next(t for t in more.tasks if t.id not in old)
    return edit.link(more, added, number), ours


def _create(
    context: Context, sync: SyncContext, spec: Spec, plan: merge_model.MergePlan
) -> merge_model.MergePlan:
    """Queue the issues of task lines without one; the plan, as far as that could be done."""
    try:
        discovery.rediscover_issues(context, sync, spec)
        _queue_missing(context, spec)
    except (UsageProblem, SpecNeedsAttention) as error:  # of this spec alone: others go on
        kept = tuple(a for a in plan.actions if a.kind != merge_model.CREATE)
        fix = (error.hint,) if error.hint else ()
        words = error.message.rstrip(".")
        conflict = merge_model.Conflict("not_linkable", "", "", None, words, fix)
        return plan._replace(actions=kept, conflicts=(*plan.conflicts, conflict))
    return plan


def _queue_missing(context: Context, spec: Spec) -> None:
    """Queue the issues of task lines without one.  Raises UsageProblem."""
    repo = connection.settings(context).repo
    known = issues.of_spec(context.store, repo, spec.id)
    making = link_plan.plan_links(spec, known, context)
    with context.store.write() as tx:
        links.record(context, spec, making)(tx, 0)
