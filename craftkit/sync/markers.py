"""The one line of an issue's body that craftkit manages: which spec and task the issue is of.

    <!-- craftkit spec=<spec id> task=<key> of=<8 hex> -->

A parent has no `task`.  It names the task as it was created, the same from every clone, and is
never changed: keys and titles change after it.  Both texts are percent-encoded (RFC 3986), so that
no text can end the comment or look like a second marker.  A marker counts only where it may be
believed: on an issue that is linked already, or whose author may push to the repository.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from craftkit import digests
from craftkit.model import Task
from craftkit.specs.matching import normal

_MARKER = re.compile(
    r"^<!-- craftkit spec=([^\s=]{1,600})(?: task=([^\s=]{1,600})(?: of=([0-9a-f]{8}))?)? -->\r?$",
    re.M,
)
_KEY_FIRST = r"\A(?:t[0-9]{3,}[a-z]?|[0-9]+(?:\.[0-9]+)*[a-z]?)(?: |\Z)"  # of a normal title
SEARCHED = 70_000  # characters; GitHub's bodies end at 65,536


class Marker(NamedTuple):
    spec: str
    task: str | None  # what its line was known by; None: the parent of the spec
    of: str = ""  # see `origin`; "" if an older version wrote it


def marker(spec: str, task: str | None = None, of: str = "") -> str:
    """The managed line."""
    part = f" task={_quoted(task)}" if task is not None else ""
    part += f" of={of}" if of else ""
    return f"<!-- craftkit spec={_quoted(spec)}{part} -->"


def origin(key: str | None, title: str, nth: int = 1) -> str:
    """What names a task as it was created: 8 hex digits of SHA-256 over key and normal title.

    Of tasks that say the same in one file, the later ones have their count in it as well: they
    are not one task.
    """
    parts = [key or "", normal(title), *([str(nth)] if nth > 1 else [])]
    return digests.sha256("\n".join(parts).encode("utf-8", "replace"))[:8]


def origins(tasks: Sequence[Task]) -> dict[str, str]:
    """Task id -> `origin` of the tasks of a file, as they are now."""
    seen: Counter[tuple[str | None, str]] = Counter()
    found = {}
    for task in tasks:
        said = (task.key, normal(task.title))
        seen[said] += 1
        found[task.id] = origin(task.key, task.title, seen[said])
    return found


def key_of(marker: Marker) -> str | None:
    """The key that a marker's task had; None if its line had none."""
    task = marker.task or ""
    return None if task.startswith(("~", "#")) else re.split(r"[!~]", task, maxsplit=1)[0]


def words_of(marker: Marker, title: str) -> str:
    """The normal title of a task, by the title of its issue.

    A key leads that if the task had one: the marker's, or the one that it was given since.
    """
    words = normal(title)
    return re.sub(_KEY_FIRST, "", words) if key_of(marker) else words


def origin_of(marker: Marker, title: str) -> str:
    """The origin of an issue's task; by key and title if the marker is an older one."""
    if marker.of:
        return marker.of
    nth = re.fullmatch(r"~[^.]*\.(\d{1,6})", marker.task or "")
    return origin(key_of(marker), words_of(marker, title), int(nth[1]) if nth else 1)


def _quoted(text: str) -> str:
    # `-` is not reserved, but "--" must not stand inside of an HTML comment.
    return quote(text.encode("utf-8", "replace"), safe="~.#@").replace("--", "-%2D")


def find(body: str) -> Marker | None:
    """The marker of a body; None where there is none, or more than one that differ."""
    found = {m.groups() for m in _MARKER.finditer(body[:SEARCHED])}
    if len(found) != 1:
        return None
    spec, task, of = next(iter(found))
    return Marker(unquote(spec), unquote(task) if task is not None else None, of or "")


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
