"""Which issues are a spec's: what a file names may be anybody's.

A link in a file is only a number.  A customer's issue or a pull request may be mentioned there.
After a change of `github.repo`, or in a fork, it names an issue that has nothing to do with the
task.  None of these may be closed for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from craftkit.errors import SpecNeedsAttention
from craftkit.github import gateway as gh
from craftkit.loop.github_writes import issue_title
from craftkit.model import Spec, Task
from craftkit.specs.matching import normal
from craftkit.store import issues
from craftkit.sync import marker_owners, markers
from craftkit.sync.context import SyncContext


def is_ours(
    issue: gh.Issue, spec_id: str, titles: Collection[str], parents: Collection[int]
) -> bool:
    """Whether an issue that a file names is the spec's.

    `titles` are those that it would have, `parents` the spec's parent issues.  Its marker says so;
    without one it is below a parent of the spec, or has the title of what names it.
    """
    marker = markers.find(issue.body) if issue.trusted else None
    if marker is not None:
        return marker.spec == spec_id
    return issue.parent in parents or " ".join(issue.title.split()) in titles


def is_known(sync: SyncContext, spec_id: str, task_id: str | None, number: int | None) -> bool:
    """Whether it is remembered that an issue is the task's."""
    known = issues.of_spec(sync.store, sync.settings.repo, spec_id)
    return any((k.number, k.task_id) == (number, task_id) for k in known)


def is_tasks(
    issue: gh.Issue, spec_id: str, titles: Sequence[str], parents: Collection[int]
) -> bool | None:
    """Whether an issue that only a line names is its task's; None if the line alone cannot say.

    `titles` are the words of the line, and the title that the issue would have.  A marker of the
    spec says nothing of the task if issue and line have different words: numbers may have moved.
    """
    marker = markers.find(issue.body) if issue.trusted else None
    if marker is None or marker.spec != spec_id or marker.task is None:
        return is_ours(issue, spec_id, titles, parents)
    same = markers.words_of(marker, issue.title) == normal(titles[0])
    as_created = marker.of == markers.origin(markers.key_of(marker), titles[0])
    return True if same or as_created else None


class Mentions(NamedTuple):
    """Numbers in lines that are not the issues of their tasks."""

    strange: frozenset[int] = frozenset()  # pull requests, and issues of something else
    # (task id, number) of lines that show an issue of this spec, which is not that task's.
    misplaced: frozenset[tuple[str, int]] = frozenset()

    def has(self, task: Task) -> bool:
        return task.issue is not None and (
            task.issue in self.strange or (task.id, task.issue) in self.misplaced
        )


def mentioned(
    spec: Spec,
    known: Mapping[int, str],
    parents: Collection[int],
    answers: Mapping[int, gh.Issue | gh.Gone],
) -> Mentions:
    """Numbers in lines that are not the issues of their tasks, as far as `answers` has them.

    `known` has the numbers of which it is remembered whose they are.
    """
    named = [
        (task, task.issue)
        for task in spec.tasks
        if task.issue is not None and task.issue not in known and not task.doubt
    ]
    asked = {number: answers[number] for _, number in named if number in answers}
    found = {n for n, a in asked.items() if isinstance(a, gh.Gone) and a.why == gh.PULL_REQUEST}
    seen = [issue for issue in answers.values() if isinstance(issue, gh.Issue)]
    owners: Mapping[int, str] | None = None
    ids = {task.id for task in spec.tasks}
    misplaced: set[tuple[str, int]] = set()
    placed: set[int] = set()
    lines = Counter(number for _, number in named)
    for task, number in named:
        issue = asked.get(number)
        if not isinstance(issue, gh.Issue):
            continue
        marker = markers.find(issue.body) if issue.trusted else None
        if marker is None:
            ours = is_ours(issue, spec.id, (task.title, issue_title(task)), parents)
        else:
            owners = marker_owners.find(spec, known, seen) if owners is None else owners
            ours = marker.spec == spec.id and owners.get(number) == task.id
            if not ours and lines[number] > 1:  # a person says which of these lines it is
                same = normal(task.title) == markers.words_of(marker, issue.title)
                ours = same and marker.spec == spec.id and owners.get(number) not in ids
        if ours:
            placed.add(number)
        elif marker is not None and marker.spec == spec.id:
            misplaced.add((task.id, number))
        else:
            found.add(number)
    # What one line shows rightly is no stranger, only out of place in another.
    misplaced |= {(t.id, n) for t, n in named if n in found & placed}
    return Mentions(frozenset(found - placed), frozenset(misplaced))


def is_parent(tree: gh.Tree, spec_id: str, name: str, named: Collection[int]) -> bool:
    """Whether a parent issue that a file names is the spec's; `named` are its lines' issues."""
    below = any(child.number in named for child in tree.children)
    return is_ours(tree.parent, spec_id, (name,), ()) or (
        below and markers.find(tree.parent.body) is None
    )


def refusal(spec_id: str, other: str, repo: str) -> SpecNeedsAttention:
    """What to say of a spec that was linked in another repository."""
    return SpecNeedsAttention(
        f"{spec_id} is linked in {other}, and github.repo is {repo} now.",
        "correct github.repo in .craftkit/config.yaml, or `craftkit spec link` where it was moved",
    )
