"""Where a scan stands: what it has found, and which list items are open, as in CommonMark."""

import re
from bisect import bisect_right
from typing import NamedTuple

from .conflicts import MergeConflict, marked

MARKER = r"(?:[-*+]|[0-9]{1,9}+[.)])"
_ITEM = re.compile(rf"({MARKER})([ \t]++|(?=[\r\n]|\Z))")
# A line that begins so ends every paragraph: nothing is four columns left of it.
NO_MORE = ("- [", "\n", "  - [", "\r\n", "* [", "## ", "   - [")
# What begins a block in the middle of a paragraph, ordered items aside.
_BEGINS = (
    r"[-*+](?:[ \t]|\r?\Z)|#{1,6}(?:[ \t\r]|\Z)|>|`{3,}[^`]*\Z|~{3}|\||(?:=+|-+)[ \t]*\r?\Z"
    r"|(?:(?:\*[ \t]*+){3,}+|(?:_[ \t]*+){3,}+|(?:-[ \t]*+){3,}+)\r?\Z|\[\^[^\]\s]+\]:"
    r"|<(?:[!?]|<{6}[ \r]|(?i:script|pre|style|textarea)(?:[ \t\r>]|\Z)"
    r"|/?(?i:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd"
    r"|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]"
    r"|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup"
    r"|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul)"
    r"(?:[ \t\r>]|/>|\Z))"
)
_ORDERED = r"([0-9]{1,9})[.)][ \t]+(\[[^\n\r\[\]]\]\*?[ \t])?"
_RULE = r"(?:(?:-[ \t]*+){3,}+|(?:\*[ \t]*+){3,}+|(?:_[ \t]*+){3,}+)\r?\Z"


class Heading(NamedTuple):
    level: int
    title: str
    at: int  # index of the line's first character in the text
    end: int  # index of its newline, or the text's end


class Box(NamedTuple):
    """A list item that begins with `[ ]`; `parent` is the index of the box that encloses it."""

    at: int
    end: int  # index of the newline behind its first paragraph, or the text's end
    indent: int
    mark: str
    mark_at: int
    body_at: int  # where the words begin
    starred: bool  # `[ ]*`
    parent: int  # -1: none


class Odd(NamedTuple):
    """A line that looks like a box and is none: in code, in a quotation, or in another form."""

    at: int
    end: int
    mark: str
    quoted: bool  # code or a quotation: nothing is wrong with it


class Scan(NamedTuple):
    headings: tuple[Heading, ...]
    boxes: tuple[Box, ...]
    unclosed: tuple[int, ...]  # where fences that never close begin
    conflicts: tuple[MergeConflict, ...]
    odd: tuple[Odd, ...] = ()
    hidden: tuple[tuple[int, int], ...] = ()  # where fences and comments are


class State:
    """Where a scan stands, and what it has found."""

    def __init__(self, src: str, shift: int) -> None:
        self.src = src
        self.shift = shift  # src index + shift = text index
        self.gap = 0  # what lies between here and the next event has not been looked at
        self.lazy = False  # the line before may be a paragraph that takes lazy continuations
        self.content: list[int] = []  # content offsets of the open list items
        self.nearest: list[int] = []  # the box that each one is or is inside of
        self.headings: list[Heading] = []
        self.boxes: list[Box] = []
        self.unclosed: list[int] = []
        self.conflicts: list[MergeConflict] = []
        self.odd: list[Odd] = []
        self.hidden: list[tuple[int, int]] = []
        # Whatever looks like one, by where it begins in `src`.
        self.marked = marked(src) if "<<<<<<<" in src else {}
        self.begins = list(self.marked)
        self.fences: Fences | None = None


class Fences(NamedTuple):
    """Every line that could close a fence, with the longest one that is still to come."""

    at: list[int]
    char: list[str]
    size: list[int]
    longest: dict[str, list[int]]


def width_of(blanks: str, col: int = 0) -> int:
    """The column after `blanks`, which begin at column `col` (tab stops every 4)."""
    if "\t" not in blanks:
        return col + len(blanks)
    for c in blanks:
        col += 4 - col % 4 if c == "\t" else 1
    return col


def line_end(src: str, at: int) -> int:
    end = src.find("\n", at)
    return len(src) if end < 0 else end


def approach(st: State, newline: int, col: int) -> None:
    """Bring the list stack up to date with the lines before an event at column `col`."""
    if col == 0:
        return  # it closes every list anyway
    gap, st.gap = st.gap, newline
    if gap >= newline:
        return
    first = True
    for line in st.src[gap:newline].split("\n"):
        if first:  # the tail of the last event's own line
            first = False
            continue
        stripped = line.lstrip(" \t")
        if not stripped or stripped == "\r":
            st.lazy = False
            continue
        _plain_line(st, stripped, width_of(line[: len(line) - len(stripped)]))


def _plain_line(st: State, body: str, col: int) -> None:
    if st.content and col < st.content[-1]:
        if re.match(_RULE, body):
            _close(st, col)
            st.lazy = False
            return
        if _ITEM.match(body) is None and (not st.lazy or body[0] == ">"):
            _close(st, col)
    if _ITEM.match(body) is not None and re.match(_RULE, body) is None:
        open_items(st, body, 0, col)
    elif st.lazy or base(st, col) >= 0:
        st.lazy = True


def _close(st: State, col: int) -> None:
    truncate(st, bisect_right(st.content, col))


def truncate(st: State, depth: int) -> None:
    del st.content[depth:], st.nearest[depth:]


def push(st: State, content: int) -> None:
    st.nearest.append(st.nearest[-1] if st.nearest else -1)
    st.content.append(content)


def base(st: State, col: int) -> int:
    """How many open items a block at column `col` stays inside of; -1 if it is not a block."""
    depth = bisect_right(st.content, col)
    if not st.lazy and depth < len(st.content):
        truncate(st, depth)  # indented code behind a blank line ends the items as well
    return depth if col - (st.content[depth - 1] if depth else 0) < 4 else -1


def open_items(st: State, src: str, pos: int, col: int) -> tuple[int, int] | None:
    """Push the list items whose markers stand at `pos`; where and at which column they end."""
    depth = base(st, col)
    if depth < 0:
        return None  # goes on with the paragraph above, or is code: lazy as before
    truncate(st, depth)
    st.lazy = True
    while (m := _ITEM.match(src, pos)) is not None:
        after = col + m.end(1) - pos
        blanks = m[2]
        col = width_of(blanks, after)
        if not blanks or col - after >= 5:  # an empty item, or one that begins with code
            push(st, after + 1)
            st.lazy = False
            return None
        push(st, col)
        pos = m.end()
    return pos, col


def paragraph_end(st: State, end: int) -> int:
    """The end of the paragraph that opens the innermost item; its first line ends at `end`.

    As in CommonMark, lazy lines included.  It ends as well where an underline would make it a
    heading, and before a table: nothing is to be written behind either.
    """
    src, content = st.src, st.content
    while end < len(src):
        nxt = line_end(src, end + 1)
        line = src[end + 1 : nxt]
        body = line.lstrip(" \t")
        if not body or body == "\r":
            return end
        col = width_of(line[: len(line) - len(body)])
        depth = bisect_right(content, col)
        # Four columns in it can be nothing else.
        if col - (content[depth - 1] if depth else 0) < 4 and not body[0].isalpha():
            if re.match(_BEGINS, body) is not None:
                return end
            number = re.match(_ORDERED, body)
            # The scanner lets any number begin a box.
            if number and (depth < len(content) or int(number[1]) == 1 or number[2]):
                return end
        end = nxt
    return end
