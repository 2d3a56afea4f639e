"""Task lines as the state machine knows them, and what agents and editors do to a list of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

# A task is known by one of its words, which nothing changes: not by its key, number or place.
# Two of them are of one template.
TITLES = {
    "alpha": "Set alpha up",
    "bravo": "Do bravo well",
    "charlie": "Do charlie well",
    "delta": "Draw delta as a board",
    "echo": "Translate echo for our users",
    "foxtrot": "Measure foxtrot twice",
    "golf": "Send golf by mail",
    "hotel": "Archive what hotel has left",
}
WORDS = tuple(TITLES)
WORD = re.compile(rf"\b({'|'.join(WORDS)})\b")
_ITEM = re.compile(r"(?m)^- \[(.)\] (.*(?:\n {2,}.*)*)$")
_LINK = re.compile(r"\s+\(#(\d+)\)\Z")
_KEY = re.compile(r"\A(T\d{3}) ")


class Line(NamedTuple):
    word: str
    ticked: bool
    issue: int | None
    text: str  # without key and number
    key: str | None

    def written(self) -> str:
        link = f"(#{self.issue})" if self.issue is not None else None
        words = " ".join(part for part in (self.key, self.text, link) if part)
        return f"- [{'x' if self.ticked else ' '}] {words}\n"


Lines = list[Line]


def lines_of(text: str) -> Lines:
    found = []
    for mark, words in _ITEM.findall(text):
        word, link, key = WORD.search(words), _LINK.search(words), _KEY.match(words)
        if word:
            shown = words[key.end() if key else 0 : link.start() if link else None]
            number = int(link[1]) if link else None
            found.append(Line(word[1], mark == "x", number, shown, key[1] if key else None))
    return found


def fresh(word: str, keyed: bool, lines: Lines) -> Line:
    """A task that was not there before, under the next key."""
    last = max((int(line.key[1:]) for line in lines if line.key), default=0)
    return Line(word, False, None, TITLES[word], f"T{last + 1:03d}" if keyed else None)


def renumbered(lines: Lines) -> Lines:
    """Keys by place; a list without keys stays without."""
    return [line._replace(key=f"T{n:03d}") if line.key else line for n, line in enumerate(lines, 1)]


def _changed(lines: Lines, at: int, **new: object) -> Lines:
    return [*lines[:at], lines[at]._replace(**new), *lines[at + 1 :]]


def _moved(lines: Lines, at: int, to: int) -> Lines:
    rest = [*lines[:at], *lines[at + 1 :]]
    return [*rest[:to], lines[at], *rest[to:]]


def _swapped_numbers(lines: Lines, at: int, other: int) -> Lines:
    one, two = lines[at].issue, lines[other].issue
    return _changed(_changed(lines, at, issue=two), other, issue=one)


def _wrapped(lines: Lines, at: int, _: int) -> Lines:
    return _changed(lines, at, text=lines[at].text.replace(" ", "\n      ", 1))


def _struck(lines: Lines, at: int, _: int) -> Lines:
    text = lines[at].text
    return _changed(lines, at, text=text[2:-2] if text.startswith("~~") else f"~~{text}~~")


# What is done to the lines at two places, of which the second may be the first.
REWRITES: dict[str, Callable[[Lines, int, int], Lines]] = {
    "move": _moved,
    "move and renumber": lambda lines, at, to: renumbered(_moved(lines, at, to)),
    "turn round and renumber": lambda lines, at, to: renumbered(lines[::-1]),
    "wrap": _wrapped,
    "strike through": _struck,
    "lose the links": lambda lines, at, to: [line._replace(issue=None) for line in lines],
    "lose a link and renumber": lambda lines, at, to: renumbered(
        _moved(_changed(lines, at, issue=None), at, to)
    ),
    "generate anew": lambda lines, at, to: renumbered(
        _moved([line._replace(issue=None) for line in lines], at, to)
    ),
    "swap two numbers": _swapped_numbers,
}
# The same with a new task in the list.
INSERTIONS: dict[str, Callable[[Lines, int, Line], Lines]] = {
    "insert and renumber": lambda lines, at, new: renumbered([*lines[:at], new, *lines[at:]]),
    "numbers stay in their rows": lambda lines, at, new: renumbered(
        [
            line._replace(issue=old.issue)
            for line, old in zip([*lines[:at], new], lines, strict=False)
        ]
        + [
            line._replace(issue=old.issue if old else None)
            for line, old in zip(lines[at:], [*lines[at + 1 :], None], strict=True)
        ]
    ),
    "copy as a template": lambda lines, at, new: [*lines, new._replace(issue=lines[at].issue)],
}
