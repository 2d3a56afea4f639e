"""Find the task section of a spec file by its title."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from .dialects import Dialect
from .scanner import Heading, Scan

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
)
_CRITERIA = ("acceptance criteria", "definition of done", "受け入れ基準")
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
    return text[m.end() :] if m is not None else text


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
        if heading.level > 3:
            continue
        text = plain_title(heading.title)
        if not text.startswith(titles):
            continue
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


def criteria_boxes(scan: Scan, size: int) -> set[int]:
    """Boxes of a whole-file dialect that stand under a heading of acceptance criteria."""
    out: set[int] = set()
    starts: list[int] = []
    ends: list[int] = []
    reached = 0
    for i, heading in enumerate(scan.headings):
        text = plain_title(heading.title)
        if not any(_begins(text, title) for title in _CRITERIA):
            continue
        if not ends:
            ends = _ends(scan.headings, size)
            starts = [box.at for box in scan.boxes]
        first, last = _between(starts, max(heading.at, reached), ends[i])
        out.update(range(first, last))
        reached = max(reached, ends[i])
    return out


def find_section(
    scan: Scan, size: int, dialect: Dialect, extra: Sequence[str]
) -> tuple[Section | None, list[Section]]:
    """The task section, and other sections with boxes that could have been meant."""
    if dialect.whole_file:
        return Section(-1, 0, size, 0, len(scan.boxes)), []
    sections = task_sections(scan, size, extra)
    if not sections:
        return None, []
    best = sections[0]
    others = [
        s for s in sections[1:] if s.first < s.last and (s.at >= best.end or s.end <= best.at)
    ]
    return best, others
