"""Whose issue a marker says it is, when tasks have new keys, titles and places since.  Pure.

A marker names a task as it was created.  What is remembered of an issue comes first.  An issue that
nothing here knows is a remembered task itself: key from the marker, title and number from the
issue.  A line is it only if it shows the number, or key and title: a task that was deleted may have
said the same as a new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from craftkit.github import gateway as gh
from craftkit.model import Spec, Task
from craftkit.specs import matching
from craftkit.specs.matching import Line, Remembered, normal
from craftkit.sync import markers

NOBODY = "/"  # begins the name of a task that no line is; no task's id begins so


def find(spec: Spec, known: Mapping[int, str], issues: Iterable[gh.Issue]) -> dict[int, str]:
    """Number -> id of the task whose marker the issue carries; `known` has what is remembered.

    Issues of one origin are one task's, unless two tasks are known to have them.
    """
    groups = _by_origin(spec, issues)
    free = [task for task in spec.tasks if task.id not in known.values() and not task.doubt]
    origins = markers.origins(spec.tasks)
    as_created = {origins[task.id]: task for task in free}
    owners: dict[str, str] = {}
    strangers: list[Remembered] = []
    open_: set[str] = set()
    for of, group in groups.items():
        numbers = [issue.number for issue, _ in group]
        found = next((known[n] for n in numbers if n in known), None)
        task = as_created.get(of)
        if found is None and task is not None and task.issue in (None, *numbers):
            found = task.id
        if found is not None:
            owners[of] = found
            continue
        strangers.append(_as_remembered(of, *group[0]))
        if any(issue.state == gh.OPEN for issue, _ in group):
            open_.add(of)
    owners |= _match(spec, [t for t in free if t.id not in owners.values()], strangers, open_)
    return {
        issue.number: known.get(issue.number) or owners.get(of) or NOBODY + of
        for of, group in groups.items()
        for issue, _ in group
    }


def _match(
    spec: Spec, free: Sequence[Task], strangers: Sequence[Remembered], open_: Collection[str]
) -> dict[str, str]:
    """Origin -> id of the task that shows an unknown issue's number, or its key and title.

    Its title alone is enough if nothing else in file and issues says the same and the issue is
    open: else its task would get a second one.
    """
    lines = [Line(task.key, task.title, task.issue) for task in free]
    matches = matching.match((), lines, strangers).matches
    found = {m.id: task.id for m, task in zip(matches, free, strict=True) if m.id is not None}
    said = Counter(normal(task.title) for task in spec.tasks)
    had = Counter(stranger.title for stranger in strangers)
    left = {s.title: s.id for s in strangers if s.id in open_ and s.id not in found}
    for task, verdict in zip(free, matches, strict=True):
        title = normal(task.title)
        alone = said[title] == 1 and had[title] == 1 and title in left
        if verdict.kind == matching.NEW and task.issue is None and alone:
            found[left[title]] = task.id
    return found


def _by_origin(
    spec: Spec, issues: Iterable[gh.Issue]
) -> dict[str, list[tuple[gh.Issue, markers.Marker]]]:
    """Origin -> the issues of this spec with it, the lowest number first."""
    groups: dict[str, list[tuple[gh.Issue, markers.Marker]]] = {}
    for issue in sorted(issues):
        marker = markers.find(issue.body) if issue.trusted else None
        if marker is not None and marker.spec == spec.id and marker.task is not None:
            of = markers.origin_of(marker, issue.title)
            groups.setdefault(of, []).append((issue, marker))
    return groups


def _as_remembered(of: str, issue: gh.Issue, marker: markers.Marker) -> Remembered:
    """An issue as the task that it was made for."""
    words = markers.words_of(marker, issue.title)
    return Remembered(of, markers.key_of(marker), words, issue.number)
