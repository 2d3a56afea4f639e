"""The list of a spec's issues in its parent's body, for servers that have no sub-issues.

Only what stands between the two marker lines is craftkit's; the rest of the body stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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
