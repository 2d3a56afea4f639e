"""The one line of an issue's body that craftkit manages: which spec and task the issue is of.

    <!-- craftkit spec=<spec id> task=<task id> -->

A parent has no `task`.  Both values are percent-encoded (RFC 3986), so that no text can end the
comment or look like a second marker.  A marker counts only where it may be believed: on an issue
that is linked already, or whose author is an owner, member or collaborator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

_MARKER = re.compile(r"^<!-- craftkit spec=([^\s=]{1,600})(?: task=([^\s=]{1,600}))? -->\r?$", re.M)
SEARCHED = 70_000  # characters; GitHub's bodies end at 65,536


class Marker(NamedTuple):
    spec: str
    task: str | None  # None: the parent of the spec


def marker(spec: str, task: str | None = None) -> str:
    """The managed line."""
    part = f" task={_quoted(task)}" if task is not None else ""
    return f"<!-- craftkit spec={_quoted(spec)}{part} -->"


def _quoted(text: str) -> str:
    # `-` is not reserved, but "--" must not stand inside of an HTML comment.
    return quote(text.encode("utf-8", "replace"), safe="~.#@").replace("--", "-%2D")


def find(body: str) -> Marker | None:
    """The marker of a body; None where there is none, or more than one that differ."""
    found = {m.groups() for m in _MARKER.finditer(body[:SEARCHED])}
    if len(found) != 1:
        return None
    spec, task = next(iter(found))
    return Marker(unquote(spec), unquote(task) if task is not None else None)


BEGIN, END = "<!-- craftkit:tasks -->", "<!-- /craftkit:tasks -->"


_BLOCK = re.compile(rf"(?ms)^{re.escape(BEGIN)}\r?\n.*?^{re.escape(END)}[ \t]*\r?$")


def with_list(body: str, tasks: Iterable[tuple[int, bool]]) -> str:
    """`body` with the list of (issue, done) between the markers; appended where there is none."""
    lines = [f"- [{'x' if done else ' '}] #{number}" for number, done in tasks]
    block = "\n".join([BEGIN, *lines, END])
    found = list(_BLOCK.finditer(body))
    if len(found) == 1:
        return body[: found[0].start()] + block + body[found[0].end() :]
    if found or BEGIN in body:
        return body  # somebody edited the markers: not ours to guess
    return f"{body.rstrip()}\n\n{block}\n" if body.strip() else f"{block}\n"
