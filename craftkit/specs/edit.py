"""Change a spec's text and nothing else: flip a mark, append a link, replace one value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence, Set

from ..errors import SpecNeedsAttention, UsageProblem
from ..model import Spec, Task
from .dialects import DIALECTS, Dialect
from .meta import FIELDS, bold_fields, bold_time, front_span
from .reader import parse
from .scanner import scan
from .sections import find_section
from .taskline import text_digest

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
    """The text with this task's box ticked."""
    kind = _editable(spec, task)
    return spec.text if task.checked else _mark(spec, task, kind.done_mark)


def untick(spec: Spec, task: Task) -> str:
    """The text with this task's box open: neither done nor started."""
    _editable(spec, task)
    return _mark(spec, task, " ") if task.checked or task.started else spec.text


def start_mark(spec: Spec, task: Task) -> str:
    """The text with the dialect's mark for work in progress, where it has one."""
    kind = _editable(spec, task)
    if kind.start_mark is None or task.checked or task.started:
        return spec.text
    return _mark(spec, task, kind.start_mark)


def link(spec: Spec, task: Task, number: int) -> str:
    """The text with ` (#number)` at the end of the task's words."""
    _editable(spec, task, any_mark=True)
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
    _editable(spec)
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
    _editable(spec)
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
    return spec.text[: task.mark_at] + mark + spec.text[task.mark_at + 1 :]


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


def _editable(spec: Spec, task: Task | None = None, *, any_mark: bool = False) -> Dialect:
    kind = DIALECTS[spec.dialect]
    refuse_if_blocked(spec)
    if task is None:
        return kind
    target = f"{spec.path}:{task.line}"
    if spec.text[task.mark_at : task.mark_at + 1] != task.mark:
        raise SpecNeedsAttention("The task is not from this version of the file", "", target)
    known = task.mark in " \t" or task.mark in kind.done or task.mark in kind.started
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
    kind = _editable(spec)
    for name, value in fields.items():
        if name not in FIELDS or name == "id":
            raise UsageProblem(f"{name} is not a metadata field that can be set")
        _one_line("" if value is None else str(value), name)
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
    _editable(spec)
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


def _one_line(value: str, what: str) -> None:
    for c in value:
        if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") or c in _BIDI:
            raise UsageProblem(
                f"The {what} holds a line break, or a character that cannot be seen or written",
                "write it on one line, in plain characters",
            )


# --- adding a task


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
    kind = _editable(spec)
    _one_line(title, "title")
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
    lead = text[start : task.mark_at - 1]
    lead = lead.removeprefix("\ufeff")
    m = re.search(r"([0-9]+)([.)][ \t]+)\Z", lead)
    if m is not None:
        lead = f"{lead[: m.start()]}{int(m[1]) + 1}{m[2]}"
    shut = text[task.mark_at + 1 :][:3]
    gap = "] " if not shut.startswith("]\t") else "]\t"
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
    section, _ = find_section(found, len(text), kind, titles)
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
    section, _ = find_section(found, len(text), kind, titles)
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
