"""Reconcile: drain, list, plan, apply.  What the planner decides is carried out here."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from craftkit.errors import CraftkitError, SpecNeedsAttention, UsageProblem
from craftkit.github import gateway as gh
from craftkit.model import Spec, Task
from craftkit.redact import clean
from craftkit.specs import edit, parse
from craftkit.store import journal, outbox
from craftkit.sync import creation, drain, markers, ownership, planner, tasklist
from craftkit.sync.bench import Bench
from craftkit.workflow import (
    blueprint,
    catalog,
    decisions,
    editing,
    hub,
    linking,
    searching,
    session,
    unlinking,
)
from craftkit.workflow.context import Context
from craftkit.workflow.findings import Report, SpecReport, doubts


def run(
    context: Context,
    specs: Sequence[Spec],
    policy: planner.Policy,
    *,
    change: bool = True,
    max_writes: int | None = None,
    seconds: float = hub.SECONDS,
) -> Report:
    """Compare specs with GitHub; with `change`, settle what can be settled."""
    try:
        with hub.asking(context, seconds) as bench:
            before = bench.gateway.requests
            # Also what is delivered in a moment: a list may show how it was before.
            decided = {spec.id: outbox.pending(context.store, spec.id) for spec in specs}
            with context.store.guard() as connection:
                counted = decisions.counts(connection)
            sent = _drain(context, bench, max_writes, decided) if change else 0
            with context.store.guard() as connection:
                away = ownership.linked_elsewhere(connection, bench.settings.repo)
            here = [spec for spec in specs if spec.id not in away]
            reports = [
                SpecReport(
                    spec,
                    _confirmed(bench, planner.plan(view, policy)),
                    False,
                    linked=view.linked,
                )
                for spec, view in _views(context, bench, here, decided, learn=change)
            ]
            reports += [
                _linked_elsewhere(spec, away[spec.id], bench) for spec in specs if spec.id in away
            ]
            if change:
                creation.close_late_parents(bench)
                reports = [_apply(context, bench, r, counted) for r in reports]
                left = None if max_writes is None else max_writes - sent
                sent += _drain(context, bench, left, decided)
                unsent = {(row.spec_id, row.task_id) for row in outbox.waiting(context.store)}
                reports = [
                    report._replace(unsent=frozenset(t for s, t in unsent if s == report.spec.id))
                    for report in reports
                ]
                for report in reports:
                    _note_edits(context, report)
                _task_lists(context, bench, specs)
                _remember_time(context, bench)
            _remember_doubts(context, bench, reports)
            waits = hub.waiting(context)
            if change:
                hub.say(context, waits)
            asked = bench.gateway.requests - before
            return Report(tuple(reports), waits, asked, delivered=sent)
    except CraftkitError as error:
        return Report((), hub.stopped(outbox.counts(context.store), error), 0, error)


def _linked_elsewhere(spec: Spec, other: str, bench: Bench) -> SpecReport:
    error = ownership.refusal(spec.id, other, bench.settings.repo)
    return SpecReport(spec, planner.Plan(stopped=error.message), False, linked=True)


def _task_lists(context: Context, bench: Bench, specs: Sequence[Spec]) -> None:
    """Where the server has no sub-issues, the parent's body lists the spec's issues."""
    if bench.gateway.capabilities().sub_issues:
        return
    for spec in specs:
        known = outbox.issues_of(context.store, bench.settings.repo, spec.id)
        parent = next((k.number for k in known if k.task_id is None), None)
        issue = bench.gateway.issues([parent]).get(parent) if parent is not None else None
        if not isinstance(issue, gh.Issue):
            continue
        now = catalog.load(context, spec.path)
        tasks_ = [(task.issue, task.checked) for task in now.tasks if task.issue is not None]
        body = tasklist.with_list(issue.body, tasks_)
        if body != issue.body:
            bench.gateway.set_body(issue, body)


def _drain(
    context: Context,
    bench: Bench,
    max_writes: int | None,
    decided: dict[str, dict[str, str]],
) -> int:
    """Send what waits; how many were.  Raises what stopped it: nothing is compared half-sent.

    What somebody has decided otherwise since is taken out of `decided`.
    """
    with hub.only_sender(context) as free:
        if not free:
            return 0
        done = drain.drain(bench, max_writes)
    if done.stopped is not None:
        raise done.stopped
    for spec_id, task_id in done.outdone:
        decided.get(spec_id, {}).pop(str(task_id), None)
    return done.delivered


def _confirmed(bench: Bench, plan: planner.Plan) -> planner.Plan:
    """A plan that unticks only what somebody has re-opened.

    Lists lag behind: an issue that was closed a moment ago may still be open in one.
    """
    numbers = [a.issue for a in plan.actions if a.kind == planner.UNTICK and a.issue is not None]
    if not numbers:
        return plan
    now = bench.gateway.issues(numbers)
    by: dict[int, str] = {}
    for number in numbers:
        issue = now.get(number)
        who = bench.gateway.reopened_by(number)
        if isinstance(issue, gh.Issue) and issue.state == gh.OPEN and who is not None:
            by[number] = who
    actions = [
        a._replace(why=f"{a.why}, re-opened by {clean(by[a.issue], 40)}")
        if a.kind == planner.UNTICK and a.issue in by
        else a
        for a in plan.actions
        if a.kind != planner.UNTICK or a.issue in by
    ]
    return plan._replace(actions=tuple(actions))


def _note_edits(context: Context, report: SpecReport) -> None:
    """Write the links of new issues, and remember what the file says after all edits."""
    if not report.applied:
        return
    kinds = {a.kind for a in report.plan.actions}
    if planner.CREATE in kinds or linking.lacks_parent(context, report.spec):
        linking.write_links(context, report.spec.id, report.spec.path)
    if kinds & (planner.WRITES_SPEC | {planner.CREATE}):
        catalog.observe(context, catalog.load(context, report.spec.path), again=True)


def _remember_time(context: Context, bench: Bench) -> None:
    outbox.Remembered(context.store, bench.settings.repo, context.now())["synced"] = context.now()


def _remember_doubts(context: Context, bench: Bench, reports: Sequence[SpecReport]) -> None:
    """What a person has to settle, so that `status` can say it without asking GitHub."""
    if not context.store.durable:
        return
    box = outbox.Remembered(context.store, bench.settings.repo, context.now())
    for report in reports:
        name = session.DOUBTS + report.spec.id
        text = json.dumps(doubts(report)) if report.plan.attention or report.plan.stopped else ""
        if text:
            box[name] = text  # also where it is the same: it holds from now on
        else:
            box.pop(name, None)


def _views(
    context: Context,
    bench: Bench,
    specs: Sequence[Spec],
    decided: dict[str, dict[str, str]],
    *,
    learn: bool,
) -> list[tuple[Spec, planner.View]]:
    """Everything that is known of each spec, with as few requests as there can be."""
    repo = bench.settings.repo
    known = {spec.id: outbox.issues_of(context.store, repo, spec.id) for spec in specs}
    parents: dict[str, set[int]] = {}
    for spec in specs:
        parents[spec.id] = {k.number for k in known[spec.id] if k.task_id is None}
        if spec.issue is not None:
            parents[spec.id].add(spec.issue)
    wanted = sorted(set().union(*parents.values())) if parents else []
    trees = bench.gateway.trees(wanted) if wanted else {}
    children = {c.number: c for t in trees.values() if isinstance(t, gh.Tree) for c in t.children}
    # Only where a list fell short it matters whether there are any.
    whole = all(tree.complete for tree in trees.values() if isinstance(tree, gh.Tree))
    lists = whole or bench.gateway.capabilities().sub_issues
    linked = {t.issue for spec in specs for t in spec.tasks if t.issue is not None}
    linked |= {k.number for spec in specs for k in known[spec.id] if k.task_id is not None}
    alone = sorted(linked - set(children))
    others = bench.gateway.issues(alone) if alone else {}
    views = []
    for spec in specs:
        mine = _sort_out(spec, known[spec.id], parents[spec.id], trees, {**children, **others})
        if learn and (mine.parents or mine.tasks):
            more = _further_parents(bench, spec, mine, parents[spec.id])
            trees |= more
            parents[spec.id] |= set(more)
            mine = mine._replace(parents=(*mine.parents, *(t.parent for t in more.values())))
            with context.store.write() as tx:
                searching.remember_all(tx, repo, spec, known[spec.id], mine.parents, mine.tasks)
            known[spec.id] = outbox.issues_of(context.store, repo, spec.id)
        below = [trees[p] for p in parents[spec.id] - mine.foreign if p in trees]
        view = _view(context, spec, known[spec.id], below, others, decided[spec.id], lists)
        view = view._replace(foreign=mine.foreign)
        if spec.issue in mine.foreign:
            words = f"#{spec.issue}, which it names as its parent, is the issue of something else"
            view = view._replace(blocked=view.blocked or words)
        views.append((spec, view))
    return views


class Sorted(NamedTuple):
    """What the file names and nothing here knows: another clone made it, or the database is new."""

    parents: tuple[gh.Issue, ...] = ()
    tasks: Mapping[str, gh.Issue] = {}
    foreign: frozenset[int] = frozenset()  # issues that are somebody else's


def _sort_out(
    spec: Spec,
    known: Sequence[outbox.Known],
    parents: Collection[int],
    trees: Mapping[int, gh.Tree | gh.Gone],
    issues: Mapping[int, gh.Issue | gh.Gone],
) -> Sorted:
    """Tell the spec's issues from those that its file names by mistake."""
    have = {k.task_id for k in known} | {k.number for k in known}
    named = {t.issue for t in spec.tasks if t.issue is not None}
    foreign: set[int] = set()
    tree = trees.get(spec.issue) if spec.issue is not None else None
    fresh: list[gh.Issue] = []
    if isinstance(tree, gh.Tree) and tree.parent.number not in have:
        if ownership.is_parent(tree, spec.id, spec.name, named):
            fresh += [tree.parent] if None not in have else []
        else:
            foreign.add(tree.parent.number)
    tasks: dict[str, gh.Issue] = {}
    for task in spec.tasks:
        issue = issues.get(task.issue) if task.issue is not None else None
        if not isinstance(issue, gh.Issue) or issue.number in have:
            continue
        titles = (task.title, blueprint.title_of(task))
        if not ownership.is_ours(issue, spec.id, titles, set(parents) - foreign):
            foreign.add(issue.number)
        elif task.id not in have:
            tasks[task.id] = issue
    return Sorted(tuple(fresh), tasks, frozenset(foreign))


def _further_parents(
    bench: Bench, spec: Spec, mine: Sorted, parents: Collection[int]
) -> dict[int, gh.Tree]:
    """The other parents of a long spec: its file names only the first."""
    above = {issue.parent for issue in mine.tasks.values()} - set(parents) - {None}
    found = bench.gateway.trees(sorted(n for n in above if n is not None)) if above else {}
    return {
        number: tree
        for number, tree in found.items()
        if isinstance(tree, gh.Tree) and ownership.is_ours(tree.parent, spec.id, (), ())
    }


def _view(
    context: Context,
    spec: Spec,
    known: Sequence[outbox.Known],
    trees: Sequence[gh.Tree | gh.Gone],
    others: dict[int, gh.Issue | gh.Gone],
    decided: dict[str, str],
    lists: bool,
) -> planner.View:
    titles = {k.number: k.title for k in known}
    of_task = {k.task_id: k.number for k in known if k.task_id is not None}
    base = {
        row["task_id"]: planner.Base(
            None if row["agreed"] is None else bool(row["agreed"]),
            of_task.get(row["task_id"], row["issue"]),
            titles.get(of_task.get(row["task_id"], 0)),
            bool(row["dropped"]),
            bool(row["base_done"]),
        )
        for row in context.store.rows(
            "select task_id, agreed, issue, dropped, base_done from tasks where spec_id = ?",
            spec.id,
        )
    }
    mine = {t.issue for t in spec.tasks} | set(of_task.values())
    seen = {
        c.number: _seen(c, spec.id, True)
        for tree in trees
        if isinstance(tree, gh.Tree)
        for c in tree.children
    }
    for number in mine - set(seen):
        issue = others.get(number) if number is not None else None
        if isinstance(issue, gh.Issue):
            seen[issue.number] = _seen(issue, spec.id, False)
    gone = {n: i.why for n, i in others.items() if isinstance(i, gh.Gone) and n in mine}
    with context.store.guard() as connection:
        making = frozenset(outbox.being_made(connection, spec.id))
    return planner.View(
        [planner.Line(t.id, t.ref, blueprint.title_of(t), t.checked, t.issue) for t in spec.tasks],
        base,
        seen,
        gone,
        decided | outbox.pending(context.store, spec.id),
        all(isinstance(tree, gh.Tree) and tree.complete for tree in trees),
        "the file holds merge conflict markers" if spec.blocked_by is not None else "",
        spec.issue is not None or bool(known) or any(t.issue for t in spec.tasks) or bool(making),
        lists=lists,
        making=making,
        unlinked=unlinking.unlinked(context, spec.id),
    )


def _seen(issue: gh.Issue, spec_id: str, child: bool) -> planner.Seen:
    marker = markers.find(issue.body) if issue.trusted else None
    mine = marker.task if marker is not None and marker.spec == spec_id else None
    closed = issue.state == gh.CLOSED
    return planner.Seen(
        issue.number,
        closed,
        closed and issue.reason in (gh.COMPLETED, None),
        issue.title,
        mine,
        child,
        closed and issue.reason == gh.DUPLICATE,
    )


def _apply(
    context: Context, bench: Bench, report: SpecReport, counted: Mapping[tuple[str, str], int]
) -> SpecReport:
    """Carry out what one plan says; GitHub's part goes through the outbox.

    A task on which somebody has decided since its decisions were `counted` is left to the next run.
    """
    spec, plan = report.spec, report.plan
    if plan.stopped:
        return report
    by_id = {task.id: task for task in spec.tasks}

    def is_as_counted(task_id: str) -> bool:
        with context.store.guard() as connection:
            now = decisions.counts(connection)
        return now.get((spec.id, task_id)) == counted.get((spec.id, task_id))

    agreed: list[tuple[int, str, str]] = []
    waiting = outbox.pending(context.store, spec.id)
    for action in plan.actions:
        task = by_id.get(action.task)
        if action.kind in (planner.AGREE_DONE, planner.AGREE_OPEN):
            agreed.append((int(action.kind == planner.AGREE_DONE), spec.id, action.task))
        elif action.kind in LOCAL and task is not None:
            known = decisions.how_many(context, spec, task)
            if is_as_counted(task.id):
                with contextlib.suppress(decisions.Overtaken):
                    kind, why = LOCAL[action.kind], action.why
                    decisions.decide(context, spec, task, kind, "github", seen=known, reason=why)
        elif action.kind in REMOTE and not (action.task in waiting and action.kind in STATES):
            _queue(context, spec, action, task)
    undropped = [(spec.id, a.task) for a in plan.actions if a.kind == planner.UNDROP]
    if agreed or undropped:  # before links are written: they give a line without a key its name
        with context.store.write() as tx:
            now = decisions.counts(tx)
            agreed = [a for a in agreed if now.get(a[1:]) == counted.get(a[1:])]
            tx.executemany(
                "update tasks set agreed = ?1, base_done = ?1 where spec_id = ?2 and task_id = ?3",
                agreed,
            )
            tx.executemany(
                "update tasks set dropped = 0 where spec_id = ? and task_id = ?", undropped
            )
    _links(context, spec, [a for a in plan.actions if a.kind == planner.LINK])
    _adopt(context, spec, [a for a in plan.actions if a.kind == planner.ADOPT], bench)
    if any(a.kind == planner.CREATE for a in plan.actions):
        # Above this number a lost creation is looked for: an old one would make that a long search.
        box = outbox.Remembered(context.store, bench.settings.repo, context.now())
        box["highest"] = str(bench.gateway.repository().highest)
        plan = _create(context, bench, spec, plan)
    return report._replace(plan=plan, applied=True)


LOCAL = {planner.TICK: "done", planner.UNTICK: "reopen"}
STATES = (planner.CLOSE, planner.REOPEN)
REMOTE = {
    planner.CLOSE: "close",
    planner.REOPEN: "reopen",
    planner.RETITLE: "retitle",
    planner.CLOSE_DUPLICATE: "duplicate",
}


def _queue(context: Context, spec: Spec, action: planner.Action, task: Task | None) -> None:
    payload = {}
    if action.kind == planner.RETITLE and task is not None:
        payload = {"title": blueprint.title_of(task)}
    owner = None if action.kind == planner.CLOSE_DUPLICATE else action.task
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
        journal.record(
            tx,
            context.now(),
            f"merge.{action.kind}",
            context.session,
            spec.id,
            action.task or None,
            issue=action.issue,
            why=action.why,
        )


def _links(context: Context, spec: Spec, found: Sequence[planner.Action]) -> None:
    """Write a lost ` (#N)` back."""
    numbers = {a.task: a.issue for a in found if a.issue is not None}
    if not numbers:
        return
    with editing.one_writer(context, spec.path):
        editing.rewrite(context, spec.path, lambda now: edit.link_all(now, numbers))
    linking.known_by_issue(context, spec.id, numbers)


def _adopt(context: Context, spec: Spec, found: Sequence[planner.Action], bench: Bench) -> None:
    """Append a task line for each sub-issue without one; its title becomes the line's words."""
    numbers = [a.issue for a in found if a.issue is not None]
    if not numbers:
        return
    issues = bench.gateway.issues(numbers)
    other: dict[int, bool] = {}
    for number in numbers:
        issue = issues.get(number)
        if not isinstance(issue, gh.Issue):
            continue
        title = clean(issue.title, blueprint.TITLE_LIMIT)

        def change(now: Spec, title: str = title, number: int = number) -> str:
            if any(t.issue == number for t in now.tasks):
                return now.text
            text, other[number] = _with_line(context, now, title, number)
            return text

        with editing.one_writer(context, spec.path):
            editing.rewrite(context, spec.path, change)
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
    used, ours = catalog.used_keys(context, spec), False
    try:
        text, _ = edit.add_task(spec, title, task_sections=sections, used=used)
    except CraftkitError:  # it would be read as a key, a tag or a link
        text, _ = edit.add_task(spec, _stand_in(number), task_sections=sections, used=used)
        ours = True
    more = parse(edit.encode(text), spec.path, task_sections=sections, dialect=spec.dialect)
    old = {t.id for t in spec.tasks}
    added = next(t for t in more.tasks if t.id not in old)
    return edit.link(more, added, number), ours


def _create(context: Context, bench: Bench, spec: Spec, plan: planner.Plan) -> planner.Plan:
    """Queue the issues of task lines without one; the plan, as far as that could be done."""
    try:
        searching.find_again(context, bench, spec)
        _queue_missing(context, spec)
    except (UsageProblem, SpecNeedsAttention) as error:  # of this spec alone: others go on
        kept = tuple(a for a in plan.actions if a.kind != planner.CREATE)
        fix = (error.hint,) if error.hint else ()
        words = error.message.rstrip(".")
        doubt = planner.Attention("not_linkable", "", "", None, words, fix)
        return plan._replace(actions=kept, attention=(*plan.attention, doubt))
    return plan


def _queue_missing(context: Context, spec: Spec) -> None:
    """Queue the issues of task lines without one.  Raises UsageProblem."""
    repo = hub.settings(context).repo
    known = outbox.issues_of(context.store, repo, spec.id)
    making = blueprint.plan(spec, known, context)
    with context.store.write() as tx:
        linking.record(context, spec, making)(tx, 0)


def synced_at(context: Context) -> str | None:
    """When this repository was last compared with GitHub."""
    if not context.config["github.repo"]:
        return None
    repo = hub.settings(context).repo
    return outbox.Remembered(context.store, repo, context.now()).get("synced")


def command(
    context: Context,
    wanted_spec: str | None,
    every: bool,
    policy: planner.Policy,
    *,
    change: bool,
    max_writes: int | None,
) -> Report:
    """`craftkit reconcile`: the local half first, then GitHub's.  Raises what GitHub answered."""
    if not context.config["github.repo"]:
        raise UsageProblem(
            "No GitHub repository is configured.",
            "set `github.repo: OWNER/NAME` in .craftkit/config.yaml",
        )
    recorded: list[str] = []
    if change:
        session.repair(context, online=True)
    specs = catalog.load_all(context) if every else [catalog.choose_spec(context, wanted_spec).spec]
    if change:
        editing.tidy(context, specs)
        for spec in specs:
            if spec.blocked_by is None:
                notes = session.settle_boxes(context, spec)
                recorded += [f"{spec.id}: {note['message']}" for note in notes]
        specs = [catalog.load(context, spec.path) for spec in specs]
    if context.offline:
        hub.say(context, hub.waiting(context))
        return Report((), hub.waiting(context), 0, recorded=tuple(recorded))
    report = run(context, specs, policy, change=change, max_writes=max_writes)
    if report.failed is not None:
        raise report.failed
    return report._replace(recorded=tuple(recorded))
