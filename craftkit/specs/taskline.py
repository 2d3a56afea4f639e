"""Take one task line apart: key, title, tags, dependencies and link."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NamedTuple

from .dialects import Dialect

_BLANKS = " \t\r\f\v"
_LINK = re.compile(r"(?:\A|[ \t]+)\(#([1-9][0-9]{0,9})\)\Z")
_TAG = re.compile(r"[ \t]*\[(?:(P)|US[0-9]+|[A-Za-z]+:[^\]\n]*)\](?=[ \t]|\Z)")
_DEPENDS = re.compile(r"\(depends on:?[ \t]([^()\n]*)\)", re.IGNORECASE)
_DEPENDS_LINE = re.compile(r"_Depends(?: on)?:([^_\n]*)_", re.IGNORECASE)
_ANNOTATION = re.compile(r"_(?:Depends(?: on)?|Requirements|Boundary):[^_\n]*_", re.IGNORECASE)
_KEY = re.compile(r"(?<![\w.])(?:T[0-9]{3,}[a-z]?|[0-9]+(?:\.[0-9]+)*[a-z]?)(?![\w])")
_PARALLEL = re.compile(r"(?:\A|[ \t])\(P\)(?=[ \t]|\Z)")


class Words(NamedTuple):
    """What the words of a task line say; `link_at` is an offset into the line's body."""

    key: str | None
    title: str
    parallel: bool
    optional: bool
    depends_on: tuple[str, ...]
    issue: int | None
    link_at: int


def read_words(body: str, dialect: Dialect) -> Words:
    """Read everything after the box."""
    body = body.rstrip(_BLANKS)
    issue = None
    link_at = len(body)
    if body.endswith(")"):
        # Only the tail is searched, so that a long line costs no more than a short one.
        tail = max(0, body.rfind("(#"))
        m = _LINK.search(body, _blanks_before(body, tail)) if len(body) - tail <= 14 else None
        if m is not None:
            issue, link_at = int(m[1]), m.start()
    words = body[:link_at]
    key, rest, starred = split_key(words, dialect)
    parallel = False
    if key is None or key.startswith("T"):
        rest, parallel = _strip_tags(rest)
    depends: list[str] = []
    if "epends" in rest:
        for m in _DEPENDS.finditer(rest):
            depends += _KEY.findall(m[1])
        rest = _DEPENDS.sub("", rest)
        depends += depends_in(rest)
    if "_" in rest:
        rest = _ANNOTATION.sub("", rest)
    if "(P)" in rest:
        rest, count = _PARALLEL.subn("", rest)
        parallel = parallel or count > 0
    return Words(
        key,
        " ".join(rest.split()),
        parallel,
        starred,
        tuple(dict.fromkeys(depends)),
        issue,
        link_at,
    )


def _blanks_before(body: str, at: int) -> int:
    while at > 0 and body[at - 1] in " \t":
        at -= 1
    return at


def split_key(words: str, dialect: Dialect) -> tuple[str | None, str, bool]:
    """(key, what follows it, whether the key carries Kiro's optional star)."""
    m = dialect.key.match(words)
    if m is None:
        return None, words, False
    found = m.groupdict()
    key = found["key"] or found.get("whole")
    rest = words[m.end() :].lstrip(" \t")
    if found["open"] and not found["shut"]:
        rest = found["open"] + rest  # bold goes on after the key
    return key, rest, dialect.optional_star and found["star"] == "*"


def _strip_tags(rest: str) -> tuple[str, bool]:
    pos, parallel = 0, False
    while (m := _TAG.match(rest, pos)) is not None:
        parallel = parallel or m[1] is not None
        pos = m.end()
    return rest[pos:], parallel


def depends_in(text: str) -> list[str]:
    """The keys that `_Depends: 1.1, 1.2_` annotations name."""
    return [key for m in _DEPENDS_LINE.finditer(text) for key in _KEY.findall(m[1])]


def text_digest(title: str) -> str:
    """Twelve hex digits that stand for a title, however it is spaced or composed."""
    folded = " ".join(unicodedata.normalize("NFC", title).split())
    return hashlib.sha256(folded.encode("utf-8", "surrogateescape")).hexdigest()[:12]
