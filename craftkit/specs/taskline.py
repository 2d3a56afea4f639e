"""Take one task line apart: key, title, tags, dependencies and link."""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from .. import digests

_BLANKS = " \t\r\f\v"
_LINK = re.compile(r"(?:\A|[ \t]+)\(#([1-9][0-9]{0,9})\)\Z")
_TAG = re.compile(r"[ \t]*\[(?:(P)|US[0-9]+|[A-Za-z]+:[^\]\n]*)\](?=[ \t]|\Z)")
_DEPENDS = re.compile(r"\(depends on:?[ \t]([^()\n]*)\)", re.IGNORECASE)
_DEPENDS_LINE = r"_Depends(?: on)?:([^_\n]*)_"
_ANNOTATION = r"_(?:Depends(?: on)?|Requirements|Boundary):[^_\n]*_"
_KEY = re.compile(r"(?<![\w.])(?:T[0-9]{3,}[a-z]?|[0-9]+(?:\.[0-9]+)*[a-z]?)(?![\w])")
_PARALLEL = r"(?:\A|[ \t])\(P\)(?=[ \t]|\Z)"


class Words(NamedTuple):
    """What the words of a task line say; `link_at` is an offset into the line's body."""

    key: str | None
    title: str
    parallel: bool
    starred: bool  # the key carries Kiro's star for an optional task
    depends_on: tuple[str, ...]
    issue: int | None
    link_at: int


def read_words(body: str, key_at: Callable[[str], re.Match[str] | None]) -> Words:
    """Read everything after the box; `key_at` matches the dialect's key."""
    body = body.rstrip(_BLANKS)
    issue = None
    link_at = len(body)
    if body[-1:] == ")":
        # Only the tail is searched, so that a long line costs no more than a short one.
        tail = max(0, body.rfind("(#"))
        if link_at - tail <= 14:
            m = _LINK.search(body, _blanks_before(body, tail))
            if m is not None:
                issue, link_at = int(m[1]), m.start()
    words = body[:link_at]
    key, rest, starred = split_key(words, key_at)
    parallel = False
    if rest[:1] == "[" and (key is None or key[0] == "T"):
        rest, parallel = _strip_tags(rest)
    depends: tuple[str, ...] = ()
    if "epends" in rest:
        rest, depends = _strip_depends(rest)
    if "_" in rest:
        rest = re.sub(_ANNOTATION, "", rest, flags=re.I)
    if "(P)" in rest:
        rest, count = re.subn(_PARALLEL, "", rest)
        parallel = parallel or count > 0
    return Words(key, " ".join(rest.split()), parallel, starred, depends, issue, link_at)


def _strip_depends(rest: str) -> tuple[str, tuple[str, ...]]:
    keys: list[str] = []
    for m in _DEPENDS.finditer(rest):
        keys += _KEY.findall(m[1])
    rest = _DEPENDS.sub("", rest)
    keys += depends_in(rest)
    return rest, tuple(dict.fromkeys(keys))


def _blanks_before(body: str, at: int) -> int:
    while at > 0 and body[at - 1] in " \t":
        at -= 1
    return at


def split_key(
    words: str, key_at: Callable[[str], re.Match[str] | None]
) -> tuple[str | None, str, bool]:
    """(key, what follows it, whether the key carries a star)."""
    m = key_at(words)
    if m is None:
        return None, words, False
    opened, key, shut, star = m.groups()
    rest = words[m.end() :].lstrip(" \t")
    if opened and not shut:
        rest = opened + rest  # bold goes on after the key
    return key, rest, star == "*"


def _strip_tags(rest: str) -> tuple[str, bool]:
    pos, parallel = 0, False
    while (m := _TAG.match(rest, pos)) is not None:
        parallel = parallel or m[1] is not None
        pos = m.end()
    return rest[pos:], parallel


def depends_in(text: str) -> list[str]:
    """The keys that `_Depends: 1.1, 1.2_` annotations name."""
    return [key for m in re.finditer(_DEPENDS_LINE, text, re.I) for key in _KEY.findall(m[1])]


def text_digest(title: str) -> str:
    """Twelve hex digits that stand for a title, however it is spaced or composed."""
    if not title.isascii():
        title = unicodedata.normalize("NFC", title)
    folded = " ".join(title.split())
    return digests.sha256(folded.encode("utf-8", "surrogateescape"))[:12]
