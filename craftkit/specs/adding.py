"""Add a task line to a spec's text, in the file's own style."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..errors import SpecNeedsAttention, UsageProblem
from ..model import Spec, Task
from .dialects import Dialect
from .edit import editable, encode, one_line
from .meta import front_span
from .reader import parse
from .scanner import scan
from .sections import find_sections
from .taskline import text_digest

_BOX_LINE = r"(?m)^[-*+>#~|_ \t0-9.)]*\[[^\n\[\]]{0,3}\][^\n]*"
_T_IN_LINE = r"(?<![\w-])T[0-9]{3,9}(?![0-9])"


def add_task(
    spec: Spec,
    title: str,
    *,
    group: str | None = None,
    depends_on: Sequence[str] = (),
    task_sections: Sequence[str] = (),
    used: Sequence[str] = (),
) -> tuple[str, str]:
    """The text with one more task line, and its key ("" where the file's tasks have none).

    `used` are keys that no new task may get, though no line has them now.
    """
    kind = editable(spec)
    one_line(title, "title")
    title = " ".join(title.split())
    if not title:
        raise UsageProblem("A task needs a title", "say in a few words what is to be done")
    known = {task.key for task in spec.tasks if task.key is not None}
    for key in depends_on:
        if key not in known:
            raise UsageProblem(f"{key} is not a task of this spec", "depend on the key of a task")
    tasks = spec.tasks
    if group is not None:
        tasks = tuple(task for task in tasks if _same(task.group, group))
    keys = [task.key for task in (*spec.tasks, *spec.unmerged) if task.key is not None]
    if keys or not spec.tasks:  # no number that a box shows is given again
        used = [*used, *_shown_keys(spec.text)]
    near = [task.key for task in tasks if task.key is not None]
    if tasks or group is None:
        key = "" if spec.tasks and not keys else kind.next_key([*used, *keys], near, group)
        words = kind.new_line(key, title, depends_on)
        if tasks:
            text = _after(spec, tasks[-1], words)
        else:
            text = _into_empty(spec, kind, words, task_sections)
    else:
        taken = [*used, *keys] if keys or not spec.tasks else []
        key, text = _into_group(spec, kind, group, taken, title, depends_on, task_sections)
    _verify(spec, text, title, key, task_sections)
    return text, key


def _shown_keys(text: str) -> list[str]:
    """The T-keys in all lines that look like a box, whether they are read or not."""
    return [key for line in re.findall(_BOX_LINE, text) for key in re.findall(_T_IN_LINE, line)]


def _same(one: str | None, other: str) -> bool:
    return one is not None and text_digest(one.casefold()) == text_digest(other.casefold())


def _eol(text: str) -> str:
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def _insert(text: str, at: int, line: str, eol: str) -> str:
    """`line` as a line of its own at `at`, the start of a line or the end of the text."""
    if at == len(text) and text and not text.endswith("\n"):
        return f"{text}{eol}{line}"
    return f"{text[:at]}{line}{eol}{text[at:]}"


def _after(spec: Spec, task: Task, words: str) -> str:
    """A line like that of `task`, behind it and all that is nested under it."""
    text = spec.text
    start = text.rfind("\n", 0, task.mark_at) + 1
    box_at = max(text.rfind(shut, start, task.mark_at) for shut in "[［")
    lead = text[start : box_at - (text[box_at - 1] == "\\")].removeprefix("\ufeff")
    m = re.search(r"([0-9]+)([.)][ \t]+)\Z", lead)
    if m is not None:
        lead = f"{lead[: m.start()]}{int(m[1]) + 1}{m[2]}"
    gap = "]\t" if text.startswith("]\t", task.mark_at + len(task.mark)) else "] "
    indent = len(lead) - len(lead.lstrip(" \t"))
    ends = {box.at: box.end for box in scan(text, int(text.startswith("\ufeff"))).boxes}
    at = _block_end(text, start, indent, ends)
    stop = text.find("\n", start)
    eol = _eol(text) if stop < 0 else "\r\n" if text[stop - 1] == "\r" else "\n"
    return _insert(text, at, f"{lead}[ {gap}{words}", eol)


def _block_end(text: str, start: int, indent: int, ends: Mapping[int, int]) -> int:
    """The start of the line behind the list item that begins at `start`.

    `ends` says of each box where its paragraph ends.
    """
    at = text.find("\n", ends.get(start, start)) + 1
    if at == 0:
        return len(text)
    end, blank = at, False
    while at < len(text):
        nxt = text.find("\n", ends.get(at, at)) + 1 or len(text)
        line = text[at : text.find("\n", at) + 1 or len(text)]
        body = line.strip()
        deeper = len(line) - len(line.lstrip(" \t")) > indent
        if not body:
            blank = True
        elif deeper:
            end, blank = nxt, False
        elif blank or re.match(r"[ \t]*(?:[-*+#>`~<_]|[0-9]+[.)])", line):
            break
        else:
            end = nxt  # a lazy continuation of the item's paragraph
        at = nxt
    return end


def _into_empty(spec: Spec, kind: Dialect, words: str, titles: Sequence[str]) -> str:
    text = spec.text
    eol = _eol(text)
    start = span[2] if kind.has_metadata and (span := front_span(text)) else 0
    found = scan(text, start or int(text.startswith("\ufeff")))
    section = next(iter(find_sections(found, len(text), kind, titles).read), None)
    if section is not None and section.heading >= 0:
        return _below(text, found.headings[section.heading].end, f"- [ ] {words}", eol)
    lines = [f"- [ ] {words}"]
    if section is None:
        lines = [kind.section, "", *lines]
    if text and not text.endswith("\n"):
        text += eol
    if text and not text.endswith(("\n\n", "\n\r\n")):
        text += eol
    return text + eol.join(lines) + eol


def _below(text: str, heading_end: int, line: str, eol: str) -> str:
    """`line` as the first paragraph below a heading."""
    if heading_end >= len(text):
        return f"{text}{eol}{eol}{line}{eol}"
    at = heading_end + 1
    rest = text[at:]
    gap = re.match(r"[ \t]*\r?\n", rest)
    head = text[:at] if gap is None else text[: at + gap.end()]
    tail = rest if gap is None else rest[gap.end() :]
    before = eol if gap is None else ""
    after = eol if tail and not re.match(r"[ \t]*\r?\n", tail) else ""
    return f"{head}{before}{line}{eol}{after}{tail}"


def _into_group(
    spec: Spec,
    kind: Dialect,
    group: str,
    keys: Sequence[str],
    title: str,
    depends_on: Sequence[str],
    titles: Sequence[str],
) -> tuple[str, str]:
    """A first task below a heading that has none yet."""
    text = spec.text
    start = span[2] if kind.has_metadata and (span := front_span(text)) else 0
    found = scan(text, start or int(text.startswith("\ufeff")))
    section = next(iter(find_sections(found, len(text), kind, titles).read), None)
    for i, heading in enumerate(found.headings):
        if section is None or not section.at <= heading.at < section.end:
            continue
        if i != section.heading and heading.level > 1 and _same(heading.title, group):
            key = "" if spec.tasks and not keys else kind.next_key(keys, [], heading.title)
            words = kind.new_line(key, title, depends_on)
            return key, _below(text, heading.end, f"- [ ] {words}", _eol(text))
    names = list(dict.fromkeys(task.group for task in spec.tasks if task.group))
    hint = f"groups: {', '.join(names[:8])}" if names else "this spec has no groups"
    raise UsageProblem(f"No heading of the task section reads {group!r}", hint, spec.path)


def _verify(spec: Spec, text: str, title: str, key: str, titles: Sequence[str]) -> None:
    """The new text must read as the old tasks and exactly the new one."""
    after = parse(encode(text), spec.path, dialect=spec.dialect, task_sections=titles)
    # Ids and places shift with a new line in the middle; the words do not.
    new = [(t.key, t.title, t.issue, t.checked) for t in after.tasks]
    old = [(t.key, t.title, t.issue, t.checked) for t in spec.tasks]
    at = next((i for i, pair in enumerate(zip(new, old, strict=False)) if pair[0] != pair[1]), -1)
    if at < 0:
        at = len(old)
    if new[:at] + new[at + 1 :] != old or len(new) != len(old) + 1:
        raise SpecNeedsAttention(
            "A new task line would not be read as a task at the end of this list",
            "add the line by hand",
            spec.path,
        )
    if new[at][1] != title or (new[at][0] or "") != key or new[at][2] is not None:
        raise UsageProblem(
            "The title would be read as something else (a key, a tag or a link)",
            "put it in other words",
        )
