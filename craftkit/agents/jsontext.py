"""Change one member or element of a JSON text and leave every other byte as it is.

Read is what agents' settings files are: JSON, with comments and trailing commas where somebody
wrote them.  Positions count characters.  Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

Key = str | int
Path = tuple[Key, ...]

MAX_DEPTH = 100
_BLANK = " \t\r\n"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORDS = {"true": True, "false": False, "null": None}


class Unparsable(Exception):
    """The text is not JSON; `line` counts from 1."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"line {line}: {reason}")
        self.reason, self.line = reason, line


class Node(NamedTuple):
    """A value and where it stands; `members` are those of an object, `items` those of an array."""

    start: int
    end: int
    value: Any
    members: tuple[Member, ...] = ()
    items: tuple[Node, ...] = ()

    @property
    def children(self) -> tuple[Member | Node, ...]:
        return self.members or self.items


class Member(NamedTuple):
    start: int  # of the key
    end: int  # of the value
    key: str
    node: Node


class Padding(NamedTuple):
    """What an insertion into an empty container put around the new text, to be taken out again."""

    lead: str = ""
    tail: str = ""


class Inserted(NamedTuple):
    text: str
    glue: Padding


# Reading


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 1 if text.startswith("\ufeff") else 0, 0

    def fail(self, reason: str, at: int | None = None) -> Unparsable:
        at = self.at if at is None else at
        return Unparsable(reason, self.text.count("\n", 0, at) + 1)

    def skip(self) -> None:
        """Go to the next character that is neither blank nor comment."""
        self.at = _skip(self.text, self.at)
        if self.text.startswith("/*", self.at):
            raise self.fail("a comment has no end")

    def peek(self) -> str:
        self.skip()
        return self.text[self.at : self.at + 1]

    def value(self) -> Node:
        sign = self.peek()
        if sign == "{" or sign == "[":
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.fail("it is nested too deeply")
            node = self.object() if sign == "{" else self.array()
            self.depth -= 1
            return node
        if sign == '"':
            start, value = self.at, self.string()
            return Node(start, self.at, value)
        return self.word()

    def string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self.fail("a text has no end, or a character that JSON does not allow")
        try:
            value = json.loads(found[0])
        except ValueError:
            raise self.fail("a text has an escape that JSON does not know") from None
        self.at = found.end()
        return str(value)

    def word(self) -> Node:
        start = self.at
        for word, value in _WORDS.items():
            if self.text.startswith(word, start):
                self.at += len(word)
                return Node(start, self.at, value)
        found = _NUMBER.match(self.text, start)
        if found is None:
            what = repr(self.text[start]) if start < len(self.text) else "the end of the file"
            raise self.fail(f"a value was expected, not {what}")
        self.at = found.end()
        try:
            return Node(start, self.at, json.loads(found[0]))
        except ValueError:  # more digits than Python reads
            raise self.fail("a number is too long", start) from None

    def object(self) -> Node:
        start, found = self.at, list[Member]()
        self.at += 1
        while self.peek() != "}":
            if self.peek() != '"':
                raise self.fail("a key in double quotes was expected")
            begin, key = self.at, self.string()
            if self.peek() != ":":
                raise self.fail(f"a colon was expected behind the key {key[:40]!r}")
            self.at += 1
            node = self.value()
            found.append(Member(begin, node.end, key, node))
            self.comma("}")
        self.at += 1
        value = {member.key: member.node.value for member in found}
        return Node(start, self.at, value, members=tuple(found))

    def array(self) -> Node:
        start, found = self.at, list[Node]()
        self.at += 1
        while self.peek() != "]":
            found.append(self.value())
            self.comma("]")
        self.at += 1
        return Node(start, self.at, [node.value for node in found], items=tuple(found))

    def comma(self, closing: str) -> None:
        sign = self.peek()
        if sign == ",":
            self.at += 1
        elif sign != closing:
            raise self.fail(f"a comma or {closing!r} was expected")


def _skip(text: str, at: int, same_line: bool = False) -> int:
    """Behind blanks and comments; with `same_line` at the end of the last comment of this line."""
    last = at
    while at < len(text):
        if text[at] in _BLANK:
            if same_line and text[at] in "\r\n":
                return last
            at += 1
        elif text.startswith(("//", "/*"), at):
            end = _skip_one(text, at)
            closed = text.startswith("//", at) or end > at + 3
            if not closed or (same_line and "\n" in text[at:end]):
                break
            at = last = end
        else:
            break
    return last if same_line else at


def parse(text: str) -> Node:
    """The value of a whole text.  Raises Unparsable."""
    reader = _Reader(text)
    node = reader.value()
    if reader.peek():
        raise reader.fail("something follows the end of the document")
    return node


def find(root: Node, path: Path) -> Node | None:
    """The value at `path`; of two members with one key the last counts, as for every reader."""
    node = root
    for key in path:
        if isinstance(key, int):
            if not isinstance(node.value, list) or key >= len(node.items):
                return None
            node = node.items[key]
        else:
            found = [m for m in node.members if m.key == key]
            if not found:
                return None
            node = found[-1].node
    return node


# Writing


def newline_of(text: str) -> str:
    """The line ending of a text: that of its first line."""
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def _indent_unit(text: str, root: Node) -> str:
    """What one level is indented by: seen at the first child that begins a line."""
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        for child in node.children:
            outer, inner = _indent_of(text, node.start), _own_indent(text, child.start)
            if inner is not None and inner != outer and inner.startswith(outer):
                return inner[len(outer) :]
            stack.append(child.node if isinstance(child, Member) else child)
    return "  "


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _indent_of(text: str, at: int) -> str:
    """The blanks that the line of `at` begins with."""
    line = text[_line_start(text, at) : at].lstrip("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _own_indent(text: str, at: int) -> str | None:
    """The indent of what begins its line; None for what stands behind something else."""
    line = text[_line_start(text, at) : at].lstrip("\ufeff")
    return line if not line.strip(" \t") and _line_start(text, at) > 0 else None


def _render(value: Any, unit: str, indent: str, newline: str) -> str:
    if not unit:
        return json.dumps(value, ensure_ascii=False)
    lines = json.dumps(value, ensure_ascii=False, indent=unit).split("\n")
    return (newline + indent).join(lines)


class _Place(NamedTuple):
    """How a new child of a container is laid out: on its own line, or on that of the others."""

    unit: str  # "" writes it on one line
    indent: str
    newline: str

    @property
    def lead(self) -> str:
        return self.newline + self.indent if self.unit else " "


def _place(text: str, root: Node, box: Node) -> _Place:
    newline, outside = newline_of(text), text.strip("\ufeff" + _BLANK)
    one_line = "\n" not in outside and "\r" not in outside
    if box.children:
        last = box.children[-1]
        own = _own_indent(text, last.start)
        if own is not None:
            return _Place(_indent_unit(text, root), own, newline)
        # A line comment behind the last child leaves no room on its line.
        comment = text[last.end : box.end]
        if "//" not in comment:
            return _Place("", "", newline)
    elif one_line and root.children:
        return _Place("", "", newline)
    unit = _indent_unit(text, root)
    return _Place(unit, _indent_of(text, box.start) + unit, newline)


def _pair(key: Key | None, rendered: str) -> str:
    return rendered if key is None else f"{json.dumps(key, ensure_ascii=False)}: {rendered}"


def insert(text: str, path: Path, value: Any, key: str | None = None) -> Inserted:
    """Append to the container at `path`: the member `key`, or an element of an array.

    Raises Unparsable, or ValueError where `path` leads to no such container.
    """
    root = parse(text)
    box = find(root, path)
    if box is None or not isinstance(box.value, list if key is None else dict):
        raise ValueError("no such container")
    place = _place(text, root, box)
    new = _pair(key, _render(value, place.unit, place.indent, place.newline))
    if not box.children:
        return _fill(text, box, new, place)
    last = box.children[-1]
    behind = _skip(text, last.end)
    if text[behind] == ",":  # a trailing one, which stays in style
        at = _skip(text, behind + 1, same_line=True)
        return Inserted(text[:at] + place.lead + new + "," + text[at:], Padding())
    at = _skip(text, last.end, same_line=True)
    return Inserted(
        text[: last.end] + "," + text[last.end : at] + place.lead + new + text[at:], Padding()
    )


def _fill(text: str, box: Node, new: str, place: _Place) -> Inserted:
    """Put the first child behind the comments of an empty container, before its last blanks."""
    at, _ = _blanks_before(text, box.start + 1, box.end - 1)
    rest = text[at : box.end - 1]
    if not place.unit:
        lead = " " if at > box.start + 1 else ""
        return Inserted(text[:at] + lead + new + text[at:], Padding(lead))
    outer = place.indent[: len(place.indent) - len(place.unit)]
    tail = "" if "\n" in rest or "\r" in rest else place.newline + outer
    return Inserted(text[:at] + place.lead + new + tail + text[at:], Padding(place.lead, tail))


def replace(text: str, path: Path, value: Any) -> str:
    """The text with another value at `path`.  Raises Unparsable or ValueError."""
    root = parse(text)
    node = find(root, path)
    if node is None:
        raise ValueError("no such value")
    own = node.start - len(text[: node.start].rstrip(_BLANK)) > 0
    multi = "\n" in text[node.start : node.end] or (own and "\n" in text.strip("\ufeff" + _BLANK))
    unit = _indent_unit(text, root) if multi else ""
    new = _render(value, unit, _indent_of(text, node.start), newline_of(text))
    return text[: node.start] + new + text[node.end :]


def remove(text: str, path: Path, glue: Padding | None = None) -> str:
    """The text without what is at `path`; `glue` is what its insertion gave.

    Raises Unparsable or ValueError.
    """
    box = find(parse(text), path[:-1])
    if box is None or find(box, path[-1:]) is None:
        raise ValueError("no such value")
    number = _number(box, path[-1])
    child = box.children[number]
    behind = _skip(text, child.end)
    comma = behind if text[behind] == "," else None
    if len(box.children) == 1:
        return _empty(text, box, child, comma, glue)
    before = box.children[number - 1].end if number else box.start + 1
    start, line_comment = _blanks_before(text, before, child.start)
    if comma is None:  # the last one: the comma before it goes
        sign = _skip(text, before)
        kept, rest = text[:sign] + text[sign + 1 : start], text[child.end :]
    elif _has_comment(text[child.end : comma]):
        kept, rest = text[:start], text[child.end : comma] + text[comma + 1 :]
    else:
        kept, rest = text[:start], text[comma + 1 :]
    if line_comment and rest[:1] not in ("\n", "\r"):
        kept += text[start : child.start]
    return kept + rest


def _number(box: Node, key: Key) -> int:
    if isinstance(key, int):
        return key
    return max(number for number, member in enumerate(box.members) if member.key == key)


def _has_comment(between: str) -> bool:
    return bool(between.strip(_BLANK + ","))


def _blanks_before(text: str, start: int, end: int) -> tuple[int, bool]:
    """Where the blanks before `end` begin, in a stretch of blanks, commas and comments.

    And whether a line comment is before them, which only the end of a line closes.
    """
    at, last, line = start, start, False
    while at < end:
        behind = _skip_one(text, at)
        if text[at] not in _BLANK:
            last, line = behind, text.startswith("//", at)
        at = behind
    return last, line


def _skip_one(text: str, at: int) -> int:
    """Behind the comment or the character at `at`."""
    if text.startswith("//", at):
        ends = [e for e in (text.find("\n", at), text.find("\r", at)) if e >= 0]
        return min(ends, default=len(text))
    if text.startswith("/*", at):
        return text.find("*/", at + 2) + 2
    return at + 1


def _empty(
    text: str, box: Node, child: Member | Node, comma: int | None, glue: Padding | None
) -> str:
    before, after = text[box.start + 1 : child.start], text[child.end : box.end - 1]
    if comma is not None:  # somebody's formatter added it
        after = text[child.end : comma] + text[comma + 1 : box.end - 1]
    known = glue is not None and before.endswith(glue.lead) and after.startswith(glue.tail)
    # One that was written on one line and stands on more was laid out anew.
    if glue is not None and known and (glue != Padding() or "\n" not in before + after):
        before, after = before[: len(before) - len(glue.lead)], after[len(glue.tail) :]
    elif not _has_comment(before + after):
        before = after = ""
    if _blanks_before(before, 0, len(before)) == (len(before), True) and after[:1] not in (
        "\n",
        "\r",
    ):
        after = newline_of(text) + after
    return text[: box.start + 1] + before + after + text[box.end - 1 :]
