"""Everything that is known of a spec and its issues, read with as few requests as there can be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from craftkit.github import gateway as gh
from craftkit.loop import elsewhere, github_writes, task_lookup
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import issues, outbox
from craftkit.store import tasks as task_records
from craftkit.sync import (
    discovery,
    links,
    marker_owners,
    markers,
    merge_model,
    ownership,
    presence,
    unlinking,
)
from craftkit.sync.context import SyncContext


def snapshots(
    context: Context,
    sync: SyncContext,
    specs: Sequence[Spec],
    decided: dict[str, dict[str, str]],
    *,
    learn: bool,
    adopt: bool = False,
) -> list[tuple[Spec, merge_model.SpecSnapshot]]:
    """Everything that is known of each spec, with as few requests as there can be.

    If sub-issues are to be adopted, it is asked who of their authors may push.
    """
    repo = sync.settings.repo
    known = {spec.id: issues.of_spec(context.store, repo, spec.id) for spec in specs}
    parents: dict[str, set[int]] = {}
    for spec in specs:
        parents[spec.id] = {k.number for k in known[spec.id] if k.task_id is None}
        if spec.issue is not None:
            parents[spec.id].add(spec.issue)
    wanted = sorted(set().union(*parents.values())) if parents else []
    trees = sync.gateway.trees(wanted) if wanted else {}
    children = {c.number: c for t in trees.values() if isinstance(t, gh.Tree) for c in t.children}
    # Only where a list fell short it matters whether there are any.
    whole = all(tree.complete for tree in trees.values() if isinstance(tree, gh.Tree))
    lists = whole or sync.gateway.capabilities().sub_issues
    linked = {t.issue for spec in specs for t in spec.tasks if t.issue is not None}
    linked |= {k.number for spec in specs for k in known[spec.id] if k.task_id is not None}
    if adopt:
        trees = {n: _vouched(sync, tree, linked) for n, tree in trees.items()}
    alone = sorted(linked - set(children))
    others = sync.gateway.issues(alone) if alone else {}
    presence.require(sync, {**trees, **others})
    views = []
    for spec in specs:
        answers = {**children, **others}
        mine = _sort_out(spec, known[spec.id], parents[spec.id], trees, answers)
        if mine.mentions != ownership.Mentions():
            spec = links.with_mentions(context, spec, mine.mentions, learn=learn)
        if learn and (mine.parents or mine.tasks):
            more = _further_parents(sync, spec, mine, parents[spec.id])
            trees |= more
            parents[spec.id] |= set(more)
            mine = mine._replace(parents=(*mine.parents, *(t.parent for t in more.values())))
            with context.store.write() as tx:
                discovery.remember_issues(tx, repo, spec, known[spec.id], mine.parents, mine.tasks)
            known[spec.id] = issues.of_spec(context.store, repo, spec.id)
        if learn:
            _answer_waiting(context, sync, spec, {n for n in answers if n in children})
        below = [trees[p] for p in parents[spec.id] - mine.foreign if p in trees]
        view = _snapshot(context, spec, known[spec.id], below, others, decided[spec.id], lists)
        if spec.issue in mine.foreign:
            words = f"#{spec.issue}, which it names as its parent, is the issue of something else"
            view = view._replace(blocked=view.blocked or words)
        views.append((spec, view))
    return views


def _answer_waiting(context: Context, sync: SyncContext, spec: Spec, seen: Collection[int]) -> None:
    """Take back writes to issues that all lines and issues together do not give to their tasks.

    What was decided is in box and base: the merge sends it to the issue that is the task's.
    """
    wrong = [
        (str(row.task_id), row.issue)
        for row in outbox.waiting(context.store)
        if row.spec_id == spec.id
        and row.issue in seen
        and row.issue is not None
        and "ownership_check" in row.payload
        and not ownership.is_known(sync, row.spec_id, row.task_id, row.issue)
    ]
    if wrong:
        with context.store.write() as tx:
            issues.disown(tx, spec.id, wrong)


def _vouched(sync: SyncContext, tree: gh.Tree | gh.Gone, linked: set[int]) -> gh.Tree | gh.Gone:
    """The tree, in which it is known of each open issue without a line whether it may get one."""
    if isinstance(tree, gh.Gone):
        return tree
    asked = [c.number not in linked and c.state == gh.OPEN for c in tree.children]
    children = zip(tree.children, asked, strict=True)
    return tree._replace(
        children=tuple(
            c._replace(trusted=sync.gateway.may_push(c)) if ask else c for c, ask in children
        )
    )


class Sorted(NamedTuple):
    """What the file names and nothing here knows: another clone made it, or the database is new."""

    parents: tuple[gh.Issue, ...] = ()
    tasks: Mapping[str, gh.Issue] = {}
    foreign: frozenset[int] = frozenset()  # parents that are somebody else's
    mentions: ownership.Mentions = ownership.Mentions()


def _sort_out(
    spec: Spec,
    known: Sequence[issues.LinkedIssue],
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
    owners = {k.number: k.task_id for k in known if k.task_id is not None}
    mentions = ownership.mentioned(spec, owners, set(parents) - foreign, issues)
    tasks: dict[str, gh.Issue] = {}
    for task in spec.tasks:
        if task.doubt:
            continue  # nobody can say whose its number is
        issue = issues.get(task.issue or 0) if not mentions.has(task) else None
        if isinstance(issue, gh.Issue) and not {issue.number, task.id} & have:
            tasks[task.id] = issue
    return Sorted(tuple(fresh), tasks, frozenset(foreign), mentions)


def _further_parents(
    sync: SyncContext, spec: Spec, mine: Sorted, parents: Collection[int]
) -> dict[int, gh.Tree]:
    """The other parents of a long spec: its file names only the first."""
    above = {issue.parent for issue in mine.tasks.values()} - set(parents) - {None}
    found = sync.gateway.trees(sorted(n for n in above if n is not None)) if above else {}
    return {
        number: tree
        for number, tree in found.items()
        if isinstance(tree, gh.Tree) and ownership.is_ours(tree.parent, spec.id, (), ())
    }


def _snapshot(
    context: Context,
    spec: Spec,
    known: Sequence[issues.LinkedIssue],
    trees: Sequence[gh.Tree | gh.Gone],
    others: dict[int, gh.Issue | gh.Gone],
    decided: dict[str, str],
    lists: bool,
) -> merge_model.SpecSnapshot:
    titles = {k.number: k.title for k in known}
    of_task = {k.task_id: k.number for k in known if k.task_id is not None}
    mentions = {t.mention for t in spec.tasks}
    base = {
        task_id: merge_model.Base(
            record.synced_done,
            of_task.get(task_id, record.issue if record.issue not in mentions else None),
            titles.get(of_task.get(task_id, 0)),
            record.dropped,
            record.local_done,
        )
        for task_id, record in task_records.of_spec(context.store, spec.id).items()
    }
    mine = {t.issue for t in spec.tasks} | set(of_task.values())
    below = [c for tree in trees if isinstance(tree, gh.Tree) for c in tree.children]
    alone = [i for n in mine if isinstance(i := others.get(n or 0), gh.Issue)]
    owner_of = {number: task_id for task_id, number in of_task.items()}
    owner_of |= {k.number: k.task_id for k in known if k.task_id is not None}
    owners = marker_owners.find(spec, owner_of, {i.number: i for i in (*below, *alone)}.values())
    seen = {c.number: _remote_issue(c, spec.id, owners.get(c.number), True) for c in below}
    for number in mine - set(seen):
        issue = others.get(number) if number is not None else None
        if isinstance(issue, gh.Issue):
            seen[issue.number] = _remote_issue(issue, spec.id, owners.get(issue.number), False)
    gone = {
        n: f"{i.why} to {i.to}" if i.to else i.why
        for n, i in others.items()
        if isinstance(i, gh.Gone) and n in mine
    }
    with context.store.read() as db:
        making = frozenset(outbox.pending_creations(db, spec.id))
    undelivered = decided | outbox.pending(context.store, spec.id)
    return merge_model.SpecSnapshot(
        [_spec_task(t) for t in spec.tasks if not t.doubt],
        base,
        seen,
        gone,
        undelivered,
        all(isinstance(tree, gh.Tree) and tree.complete for tree in trees),
        _why_blocked(spec),
        spec.issue is not None or bool(known) or any(t.issue for t in spec.tasks) or bool(making),
        lists=lists,
        making=making,
        unlinked=unlinking.unlinked(context, spec.id),
        doubts=tuple(
            merge_model.Doubt(t.ref, t.issue, *task_lookup.doubt(t, spec))
            for t in spec.tasks
            if t.doubt
        ),
        held=_held(context, spec, base, undelivered),
        unmerged=tuple(_spec_task(t) for t in spec.unmerged),
        rewritten=frozenset(i for s, i in context.rewritten if s == spec.id),
    )


def _why_blocked(spec: Spec) -> str:
    if spec.blocked_by is not None:
        return spec.blocked_by.message
    if spec.unmerged and not spec.tasks:
        return f"all its tasks stand in a merge conflict ({spec.hunks[0]})"
    return ""


def _spec_task(task: Task) -> merge_model.SpecTask:
    title, bare = github_writes.issue_title(task), task.key is None and task.issue is None
    return merge_model.SpecTask(
        task.id, task.ref, title, task.checked, task.issue, mention=task.mention, bare=bare
    )


def _held(
    context: Context,
    spec: Spec,
    base: Mapping[str, merge_model.Base],
    undelivered: Mapping[str, str],
) -> frozenset[str]:
    """Tasks that were done and are open here, though a merge would bring their boxes."""
    done = (merge_model.DONE, merge_model.ANYWAY)
    open_here = [
        task
        for task in spec.tasks
        if not task.checked
        and not task.doubt
        and (
            (of := base.get(task.id, merge_model.NEVER)).synced_done
            or of.local_done
            or undelivered.get(task.id) in done
        )
    ]
    return frozenset(elsewhere.holders(context, spec, open_here))


def _remote_issue(
    issue: gh.Issue, spec_id: str, mine: str | None, child: bool
) -> merge_model.RemoteIssue:
    marker = markers.find(issue.body)
    ours = marker is not None and marker.spec == spec_id
    closed = issue.state == gh.CLOSED
    return merge_model.RemoteIssue(
        issue.number,
        closed,
        closed and issue.reason in (gh.COMPLETED, None),
        issue.title,
        mine,
        child,
        closed and issue.reason == gh.DUPLICATE,
        vouched=issue.trusted,
        ignored=ours and not issue.trusted,
        origin=markers.origin_of(marker, issue.title) if marker is not None and ours else "",
    )
