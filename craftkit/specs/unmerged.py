"""Read a spec file in which merge conflicts are left: only what both sides agree on is a task.

The file is read twice, as it would be with the one and with the other side of every conflict.  A
task that stands outside of the conflicts and reads the same both times is a task like any other.
Everything else is held back: it is known to be there, and nothing is done for it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..model import IN_METADATA, MERGE_CONFLICT, Diagnostic, Hunk, Spec, Task, Unread
from . import names
from .checks import capped
from .conflicts import MergeConflict
from .meta import bold_fields, front_span
from .taskline import line_names

_HINT = "keep what is right of these lines, and delete those with `<<<<<<<`, `=======`, `>>>>>>>`"


class _Side(NamedTuple):
    """The text with one side of every conflict, and which index of it is which of the file."""

    text: str
    starts: list[int]  # of each piece, in this text
    origins: list[int]  # of each piece, in the file

    def origin(self, at: int) -> int:
        piece = bisect_right(self.starts, at) - 1
        return self.origins[piece] + at - self.starts[piece]


def _side(text: str, conflicts: Sequence[MergeConflict], theirs: bool) -> _Side:
    pieces: list[str] = []
    starts: list[int] = []
    origins: list[int] = []
    size = reached = 0
    for conflict in conflicts:
        kept = conflict.theirs if theirs else conflict.ours
        for start, end in ((reached, conflict.at), kept):
            starts.append(size)
            origins.append(start)
            pieces.append(text[start:end])
            size += end - start
        reached = conflict.end
    pieces.append(text[reached:])
    return _Side("".join(pieces), [*starts, size], [*origins, reached])


class _Reading(NamedTuple):
    """What one side says, its places being those of the file."""

    spec: Spec
    tasks: dict[int, Task]  # by the place of their marks
    parents: dict[int, int]  # the mark of a part -> that of its whole


def _reading(text: str, side: _Side, read: Callable[[str], Spec]) -> _Reading:
    spec = read(side.text)
    tasks: dict[int, Task] = {}
    marks: dict[str, int] = {}
    parents: dict[int, int] = {}
    line, counted = 1, 0
    for task in spec.tasks:
        mark = side.origin(task.mark_at)
        line += text.count("\n", counted, mark)
        counted = mark
        marks[task.id] = mark
        if task.parent is not None:
            parents[mark] = marks[task.parent]
        # What ends a paragraph is not what begins the next piece.
        link_at, end_at = (side.origin(at - 1) + 1 for at in (task.link_at, task.end_at))
        others = tuple(one._replace(at=side.origin(one.at)) for one in task.others)
        tasks[mark] = task._replace(
            mark_at=mark, line=line, link_at=link_at, end_at=end_at, others=others
        )
    return _Reading(spec, tasks, parents)


def read_unmerged(
    text: str, path: str, conflicts: Sequence[MergeConflict], read: Callable[[str], Spec]
) -> Spec:
    """The spec of a file with `conflicts`; `read` reads the text of a side."""
    sides = [_side(text, conflicts, theirs) for theirs in (False, True)]
    ours, theirs = (_reading(text, side, read) for side in sides)
    certain = _certain(ours, theirs, conflicts)
    touched = [
        one.tasks[mark] for one in (ours, theirs) for mark in one.tasks if mark not in certain
    ]
    # What stands in a conflict and outside of it as well is one task, and nobody knows which line.
    twice = _with_names_of(touched, {mark: ours.tasks[mark] for mark in certain})
    tasks = [_both(ours.tasks[mark], theirs.tasks[mark]) for mark in certain if mark not in twice]
    held: list[Task] = []
    known: set[tuple[str, object]] = set()
    for task in [*(ours.tasks[mark] for mark in twice), *touched]:
        if _names(task)[0] not in known:  # else it is there already, by its key if it has one
            held.append(task)
            known.update(_names(task))
    kept, left = _named(tasks, held, ours.parents)
    hunks = _hunks(text, conflicts)
    inside = _moved(ours.spec, sides[0], text, conflicts)
    return ours.spec._replace(
        path=path,
        text=text,
        tasks=kept,
        unmerged=left,
        hunks=hunks,
        unread=_moved_boxes(ours.spec.unread, sides[0], text, conflicts),
        diagnostics=capped(
            [*_remarks(path, hunks, _in_metadata(ours, theirs, conflicts)), *inside]
        ),
    )


def _certain(
    ours: _Reading, theirs: _Reading, conflicts: Sequence[MergeConflict]
) -> dict[int, None]:
    """The marks of the tasks that no conflict touches, in order."""
    found: dict[int, None] = {}
    starts = [conflict.at for conflict in conflicts]
    for mark, task in ours.tasks.items():
        other = theirs.tasks.get(mark)
        before = bisect_right(starts, task.end_at - 1) - 1
        if other is None or (before >= 0 and mark < conflicts[before].end):
            continue
        same = ("key", "title", "issue", "mention", "optional", "link_at", "end_at", "others")
        if all(getattr(task, name) == getattr(other, name) for name in same):
            found[mark] = None
    # A whole is done with its last part: if one of them is not certain, it is not.
    for one in (ours, theirs):
        for part, whole in reversed(one.parents.items()):
            if part not in found:
                found.pop(whole, None)
    moved = [mark for mark in found if ours.parents.get(mark) != theirs.parents.get(mark)]
    for mark in moved:
        for one in (ours, theirs):
            found.pop(one.parents.get(mark, -1), None)
    return found


def _names(task: Task) -> list[tuple[str, object]]:
    """By what a task is the same as another one of the file, the surest first."""
    found: list[tuple[str, object]] = []
    if task.key is not None:
        found.append(("key", task.key.casefold()))
    if task.issue is not None:
        found.append(("issue", task.issue))
    return found or [("title", task.title.casefold())]


def _with_names_of(touched: Sequence[Task], certain: dict[int, Task]) -> dict[int, None]:
    """The marks of the tasks that have a name of a touched one, or of one that has, in order."""
    by_name: dict[tuple[str, object], list[int]] = {}
    for mark, task in certain.items():
        for name in _names(task):
            by_name.setdefault(name, []).append(mark)
    found: set[int] = set()
    left = list(touched)
    while left:
        for name in _names(left.pop()):
            marks = by_name.pop(name, [])
            left += [certain[mark] for mark in marks if mark not in found]
            found.update(marks)
    return dict.fromkeys(mark for mark in certain if mark in found)


def _both(task: Task, other: Task) -> Task:
    """A task with what either side says of the rest of its item."""
    return task._replace(
        depends_on=tuple(dict.fromkeys((*task.depends_on, *other.depends_on))),
        steps_done=min(task.steps_done, other.steps_done),
        steps_total=max(task.steps_total, other.steps_total),
    )


def _named(
    tasks: Sequence[Task], held: Sequence[Task], parents: dict[int, int]
) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
    """The tasks, and those that are held back, with names that no two of them share."""
    every = [*tasks, *held]
    read_as = line_names(every)
    by_mark = {task.mark_at: name for task, name in zip(every, read_as, strict=True)}
    inside = {task.mark_at for task in tasks}
    out = []
    for i, (task, name) in enumerate(zip(every, read_as, strict=True)):
        whole = parents.get(task.mark_at)
        parent = by_mark[whole] if whole in inside and task.mark_at in inside else None
        ref = name if name == task.key else ""
        out.append(task._replace(id=name, read_as=name, ref=ref, place=i + 1, parent=parent))
    out = names.with_refs(out)
    return tuple(out[: len(tasks)]), tuple(out[len(tasks) :])


def _hunks(text: str, conflicts: Sequence[MergeConflict]) -> tuple[Hunk, ...]:
    out = []
    line, counted = 1, 0
    for conflict in conflicts:
        line += text.count("\n", counted, conflict.at)
        last = conflict.end - (text[conflict.end - 1] == "\n")
        out.append(Hunk(line, line + text.count("\n", conflict.at, last)))
        counted = conflict.at
    return tuple(out)


def _moved(
    spec: Spec, side: _Side, text: str, conflicts: Sequence[MergeConflict]
) -> list[Diagnostic]:
    """What is said of one side, with the lines of the file; not what is said of a conflict."""
    out = []
    starts = [0, *(m.end() for m in re.finditer("\n", side.text))]
    for note in spec.diagnostics:
        path, _, line = note.target.rpartition(":")
        if not line.isdecimal() or int(line) > len(starts):
            out.append(note)
            continue
        at = side.origin(starts[int(line) - 1])
        if not any(conflict.at <= at < conflict.end for conflict in conflicts):
            out.append(note._replace(target=f"{path}:{text.count(chr(10), 0, at) + 1}"))
    return out


def _moved_boxes(
    unread: Sequence[Unread], side: _Side, text: str, conflicts: Sequence[MergeConflict]
) -> tuple[Unread, ...]:
    """Boxes that are not read, with the lines of the file; not those in a conflict."""
    out = []
    starts = [conflict.at for conflict in conflicts]
    line, counted = 1, 0
    for one in unread:
        at = side.origin(one.at)
        line += text.count("\n", counted, at)
        counted = at
        before = bisect_right(starts, at) - 1
        if before < 0 or at >= conflicts[before].end:
            out.append(one._replace(at=at, line=line))
    return tuple(out)


def _in_metadata(ours: _Reading, theirs: _Reading, conflicts: Sequence[MergeConflict]) -> bool:
    """Whether it is not certain what the file says of the spec itself."""
    one, other = ours.spec, theirs.spec
    if (one.id, one.issue, one.phase) != (other.id, other.issue, other.phase):
        return True
    for spec in (one, other):
        span = front_span(spec.text)
        end = span[2] if span is not None else 0
        if spec.dialect == "cc-craft-kit" or span is None:
            end = max([end, *(m.end() for _, m in bold_fields(spec.text))])
        if conflicts[0].at < end:
            return True
    return False


def _remarks(path: str, hunks: Sequence[Hunk], in_metadata: bool) -> list[Diagnostic]:
    out = []
    for hunk in hunks:
        words = f"{hunk} are a merge conflict, so the tasks in them are left alone"
        out.append(Diagnostic("error", MERGE_CONFLICT, words, _HINT, f"{path}:{hunk.first}"))
    if in_metadata:
        words = f"a merge conflict ({hunks[0]}) is part of the spec's metadata, so nothing in this"
        words += " file is changed"
        out[0] = Diagnostic("error", IN_METADATA, words, _HINT, f"{path}:{hunks[0].first}")
    return out
