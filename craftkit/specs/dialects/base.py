"""What a dialect is: where its files are, how a line is read and what may be written."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

# A key may be bold, struck out or in brackets, may follow the word "Task", and may carry a stop.
_OPEN = r"((?:\*\*|__|~~)?)\[?(?:(?:[Tt]ask|TASK) (?=[0-9]))?"
_SHUT = r"\.?\]?[:：]?((?:\*\*|__|~~)?)[:：]?(\*?)(?:(?=[ \t]|\Z)|(?<=：))"
_T = r"T[0-9]+(?:\.[0-9]+)*[A-Za-z]?|T-[A-Z]{0,5}[0-9]+|TASK-[0-9]+"
_DOTTED = r"[0-9]+(?:\.[0-9]+)+[a-z]?"
_AFTER_WORD = r"(?<=[kK] )[0-9]+(?:\.[0-9]+)*(?=\.?[*_~]{0,2}[:：]|\.[ \t*_~])"

# Kept as text: a run meets one or two dialects, and `re` compiles a pattern when it is first
# used.  The groups of each are open, key, shut and star.
T_KEY = rf"{_OPEN}({_T}|{_AFTER_WORD}){_SHUT}"
NUMBER_KEY = rf"{_OPEN}({_DOTTED}|[0-9]+(?=\.)|{_AFTER_WORD}){_SHUT}"
T_OR_DOTTED_KEY = rf"{_OPEN}({_T}|{_DOTTED}|{_AFTER_WORD}){_SHUT}"

_T_NUMBER = r"T([0-9]+)"


def next_t_key(keys: Sequence[str], near: Sequence[str], group: str | None) -> str:
    """`T014` after `T013`; the first one of a file is `T001`."""
    best, width = 0, 3
    for key in keys:
        m = re.match(_T_NUMBER, key)
        if m is not None and int(m[1]) >= best:
            best, width = int(m[1]), max(len(m[1]), 3)
    return f"T{best + 1:0{width}d}"


def next_number(keys: Sequence[str], near: Sequence[str], group: str | None) -> str:
    """`2.4` after `2.3`; the group's own number leads where no task of it has a key yet."""
    taken = set(keys)
    m = re.match(r"(.*?)([0-9]+)[a-z]?\Z", near[-1], re.DOTALL) if near else None
    if m is not None:
        prefix, number = m[1], int(m[2])
    else:
        lead = re.match(r"([0-9]+)[.):、 ]", group) if group else None
        prefix, number = (f"{lead[1]}." if lead else "", 0)
        if not lead:
            tops = [int(k) for k in keys if k.isdecimal()]
            number = max(tops, default=0)
    while f"{prefix}{number + 1}" in taken:
        number += 1
    return f"{prefix}{number + 1}"


def next_t_or_number(keys: Sequence[str], near: Sequence[str], group: str | None) -> str:
    """Go on in the file's own style; a file without keys starts with T-keys."""
    style = near[-1] if near else keys[-1] if keys else "T"
    return (next_t_key if style.startswith("T") else next_number)(keys, near, group)


def no_key(keys: Sequence[str], near: Sequence[str], group: str | None) -> str:
    """The files of this dialect have no keys, unless this one already has T-keys."""
    return next_t_key(keys, near, group) if keys else ""


def plain_line(key: str, title: str, depends_on: Sequence[str]) -> str:
    """`T014 words (depends on T012)`"""
    after = f" (depends on {', '.join(depends_on)})" if depends_on else ""
    return f"{key} {title}{after}" if key else f"{title}{after}"


def kiro_line(key: str, title: str, depends_on: Sequence[str]) -> str:
    """`3. words` for a whole number, `3.1 words` for a part."""
    lead = f"{key}. " if key.isdecimal() else f"{key} " if key else ""
    after = f" _Depends: {', '.join(depends_on)}_" if depends_on else ""
    return f"{lead}{title}{after}"


class Dialect(NamedTuple):
    name: str
    patterns: tuple[str, ...]  # relative to the worktree root; `*` is one path component
    key: str  # a pattern with the groups open, key, shut, star
    started: frozenset[str] = frozenset()  # marks that mean "someone is at work on it"
    done_mark: str = "x"
    start_mark: str | None = None
    whole_file: bool = True  # else there is one task section, found by its title
    list_numbers: bool = False  # `1.` in a nested box is a key as well
    flat_parts: bool = False  # 1.1 is a part of 1 if it is not nested, too
    optional_star: bool = False  # `[ ]*` is a box
    wants_keys: bool = False  # a file without keys is worth a remark
    has_metadata: bool = False
    section: str = "## Tasks"  # the heading to create where a file has no task section
    next_key: Callable[[Sequence[str], Sequence[str], str | None], str] = no_key
    new_line: Callable[[str, str, Sequence[str]], str] = plain_line
    done: frozenset[str] = frozenset("xXｘＸ")
