"""Find what git leaves in a file whose two sides it cannot merge."""

import re
from typing import NamedTuple

_LINE = r"\n(?:(?P<begin><{7})|(?P<base>\|{7})|(?P<middle>={7}(?=\r?(?:\n|\Z)))|>{7})(?=[ \r\n]|\Z)"


class MergeConflict(NamedTuple):
    """The whole of a merge conflict, its markers included, and the spans of its two sides."""

    at: int
    end: int  # the start of the line behind it, or the text's end
    ours: tuple[int, int]
    theirs: tuple[int, int]

    def moved(self, shift: int) -> "MergeConflict":
        """The same in a text in which everything stands `shift` characters further on."""
        ours, theirs = self.ours, self.theirs
        return MergeConflict(
            self.at + shift,
            self.end + shift,
            (ours[0] + shift, ours[1] + shift),
            (theirs[0] + shift, theirs[1] + shift),
        )


def marked(src: str) -> dict[int, MergeConflict]:
    """What looks like a conflict, by the index of the newline before it, in order.

    A beginning without an end is text.  Of conflicts in one another the outermost counts.
    """
    found: dict[int, MergeConflict] = {}
    begun: list[list[re.Match[str]]] = []  # the lines of conflicts that have no end yet
    for m in re.finditer(_LINE, src):
        if m["begin"]:
            begun.append([m])
        elif begun and (m["base"] or m["middle"]):
            begun[-1].append(m)
        elif begun:
            lines = begun.pop()
            at = lines[0].start()
            while found and next(reversed(found)) > at:
                found.popitem()
            found[at] = _between(src, lines, m)
    return found


def _between(src: str, lines: list[re.Match[str]], last: re.Match[str]) -> MergeConflict:
    middle = next((line for line in lines if line["middle"]), None)
    stop = last.start() + 1
    ours = (_next_line(src, lines[0]), (lines[1].start() + 1 if len(lines) > 1 else stop))
    theirs = (stop if middle is None else _next_line(src, middle), stop)
    return MergeConflict(lines[0].start() + 1, _next_line(src, last), ours, theirs)


def _next_line(src: str, line: re.Match[str]) -> int:
    end = src.find("\n", line.end())
    return len(src) if end < 0 else end + 1
