"""Find the issues of a spec that are there, though nothing here knows them.

The database was lost, another clone has linked the spec, or this file is older than its links.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from craftkit import repo as git
from craftkit.errors import SpecNeedsAttention
from craftkit.github import gateway as gh
from craftkit.loop.github_writes import issue_title
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.store import issues, outbox
from craftkit.sync import issue_creation, marker_owners, markers, presence, unlinking
from craftkit.sync.context import SyncContext
from craftkit.sync.link_plan import name_parts
from craftkit.text import one_line

PAGE = 100  # issues in one answer
SEARCHED = 5000  # of the newest issues


def remember_issue(
    tx: sqlite3.Connection,
    repo: str,
    spec: Spec,
    task_id: str | None,
    issue: gh.Issue,
    part: str = "",
) -> None:
    """An issue that is there is ours.  Its title may be a person's, so it is not to be changed."""
    titles = {t.id: issue_title(t) for t in spec.tasks}
    title = titles.get(task_id, issue.title) if task_id else issue.title
    facts = (issue.number, spec.id, task_id, part, issue.id, issue.node_id, title)
    issues.remember(tx, repo, issues.LinkedIssue(*facts))
    if task_id is not None:
        issues.own(tx, spec.id, task_id, issue.number)


def remember_issues(
    tx: sqlite3.Connection,
    repo: str,
    spec: Spec,
    known: Sequence[issues.LinkedIssue],
    parents: Sequence[gh.Issue],
    found: Mapping[str, gh.Issue],
) -> None:
    """Parents and issues of tasks that are there are ours, each in the part where it lies."""
    parts: dict[int, str | None] = {k.number: k.part for k in known if k.task_id is None}
    names = name_parts(spec, {**dict.fromkeys(p.number for p in parents), **parts}, found)
    for parent in parents:
        remember_issue(tx, repo, spec, None, parent, names[parent.number])
    for task_id, issue in found.items():
        remember_issue(tx, repo, spec, task_id, issue, names.get(issue.parent or 0, ""))


def rediscover_issues(
    context: Context, sync: SyncContext, spec: Spec, seen: gh.Repository | None = None
) -> None:
    """Remember the issues that were made for a spec of which nothing here knows.

    The database was lost before the links were written, or another clone has linked the spec.
    """
    repo = sync.settings.repo
    known = issues.of_spec(context.store, repo, spec.id)
    parents = {k.number for k in known if k.task_id is None} | {spec.issue} - {None}
    if parents:
        _find_below(context, sync, spec, known, [n for n in parents if n is not None])
    queued = any(r.spec_id == spec.id for r in outbox.waiting(context.store))
    if known or queued or parents or any(t.issue for t in spec.tasks):
        return
    born = _born(context, spec)
    if seen is not None and _is_new_to(seen, spec, born):
        return
    found = _all_since(sync, spec, born)
    marked = [(markers.find(i.body), i) for i in found if i.trusted]
    ours = [(m.task, i) for m, i in marked if m is not None and m.spec == spec.id]
    _refuse_namesake(spec, [(str(task_id), issue) for task_id, issue in ours])
    by_task = _by_task(context, spec, {}, [issue for _, issue in ours])
    with context.store.write() as tx:
        above = [issue for task_id, issue in ours if task_id is None]
        remember_issues(tx, repo, spec, (), above, by_task)


def _all_since(sync: SyncContext, spec: Spec, born: str) -> list[gh.Issue]:
    """Every issue that may be of the spec.  Raises SpecNeedsAttention if they are too many."""
    if not issue_creation.highest(sync):
        return []
    try:
        return sync.gateway.find_above(0, born, SEARCHED // PAGE)
    except gh.ListTooLong:
        since = f"since {born}" if born else "in all"
        raise SpecNeedsAttention(
            f"{sync.settings.repo} has more than {SEARCHED:,} issues {since}, and craftkit does not"
            f" look at more: whether {spec.id} has issues already is not known.",
            "write `issue: N` (its parent) into its metadata if it has, else `created: YYYY-MM-DD`",
            spec.path,
        ) from None


def _refuse_namesake(spec: Spec, marked: Sequence[tuple[str, gh.Issue]]) -> None:
    """Two specs may have the same id: where no title is the same, the issues are another one's."""
    titles = {task.read_as: issue_title(task) for task in spec.tasks}
    found = [(task_id, issue) for task_id, issue in marked if task_id in titles]
    if found and all(issue.title != titles[task_id] for task_id, issue in found):
        task_id, issue = found[0]
        raise SpecNeedsAttention(
            f"There are issues of another spec with the id {spec.id}:"
            f" #{issue.number} is “{one_line(issue.title, 60)}”, not “{titles[task_id]}”.",
            f"give {spec.path} another `id:`, or write (#{issue.number}) in the line if it is that",
            spec.path,
        )


def _find_below(
    context: Context,
    sync: SyncContext,
    spec: Spec,
    known: Sequence[issues.LinkedIssue],
    parents: Sequence[int],
) -> None:
    """Remember the sub-issues of lines that name none: this file may be older than its links."""
    have = {k.task_id for k in known}
    bare = {t.id for t in spec.tasks if t.issue is None and t.id not in have}
    if not bare:
        return
    taken = {t.issue for t in spec.tasks}
    seen = sync.gateway.trees(parents)
    _forget_parents(sync, spec, known, seen)
    trees = seen.values()
    children = [c for tree in trees if isinstance(tree, gh.Tree) for c in tree.children]
    owners = {k.number: k.task_id for k in known if k.task_id is not None}
    found = _by_task(context, spec, owners, [c for c in children if c.number not in taken])
    with context.store.write() as tx:
        for task_id, issue in found.items():
            if task_id in bare:
                remember_issue(tx, sync.settings.repo, spec, task_id, issue)


def _forget_parents(
    sync: SyncContext,
    spec: Spec,
    known: Sequence[issues.LinkedIssue],
    seen: Mapping[int, gh.Tree | gh.Gone],
) -> None:
    """Forget a parent that is gone and that the file does not name: a person took it out."""
    mine = {k.number for k in known if k.task_id is None} - {spec.issue}
    gone = sorted(n for n in mine if isinstance(seen.get(n), gh.Gone))
    if gone and presence.away(sync) is None:
        with sync.store.write() as tx:
            issues.forget(tx, spec.id, gone)


def _by_task(
    context: Context, spec: Spec, known: Mapping[int, str], found: Sequence[gh.Issue]
) -> dict[str, gh.Issue]:
    """The lowest issue of each task of the file, by the markers of issues."""
    not_any_more = unlinking.unlinked(context, spec.id)
    owners = marker_owners.find(spec, known, found)
    alive = {task.id for task in spec.tasks}
    by_task: dict[str, gh.Issue] = {}
    for issue in sorted(found):
        owner = owners.get(issue.number)
        if owner in alive and issue.number not in not_any_more:
            by_task.setdefault(owner, issue)
    return by_task


def _is_new_to(seen: gh.Repository, spec: Spec, born: str) -> bool:
    """Whether no issue was made for the spec, as far as the newest issues show.

    They show all that can be where there are no more, or where the last of them is older than the
    spec.  A page may hold pull requests alone.
    """
    for issue in seen.newest:
        marker = markers.find(issue.body)
        if marker is not None and marker.spec == spec.id:
            return False
    return not seen.more or bool(seen.newest and seen.newest[-1].created_at[:10] < born)


def _born(context: Context, spec: Spec) -> str:
    """A day (YYYY-MM-DD) before which the spec was not there; "" where nothing says one."""
    import datetime
    import re

    head = spec.text[:2000] if spec.text.startswith("---") else ""
    found = re.search(r"(?m)^created(?:_at)?: *['\"]?([0-9-]{10})", head)
    day = found[1] if found else git.first_day(context.repo, spec.path)
    try:
        born = datetime.date.fromisoformat(day)
    except ValueError:
        return ""
    # Clocks and time zones differ.
    return (born - datetime.timedelta(days=2)).isoformat()
