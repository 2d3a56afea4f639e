"""Say of every box of a file what it is: a task, a step, a point of a checklist, or not read."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..model import Diagnostic, Unread
from .dialects import Dialect
from .lists import Box, Scan
from .sections import Checklist, Section, checklists, is_acceptance
from .taskline import RANGE, Words, depends_in, read_words

_OUTSIDE = "it stands outside of the task list"
_NO_LIST = "no heading above it names a task list"
_REPEATED = "its list repeats keys of the list above"
_STAR = "a star behind a box is read in Kiro's files only"
_LETTER = "the letter in its box is not known"
_FORM = "a task is written `- [ ] words`"
_HINTS = {
    _OUTSIDE: "move it below the tasks, or name its heading in the setting `specs.task_sections`",
    _NO_LIST: "use the heading `{0}`, or name yours in the setting `specs.task_sections`",
    _REPEATED: "remove one of the two lists, or rename its heading",
    _STAR: "write `- [ ] words`",
    _LETTER: "write `[ ]` or `[x]`",
    _FORM: "write it so, or remove the box",
}
_SHOWN = 60  # characters of a line in a remark


class TaskBox(NamedTuple):
    """A box that is a task, before it is known what identifies it."""

    box: Box
    words: Words
    group: str | None
    parent: int  # index of the task that it is a part of
    more: tuple[str, ...]  # dependencies named in its sub-bullets


class SortedBoxes(NamedTuple):
    lines: list[TaskBox]
    steps: list[list[int]]  # per task: done, total
    criteria: list[Box]
    unread: list[Unread]
    notes: list[Diagnostic]


class LineNumbers:
    """Line numbers of a text, which is counted once, and only if somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] | None = None

    def of(self, at: int) -> int:
        if self._starts is None:
            self._starts = [0, *(m.end() for m in re.finditer("\n", self._text))]
        return bisect_right(self._starts, at)


class _Sorting:
    """What is known of a file's boxes while they are gone through in order."""

    def __init__(
        self, text: str, kind: Dialect, found: Scan, sections: Sequence[Section], path: str
    ) -> None:
        self.text, self.kind, self.found, self.path = text, kind, found, path
        self.numbers = LineNumbers(text)
        self.sections = sections
        key_at = re.compile(kind.key).match
        self.words = [read_words(text[b.body_at : b.end], key_at) for b in found.boxes]
        self.listed = _listed(checklists(found, text), found, self.words)
        self.inside, self.repeated = _inside(sections, self.words)
        self.keyed = any(self.words[i].key for i in self.inside)
        self.below = "_Depends" in text  # whether sub-bullets can name dependencies
        self.owner: dict[int, int] = {}  # box -> the task that it is or belongs to
        self.out = SortedBoxes([], [], [], [], [])
        self.lists: dict[str, list[Box]] = {}

    def take(self, i: int, box: Box, group: str | None, above: str | None) -> None:
        """Put the box with index `i` where it belongs; `above` is the heading it stands below."""
        said, kind, out = self.words[i], self.kind, self.out
        if box.starred and not kind.optional_star:
            return self.pass_over(box, _STAR)
        whole = self.owner.get(box.parent, -1)
        listed = self.listed.get(i)
        if whole >= 0:
            own = said.key is not None and (kind.list_numbers or not said.key.isdecimal())
            if not own or (listed is not None and listed.strict):
                self.owner[i] = whole
                out.steps[whole][0] += box.mark in kind.done
                out.steps[whole][1] += 1
                return None
        elif listed is not None and (listed.strict or said.key is None):
            return self.list(listed.title, box)
        elif i in self.repeated:
            return self.pass_over(box, _REPEATED)
        elif i not in self.inside:
            if said.key is None and self.keyed:
                return self.list(above or "", box)
            return self.pass_over(box, _OUTSIDE if self.sections else _NO_LIST)
        elif said.key is None and box.mark.isalpha() and box.mark not in kind.done:
            return self.pass_over(box, _LETTER)
        self.owner[i] = len(out.lines)
        more = _sub_depends(self.text, self.found, i) if self.below else ()
        out.lines.append(TaskBox(box, said, group, whole, more))
        out.steps.append([0, 0])
        return None

    def list(self, title: str, box: Box) -> None:
        self.out.criteria.append(box)
        self.lists.setdefault(title, []).append(box)

    def pass_over(self, box: Box, why: str) -> None:
        self.note(box.at, box.body_at, box.end, box.mark, why)

    def note(self, at: int, body_at: int, end: int, mark: str, why: str) -> None:
        words = " ".join(self.text[body_at:end].split())
        if len(words) > _SHOWN:
            words = f"{words[: _SHOWN - 1]}…"
        done = mark in self.kind.done
        line = self.numbers.of(at)
        self.out.unread.append(Unread(line, at, words, not done, why))


def sort_boxes(
    text: str, kind: Dialect, found: Scan, sections: Sequence[Section], path: str
) -> SortedBoxes:
    """Tell tasks, steps and points of checklists apart, and what is none of them."""
    sorting = _Sorting(text, kind, found, sections, path)
    groups = _groups(found, sections)
    above = _headings(found)
    for i, box in enumerate(found.boxes):
        sorting.take(i, box, groups(box.at), above(box.at))
    for odd in found.odd:
        if not odd.quoted:
            sorting.note(odd.at, odd.at, odd.end, odd.mark, _FORM)
    out = sorting.out
    out.unread.sort()
    out.notes.extend(_remarks(sorting, kind, path))
    lines = _with_flat_parents(out.lines) if kind.flat_parts else out.lines
    return out._replace(lines=_with_ranges(lines))


def _remarks(sorting: _Sorting, kind: Dialect, path: str) -> list[Diagnostic]:
    notes = []
    for one in sorting.out.unread:
        severity = "warning" if one.is_open else "info"
        words = f"`{one.words}` is not read as a task: {one.why}"
        hint = _HINTS[one.why].format(kind.section)
        notes.append(Diagnostic(severity, "unread_box", words, hint, f"{path}:{one.line}"))
    for title, boxes in sorting.lists.items():
        if is_acceptance(title):
            continue  # they have a count of their own
        count = "1 box is" if len(boxes) == 1 else f"{len(boxes)} boxes are"
        below = f' below "{title}"' if title else ""
        words = f"{count} part of a checklist{below}, not tasks"
        at = f"{path}:{sorting.numbers.of(boxes[0].at)}"
        notes.append(Diagnostic("info", "checklist", words, "", at))
    return notes


def _listed(
    lists: Sequence[Checklist], found: Scan, words: Sequence[Words]
) -> dict[int, Checklist]:
    """Box -> the checklist that it is part of; a task ends the list below a line in bold."""
    out: dict[int, Checklist] = {}
    for one in lists:
        for i in range(one.first, one.last):
            if one.label and words[i].key is not None and found.boxes[i].parent < 0:
                break
            if i not in out or one.strict:
                out[i] = one
    return out


def _inside(sections: Sequence[Section], words: Sequence[Words]) -> tuple[set[int], set[int]]:
    """The boxes of the task lists, and those of further lists that repeat keys of the first."""
    inside: set[int] = set()
    repeated: set[int] = set()
    keys: set[str] = set()
    for section in sections:
        boxes = range(section.first, section.last)
        own = {key for i in boxes if (key := words[i].key) is not None}
        if own & keys:
            repeated.update(boxes)
        else:
            inside.update(boxes)
            keys |= own
    return inside, repeated


def _groups(found: Scan, sections: Sequence[Section]) -> Callable[[int], str | None]:
    """A function that names the nearest heading above; to be asked in file order."""
    spans = sorted((one.at, one.end, one.heading) for one in sections)
    if not spans or spans[0][2] < 0:
        return _headings(found)
    tops = {heading for _, _, heading in spans}
    plain = _headings(found, skip=tops)
    first = spans[0][0]

    def group(at: int) -> str | None:
        i = bisect_right(spans, (at, len(found.headings), 0)) - 1
        start, end, _ = spans[i] if i >= 0 else (first, first, -1)
        return plain(at, start) if start <= at < end else None

    return group


def _headings(found: Scan, skip: set[int] | None = None) -> Callable[..., str | None]:
    """A function that names the nearest heading above, if it is behind a place."""
    headings = [
        h for i, h in enumerate(found.headings) if (h.level > 1 if skip is None else i not in skip)
    ]
    reached, title, begins = 0, "", -1

    def group(at: int, since: int = -1) -> str | None:
        nonlocal reached, title, begins
        while reached < len(headings) and headings[reached].at < at:
            title, begins = " ".join(headings[reached].title.split()), headings[reached].at
            reached += 1
        return title if title and begins >= since else None

    return group


def _sub_depends(text: str, found: Scan, i: int) -> tuple[str, ...]:
    """Dependencies in the indented lines below a task, up to the next box."""
    box = found.boxes[i]
    stop = found.boxes[i + 1].at if i + 1 < len(found.boxes) else len(text)
    if not any(text.find(word, box.end, stop) >= 0 for word in ("_Depends", "*Depends")):
        return ()
    keys: list[str] = []
    for line in text[box.end : stop].split("\n")[1:]:
        body = line.lstrip(" \t")
        if body and body != "\r" and body is line:
            break  # back at the margin: no longer part of the task
        keys += depends_in(body)
    return tuple(keys)


def _with_flat_parents(lines: Sequence[TaskBox]) -> list[TaskBox]:
    """The lines, 1.1 being a part of the 1 above it where no box encloses it."""
    place: dict[str, int] = {}
    counts = Counter(line.words.key for line in lines)
    out = []
    for i, line in enumerate(lines):
        key = line.words.key
        whole = key.rpartition(".")[0] if key else ""
        if line.parent < 0 and whole in place and counts[key] == counts[whole] == 1:
            line = line._replace(parent=place[whole])
        if key:
            place.setdefault(key, i)
        out.append(line)
    return out


def _with_ranges(lines: list[TaskBox]) -> list[TaskBox]:
    """The lines with every key of a range such as `T003..T007`, by place in the file."""
    if not any(RANGE in key for line in lines for key in (*line.words.depends_on, *line.more)):
        return lines
    keys = [line.words.key for line in lines]
    place: dict[str, int] = {}
    for i, key in enumerate(keys):
        if key is not None:
            place.setdefault(key, i)
    left = 20 * len(lines) + 1000  # reading stays linear, whatever the ranges are

    def expand(names: Sequence[str], own: str | None) -> tuple[str, ...]:
        nonlocal left
        out: list[str] = []
        for name in names:
            first, _, last = name.partition(RANGE)
            a, b = place.get(first, -1), place.get(last, -1)
            if not last:
                out.append(name)
            elif 0 <= a <= b and b - a < left:
                left -= b - a
                out += [key for key in keys[a : b + 1] if key is not None and key != own]
            else:
                out += [first, last]
        return tuple(dict.fromkeys(out))

    return [
        line._replace(
            words=line.words._replace(depends_on=expand(line.words.depends_on, line.words.key)),
            more=expand(line.more, line.words.key),
        )
        for line in lines
    ]
