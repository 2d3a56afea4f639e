"""Find the task section of a spec file by its title."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from .dialects import Dialect
from .lists import Heading, Scan

TITLES = (
    "Tasks",
    "Task List",
    "Implementation Tasks",
    "Implementation Plan",
    "実装タスクリスト",
    "実装タスク分解",
    "実装タスク",
    "タスクリスト",
    "タスク一覧",
    "タスク分解",
    "実装計画",
    "タスク",
    "任务列表",
    "任务清单",
    "任务",
    "Task Breakdown",
    "To do",
    "To-do",
    "Todo",
    "Todos",
    "Remaining Tasks",
    "Remaining Work",
    "Open Tasks",
    "Completed Tasks",
    "Finished Tasks",
    "残タスク",
    "残りのタスク",
    "完了タスク",
    "完了したタスク",
    "Remaining",
    "Completed",
)
# Below such a heading nothing is a task, ...
_CRITERIA = (
    "acceptance criteria",
    "definition of done",
    "success criteria",
    "validation criteria",
    "completion criteria",
    "exit criteria",
    "受け入れ基準",
    "受入基準",
    "完了条件",
    "完了の定義",
    "成功基準",
)
# ... and below such a one nothing without a key of its own.
_CHECKS = (
    r"\b(?:criteria|check-?lists?|check-?points?|quality gates?|sign-?off|dependencies|"
    r"prerequisites|definition of done|definition of ready)\b"
    r"|チェックリスト|チェックポイント|前提条件"
)
# It begins with a newline, which `re` finds at C speed.
_LABEL = r"\n[ \t]*+(?:[-*+][ \t]++)?(?:\*\*|__)(?P<title>[^*_\n]{3,80})(?:\*\*|__)"
_LEAD = re.compile(r"(?:[\W_]++|[0-9]+(?:\.[0-9]+)*(?:[.):、][ \t]*|[ \t]+))*+")


class Section(NamedTuple):
    """`boxes[first:last]` are inside; `heading` is its index, -1 for the whole file."""

    heading: int
    at: int
    end: int
    first: int
    last: int


def plain_title(title: str) -> str:
    """A heading without numbering, emoji and emphasis, casefolded."""
    text = title[:400]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    m = _LEAD.match(text)
    return (text[m.end() :] if m is not None else text).rstrip("*_~ \t")


def _begins(text: str, title: str) -> bool:
    """Whether `text` begins with `title` at a word boundary."""
    if not text.startswith(title):
        return False
    after = text[len(title) : len(title) + 1]
    return not (after.isalnum() or after in ("_", "ー"))


def _ends(headings: Sequence[Heading], size: int) -> list[int]:
    """Where the part under each heading ends: the next heading of its level or above."""
    ends = [size] * len(headings)
    open_: list[int] = []
    for i, heading in enumerate(headings):
        while open_ and headings[open_[-1]].level >= heading.level:
            ends[open_.pop()] = heading.at
        open_.append(i)
    return ends


@lru_cache(maxsize=16)
def _plain_titles(titles: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in map(plain_title, titles) if text)


def task_sections(scan: Scan, size: int, extra: Sequence[str]) -> list[Section]:
    """Every section whose title says that it holds tasks, the best one first."""
    titles = _plain_titles((*extra, *TITLES))
    found: list[tuple[bool, int, int, Section]] = []
    ends: list[int] | None = None
    starts = [box.at for box in scan.boxes]
    for i, heading in enumerate(scan.headings):
        text = plain_title(heading.title)
        if not text.startswith(titles):
            continue
        if heading.level == 1:  # the title of a file: "Tasks on the phone" has none
            text = text.rstrip(" .:：")
            rank = titles.index(text) if text in titles else -1
        else:
            rank = next((n for n, title in enumerate(titles) if _begins(text, title)), -1)
        if rank < 0:
            continue
        if ends is None:
            ends = _ends(scan.headings, size)
        first, last = _between(starts, heading.at, ends[i])
        found.append((first == last, rank, i, Section(i, heading.at, ends[i], first, last)))
    found.sort(key=lambda item: item[:3])
    return [item[3] for item in found]


def _between(starts: Sequence[int], low: int, high: int) -> tuple[int, int]:
    return bisect_left(starts, low), bisect_left(starts, high)


class Checklist(NamedTuple):
    """`boxes[first:last]` stand below a heading or a label that does not announce tasks."""

    title: str
    first: int
    last: int
    strict: bool  # a box with a key is none either
    label: bool  # a line in bold, not a heading


def checklists(scan: Scan, text: str) -> list[Checklist]:
    """The parts of a file whose boxes say what must be true, not what is to be done."""
    out: list[Checklist] = []
    starts = [box.at for box in scan.boxes]
    ends: list[int] = []
    for i, heading in enumerate(scan.headings):
        kind = _checks(heading.title) if heading.level > 1 else None
        if kind is None:
            continue
        ends = ends or _ends(scan.headings, len(text))
        first, last = _between(starts, heading.at, ends[i])
        if first < last:
            out.append(Checklist(heading.title, first, last, kind, False))
    if starts and ("**" in text or "__" in text):
        out += _labelled(scan, text, starts)
    return out


def is_acceptance(title: str) -> bool:
    """Whether a heading announces the criteria that every spec of craftkit's own has."""
    text = plain_title(title)
    return any(_begins(text, one) for one in ("acceptance criteria", "受け入れ基準", "受入基準"))


def _checks(title: str) -> bool | None:
    """Whether a heading announces criteria, or at least things to check (False)."""
    text = plain_title(title)
    if any(_begins(text, one) for one in _CRITERIA):
        return True
    return False if re.search(_CHECKS, text) is not None and "task" not in text else None


def _labelled(scan: Scan, text: str, starts: Sequence[int]) -> list[Checklist]:
    """`**Checkpoint**: …` and the boxes that follow it, up to the next label or heading."""
    out: list[Checklist] = []
    heads = [heading.at for heading in scan.headings]
    labels = [m for m in re.finditer(_LABEL, text) if not _is_box(scan, starts, m.start() + 1)]
    for n, m in enumerate(labels):
        if _checks(m["title"].rstrip(" :：")) is None:
            continue
        after = bisect_left(heads, m.end())
        end = heads[after] if after < len(heads) else len(text)
        if n + 1 < len(labels):
            end = min(end, labels[n + 1].start())
        first, last = _between(starts, m.end(), end)
        if first < last:
            out.append(Checklist(m["title"].strip(" :："), first, last, False, True))
    return out


def _is_box(scan: Scan, starts: Sequence[int], at: int) -> bool:
    i = bisect_left(starts, at + 1) - 1
    return i >= 0 and at < scan.boxes[i].end


class TaskSections(NamedTuple):
    """The task sections of a file, the best one first, and those that the settings leave out."""

    read: list[Section]
    ignored: list[Section]


def find_sections(scan: Scan, size: int, dialect: Dialect, extra: Sequence[str]) -> TaskSections:
    """The sections that hold tasks.  Where one has a configured title, only such ones are read."""
    if dialect.whole_file:
        return TaskSections([Section(-1, 0, size, 0, len(scan.boxes))], [])
    sections = task_sections(scan, size, extra)
    if not sections:
        return TaskSections([], [])
    best, taken = sections[0], [sections[0]]
    for section in sorted(sections[1:], key=lambda one: one.at):
        # Linear: those that are taken lie side by side, so only the last one can reach this far.
        near = (best, taken[-1])
        if section.first < section.last and all(
            section.at >= one.end or section.end <= one.at for one in near
        ):
            taken.append(section)
    chosen = [one for one in taken if _is_configured(scan, one, extra)]
    if not chosen or best not in chosen:
        return TaskSections(taken, [])
    return TaskSections(chosen, [one for one in taken if one not in chosen])


def _is_configured(scan: Scan, section: Section, extra: Sequence[str]) -> bool:
    text = plain_title(scan.headings[section.heading].title)
    return any(_begins(text, title) for title in _plain_titles(tuple(extra)))
