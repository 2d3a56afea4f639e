"""Turn the bytes of a spec file into a Spec; never raises, linear in the file's size."""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import digests
from ..model import Diagnostic, Mention, Spec, Task
from . import names
from .checks import capped, check_tasks
from .dialects import DIALECTS, Dialect
from .meta import CC_KEYS, Meta, bold_fields, front_span, number_of, phase_of, read_meta
from .scanner import Box, Scan, find_conflicts, scan
from .sections import Section, criteria_boxes, find_section
from .taskline import Words, depends_in, line_names, read_words

# Kept as text: one file needs few of them, and `re` compiles a pattern when it is first used.
_PATHS = (
    ("kiro", r"(?:\A|/)\.kiro/specs/[^/]+/tasks\.md\Z"),
    ("openspec", r"(?:\A|/)openspec/changes/(?:archive/)?[^/]+/tasks\.md\Z"),
    ("cc-craft-kit", r"(?:\A|/)\.cc-craft-kit/specs/[^/]+\.md\Z"),
    ("spec-kit", r"(?:\A|/)specs/[^/]+/tasks\.md\Z"),
    ("craftkit", r"(?:\A|/)specs/[^/]+\.md\Z"),
)
_T_BOX = r"(?m)^[ \t]*[-*+] \[[ xX]\] (?:\*\*)?\[?T[0-9]{3}"
_NUMBER_BOX = r"(?m)^[ \t]*[-*+] \[[ xX-]\]\*? [0-9]+\.[0-9]+"
_KIRO_BOX = r"(?m)^[ \t]*[-*+] \[[ xX-]\]\*?[ \t]+(?:[0-9]+\. |.*\n[^\n]*_Requirements:)"


def detect(path: str, text: str) -> str:
    """The dialect of a file: by where it is, else by what it says."""
    for name, pattern in _PATHS:
        if re.search(pattern, path):
            return name
    if path.rpartition("/")[2].lower() == "tasks.md":
        return _sniff_tasks(text[:200_000])
    span = front_span(text)
    if span is not None:
        keys = set(re.findall(r"(?m)^([A-Za-z_]+)[ \t]*:", text[span[0] : span[1]]))
        return "cc-craft-kit" if keys & CC_KEYS else "craftkit"
    found = {name for name, _ in bold_fields(text)}
    return "cc-craft-kit" if found & {"id", "phase"} else "craftkit"


def _sniff_tasks(text: str) -> str:
    """By the keys that most boxes carry: words of a task may look like another dialect's key."""
    keyed, numbered = len(re.findall(_T_BOX, text)), len(re.findall(_NUMBER_BOX, text))
    if keyed and keyed >= numbered:
        return "spec-kit"
    if re.search(_KIRO_BOX, text):
        return "kiro"
    return "openspec" if numbered or re.search(r"(?m)^##[ \t]+[0-9]+[.)]", text) else "spec-kit"


def parse(
    data: bytes,
    path: str,
    *,
    dialect: str | None = None,
    task_sections: Sequence[str] = (),
    load_yaml: Callable[[str], Any] | None = None,
) -> Spec:
    """Read a spec file.  What is wrong with it becomes a diagnostic, never an exception."""
    notes: list[Diagnostic] = []
    text = _decode(data, path, notes)

    def read(text: str) -> Spec:
        return _read(text, path, dialect, task_sections, load_yaml)

    conflicts = find_conflicts(text) if "<<<<<<<" in text else ()
    if conflicts:
        from .unmerged import read_unmerged  # once in a while

        spec = read_unmerged(text, path, conflicts, read)
    else:
        spec = read(text)
    found = capped([*notes, *spec.diagnostics]) if notes else spec.diagnostics
    return spec._replace(digest=digests.sha256(data), diagnostics=found)


def _read(
    text: str,
    path: str,
    dialect: str | None,
    task_sections: Sequence[str],
    load_yaml: Callable[[str], Any] | None,
) -> Spec:
    notes: list[Diagnostic] = []
    kind = DIALECTS[dialect if dialect in DIALECTS else detect(path, text)]
    meta = (
        read_meta(text, path, load_yaml)
        if kind.has_metadata
        else Meta({}, "none", 1 if text.startswith("\ufeff") else 0)
    )
    notes += meta.diagnostics
    found = scan(text, meta.body_at)
    for at in found.unclosed:
        notes.append(
            Diagnostic(
                "warning",
                "unclosed_fence",
                "this code fence is never closed",
                "close it; what follows is read again from the next `## ` heading",
                f"{path}:{_line_of(text, at)}",
            )
        )
    tasks, criteria = _read_tasks(text, path, kind, found, task_sections, notes)
    notes += check_tasks(tasks, path)
    spec_id, name = _names(kind, meta, found, path, notes)
    phase, known = phase_of(meta.get("phase"))
    if not known:
        notes.append(
            Diagnostic(
                "warning",
                "unknown_phase",
                "the metadata names a phase that does not exist",
                "use requirements, design, implementation, review or completed",
                f"{path}:1",
            )
        )
    return Spec(
        id=spec_id,
        name=name,
        phase=phase,
        issue=number_of(meta.get("issue")),
        branch=meta.get("branch"),
        pr=meta.get("pr"),
        path=path,
        dialect=kind.name,
        digest="",
        text=text,
        tasks=tuple(tasks),
        criteria_done=sum(1 for box in criteria if box.mark in kind.done),
        criteria_total=len(criteria),
        diagnostics=capped(notes),
        says_id=meta.get("id") is not None,
    )


def _line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _decode(data: bytes, path: str, notes: list[Diagnostic]) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "surrogateescape")
        line = data.count(b"\n", 0, error.start) + 1
        notes.append(
            Diagnostic("warning", "not_utf8", "not valid UTF-8", "save as UTF-8", f"{path}:{line}")
        )
    if "\0" in text:
        line = _line_of(text, text.index("\0"))
        notes.append(
            Diagnostic("warning", "nul_bytes", "NUL bytes in a text file", "", f"{path}:{line}")
        )
    return text


def _names(
    kind: Dialect, meta: Meta, found: Scan, path: str, notes: list[Diagnostic]
) -> tuple[str, str]:
    parts = [part for part in path.split("/") if part]
    last = parts[-1] if parts else ""
    stem = last[:-3] if last.lower().endswith(".md") and len(last) > 3 else last
    if kind.has_metadata:
        spec_id = meta.get("id")
        if spec_id is None:
            spec_id = stem or "spec"
            if kind.name == "craftkit":
                notes.append(
                    Diagnostic(
                        "warning",
                        "missing_id",
                        "the metadata has no `id`",
                        f"add `id: {spec_id}`, or the spec changes its identity when renamed",
                        f"{path}:1",
                    )
                )
    else:
        spec_id = parts[-2] if len(parts) > 1 else stem or "spec"
    name = meta.get("name")
    if name is None:
        title = next((h.title for h in found.headings if h.level == 1 and h.title), None)
        name = " ".join(title.split()) if title else spec_id
    return spec_id, name


class _Line(NamedTuple):
    """A box that is a task, before it is known what identifies it."""

    box: Box
    words: Words
    group: str | None
    parent: int  # index of the task that it is a part of
    more: tuple[str, ...]  # dependencies named in its sub-bullets


def _read_tasks(
    text: str,
    path: str,
    kind: Dialect,
    found: Scan,
    titles: Sequence[str],
    notes: list[Diagnostic],
) -> tuple[list[Task], list[Box]]:
    section, others = find_section(found, len(text), kind, titles)
    for other in others:
        line = _line_of(text, other.at)
        notes.append(
            Diagnostic(
                "warning",
                "several_task_sections",
                "another section with boxes also looks like a task list",
                "only one section is read; rename this heading",
                f"{path}:{line}",
            )
        )
    if section is None:
        notes.append(
            Diagnostic(
                "warning",
                "no_task_section",
                "no heading names a task list",
                f"add a `{kind.section}` heading",
                path,
            )
        )
        return [], list(found.boxes)
    lines, steps, criteria = _sort_boxes(text, kind, found, section)
    if not lines:
        notes.append(Diagnostic("info", "no_tasks", "the task section holds no tasks", "", path))
    elif kind.wants_keys and not any(entry.words.key for entry in lines):
        notes.append(Diagnostic("info", "no_keys", "no task has a key", "", path))
    for entry in lines:
        mark = entry.box.mark
        if mark not in " \t" and mark not in kind.done and mark not in kind.started:
            notes.append(
                Diagnostic(
                    "warning",
                    "unknown_mark",
                    f"`[{mark if mark.isprintable() else '?'}]` means nothing in this dialect",
                    "use `[ ]` or `[x]`",
                    f"{path}:{_line_of(text, entry.box.at)}",
                )
            )
    return _identify(text, kind, lines, steps), criteria


def _sort_boxes(
    text: str, kind: Dialect, found: Scan, section: Section
) -> tuple[list[_Line], list[list[int]], list[Box]]:
    """Tell tasks, steps and criteria apart; steps are counted per task as [done, total]."""
    boxes = found.boxes
    outside = criteria_boxes(found, len(text)) if kind.whole_file else set()
    inside = range(section.first, section.last)
    key_at = re.compile(kind.key).match
    words = {
        i: read_words(text[boxes[i].body_at : boxes[i].end], key_at)
        for i in inside
        if i not in outside and (kind.optional_star or not boxes[i].starred)
    }
    keyed = kind.keyed_only and any(w.key for w in words.values())
    groups = _groups(found, section)
    below = "_Depends" in text  # whether sub-bullets can name dependencies
    owner: dict[int, int] = {}  # box index -> index of the task that it is or belongs to
    lines: list[_Line] = []
    steps: list[list[int]] = []
    criteria: list[Box] = []
    for i, box in enumerate(boxes):
        if box.starred and not kind.optional_star:
            continue  # `[ ]*` is not a box elsewhere
        said = words.get(i)
        if said is None:
            criteria.append(box)
            continue
        above = owner.get(box.parent, -1)
        if above >= 0 and not (kind.nested_keys and said.key is not None):
            owner[i] = above
            steps[above][0] += box.mark in kind.done
            steps[above][1] += 1
        elif keyed and said.key is None:
            criteria.append(box)
        else:
            owner[i] = len(lines)
            more = _sub_depends(text, found, i, section.end) if below else ()
            lines.append(_Line(box, said, groups(box.at), above, more))
            steps.append([0, 0])
    return lines, steps, criteria


def _groups(found: Scan, section: Section) -> Callable[[int], str | None]:
    """A function that names the nearest heading above; to be asked in file order."""
    if section.heading < 0:
        headings = [h for h in found.headings if h.level > 1]
    else:
        headings = [h for h in found.headings[section.heading + 1 :] if h.at < section.end]
    reached, title = 0, ""

    def group(at: int) -> str | None:
        nonlocal reached, title
        while reached < len(headings) and headings[reached].at < at:
            title = " ".join(headings[reached].title.split())
            reached += 1
        return title or None

    return group


def _sub_depends(text: str, found: Scan, i: int, end: int) -> tuple[str, ...]:
    """Dependencies in the indented lines below a task, up to the next box."""
    box = found.boxes[i]
    stop = found.boxes[i + 1].at if i + 1 < len(found.boxes) else end
    if not any(text.find(word, box.end, stop) >= 0 for word in ("_Depends", "*Depends")):
        return ()
    keys: list[str] = []
    for line in text[box.end : stop].split("\n")[1:]:
        body = line.lstrip(" \t")
        if body and body != "\r" and body is line:
            break  # back at the margin: no longer part of the task
        keys += depends_in(body)
    return tuple(keys)


def _identify(
    text: str, kind: Dialect, lines: Sequence[_Line], steps: Sequence[list[int]]
) -> list[Task]:
    tasks: list[Task] = []
    read_as = line_names([entry.words for entry in lines])
    line, counted, named = 1, 0, True
    for i, (box, said, group, parent, more) in enumerate(lines):
        line += text.count("\n", counted, box.at)
        counted = box.at
        name = read_as[i]
        ref = name if name == said.key else ""
        named = named and ref != ""
        depends = said.depends_on
        tasks.append(
            Task(
                id=name,
                ref=ref,
                key=said.key,
                place=i + 1,
                title=said.title,
                mark=box.mark,
                checked=box.mark in kind.done,
                started=box.mark in kind.started,
                optional=box.starred or (said.starred and kind.optional_star),
                parallel=said.parallel,
                group=group,
                depends_on=tuple(dict.fromkeys((*depends, *more))) if more else depends,
                issue=said.issue,
                line=line,
                mark_at=box.mark_at,
                link_at=box.body_at + said.link_at,
                end_at=box.body_at + said.end,
                parent=tasks[parent].id if parent >= 0 else None,
                steps_done=steps[i][0],
                steps_total=steps[i][1],
                read_as=name,
                others=tuple(Mention(n, box.body_at + at) for n, at in said.others)
                if said.others
                else (),
            )
        )
    return tasks if named else names.with_refs(tasks)
