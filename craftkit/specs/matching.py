"""Which line of a spec file is which task that is remembered.  Pure.

Agents insert a task and renumber all that follow, copy lines, strike them through, write the file
anew.  A key, a number and a title are evidence, each alone too weak: a line is a task only if two
of them agree, or if nothing else has its title.  What contradicts itself is nobody's, and
changes nothing that is remembered.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple

SAME, EDITED, MOVED, NEW, CONTRADICTED = "same", "edited", "moved", "new", "contradicted"
SIMILAR, CLOSE = 1 / 2, 2 / 3  # of the words of the longer title
BEGINNING = 8  # characters from which on one title may be the beginning of another
_STOPS = ".,;:!?"
_EMPHASIS = re.compile(r"[*_`~]+")
_MARKS = re.compile(r"(?<!\w)[*_~]+|[*_~]+(?!\w)|\\(?=[!-/:-@\[-`{-~])")


class Remembered(NamedTuple):
    """A task as it was last seen."""

    id: str
    key: str | None
    title: str
    issue: int | None


class Line(NamedTuple):
    """What a task line of the file says."""

    key: str | None
    title: str
    issue: int | None


class LineMatch(NamedTuple):
    """What a line is: `id` is None for a new and for a contradicted one."""

    kind: str
    id: str | None
    why: str  # the evidence, for people


class Matching(NamedTuple):
    """A verdict for each line, in order, and the ids of the tasks that no line is."""

    matches: tuple[LineMatch, ...]
    gone: tuple[str, ...]


@lru_cache(maxsize=20_000)
def normal(title: str) -> str:
    """A title without what an editor changes in passing: form, case, emphasis, strike-out, blanks.

    NFKC is Unicode's compatibility composition (UAX #15).
    """
    return " ".join(_EMPHASIS.sub("", unicodedata.normalize("NFKC", title)).casefold().split())


def looks_alike(one: str, other: str) -> bool:
    """Whether two titles differ in emphasis and escapes alone, as after a formatter."""
    return one == other or _MARKS.sub("", one) == _MARKS.sub("", other)


@lru_cache(maxsize=20_000)
def likeness(one: str, other: str) -> float:
    """How much of the longer of two normal titles is in the other, in words, from 0 to 1.

    1 also if one begins with the other.
    """
    short, long = sorted((one, other), key=len)
    if one == other or (len(short) >= BEGINNING and long.startswith(short)):
        return 1.0
    words, others = (Counter(w.strip(_STOPS) or w for w in t.split()) for t in (one, other))
    return (words & others).total() / max(words.total(), others.total(), 1)


def similar(one: str, other: str) -> bool:
    """Whether two titles may be one task's before and after an edit, if its key is the same."""
    return likeness(one, other) >= SIMILAR


def close(one: str, other: str) -> bool:
    """The same if no key says so: half of the words are common to many tasks of one list."""
    return likeness(one, other) >= CLOSE


def match(
    remembered: Sequence[Remembered],
    lines: Sequence[Line],
    others: Sequence[Remembered] = (),
    *,
    doubted: Collection[tuple[str | None, str]] = (),
) -> Matching:
    """Match lines with the tasks of the last snapshot, then with `others` that are remembered.

    `doubted` are keys and titles of lines that were contradicted at the last snapshot, and of which
    nobody has spoken since.

    The rules are tried in order, each on what is left, and decide only if there is one answer.  Of
    `others`, which this file may never have had, a line has to show the number, or key and title.
    """
    everybody = (*remembered, *others)
    first = _Match(remembered, lines, everybody)
    first.doubted = {(key, normal(title)) for key, title in doubted}
    first.elsewhere = {one.issue for one in others if one.issue is not None}
    first.by_number()
    first.by_key_and_title()
    first.by_title()
    first.by_key()
    first.by_occurrence()
    first.by_position()
    left = [one for one in others if one.id not in first.ids]
    second = _Match(left, lines, everybody, first)
    second.doubted = first.doubted
    second.by_number()
    second.by_key_and_title()
    known = {one.id: one for one in everybody}
    matches = tuple(second.verdict(i, known) for i in range(len(lines)))
    matched = {verdict.id for verdict in matches}
    return Matching(matches, tuple(one.id for one in remembered if one.id not in matched))


class _Match:
    """The state of one pass: which line was given which task, and why."""

    def __init__(
        self,
        tasks: Sequence[Remembered],
        lines: Sequence[Line],
        everybody: Sequence[Remembered],
        before: _Match | None = None,
    ) -> None:
        self.tasks, self.lines = tasks, lines
        self.titles = [normal(line.title) for line in lines]
        # A line with a key that no task has had says what a new task says.
        keys = {None, *(task.key for task in everybody)}
        self.said = Counter(
            title for line, title in zip(lines, self.titles, strict=True) if line.key in keys
        )
        self.written = Counter(self.titles)
        self.old_titles = [normal(task.title) for task in tasks]
        # Whose text a line has is asked of all that is remembered, in both passes: what is
        # contradicted today must not be a match tomorrow, when it is asked of fewer.
        self.known: dict[str, list[Remembered]] = defaultdict(list)
        for task in everybody:
            self.known[normal(task.title)].append(task)
        self.shown = {(line.issue, line.key, t) for line, t in zip(lines, self.titles, strict=True)}
        self.found: dict[int, tuple[str, str]] = dict(before.found) if before else {}
        self.contradicted: dict[int, str] = dict(before.contradicted) if before else {}
        self.ids: set[str] = {task.id for task in tasks} | (before.ids if before else set())
        self.doubted: set[tuple[str | None, str]] = set()  # key and title of lines
        self.elsewhere: set[int] = set()  # issues of tasks that are looked at later
        self.taken: set[int] = set()  # indexes of tasks that have a line
        self.at: dict[int, int] = {}  # line -> task, of this pass
        self.owners: dict[int, int] = {
            task.issue: j for j, task in enumerate(tasks) if task.issue is not None
        }

    # What is left

    def _free_lines(self) -> list[int]:
        return [
            i for i in range(len(self.lines)) if i not in self.found and i not in self.contradicted
        ]

    def _free_tasks(self) -> list[int]:
        return [j for j in range(len(self.tasks)) if j not in self.taken]

    def _may(self, i: int, j: int) -> bool:
        """Whether the numbers allow it: a line with another number needs key and title."""
        line, task = self.lines[i], self.tasks[j]
        if line.issue in self.elsewhere and line.issue != task.issue:
            return False
        if line.issue is None or task.issue in (None, line.issue):
            return self.owners.get(line.issue or 0, j) == j
        same = line.key is not None and line.key == task.key
        whole = same and self.titles[i] == self.old_titles[j]
        return whole and line.issue not in self.owners

    def _give(self, i: int, j: int, why: str) -> None:
        self.found[i] = (self.tasks[j].id, why)
        self.at[i] = j
        self.taken.add(j)

    def _unique(
        self,
        of_line: Callable[[int], Hashable | None],
        of_task: Callable[[int], Hashable | None],
        why: str,
        agrees: Callable[[int, int], bool] = lambda i, j: True,
    ) -> None:
        """Give each line the task of the same value, if nothing else that is left has it."""
        lines: dict[Hashable, list[int]] = defaultdict(list)
        tasks: dict[Hashable, list[int]] = defaultdict(list)
        for i in self._free_lines():
            lines[of_line(i)].append(i)
        for j in self._free_tasks():
            tasks[of_task(j)].append(j)
        for value, (i, *more) in lines.items():
            these = tasks.get(value, [])
            if value is None or more or len(these) != 1:
                continue
            if self._may(i, these[0]) and agrees(i, these[0]):
                self._give(i, these[0], why)

    # The rules

    def by_number(self) -> None:
        """Rule 1: the line carries the task's number, and key or title agrees."""
        carried = [i for i in self._free_lines() if self.lines[i].issue in self.owners]
        for i in carried:
            self._contradict(i)
        strict = bool(self.doubted or self.contradicted)
        carriers = Counter(self.lines[i].issue for i in carried)
        agreeing: dict[int, list[int]] = defaultdict(list)
        for i in carried:
            if i in self.contradicted:
                continue
            j = self.owners[self.lines[i].issue or 0]
            if self._agrees(i, j, strict):
                agreeing[j].append(i)
            else:
                self.contradicted[i] = (
                    f"#{self.lines[i].issue} stands behind another text, in a file whose numbers"
                    " have moved"
                )
        for j, found in agreeing.items():
            number = self.tasks[j].issue
            if len(found) == 1 and not (carriers[number] > 1 and self._was_doubted(found[0])):
                self._give(found[0], j, f"it has #{number}")
                continue
            for i in found:
                lines = f"{carriers[number]} lines that may be its own"
                self.contradicted[i] = f"#{number} stands in {lines}"

    def _agrees(self, i: int, j: int, strict: bool) -> bool:
        """Whether key or title agrees with the number.

        If numbers have moved in this file, the key alone is not enough.
        """
        key, one, other = self.lines[i].key, self.titles[i], self.old_titles[j]
        same_key = key is not None and key == self.tasks[j].key
        return close(one, other) or (same_key and (similar(one, other) or not strict))

    def _contradict(self, i: int) -> None:
        line, j = self.lines[i], self.owners[self.lines[i].issue or 0]
        title, own_title = self.titles[i], self.old_titles[j]
        if title != own_title:
            theirs = [one for one in self.known.get(title, ()) if not self._is_at_home(one, title)]
            if theirs:
                whose = theirs[0]
                own = f"#{whose.issue}" if whose.issue is not None else whose.key or "another task"
                why = f"its text is that of {own}, and its number is #{line.issue}"
                self.contradicted[i] = why
                return
        if title != own_title and self._was_doubted(i):
            self.contradicted[i] = f"nobody has said yet whether it is the line of #{line.issue}"
        elif title != own_title and self._stands_elsewhere(own_title, title):
            self.contradicted[i] = f"the text of #{line.issue} stands in another line"
        elif not self._agrees(i, j, strict=False):
            self.contradicted[i] = f"#{line.issue} is the issue of a task with another text"

    def _was_doubted(self, i: int) -> bool:
        return (self.lines[i].key, self.titles[i]) in self.doubted

    def _is_at_home(self, task: Remembered, title: str) -> bool:
        """Whether a line shows all that a task showed: its text did not go to another line."""
        return (task.issue, task.key, title) in self.shown

    def _stands_elsewhere(self, title: str, instead: str) -> bool:
        """Whether more lines have a task's title than there are other tasks with it.

        A new task may say what this one said before its words were edited.  But if its line says
        something else now, the text has moved.
        """
        lines = self.said if similar(title, instead) else self.written
        return lines[title] > len(self.known[title]) - 1

    def by_key_and_title(self) -> None:
        """Rule 2: same key and same title."""

        def of_line(i: int) -> Hashable | None:
            return (self.lines[i].key, self.titles[i]) if self.lines[i].key else None

        def of_task(j: int) -> Hashable | None:
            return (self.tasks[j].key, self.old_titles[j]) if self.tasks[j].key else None

        self._unique(of_line, of_task, "key and text are the same")

    def by_title(self) -> None:
        """Rule 3: same title, under another key or none."""
        self._unique(
            lambda i: self.titles[i] or None,
            lambda j: self.old_titles[j] or None,
            "nothing else has this text",
            lambda i, j: bool(self.lines[i].key or self.tasks[j].key or self.lines[i].issue),
        )

    def by_key(self) -> None:
        """Rule 4: same key and similar title, and neither title is exactly another's."""
        lines = Counter(self.titles[i] for i in self._free_lines())
        tasks = Counter(self.old_titles[j] for j in self._free_tasks())

        def agrees(i: int, j: int) -> bool:
            one, other = self.titles[i], self.old_titles[j]
            if one == other:
                return True
            return similar(one, other) and not tasks[one] and not lines[other]

        self._unique(
            lambda i: self.lines[i].key,
            lambda j: self.tasks[j].key,
            "the key is the same and the text is similar",
            agrees,
        )

    def _bare(self) -> tuple[list[int], list[int]]:
        """Lines and tasks that are left and have neither key nor number."""
        lines = [i for i in self._free_lines() if not (self.lines[i].key or self.lines[i].issue)]
        return lines, [j for j in self._free_tasks() if self.tasks[j].key is None]

    def by_occurrence(self) -> None:
        """Rule 5: of lines with neither key nor number the same text, in order."""
        lines, tasks = self._bare()
        left: dict[str, list[int]] = defaultdict(list)
        for j in tasks:
            left[self.old_titles[j]].append(j)
        for i in lines:
            if self.titles[i] and left.get(self.titles[i]):
                self._give(i, left[self.titles[i]].pop(0), "the text is the same")

    def by_position(self) -> None:
        """Rule 5, the rest: the same place between matched neighbours, and a text that is close."""
        lines, tasks = self._bare()
        if self.contradicted:
            return  # what stood where is not certain in this file
        places: dict[tuple[int, int], list[int]] = defaultdict(list)
        taken, given = sorted(self.taken), sorted(self.at)
        for j in tasks:
            places[_gap(j, taken, len(self.tasks))].append(j)
        gaps: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i in lines:
            below, above = _gap(i, given, len(self.lines))
            ends = (self.at.get(below, -1), self.at.get(above, len(self.tasks)))
            gaps[ends].append(i)
        for ends, here in gaps.items():
            there = places.get(ends, [])
            if len(here) != len(there):
                continue
            for i, j in zip(here, there, strict=True):
                if self.titles[i] != self.old_titles[j] and self.written[self.old_titles[j]]:
                    continue  # its words stand in another line
                if close(self.titles[i], self.old_titles[j]):
                    self._give(i, j, "it stands in the same place and the text is close")

    def verdict(self, i: int, known: dict[str, Remembered]) -> LineMatch:
        if i in self.contradicted:
            return LineMatch(CONTRADICTED, None, self.contradicted[i])
        if i not in self.found:
            return LineMatch(NEW, None, "nothing that is remembered is like it")
        task_id, why = self.found[i]
        line, task = self.lines[i], known[task_id]
        kind = SAME
        if normal(task.title) != self.titles[i]:
            kind = EDITED
        elif task.key != line.key:
            kind = MOVED
        return LineMatch(kind, task_id, why)


def _gap(at: int, fixed: Sequence[int], end: int) -> tuple[int, int]:
    """The nearest of the sorted places before and after `at`; -1 and `end` if there are none."""
    k = bisect(fixed, at)
    return (fixed[k - 1] if k else -1), (fixed[k] if k < len(fixed) else end)
