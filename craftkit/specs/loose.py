"""What looks like a box, or a heading, and is not written in the usual way.  Pure, line by line."""

import re
from typing import NamedTuple

BLANKS = " \t\xa0\u3000"
_MARKER = r"(?:[-*+]|[0-9]{1,9}[.)])"
_INSIDE = rf"(?P<pre>[{BLANKS}]*+)(?P<mark>[^\s\[\]［］\\]?\ufe0f?)[{BLANKS}]*+"
# Kept as text, because few files need them: `re` compiles a pattern when it is first used.
_ITEM_BOX = (
    rf"(?P<lead>(?:{_MARKER}[{BLANKS}]++)++)[\[［]{_INSIDE}(?P<shut>[\]］])(?P<star>\*?)"
    rf"(?P<gap>[{BLANKS}]*+)(?P<rest>[^\n]*)"
)
_LIKE_BOX = (
    rf"(?P<lead>[-*+>~|_{BLANKS}0-9.)#]*+)\\?[\[［]{_INSIDE}\\?[\]］]\\?\*?"
    rf"[{BLANKS}]++(?P<rest>\S[^\n]*)"
)
_TICKS = frozenset("xXｘＸ")
_MARKS = _TICKS | frozenset("-~✓✔✅☑✗✘")
_UNDERLINED = 120  # characters of a line that an underline of dashes makes a heading


class LooseBox(NamedTuple):
    """A box that is read though it is not written as Markdown has it; places are in the line."""

    lead: str  # the markers before it
    box_at: int
    mark: str  # "" for `[]`
    mark_at: int  # for `[]`, that of its second bracket
    starred: bool
    body_at: int


def item_box(line: str) -> LooseBox | None:
    """The box that a list item begins with, whatever kind of blank or bracket it is made of."""
    m = re.match(_ITEM_BOX, line)
    if m is None or not m["rest"].strip():
        return None
    mark, pre = m["mark"], m["pre"]
    if mark[:1].isdigit():
        return None
    if not m["gap"] and (m["rest"][0] in "([:" or (mark.isalnum() and mark not in _TICKS)):
        return None  # a link, or a word in brackets
    at = m.start("mark")
    if not mark and pre:
        mark, at = pre[0], m.start("pre")
    return LooseBox(
        m["lead"], len(m["lead"]), mark, at if mark else m.start("shut"), bool(m["star"]),
        m.start("rest"),
    )  # fmt: skip


def like_box(line: str) -> str | None:
    """The mark of what a line begins with if it looks like a box; None if it does not."""
    m = re.match(_LIKE_BOX, line)
    if m is None:
        return None
    if m["mark"]:
        return m["mark"] if m["mark"][0] in _MARKS else None
    return m["pre"][:1] or None


def is_quote(line: str) -> bool:
    return line.lstrip(" \t").startswith(">")


def is_underlined(line: str, before: str, level: int) -> bool:
    """Whether an underline makes a heading of `line`; `before` is the one above it.

    Dashes below a sentence or a field were meant as a rule: the part that they stand in goes on.
    """
    words = line.strip()
    if not words or before.strip() or line[:1] in "\t>|#-*+`~<" or line.startswith("    "):
        return False
    if re.match(r"[0-9]{1,9}[.)][ \t]", words):
        return False
    if level == 1:
        return True
    field = re.match(r"[A-Za-z_]+:[ \t]|\*\*[^*\n]+(?:\*\*[ \t]*[:：]|[:：]\*\*)", words)
    return field is None and len(words) <= _UNDERLINED and words[-1] not in ".。:：;,!?|"
