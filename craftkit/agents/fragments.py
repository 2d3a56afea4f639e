"""The pieces that an agent's files are made of, and what one does to the text of a file.  Pure.

A piece is a file of its own, a member or an element of a JSON file, a table of a TOML file, or
lines between two marks in a Markdown file.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, NamedTuple

from craftkit.agents import jsontext
from craftkit.agents.jsontext import Padding, Unparsable
from craftkit.agents.manifest import Made, digest
from craftkit.errors import CraftkitError

FILE, MEMBER, ELEMENT, TABLE, BLOCK = "file", "member", "element", "table", "block"

BEGIN = "<!-- craftkit:begin (written by `craftkit agents install`; yours is what is outside) -->"
END = "<!-- craftkit:end -->"


class BadFile(CraftkitError):
    """A file of an agent is not what it should be, so nothing is put into it."""

    code = "bad_file"
    kind = "validation"


class Fragment(NamedTuple):
    path: str  # with slashes, below the scope's base, or absolute
    kind: str
    at: tuple[str, ...]  # where in the file; for an element: the array, then the hook's event
    value: Any  # a JSON value, or the text of a file or a block
    what: str
    version: bool = False  # a JSON file that begins with "version": 1

    @property
    def place(self) -> tuple[str, str, tuple[str, ...]]:
        return self.path, self.kind, self.at

    @property
    def digest(self) -> str:
        return digest(self.value)


class Match(NamedTuple):
    """What stands at the place of a piece: its digest; for an element its number."""

    digest: str
    number: int = -1


class Insertion(NamedTuple):
    text: str
    glue: Padding | None
    made: tuple[Made, ...] = ()


def decode(path: str, data: bytes) -> str:
    if b"\0" in data:
        raise BadFile(f"{path} is not UTF-8 text.", "save it as UTF-8, then run this again", path)
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# Looking


def look(piece: Fragment, text: str, known: str = "") -> Match | None:
    """What is at the place of the piece in this text; of several the one with digest `known`.

    Raises BadFile for a text that cannot be read.
    """
    if piece.kind == FILE:
        return Match(digest(text))
    if piece.kind == BLOCK:
        block = _block(piece, text)
        return None if block is None else Match(digest(_inner(text[slice(*block)])))
    if piece.kind == TABLE:
        return _look_at_table(piece, text)
    root = _parse(piece, text)
    if piece.kind == MEMBER:
        node = jsontext.find(root, piece.at)
        return None if node is None else Match(digest(node.value))
    box = jsontext.find(root, piece.at[:-1])
    items = box.value if box is not None and isinstance(box.value, list) else []
    found = [Match(digest(i), n) for n, i in enumerate(items) if _runs(i, piece.at[-1])]
    for wanted in (known, piece.digest):
        for one in found:
            if one.digest == wanted:
                return one
    return found[0] if found else None


def _parse(piece: Fragment, text: str) -> jsontext.Node:
    try:
        root = jsontext.parse(text if text.strip("\ufeff \t\r\n") else "{}")
    except Unparsable as error:
        raise unreadable(piece.path, error.line, error.reason) from error
    if not isinstance(root.value, dict):
        raise unreadable(piece.path, 1, "an object in braces was expected")
    keys = piece.at[:-1]
    for depth in range(1, len(keys) + 1):
        node = jsontext.find(root, keys[:depth])
        wanted = list if piece.kind == ELEMENT and depth == len(keys) else dict
        if node is not None and not isinstance(node.value, wanted):
            line = text.count("\n", 0, node.start) + 1
            noun = "a list" if wanted is list else "an object"
            raise unreadable(piece.path, line, f"`{'.'.join(keys[:depth])}` should be {noun}")
    return root


def unreadable(path: str, line: int, reason: str) -> BadFile:
    return BadFile(
        f"{path} line {line}: {reason}.",
        "correct the file, then run this again; nothing was written for this agent",
        f"{path}:{line}",
    )


def _runs(item: Any, event: str) -> bool:
    """Whether a hook entry runs craftkit's hook of this event."""
    if isinstance(item, dict):
        return any(_runs(value, event) for value in item.values())
    if isinstance(item, list):
        return any(_runs(value, event) for value in item)
    pattern = rf"\bcraftkit-hook\s+{re.escape(event)}(?![\w-])"
    return isinstance(item, str) and re.search(pattern, item) is not None


# Putting


def put(piece: Fragment, text: str | None) -> Insertion:
    """The text with the piece, which is not there yet.  Raises BadFile."""
    if piece.kind == FILE:
        return Insertion(piece.value, None)
    if piece.kind in (BLOCK, TABLE):
        return _append(piece, text or "")
    made: list[Made] = []
    if text is None or not text.strip("\ufeff \t\r\n"):
        if text is not None:  # a file without a word in it, which gets its blanks back
            made.append(Made((), Padding(text)))
        text = "{}\n"
    if piece.version and not _parse(piece, text).value:
        text, glue = jsontext.insert(text, (), 1, "version")
        made.append(Made(("version",), glue))
    keys = piece.at[:-1]
    for depth in range(1, len(keys) + 1):
        if jsontext.find(_parse(piece, text), keys[:depth]) is None:
            value: Any = [] if piece.kind == ELEMENT and depth == len(keys) else {}
            text, glue = jsontext.insert(text, keys[: depth - 1], value, keys[depth - 1])
            made.append(Made(keys[:depth], glue))
    key = piece.at[-1] if piece.kind == MEMBER else None
    text, glue = jsontext.insert(text, keys, piece.value, key)
    return Insertion(text, glue, tuple(made))


def swap(piece: Fragment, text: str, found: Match) -> str:
    """The text with the piece in the place of what was found."""
    if piece.kind == FILE:
        return str(piece.value)
    if piece.kind in (BLOCK, TABLE):
        span = _block(piece, text)
        if span is None:
            raise unreadable(
                piece.path, 1, f"`{'.'.join(piece.at)}` is written in a way of its own"
            )
        return text[: span[0]] + _lines(piece, text) + text[span[1] :]
    if piece.kind == MEMBER:
        return jsontext.replace(text, piece.at, piece.value)
    kept = _others(piece, text, found)
    if kept is None:
        return jsontext.replace(text, (*piece.at[:-1], found.number), piece.value)
    text = jsontext.replace(text, (*piece.at[:-1], found.number), kept)
    return jsontext.insert(text, piece.at[:-1], piece.value).text


def _others(piece: Fragment, text: str, found: Match) -> Any:
    """A hook entry without craftkit's command, where it has commands of others; else None."""
    node = jsontext.find(_parse(piece, text), (*piece.at[:-1], found.number))
    value = node.value if node is not None else None
    hooks = value.get("hooks") if isinstance(value, dict) else None
    rest = [h for h in hooks if not _runs(h, piece.at[-1])] if isinstance(hooks, list) else []
    return {**value, "hooks": rest} if rest and isinstance(value, dict) else None


# Taking away


def take(piece: Fragment, text: str, found: Match, glue: Padding | None) -> str:
    """The text without what was found, and with all else as it is."""
    if piece.kind == FILE:
        return ""
    if piece.kind in (BLOCK, TABLE):
        return _cut(piece, text, glue)
    if piece.kind == MEMBER:
        return jsontext.remove(text, piece.at, glue)
    kept = _others(piece, text, found)
    where: jsontext.Path = (*piece.at[:-1], found.number)
    if kept is None:
        return jsontext.remove(text, where, glue)
    return jsontext.replace(text, where, kept)


def tidy(text: str, made: list[Made]) -> tuple[str, list[Made]]:
    """The text without the containers that were made for us and are empty, and those that stay."""
    kept: list[Made] = []
    for item in reversed(made):
        root = jsontext.parse(text)
        node = jsontext.find(root, item.at)
        if node is None:
            continue
        if not item.at and node.value == {}:
            return item.glue.lead, []
        alone = item.at == ("version",) and node.value == 1 and len(root.members) == 1
        if alone or node.value in ({}, []):
            text = jsontext.remove(text, item.at, item.glue)
        else:
            kept.append(item)
    return text, kept[::-1]


def is_bare(kind: str, text: str) -> bool:
    """Whether a file that we made holds nothing any more."""
    rest = text.strip("\ufeff \t\r\n")
    return not rest or (kind in (MEMBER, ELEMENT) and rest == "{}")


# Marked lines


def _body(piece: Fragment) -> list[str]:
    if piece.kind == BLOCK:
        return [BEGIN, *str(piece.value).splitlines(), END]
    # JSON's texts and lists of texts read the same in TOML.
    rows = [f"{key} = {json.dumps(value)}" for key, value in piece.value.items()]
    return [_header(piece), *rows]


def _header(piece: Fragment) -> str:
    return f"[{'.'.join(piece.at)}]"


def _lines(piece: Fragment, text: str) -> str:
    newline = jsontext.newline_of(text)
    return "".join(line + newline for line in _body(piece))


def _append(piece: Fragment, text: str) -> Insertion:
    if piece.kind == TABLE:
        _load_table(piece, text)
    newline = jsontext.newline_of(text)
    bare = text.removeprefix("\ufeff")
    lead = newline * ((not bare.endswith("\n")) + (not bare.endswith(newline * 2))) if bare else ""
    new = text + lead + _lines(piece, text)
    if piece.kind == TABLE:
        try:
            _load_table(piece, new)
        except BadFile as error:
            found = re.search(rf"^\s*{piece.at[0]}\b", text, re.MULTILINE)
            line = text.count("\n", 0, found.end()) + 1 if found else 1
            reason = f"no table `{'.'.join(piece.at)}` can be added to `{piece.at[0]}` as it is"
            raise unreadable(piece.path, line, reason) from error
    return Insertion(new, Padding(lead))


def _block(piece: Fragment, text: str) -> tuple[int, int] | None:
    """Where the lines stand, the last one's end included; None for a table in another form.

    A table has no marks: a program that adds another one drops or moves comments.
    """
    first = BEGIN if piece.kind == BLOCK else _header(piece)
    at, begin = 0, -1
    for line in text.splitlines(keepends=True):
        bare = line.strip("\ufeff\r\n")
        if begin < 0 and bare == first:
            begin = at + line.startswith("\ufeff")
        elif begin >= 0 and piece.kind == BLOCK and bare == END:
            return begin, at + len(line)
        elif begin >= 0 and piece.kind == TABLE and (not bare.strip() or bare[0] == "["):
            return begin, at
        at += len(line)
    return (begin, at) if begin >= 0 and piece.kind == TABLE else None


def _odd_table(piece: Fragment) -> BadFile:
    return BadFile(
        f"{piece.path}: `{'.'.join(piece.at)}` is not written as a table of its own.",
        f"take it out by hand, or write it below a line `{_header(piece)}`",
        piece.path,
    )


def _inner(block: str) -> str:
    lines = [line.rstrip("\r\n") for line in block.splitlines()]
    return "\n".join(lines[1:-1]) + "\n"


def _cut(piece: Fragment, text: str, glue: Padding | None) -> str:
    span = _block(piece, text)
    if span is None:
        raise _odd_table(piece)
    before, after = text[: span[0]], text[span[1] :]
    lead = glue.lead if glue is not None else ""
    shorter = before[: len(before) - len(lead)]
    if before.endswith(lead) and (not after or shorter.endswith("\n") or not shorter):
        before = shorter
    return before + after


def _load_table(piece: Fragment, text: str) -> Any:
    """What a TOML text holds at the place of the piece.  Raises BadFile."""
    try:
        value: Any = tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r" \(at line ([0-9]+), column [0-9]+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        reason = re.sub(r" \(at .*\)$", "", str(error)) or "it is nested too deeply"
        raise unreadable(piece.path, line, reason[:1].lower() + reason[1:]) from error
    for key in piece.at:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _look_at_table(piece: Fragment, text: str) -> Match | None:
    value = _load_table(piece, text)
    return None if value is None else Match(digest(value))
