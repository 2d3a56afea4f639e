"""Take one task line apart: key, title, tags, dependencies and link."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from .. import digests

_BLANKS = " \t\r\n\f\v"
_LINK = re.compile(r"(?:\A|[ \t]+)\(#([1-9][0-9]{0,9})\)\Z")
_TAG = re.compile(r"[ \t]*\[(?:(P)|US[0-9]+|[A-Za-z]+:[^\]\n]*)\](?=[ \t]|\Z)")
_DEPENDS = re.compile(r"\(depends on:?[ \t]([^()\n]*)\)", re.IGNORECASE)
# A formatter may write `*` for `_`.
_DEPENDS_LINE = r"([_*])Depends(?: on)?:([^_*\n]*)\1"
_ANNOTATION = r"([_*])(?:Depends(?: on)?|Requirements|Boundary|Leverage):[^_*\n]*\1"
_ESCAPED = r"\\([!-/:-@\[-`{-~])"  # CommonMark 0.31, section 2.4: a backslash before punctuation
# What a list of dependencies is made of; anything else in its place makes it prose.
_ONE = (
    r"(?:[Tt]asks?[ \t]+|TASK[ \t]+)?[`*\[]{0,3}(T[0-9]+(?:\.[0-9]+)*[A-Za-z]?|T-[A-Z]{0,5}[0-9]+"
    r"|TASK-[0-9]+|[0-9]+(?:\.[0-9]+)*[a-z]?)[`*\]]{0,3}(?![\w`*\]])"
)
_BETWEEN = (
    r"[ \t]*(?:(\.{2,3}|…|[-–—~〜]|(?<=[ \t])(?:to|through)(?=[ \t]))"
    r"|(?:[,;、，][ \t]*)?(?<=[ \t])(?:and|or)(?=[ \t])|[,;、，&+/])[ \t]*|[ \t]+"
)
_ANY_KEY = r"(?<![\w.-])(?:T[0-9]+(?:\.[0-9]+)*[A-Za-z]?|[0-9]+(?:\.[0-9]+)+[a-z]?)(?![\w])"
RANGE = ".."  # stands between the two ends of a range of dependencies
_PARALLEL = r"(?:\A|[ \t])\(P\)(?=[ \t]|\Z)"
# Kept as text, because few lines need them: `re` compiles a pattern when it is first used.
_NUMBER = r"(?<!\S)\(#([1-9][0-9]{0,9})\)(?=[\s.,;:!?]|\Z)"
_MASKING = r"`+|<!--"
_DETAILS = rf"[ \t]*(?:{_ANNOTATION}[ \t]*)+\r?\Z"


class Words(NamedTuple):
    """What the first paragraph of a task says; offsets are into its body.

    `others` are the numbers in parentheses that are not the link, and where each one begins.
    """

    key: str | None
    title: str
    parallel: bool
    starred: bool  # the key carries Kiro's star for an optional task
    depends_on: tuple[str, ...]
    issue: int | None
    link_at: int  # where the link begins, with the blanks before it; else where it goes
    others: tuple[tuple[int, int], ...] = ()
    end: int = 0  # where a link goes, if the one that is there is not the task's


def read_words(body: str, key_at: Callable[[str], re.Match[str] | None]) -> Words:
    """Read everything after the box; `key_at` matches the dialect's key."""
    body = body.rstrip(_BLANKS)
    issue, link_at, words, end = None, len(body), body, len(body)
    others: tuple[tuple[int, int], ...] = ()
    m = None
    first, wrapped = body.find("(#"), "\n" in body
    if first >= 0 and not wrapped and len(body) - first <= 14 and body.rfind("(#") == first:
        m = _LINK.search(body, _blanks_before(body, first))  # nearly every link ends its line
    if m is not None:
        issue, link_at = int(m[1]), m.start()
        words = body[:link_at]
    elif first >= 0 or wrapped:
        issue, link_at, others, words = _search(body)
        end = _end_of_words(body)
    if "<!--" in words:
        words = _masked(words)[0]
    if words is not body or wrapped:
        words = " ".join(words.split()) if wrapped else words.lstrip(_BLANKS)
    key, rest, starred = split_key(words, key_at)
    parallel = False
    if rest[:1] == "[" and (key is None or key[0] == "T"):
        rest, parallel = _strip_tags(rest)
        if key is None and parallel:  # `[P] T009`
            key, rest, starred = split_key(rest.lstrip(_BLANKS), key_at)
    depends: tuple[str, ...] = ()
    if "epends" in rest:
        rest, depends = _strip_depends(rest)
    if ":" in rest and ("_" in rest or "*" in rest):
        rest = re.sub(_ANNOTATION, "", rest, flags=re.I)
    if "(P)" in rest:
        rest, count = re.subn(_PARALLEL, "", rest)
        parallel = parallel or count > 0
    title = " ".join(rest.split())
    if "\\" in title:
        title = _unescaped(title)
    return Words(key, title, parallel, starred, depends, issue, link_at, others, end)


def _search(body: str) -> tuple[int | None, int, tuple[tuple[int, int], ...], str]:
    """The link of a paragraph, wherever it stands, and the words without it.

    The number that ends the paragraph is the link, else the only one in it.
    """
    found = list(re.finditer(_NUMBER, _masked(body)[1]))
    last = found[-1] if found else None
    link = None
    if last is not None and (len({m[1] for m in found}) == 1 or _is_at_end(body[last.end() :])):
        link = last
    if link is None:
        return None, _end_of_words(body), tuple((int(m[1]), m.start()) for m in found), body
    words, reached = "", 0
    tail = _tail(body, found)
    for m in found:
        if m[1] == link[1] or m.start() >= tail:  # the same link twice, or one behind another
            words += body[reached : m.start()].rstrip(_BLANKS)
            reached = m.end()
    others = tuple((int(m[1]), m.start()) for m in found if m is not link)
    return int(link[1]), _link_start(body, link), others, words + body[reached:]


def _tail(body: str, found: Sequence[re.Match[str]]) -> int:
    """The offset of the first of the numbers at the end that nothing but blanks divides."""
    at = len(body)
    for m in reversed(found):
        if body[m.end() : at].strip(_BLANKS):
            break
        at = m.start()
    return at


def _is_at_end(rest: str) -> bool:
    """Whether what follows a number says nothing more of the task."""
    rest = " ".join(_masked(rest)[0].split())
    if "epends" in rest:
        rest = _strip_depends(rest)[0]
    rest = re.sub(_PARALLEL, "", re.sub(_ANNOTATION, "", rest, flags=re.I))
    return not rest.strip(" .,;:!?")


def _link_start(body: str, link: re.Match[str]) -> int:
    """Where a link begins: with the blanks before it, and the line's end if it opens a line."""
    at = _blanks_before(body, link.start())
    if body[at - 1 : at] == "\n":
        at -= 2 if body[at - 2 : at - 1] == "\r" else 1
    return at


def _end_of_words(body: str) -> int:
    """Where a link goes: behind the last line that is more than annotations."""
    end = len(body)
    while (at := body.rfind("\n", 0, end)) >= 0 and re.match(_DETAILS, body[at + 1 : end], re.I):
        end = at
    return len(body[:end].rstrip(_BLANKS))


def _masked(body: str) -> tuple[str, str]:
    """The text with blanks for its comments, and with blanks for its code as well."""
    if "`" not in body and "<!--" not in body:
        return body, body
    shown, plain, reached = "", "", 0
    runs: dict[int, list[int]] | None = None
    last_close = body.rfind("-->")
    for m in re.finditer(_MASKING, body):
        if m.start() < reached:
            continue
        kept = body[reached : m.start()]
        if m[0] == "<!--":
            if last_close < m.end() - 2:
                continue
            end = body.find("-->", m.end() - 2) + 3
            shown += kept + " " * (end - m.start())
        else:
            if runs is None:
                runs = _backticks(body)
            same = runs[len(m[0])]
            while same and same[-1] <= m.start():
                same.pop()
            if not same:
                continue
            end = same[-1] + len(m[0])
            shown += kept + body[m.start() : end]
        plain += kept + " " * (end - m.start())
        reached = end
    return shown + body[reached:], plain + body[reached:]


def _backticks(body: str) -> dict[int, list[int]]:
    """Length -> where the runs of that many backticks are, the last one first."""
    out: dict[int, list[int]] = {}
    for m in re.finditer("`+", body):
        out.setdefault(len(m[0]), []).append(m.start())
    return {size: places[::-1] for size, places in out.items()}


def _strip_depends(rest: str) -> tuple[str, tuple[str, ...]]:
    keys: list[str] = []

    def take(m: re.Match[str]) -> str:
        named = keys_in(m[1])
        keys.extend(named)
        return "" if named else m[0]

    rest = _DEPENDS.sub(take, rest)
    keys += depends_in(rest)
    return rest, tuple(dict.fromkeys(keys))


def keys_in(text: str) -> list[str]:
    """The keys of a list such as `T001, T003..T005 and 2.1`; none of a text with other words.

    A range is one entry, `T003..T005`.
    """
    text = text.strip(" \t.")
    keys: list[str] = []
    pos, joins = 0, False
    one, between = re.compile(_ONE), re.compile(_BETWEEN)
    while (m := one.match(text, pos)) is not None:
        if joins:
            keys[-1] = f"{keys[-1].rpartition(RANGE)[2]}{RANGE}{m[1]}"
        else:
            keys.append(m[1])
        if m.end() == len(text):
            return keys
        gap = between.match(text, m.end())
        if gap is None or gap.end() == m.end():
            return []
        pos, joins = gap.end(), gap[1] is not None
    return []


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


def _unescaped(title: str) -> str:
    """The title as Markdown shows it: a formatter writes `\\_x` for `_x`, outside of code."""
    words = _masked(title)[1]
    out, reached = "", 0
    for m in re.finditer(_ESCAPED, words):
        out += title[reached : m.start()]
        reached = m.start() + 1
    return out + title[reached:]


def depends_in(text: str) -> list[str]:
    """The keys that `_Depends: 1.1, 1.2_` annotations name."""
    found = re.finditer(_DEPENDS_LINE, text, re.I)
    return [key for m in found for key in keys_in(m[2]) or re.findall(_ANY_KEY, m[2])]


def text_digest(title: str) -> str:
    """Twelve hex digits that stand for a title, however it is spaced or composed."""
    if not title.isascii():
        title = unicodedata.normalize("NFC", title)
    folded = " ".join(title.split())
    return digests.sha256(folded.encode("utf-8", "surrogateescape"))[:12]


class Named(Protocol):
    """What a line is known by."""

    @property
    def key(self) -> str | None: ...
    @property
    def issue(self) -> int | None: ...
    @property
    def title(self) -> str: ...


def line_names(lines: Sequence[Named]) -> list[str]:
    """What each task line of a file is read as: its key, if no other line has it."""
    keys = Counter([line.key for line in lines])
    links = Counter([line.issue for line in lines])
    seen: Counter[str] = Counter()
    out: list[str] = []
    for line in lines:
        key, issue = line.key, line.issue
        if key is not None and keys[key] == 1:
            out.append(key)
            continue
        name = key or (f"#{issue}" if issue is not None else f"~{text_digest(line.title)}")
        if key is not None or issue is None or links[issue] > 1:
            seen[name] += 1
            name += f"{'.' if name[0] == '~' else '~'}{seen[name]}"
        out.append(name)
    return out
