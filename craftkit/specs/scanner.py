"""Find the lines of a Markdown file that matter: headings, boxes, fences, conflict markers.

One regular expression starts at every newline and skips prose at C speed; only what it yields
is looked at in Python.  List nesting follows CommonMark's content offsets.  Known deviations,
all on the side of not losing a task: an ordered item may interrupt a paragraph whatever its
number, raw HTML blocks other than comments hide nothing, and a fence that never closes ends at
the next column-0 `## ` heading.
"""

import re
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from .conflicts import MergeConflict, marked

_MARKER = r"(?:[-*+]|[0-9]{1,9}+[.)])"

# Markdown does not know a box with a star, so that a formatter writes it `\[ \]\*`.
_ESCAPED_BOX = r"\\\[(?P<starred>[^\n\r\[\]\\])\\\]\\\*"
# The leading literal newline lets the regex engine search with memchr.  Nearly every box is
# written like `task`, which is taken in whole; `box` is for the rest.
_LINE = re.compile(
    r"\n(?P<indent>[ \t]*+)(?:"
    r"[-*+] \[(?P<plain>[^\n\r\[\]])\]\*?+[ \t]++(?P<task>[^ \t\r\n][^\n]*+)"
    rf"|(?P<box>(?:{_MARKER}[ \t]++)++(?:\[(?P<mark>[^\n\r\[\]])\]\*?+|{_ESCAPED_BOX})(?=[ \t]))"
    rf"|(?P<fence>(?:{_MARKER}[ \t]++)*+(?:`{{3,}}+|~{{3,}}+))"
    r"|(?P<hash>\#{1,6}+)(?P<title>(?=[ \t\r\n]|\Z)[^\n]*+)"
    r"|(?P<comment><!--)"
    r"|(?P<conflict><{7}(?=[ \r\n]|\Z))"
    r")"
)
_ITEM = re.compile(rf"({_MARKER})([ \t]++|(?=[\r\n]|\Z))")
# Kept as text, because few files need them: `re` compiles a pattern when it is first used.
_BARE_FENCE = r"\n {0,3}(`{3,}+|~{3,}+)[ \t]*+\r?(?=\n|\Z)"
# A line that begins so ends every paragraph: nothing is four columns left of it.
_NO_MORE = ("- [", "\n", "  - [", "\r\n", "* [", "## ", "   - [")
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
# Above a rule without a blank line between them, a field is a heading (Markdown calls it setext),
# and a formatter writes the hashes.  Nobody meant it: the part that it stands in goes on.
_FIELD = r"[ \t]*\*\*[^*\n]+(?:\*\*[ \t]*[:：]|[:：]\*\*)"
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


class Scan(NamedTuple):
    headings: tuple[Heading, ...]
    boxes: tuple[Box, ...]
    unclosed: tuple[int, ...]  # where fences that never close begin
    conflicts: tuple[MergeConflict, ...]


class _State:
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
        # Whatever looks like one, by where it begins in `src`.
        self.marked = marked(src) if "<<<<<<<" in src else {}
        self.begins = list(self.marked)
        self.fences: _Fences | None = None


class _Fences(NamedTuple):
    """Every line that could close a fence, with the longest one that is still to come."""

    at: list[int]
    char: list[str]
    size: list[int]
    longest: dict[str, list[int]]


def scan(text: str, start: int = 0) -> Scan:
    """Scan `text` from index `start`, which must be the start of a line."""
    src = "\n" + text[start:]
    st = _State(src, start - 1)
    pos = 0
    search = _LINE.search
    while (m := search(src, pos)) is not None:
        kind = m.lastgroup
        if kind == "task":
            pos = _on_task(st, m)
        elif kind == "box":
            pos = _on_box(st, m)
        elif kind == "title":
            pos = _on_heading(st, m)
        elif kind == "fence":
            pos = _on_fence(st, m)
        elif kind == "comment":
            pos = _on_comment(st, m)
        else:
            pos = _on_conflict(st, m)
    conflicts = tuple(st.conflicts)
    return Scan(tuple(st.headings), tuple(st.boxes), tuple(st.unclosed), conflicts)


def find_conflicts(text: str) -> tuple[MergeConflict, ...]:
    """The merge conflicts of a text, from its start on: they may stand in its metadata."""
    return scan(text, int(text.startswith("\ufeff"))).conflicts


def width_of(blanks: str, col: int = 0) -> int:
    """The column after `blanks`, which begin at column `col` (tab stops every 4)."""
    if "\t" not in blanks:
        return col + len(blanks)
    for c in blanks:
        col += 4 - col % 4 if c == "\t" else 1
    return col


def _line_end(src: str, at: int) -> int:
    end = src.find("\n", at)
    return len(src) if end < 0 else end


def _approach(st: _State, newline: int, col: int) -> None:
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


def _plain_line(st: _State, body: str, col: int) -> None:
    if st.content and col < st.content[-1]:
        if re.match(_RULE, body):
            _close(st, col)
            st.lazy = False
            return
        if _ITEM.match(body) is None and (not st.lazy or body[0] == ">"):
            _close(st, col)
    if _ITEM.match(body) is not None and re.match(_RULE, body) is None:
        _open_items(st, body, 0, col)
    elif st.lazy or _base(st, col) >= 0:
        st.lazy = True


def _close(st: _State, col: int) -> None:
    _truncate(st, bisect_right(st.content, col))


def _truncate(st: _State, depth: int) -> None:
    del st.content[depth:], st.nearest[depth:]


def _push(st: _State, content: int) -> None:
    st.nearest.append(st.nearest[-1] if st.nearest else -1)
    st.content.append(content)


def _base(st: _State, col: int) -> int:
    """How many open items a block at column `col` stays inside of; -1 if it is not a block."""
    depth = bisect_right(st.content, col)
    if not st.lazy and depth < len(st.content):
        _truncate(st, depth)  # indented code behind a blank line ends the items as well
    return depth if col - (st.content[depth - 1] if depth else 0) < 4 else -1


def _open_items(st: _State, src: str, pos: int, col: int) -> tuple[int, int] | None:
    """Push the list items whose markers stand at `pos`; where and at which column they end."""
    depth = _base(st, col)
    if depth < 0:
        return None  # goes on with the paragraph above, or is code: lazy as before
    _truncate(st, depth)
    st.lazy = True
    while (m := _ITEM.match(src, pos)) is not None:
        after = col + m.end(1) - pos
        blanks = m[2]
        col = width_of(blanks, after)
        if not blanks or col - after >= 5:  # an empty item, or one that begins with code
            _push(st, after + 1)
            st.lazy = False
            return None
        _push(st, col)
        pos = m.end()
    return pos, col


def _on_task(st: _State, m: re.Match[str]) -> int:
    """A box behind one plain marker and one space, with words: no need to look for either."""
    newline, end = m.span()
    indent = m["indent"]
    if indent:
        col = width_of(indent)
        _approach(st, newline, col)
        depth = _base(st, col)
        st.gap = end
        if depth < 0:
            return end
        _truncate(st, depth)
        _push(st, col + 2)
    else:  # at the margin it closes every list
        col = 0
        st.content, st.nearest = [2], [-1]
    # Nearly always another task or an empty line follows.
    if not st.src.startswith(_NO_MORE, end + 1):
        end = _paragraph_end(st, end)
    st.gap = end
    st.lazy = True
    _add_box(st, newline, end, col, m.start("plain"), m.start("task"))
    return end


def _on_box(st: _State, m: re.Match[str]) -> int:
    src = st.src
    col = width_of(m["indent"])
    end = _line_end(src, m.end())
    _approach(st, m.start(), col)
    mark_at = max(m.start("mark"), m.start("starred"))
    opened = _open_items(st, src, m.start("box"), col)
    st.gap = end
    if opened is None or opened[0] != mark_at - (2 if m["starred"] else 1):
        return end
    body_at = m.end()
    while body_at < end and src[body_at] in " \t\r":
        body_at += 1
    if body_at < end:  # a box without words is not a task
        if not src.startswith(_NO_MORE, end + 1):
            end = st.gap = _paragraph_end(st, end)
        _add_box(st, m.start(), end, col, mark_at, body_at)
    return end


def _paragraph_end(st: _State, end: int) -> int:
    """The end of the paragraph that opens the innermost item; its first line ends at `end`.

    As in CommonMark, lazy lines included.  It ends as well where an underline would make it a
    heading, and before a table: nothing is to be written behind either.
    """
    src, content = st.src, st.content
    while end < len(src):
        nxt = _line_end(src, end + 1)
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


def _add_box(st: _State, newline: int, end: int, col: int, mark_at: int, body_at: int) -> None:
    mark = st.src[mark_at]
    if mark.isalnum() and mark not in "xX":
        return
    parent = st.nearest[-1]
    st.nearest[-1] = len(st.boxes)
    shift = st.shift
    st.boxes.append(
        Box(
            newline + 1 + shift,
            end + shift,
            col,
            mark,
            mark_at + shift,
            body_at + shift,
            st.src[mark_at + 2] == "*" or st.src[mark_at + 1] == "\\",
            parent,
        )
    )


def _on_heading(st: _State, m: re.Match[str]) -> int:
    newline, end = m.span()
    indent, hashes, title = m.group("indent", "hash", "title")
    depth = 0
    if indent:
        col = width_of(indent)
        _approach(st, newline, col)
        depth = _base(st, col)
    st.gap = end
    if depth < 0:
        return end
    if st.content:
        _truncate(st, depth)
    st.lazy = False
    if depth == 0 and not (len(hashes) > 1 and re.match(_FIELD, title)):
        title = title.strip()
        if title[-1:] == "#":  # a closing run of hashes is not part of the title
            bare = title.rstrip("#")
            if not bare or bare[-1] in " \t":
                title = bare.rstrip()
        shift = st.shift
        st.headings.append(Heading(len(hashes), title, newline + 1 + shift, end + shift))
    return end


def _on_fence(st: _State, m: re.Match[str]) -> int:
    src = st.src
    col = width_of(m["indent"])
    end = _line_end(src, m.end())
    _approach(st, m.start(), col)
    run = m["fence"]
    char = run[-1]
    size = len(run) - len(run.rstrip(char))
    st.gap = end
    if size != len(run):
        opened = _open_items(st, src, m.start("fence"), col)
        if opened is None or opened[0] != m.end() - size:
            return end
        depth = len(st.content)
    else:
        depth = _base(st, col)
        st.lazy = st.lazy or depth >= 0
    if depth < 0 or (char == "`" and src.find("`", m.end(), end) >= 0):
        if size == len(run) and depth == 0:
            _truncate(st, 0)  # inline code at the margin
        return end
    _truncate(st, depth)
    st.lazy = False
    if depth:
        stop = _fence_in_item(st, m.start(), end, char, size)
    else:
        stop = _fence_at_root(st, m.start(), end, char, size)
    st.gap = _across(st, m.start(), stop)
    return st.gap


def _fence_in_item(st: _State, newline: int, end: int, char: str, size: int) -> int:
    """End of a fence inside a list item: its closing line, or where the item ends."""
    src = st.src
    content = st.content[-1]
    while end < len(src):
        nxt = _line_end(src, end + 1)
        line = src[end + 1 : nxt]
        body = line.strip(" \t\r")
        if body:
            col = width_of(line[: len(line) - len(line.lstrip(" \t"))])
            if col < content:
                st.unclosed.append(newline + 1 + st.shift)
                return end
            if len(body) >= size and col - content < 4 and not body.strip(char):
                return nxt
        end = nxt
    st.unclosed.append(newline + 1 + st.shift)
    return end


def _fence_at_root(st: _State, newline: int, end: int, char: str, size: int) -> int:
    src = st.src
    if st.fences is None:
        m = re.compile(_BARE_FENCE).search(src, end)
        if m is not None and m[1][0] == char and len(m[1]) >= size:
            return _line_end(src, m.start() + 1)  # nearly always the next one closes it
        st.fences = _all_fences(src)  # else all of them, once: the scan stays linear
    fences = st.fences
    i = bisect_left(fences.at, end)
    if i < len(fences.at) and fences.longest[char][i] >= size:
        while fences.char[i] != char or fences.size[i] < size:
            i += 1
        return _line_end(src, fences.at[i] + 1)
    st.unclosed.append(newline + 1 + st.shift)
    m = re.compile(r"\n##[ \t]").search(src, end)
    stop = m.start() if m is not None else len(src)
    for at in st.begins[bisect_left(st.begins, end) : bisect_left(st.begins, stop)]:
        stop = max(stop, _take_conflict(st, at))
    return stop


def _all_fences(src: str) -> _Fences:
    at: list[int] = []
    char: list[str] = []
    size: list[int] = []
    for m in re.finditer(_BARE_FENCE, src):
        at.append(m.start())
        char.append(m[1][0])
        size.append(len(m[1]))
    longest: dict[str, list[int]] = {}
    for c in "`~":
        best, column = 0, [0] * len(at)
        for i in range(len(at) - 1, -1, -1):
            if char[i] == c and size[i] > best:
                best = size[i]
            column[i] = best
        longest[c] = column
    return _Fences(at, char, size, longest)


def _on_comment(st: _State, m: re.Match[str]) -> int:
    src = st.src
    col = width_of(m["indent"])
    _approach(st, m.start(), col)
    depth = _base(st, col)
    end = _line_end(src, m.end())
    st.gap = end
    if depth < 0:
        return end
    _truncate(st, depth)
    st.lazy = False
    # `<!-->` closes itself, so the search begins inside the opener.
    close = src.find("-->", m.end() - 2)
    stop = len(src) if close < 0 else _line_end(src, close)
    if depth:
        stop = _dedent(src, end, stop, st.content[-1])
    st.gap = _across(st, m.start(), stop)
    return st.gap


def _dedent(src: str, end: int, stop: int, content: int) -> int:
    """The newline before the first line in `end..stop` that is left of `content`, else `stop`."""
    while end < stop:
        nxt = _line_end(src, end + 1)
        line = src[end + 1 : nxt]
        body = line.lstrip(" \t")
        if body.strip() and width_of(line[: len(line) - len(body)]) < content:
            return end
        end = nxt
    return stop


def _on_conflict(st: _State, m: re.Match[str]) -> int:
    if m.start() not in st.marked:
        return m.end()  # ordinary text, left in the gap
    st.gap = _take_conflict(st, m.start())
    _truncate(st, 0)
    st.lazy = False
    return st.gap


def _take_conflict(st: _State, newline: int) -> int:
    """Note a conflict; the newline that ends it.  Nothing in it is read."""
    found = st.marked[newline]
    if not st.conflicts or st.conflicts[-1].at < found.at + st.shift:
        st.conflicts.append(found.moved(st.shift))
    return found.end - 1 if st.src[found.end - 1] == "\n" else found.end


def _across(st: _State, start: int, stop: int) -> int:
    """The end of code or a comment, behind the conflict that reaches beyond it."""
    i = bisect_left(st.begins, stop) - 1
    if i < 0 or st.begins[i] < start or st.marked[st.begins[i]].end - 1 <= stop:
        return stop
    return _take_conflict(st, st.begins[i])
