"""Whose issue a marker says it is, when tasks have new keys, titles and places since.  Pure.

A marker names a task as it was created.  What is remembered of an issue comes first.  An issue that
nothing here knows is a remembered task itself: key from the marker, title and number from the
issue.  A line is it only if it shows the number, or key and title: a task that was deleted may have
said the same as a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from craftkit.github import gateway as gh
from craftkit.model import Spec
from craftkit.specs import matching
from craftkit.specs.matching import Line, Remembered, normal
from craftkit.sync import markers

NOBODY = "/"  # begins the name of a task that no line is; no task's id begins so


def find(spec: Spec, known: Mapping[int, str], issues: Iterable[gh.Issue]) -> dict[int, str]:
    """Number -> id of the task whose marker the issue carries; `known` has what is remembered.

    Issues with one marker and one title are one task's.
    """
    groups = _by_marker_and_title(spec, issues)
    free = [task for task in spec.tasks if task.id not in known.values()]
    # A marker without a key has the digest of the text and which of its like it was.
    by_text = {task.read_as: task.id for task in free if task.key is None}
    owners: dict[tuple[str, str], str] = {}
    strangers: list[Remembered] = []
    for (task, title), numbers in groups.items():
        found = next((known[n] for n in numbers if n in known), by_text.get(task))
        if found is not None:
            owners[task, title] = found
        else:
            strangers.append(_as_remembered(task, title, numbers[0]))
    lines = [Line(task.key, task.title, task.issue) for task in free]
    matches = matching.match((), lines, strangers).matches
    given = {m.id: line.id for m, line in zip(matches, free, strict=True) if m.id is not None}
    return {
        number: known.get(number)
        or owners.get((task, title))
        or given.get(str(numbers[0]), NOBODY + task)
        for (task, title), numbers in groups.items()
        for number in numbers
    }


def _by_marker_and_title(
    spec: Spec, issues: Iterable[gh.Issue]
) -> dict[tuple[str, str], list[int]]:
    """(task of the marker, normal title) -> numbers, the lowest first, of issues of this spec."""
    groups: dict[tuple[str, str], list[int]] = {}
    for issue in sorted(issues):
        marker = markers.find(issue.body) if issue.trusted else None
        if marker is not None and marker.spec == spec.id and marker.task is not None:
            groups.setdefault((marker.task, normal(issue.title)), []).append(issue.number)
    return groups


def _as_remembered(task: str, title: str, number: int) -> Remembered:
    """An issue as the task that it was made for: a key leads its title."""
    key = None if task.startswith(("~", "#")) else task.partition("!")[0].partition("~")[0]
    words = title.removeprefix(normal(key)).strip() if key else title
    return Remembered(str(number), key, words, number)
