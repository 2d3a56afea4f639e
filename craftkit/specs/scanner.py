"""Find the lines of a Markdown file that matter: headings, boxes, fences, conflict markers.

One regular expression starts at every newline and skips prose at C speed; only what it yields
is looked at in Python.  List nesting follows CommonMark's content offsets.  Known deviations,
all on the side of not losing a task: an ordered item may interrupt a paragraph whatever its
number, raw HTML blocks other than comments hide nothing, and a fence that never closes ends at
the next column-0 `## ` heading.  A box with other blanks or brackets is one, as `[x ]`.  What
looks like a box and is not read as one is noted.
"""

import re
from bisect import bisect_left, bisect_right

from . import loose
from .conflicts import MergeConflict
from .lists import (
    MARKER,
    NO_MORE,
    Box,
    Fences,
    Heading,
    Odd,
    Scan,
    State,
    approach,
    base,
    line_end,
    open_items,
    paragraph_end,
    push,
    truncate,
    width_of,
)

# Markdown does not know a box with a star, so that a formatter writes it `\[ \]\*`.
_ESCAPED_BOX = r"\\\[(?P<starred>[^\n\r\[\]\\])\\\]\\\*"
# The leading literal newline lets the regex engine search with memchr.  Nearly every box is
# written like `task`, which is taken in whole; `box` is for the rest.
_LINE = re.compile(
    r"\n(?P<indent>[ \t]*+)(?:"
    r"[-*+] \[(?P<plain>[^\n\r\[\]])\]\*?+[ \t]++(?P<task>[^ \t\r\n][^\n]*+)"
    rf"|(?P<box>(?:{MARKER}[ \t]++)++(?:\[(?P<mark>[^\n\r\[\]])\]\*?+|{_ESCAPED_BOX})(?=[ \t]))"
    rf"|(?P<fence>(?:{MARKER}[ \t]++)*+(?:`{{3,}}+|~{{3,}}+))"
    r"|(?P<hash>\#{1,6}+)(?P<title>(?=[ \t\r\n]|\Z)[^\n]*+)"
    r"|(?P<comment><!--)"
    r"|(?P<conflict><{7}(?=[ \r\n]|\Z))"
    # Of these the first character stands outside: so the engine sees at once that prose is not one.
    r"|[=-](?P<rule>(?:(?<==)=++|(?<=-)-++)[ \t]*+\r?(?=\n|\Z))"
    r"|[-*+>~|_0-9\xa0\u3000\\\[［](?P<odd>(?:(?<=[\[［])|[-*+>~|_ \t\xa0\u30000-9.)]*+\\?[\[［])"
    r"[^\n\r\[\]［］]{0,6}+[\]］])"
    r")"
)
# Kept as text, because few files need them: `re` compiles a pattern when it is first used.
_BARE_FENCE = r"\n {0,3}(`{3,}+|~{3,}+)[ \t]*+\r?(?=\n|\Z)"
# Above a rule without a blank line between them, a field is a heading (Markdown calls it setext),
# and a formatter writes the hashes.  Nobody meant it: the part that it stands in goes on.
_FIELD = r"[ \t]*\*\*[^*\n]+(?:\*\*[ \t]*[:：]|[:：]\*\*)"


def scan(text: str, start: int = 0) -> Scan:
    """Scan `text` from index `start`, which must be the start of a line."""
    src = "\n" + text[start:]
    st = State(src, start - 1)
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
        elif kind == "odd":
            pos = _on_odd(st, m)
        elif kind == "rule":
            pos = _on_rule(st, m)
        else:
            pos = _on_conflict(st, m)
    return Scan(
        tuple(st.headings),
        tuple(st.boxes),
        tuple(st.unclosed),
        tuple(st.conflicts),
        tuple(st.odd),
        tuple(st.hidden),
    )


def find_conflicts(text: str) -> tuple[MergeConflict, ...]:
    """The merge conflicts of a text, from its start on: they may stand in its metadata."""
    return scan(text, int(text.startswith("\ufeff"))).conflicts


def _on_task(st: State, m: re.Match[str]) -> int:
    """A box behind one plain marker and one space, with words: no need to look for either."""
    newline, end = m.span()
    indent = m["indent"]
    if indent:
        col = width_of(indent)
        approach(st, newline, col)
        depth = base(st, col)
        st.gap = end
        if depth < 0:
            _note_odd(st, newline, end, m["plain"], quoted=not st.lazy)
            return end
        truncate(st, depth)
        push(st, col + 2)
    else:  # at the margin it closes every list
        col = 0
        st.content, st.nearest = [2], [-1]
    # Nearly always another task or an empty line follows.
    if not st.src.startswith(NO_MORE, end + 1):
        end = _to_paragraph_end(st, end)
    st.gap = end
    st.lazy = True
    mark_at = m.start("plain")
    _add_box(st, newline, end, col, m["plain"], mark_at, m.start("task"), st.src[mark_at + 2])
    return end


def _on_box(st: State, m: re.Match[str]) -> int:
    src = st.src
    col = width_of(m["indent"])
    end = line_end(src, m.end())
    approach(st, m.start(), col)
    mark_at = max(m.start("mark"), m.start("starred"))
    opened = open_items(st, src, m.start("box"), col)
    st.gap = end
    if opened is None or opened[0] != mark_at - (2 if m["starred"] else 1):
        _note_odd(st, m.start(), end, src[mark_at], quoted=not st.lazy)
        return end
    body_at = m.end()
    while body_at < end and src[body_at] in " \t\r":
        body_at += 1
    if body_at < end:  # a box without words is not a task
        if not src.startswith(NO_MORE, end + 1):
            end = st.gap = _to_paragraph_end(st, end)
        star = "*" if m["starred"] else src[mark_at + 2]
        _add_box(st, m.start(), end, col, src[mark_at], mark_at, body_at, star)
    return end


def _on_odd(st: State, m: re.Match[str]) -> int:
    """What may be a box in another form; else it is left in the gap, as any other text."""
    src, newline = st.src, m.start()
    end = line_end(src, m.end())
    start = m.start("odd") - 1
    line = src[start:end]
    found = loose.item_box(line)
    mark = loose.like_box(line) if found is None else found.mark
    if mark is None:
        return m.end()
    col = width_of(m["indent"])
    approach(st, newline, col)
    depth = bisect_right(st.content, col)
    code = col > 0 and not st.lazy and col - (st.content[depth - 1] if depth else 0) >= 4
    if found is None:
        _note_odd(st, newline, end, mark, quoted=code or loose.is_quote(line))
        return m.end()
    box_at = start + found.box_at
    if found.lead.strip(" \t0123456789-*+.)"):  # blanks that make no list item in Markdown
        depth = base(st, col)
        opened = None if depth < 0 else (box_at, col)
        if opened is not None:
            truncate(st, depth)
            push(st, col + 2)
            st.lazy = True
    else:
        opened = open_items(st, src, start, col)
    st.gap = end
    if opened is None or opened[0] != box_at:
        _note_odd(st, newline, end, mark, quoted=code)
        return end
    if not src.startswith(NO_MORE, end + 1):
        end = st.gap = _to_paragraph_end(st, end)
    star = "*" if found.starred else ""
    _add_box(st, newline, end, col, mark, start + found.mark_at, start + found.body_at, star)
    return end


def _to_paragraph_end(st: State, first: int) -> int:
    """The end of the paragraph whose first line ends at `first`; notes boxes that it swallows."""
    end = paragraph_end(st, first)
    if end != first and ("[" in (inside := st.src[first + 1 : end]) or "［" in inside):
        at = first
        for line in inside.split("\n"):
            if (mark := loose.like_box(line)) is not None:
                _note_odd(st, at, at + 1 + len(line), mark, quoted=False)
            at += 1 + len(line)
    return end


def _note_odd(st: State, newline: int, end: int, mark: str, quoted: bool) -> None:
    if not mark.isdigit():
        st.odd.append(Odd(newline + 1 + st.shift, end + st.shift, mark, quoted))


def _on_rule(st: State, m: re.Match[str]) -> int:
    """An underline makes a heading of the line above it; a rule is left in the gap."""
    src, newline = st.src, m.start()
    start = src.rfind("\n", 0, newline)
    level = 1 if m["rule"][0] == "=" else 2
    if start < st.gap - 1 or start < 0:
        return m.end()  # what stands above was something else already
    before = src[src.rfind("\n", 0, start) + 1 : start] if start > 0 else ""
    line = src[start + 1 : newline]
    if not loose.is_underlined(line, before, level) or width_of(m["indent"]) > 3:
        return m.end()
    approach(st, newline, 1)
    if st.content and st.lazy:
        return m.end()
    st.gap = m.end()
    truncate(st, 0)
    st.lazy = False
    title, shift = " ".join(line.split()), st.shift
    st.headings.append(Heading(level, title, start + 1 + shift, m.end() + shift))
    return m.end()


def _add_box(
    st: State,
    newline: int,
    end: int,
    col: int,
    mark: str,
    mark_at: int,
    body_at: int,
    star: str,
) -> None:
    if mark.isdigit():
        return  # a reference
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
            star == "*",
            parent,
        )
    )


def _on_heading(st: State, m: re.Match[str]) -> int:
    newline, end = m.span()
    indent, hashes, title = m.group("indent", "hash", "title")
    depth = 0
    if indent:
        col = width_of(indent)
        approach(st, newline, col)
        depth = base(st, col)
    st.gap = end
    if ("[" in title or "［" in title) and (mark := loose.like_box(title)) is not None:
        _note_odd(st, newline, end, mark, quoted=depth < 0 and not st.lazy)
    if depth < 0:
        return end
    if st.content:
        truncate(st, depth)
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


def _on_fence(st: State, m: re.Match[str]) -> int:
    src = st.src
    col = width_of(m["indent"])
    end = line_end(src, m.end())
    approach(st, m.start(), col)
    run = m["fence"]
    char = run[-1]
    size = len(run) - len(run.rstrip(char))
    st.gap = end
    if size != len(run):
        opened = open_items(st, src, m.start("fence"), col)
        if opened is None or opened[0] != m.end() - size:
            return end
        depth = len(st.content)
    else:
        depth = base(st, col)
        st.lazy = st.lazy or depth >= 0
    if depth < 0 or (char == "`" and src.find("`", m.end(), end) >= 0):
        if size == len(run) and depth == 0:
            truncate(st, 0)  # inline code at the margin
        return end
    truncate(st, depth)
    st.lazy = False
    if depth:
        stop = _fence_in_item(st, m.start(), end, char, size)
    else:
        stop = _fence_at_root(st, m.start(), end, char, size)
    st.gap = _across(st, m.start(), stop)
    st.hidden.append((m.start() + 1 + st.shift, st.gap + st.shift))
    return st.gap


def _fence_in_item(st: State, newline: int, end: int, char: str, size: int) -> int:
    """End of a fence inside a list item: its closing line, or where the item ends."""
    src = st.src
    content = st.content[-1]
    while end < len(src):
        nxt = line_end(src, end + 1)
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


def _fence_at_root(st: State, newline: int, end: int, char: str, size: int) -> int:
    src = st.src
    if st.fences is None:
        m = re.compile(_BARE_FENCE).search(src, end)
        if m is not None and m[1][0] == char and len(m[1]) >= size:
            return line_end(src, m.start() + 1)  # nearly always the next one closes it
        st.fences = _all_fences(src)  # else all of them, once: the scan stays linear
    fences = st.fences
    i = bisect_left(fences.at, end)
    if i < len(fences.at) and fences.longest[char][i] >= size:
        while fences.char[i] != char or fences.size[i] < size:
            i += 1
        return line_end(src, fences.at[i] + 1)
    st.unclosed.append(newline + 1 + st.shift)
    m = re.compile(r"\n##[ \t]").search(src, end)
    stop = m.start() if m is not None else len(src)
    for at in st.begins[bisect_left(st.begins, end) : bisect_left(st.begins, stop)]:
        stop = max(stop, _take_conflict(st, at))
    return stop


def _all_fences(src: str) -> Fences:
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
    return Fences(at, char, size, longest)


def _on_comment(st: State, m: re.Match[str]) -> int:
    src = st.src
    col = width_of(m["indent"])
    approach(st, m.start(), col)
    depth = base(st, col)
    end = line_end(src, m.end())
    st.gap = end
    if depth < 0:
        return end
    truncate(st, depth)
    st.lazy = False
    # `<!-->` closes itself, so the search begins inside the opener.
    close = src.find("-->", m.end() - 2)
    stop = len(src) if close < 0 else line_end(src, close)
    if depth:
        stop = _dedent(src, end, stop, st.content[-1])
    st.gap = _across(st, m.start(), stop)
    st.hidden.append((m.start() + 1 + st.shift, st.gap + st.shift))
    return st.gap


def _dedent(src: str, end: int, stop: int, content: int) -> int:
    """The newline before the first line in `end..stop` that is left of `content`, else `stop`."""
    while end < stop:
        nxt = line_end(src, end + 1)
        line = src[end + 1 : nxt]
        body = line.lstrip(" \t")
        if body.strip() and width_of(line[: len(line) - len(body)]) < content:
            return end
        end = nxt
    return stop


def _on_conflict(st: State, m: re.Match[str]) -> int:
    if m.start() not in st.marked:
        return m.end()  # ordinary text, left in the gap
    st.gap = _take_conflict(st, m.start())
    truncate(st, 0)
    st.lazy = False
    return st.gap


def _take_conflict(st: State, newline: int) -> int:
    """Note a conflict; the newline that ends it.  Nothing in it is read."""
    found = st.marked[newline]
    if not st.conflicts or st.conflicts[-1].at < found.at + st.shift:
        st.conflicts.append(found.moved(st.shift))
    return found.end - 1 if st.src[found.end - 1] == "\n" else found.end


def _across(st: State, start: int, stop: int) -> int:
    """The end of code or a comment, behind the conflict that reaches beyond it."""
    i = bisect_left(st.begins, stop) - 1
    if i < 0 or st.begins[i] < start or st.marked[st.begins[i]].end - 1 <= stop:
        return stop
    return _take_conflict(st, st.begins[i])
