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
    """Number -> id of the task whose marker the issue carries; `known` has what is remembered."""
    marked: dict[int, tuple[str, str]] = {}
    for issue in sorted(issues):
        marker = markers.find(issue.body) if issue.trusted else None
        if marker is not None and marker.spec == spec.id and marker.task is not None:
            marked[issue.number] = (marker.task, normal(issue.title))
    groups: dict[tuple[str, str], list[int]] = {}
    for number, said in marked.items():
        groups.setdefault(said, []).append(number)
    owners: dict[int, str] = {}
    strangers: list[Remembered] = []
    for (task, title), numbers in groups.items():
        name = next((known[n] for n in numbers if n in known), None)
        if name is None:
            strangers.append(_as_remembered(task, title, numbers[0]))
        owners.update({n: known.get(n, name or "") for n in numbers})
    lines = [task for task in spec.tasks if task.id not in known.values()]
    found = matching.match((), [Line(t.key, t.title, t.issue) for t in lines], strangers)
    given = {m.id: lines[i].id for i, m in enumerate(found.matches) if m.id is not None}
    for said, numbers in groups.items():
        for number in numbers:
            if not owners[number]:
                owners[number] = given.get(str(numbers[0]), f"{NOBODY}{said[0]}")
    return owners


def _as_remembered(task: str, title: str, number: int) -> Remembered:
    """An issue as the task that it was made for: a key leads its title."""
    key = None if task.startswith(("~", "#")) else task.partition("!")[0].partition("~")[0]
    words = title.removeprefix(normal(key)).strip() if key else title
    return Remembered(str(number), key, words, number)
