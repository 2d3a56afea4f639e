"""Change a spec's text and nothing else: flip a mark, append a link, replace one value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Set

from ..errors import SpecNeedsAttention, UsageProblem
from ..model import Spec, Task
from .dialects import DIALECTS, Dialect
from .meta import FIELDS, bold_fields, bold_time, front_span
from .reader import parse

# Kept as text: only `set_meta` needs them, and `re` compiles a pattern when it is first used.
_PLAIN_VALUE = (
    r"[^\W][\w./@+-]*(?: [\w./@+-]+)*\Z|https?://[\w./@+?=&%~-]+\Z"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z"  # a time may stand as our own template writes it
)
# Words that YAML reads as something else than a string.
_SPECIAL = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_VALUE = (
    r"(?P<gap>[ \t]*)(?P<value>\"(?:[^\"\\\r\n]|\\[^\r\n])*\"|'(?:[^'\r\n]|'')*'|[^\r\n]*?)"
    r"(?P<tail>[ \t]+\#[^\r\n]*|[ \t]*)(?=\r?\Z)"
)
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CC_ORDER = ("issue", "pr", "branch", "updated")


def encode(text: str) -> bytes:
    """The bytes that `text` was decoded from."""
    return text.encode("utf-8", "surrogateescape")


def tick(spec: Spec, task: Task) -> str:
    """The text with this task's box ticked, whatever mark is in it, with the file's own letter."""
    kind = editable(spec, task, any_mark=True)
    return spec.text if task.checked else _mark(spec, task, _done_mark(spec, kind))


def _done_mark(spec: Spec, kind: Dialect) -> str:
    """`x` or `X`, as most of the ticked boxes of the file have it."""
    small, large = (sum(task.mark == mark for task in spec.tasks) for mark in "xX")
    return kind.done_mark if small == large else "x" if small > large else "X"


def untick(spec: Spec, task: Task) -> str:
    """The text with this task's box open: neither done nor started."""
    editable(spec, task)
    return _mark(spec, task, " ") if task.checked or task.started else spec.text


def start_mark(spec: Spec, task: Task) -> str:
    """The text with the dialect's mark for work in progress, where it has one."""
    kind = editable(spec, task, any_mark=True)
    if kind.start_mark is None or task.checked or task.started or task.mark.strip():
        return spec.text
    return _mark(spec, task, kind.start_mark)


def link(spec: Spec, task: Task, number: int) -> str:
    """The text with ` (#number)` at the end of the task's words."""
    editable(spec, task, any_mark=True)
    if number < 1:
        raise UsageProblem(f"{number} is not an issue number", "issue numbers start at 1")
    if task.issue == number:
        return spec.text
    if task.issue is not None:
        raise SpecNeedsAttention(
            f"{task.ref} is already linked to #{task.issue}",
            f"remove ` (#{task.issue})` from line {task.line} first",
            f"{spec.path}:{task.line}",
        )
    return _with_link(spec.text, task, number)


def _with_link(text: str, task: Task, number: int) -> str:
    """The text with the link of a task, unless its line shows the number already."""
    if number == task.mention or any(one.number == number for one in task.others):
        return text
    return f"{text[: task.link_at]} (#{number}){text[task.link_at :]}"


def link_all(spec: Spec, numbers: Mapping[str, int], parent: int | None = None) -> str:
    """The text with a link on every task without one whose id is in `numbers`.

    `parent` becomes the spec's own issue where the file can hold one and names none.
    """
    editable(spec)
    text = spec.text
    for task in sorted(spec.tasks, key=lambda t: t.link_at, reverse=True):
        if task.issue is None and task.id in numbers:
            text = _with_link(text, task, numbers[task.id])
    if parent is None or spec.issue is not None:
        return text
    return set_meta(parse(encode(text), spec.path, dialect=spec.dialect), issue=parent)


def with_known_links(spec: Spec, known: Set[int]) -> Spec:
    """The spec if these are its issues: of several numbers in a line, that is the link.

    But not one that is the link of another line: there it is at home.
    """
    at_home = {task.issue for task in spec.tasks}
    return spec._replace(tasks=tuple(_with_known_link(spec, t, known, at_home) for t in spec.tasks))


def _with_known_link(spec: Spec, task: Task, known: Set[int], at_home: Set[int | None]) -> Task:
    numbers = (one for one in reversed(task.others) if one.number not in at_home)
    own = next((one for one in numbers if one.number in known), None)
    if own is None or task.issue in known:
        return task
    at = own.at
    while at > 0 and spec.text[at - 1] in " \t":
        at -= 1
    others = tuple(one for one in task.others if one != own)
    return task._replace(issue=own.number, mention=task.issue, link_at=at, others=others)


def with_mentions(spec: Spec, is_mention: Callable[[Task], bool]) -> Spec:
    """The spec if the numbers of these lines are not the issues of their tasks.

    A link goes behind them.
    """
    return spec._replace(
        tasks=tuple(
            t._replace(issue=None, mention=t.issue, link_at=t.end_at)
            if t.issue is not None and is_mention(t)
            else t
            for t in spec.tasks
        )
    )


def unlink(spec: Spec, task_id: str | None = None) -> str:
    """The text without one task's link; without any link and the spec's issue if None is given."""
    editable(spec)
    text = spec.text
    for task in sorted(spec.tasks, key=lambda t: t.link_at, reverse=True):
        if task.issue is not None and task_id in (None, task.id):
            same = [other.at for other in task.others if other.number == task.issue]
            for at in sorted((task.link_at, *same), reverse=True):
                text = _without_link(text, at)
    if spec.issue is None or task_id is not None:
        return text
    return set_meta(parse(encode(text), spec.path, dialect=spec.dialect), issue=None)


def _without_link(text: str, at: int) -> str:
    """The text without the link that begins at `at` and the blanks before it.

    A line that it opens is joined with the one above: its next words could begin a block.
    """
    end = text.index(")", at) + 1
    if text[at] == "(":
        before = text[:at].rstrip(" \t")
        if before[-1:] == "]":  # it opens the words
            return text[:at] + text[end:].lstrip(" \t\r\n")
        at = len(before)
        if before[-1:] == "\n":
            at -= 2 if before[-2:] == "\r\n" else 1
    return text[:at] + text[end:]


def _mark(spec: Spec, task: Task, mark: str) -> str:
    return spec.text[: task.mark_at] + mark + spec.text[task.mark_at + len(task.mark) :]


def refuse_if_blocked(spec: Spec) -> None:
    """Raise SpecNeedsAttention for a spec that only a person can put right."""
    if spec.blocked_by is not None:
        _refuse(spec, f"Cannot change {spec.path}: {spec.blocked_by.message}")


def refuse_unmerged(spec: Spec, what: str) -> None:
    """Raise SpecNeedsAttention for what cannot be done while a merge conflict is left."""
    if spec.hunks:
        _refuse(spec, f"Cannot {what} {spec.path}: {spec.hunks[0]} are a merge conflict.")


def refuse_if_held(spec: Spec, task_ids: Collection[str]) -> None:
    """Raise SpecNeedsAttention if a merge conflict touches one of the tasks."""
    task = next((task for task in spec.unmerged if task.id in task_ids), None)
    if task is None:
        return
    found = min(spec.hunks, key=lambda hunk: abs(hunk.first - task.line))
    hunk = next((h for h in spec.hunks if h.first <= task.line <= h.last), found)
    where = "stands in" if hunk.first <= task.line <= hunk.last else "is touched by"
    _refuse(spec, f"{task.ref} {where} a merge conflict ({hunk}), so nothing is done for it.")


def _refuse(spec: Spec, words: str) -> None:
    hint, target = (spec.conflict.hint, spec.conflict.target) if spec.conflict else ("", spec.path)
    raise SpecNeedsAttention(words, hint, target)


def editable(spec: Spec, task: Task | None = None, *, any_mark: bool = False) -> Dialect:
    kind = DIALECTS[spec.dialect]
    refuse_if_blocked(spec)
    if task is None:
        return kind
    target = f"{spec.path}:{task.line}"
    if not spec.text.startswith(task.mark, task.mark_at):
        raise SpecNeedsAttention("The task is not from this version of the file", "", target)
    known = not task.mark.strip() or task.mark in kind.done or task.mark in kind.started
    if not known and not any_mark:
        raise SpecNeedsAttention(
            f"The box of {task.ref} holds a mark that means nothing in this dialect",
            f"write `[ ]` or `[{kind.done_mark}]` in line {task.line}",
            target,
        )
    return kind


# --- metadata


def set_meta(spec: Spec, **fields: str | int | None) -> str:
    """The text with `phase`, `updated`, `issue`, `pr` or `branch` replaced where it stands.

    Front matter without the field gets a new line; bold metadata is only ever replaced.
    """
    kind = editable(spec)
    for name, value in fields.items():
        if name not in FIELDS or name == "id":
            raise UsageProblem(f"{name} is not a metadata field that can be set")
        one_line("" if value is None else str(value), name)
    text = spec.text
    if not kind.has_metadata:
        return text
    if front_span(text) is not None:
        cc = kind.name == "cc-craft-kit"
        for name, value in fields.items():
            text = _set_yaml(text, name, value, cc, spec.path)
        return text
    return _set_bold(text, fields)


def set_id(spec: Spec, new: str) -> str:
    """The text with another `id`, which makes it another spec."""
    editable(spec)
    if front_span(spec.text) is not None:
        return _set_yaml(spec.text, "id", new, spec.dialect == "cc-craft-kit", spec.path)
    return _set_bold(spec.text, {"id": new})


def _set_bold(text: str, fields: dict[str, str | int | None]) -> str:
    found = dict(bold_fields(text))
    edits: list[tuple[int, int, str]] = []
    for name, value in fields.items():
        m = found.get(name)
        if m is None or value is None:
            continue
        new = bold_time(str(value)) if name == "updated" else str(value)
        start, end = m.span("value")
        old = m["value"]
        if len(old) > 1 and old[0] == old[-1] == "`":
            start, end = start + 1, end - 1
        pad = " " if start == end and text[start - 1] not in " \t" else ""
        edits.append((start, end, pad + new))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _set_yaml(text: str, name: str, value: str | int | None, cc: bool, path: str) -> str:
    span = front_span(text)
    if span is None:
        return text
    first, end, _ = span
    keys = "|".join(FIELDS[name])
    lines = list(re.finditer(rf"^(?:{keys})[ \t]*:", text[first:end], re.MULTILINE))
    found = lines[-1] if lines else None  # of two lines the later one counts, as in YAML
    eol = "\r\n" if text[:first].endswith("\r\n") else "\n"
    if found is None:
        names = FIELDS[name]
        key = names[1] if cc and len(names) > 1 and name in _CC_ORDER else names[0]
        new = _yaml_value(value, '"' if cc and not isinstance(value, int) else "")
        return f"{text[:end]}{key}: {new}{eol}{text[end:]}"
    at = first + found.end()
    stop = text.find("\n", at)
    line = text[at:stop]
    m = re.match(_VALUE, line)
    after = text[stop + 1 : stop + 2]
    goes_on = after in (" ", "\t") and stop + 1 < end
    if m is None or m["value"][:1] in ("|", ">", "&", "*", "!") or goes_on:
        number = text.count("\n", 0, at) + 1
        raise SpecNeedsAttention(
            f"The value of {name} is more than a simple word",
            f"write it on one line (line {number})",
            f"{path}:{number}",
        )
    old = m["value"]
    quote = old[0] if old[:1] in ("'", '"') else ""
    if cc and not quote and not isinstance(value, int) and old in ("null", "~", ""):
        quote = '"'
    new = _yaml_value(value, quote)
    gap = m["gap"] or " "
    return f"{text[:at]}{gap}{new}{line[m.start('tail') :]}{text[stop:]}"


def _yaml_value(value: str | int | None, quote: str) -> str:
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if quote == "'":
        return "'" + value.replace("'", "''") + "'"
    plain = re.match(_PLAIN_VALUE, value) is not None and value.casefold() not in _SPECIAL
    if quote == "" and plain:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_line(value: str, what: str) -> None:
    for c in value:
        if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") or c in _BIDI:
            raise UsageProblem(
                f"The {what} holds a line break, or a character that cannot be seen or written",
                "write it on one line, in plain characters",
            )
