"""Turn the bytes of a spec file into a Spec; never raises, linear in the file's size."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from .. import digests
from ..model import NOT_UTF8, Diagnostic, Mention, Spec, Task
from . import names
from .boxes import SortedBoxes, TaskBox, sort_boxes
from .checks import capped, check_tasks
from .dialects import DIALECTS, Dialect
from .lists import Scan
from .meta import CC_KEYS, Meta, bold_fields, front_span, number_of, phase_of, read_meta
from .scanner import find_conflicts, scan
from .sections import find_sections
from .taskline import line_names

# Kept as text: one file needs few of them, and `re` compiles a pattern when it is first used.
_PATHS = (
    ("kiro", r"(?:\A|/)\.kiro/specs/[^/]+/tasks\.md\Z"),
    ("openspec", r"(?:\A|/)openspec/changes/(?:archive/)?[^/]+/tasks\.md\Z"),
    ("cc-craft-kit", r"(?:\A|/)\.cc-craft-kit/specs/[^/]+\.md\Z"),
    ("spec-kit", r"(?:\A|/)(?:\.specify/)?specs/[^/]+/tasks\.md\Z"),
    ("craftkit", r"(?:\A|/)specs/[^/]+\.md\Z"),
)
_T_BOX = r"(?m)^[ \t]*[-*+] \[[ xX]\] (?:\*\*|~~)?\[?T-?[A-Z]{0,3}[0-9]"
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
    if kind.has_metadata and meta.kind == "none":
        notes += _lost_metadata(text, path)
    sorted_, tasks = _read_tasks(text, path, kind, found, task_sections, notes)
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
        criteria_done=sum(1 for box in sorted_.criteria if box.mark in kind.done),
        criteria_total=len(sorted_.criteria),
        diagnostics=capped(notes),
        says_id=meta.get("id") is not None,
        unread=tuple(sorted_.unread),
        has_metadata=meta.kind != "none" or bool(meta.diagnostics) or _is_lost(notes),
    )


_LOST = "lost_metadata"


def _is_lost(notes: Sequence[Diagnostic]) -> bool:
    return any(note.code == _LOST for note in notes)


def _lost_metadata(text: str, path: str) -> list[Diagnostic]:
    """A formatter that knows no front matter makes a heading, or a paragraph, of it."""
    m = re.search(r"(?m)^(?:#{1,6}[ \t]+)?(?:[a-z_]+:[ \t]?[^\n]*)?\bid:[ \t]*[^\s#]", text[:4000])
    if m is None or re.search(r"\b(?:phase|issue|name):[ \t]*\S", text[m.start() :][:600]) is None:
        return []
    return [
        Diagnostic(
            "error",
            _LOST,
            "the metadata is written as a heading or as text, so it is not read",
            "put it back between two lines `---` at the top of the file, one field a line",
            f"{path}:{_line_of(text, m.start())}",
        )
    ]


def _line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _decode(data: bytes, path: str, notes: list[Diagnostic]) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = _in_another_encoding(data, path, error, notes)
    else:
        if "\0" in text:
            text = _in_another_encoding(data, path, None, notes) or text
    if "\0" in text:
        line = _line_of(text, text.index("\0"))
        notes.append(
            Diagnostic("warning", "nul_bytes", "NUL bytes in a text file", "", f"{path}:{line}")
        )
    return text


def _in_another_encoding(
    data: bytes, path: str, error: UnicodeDecodeError | None, notes: list[Diagnostic]
) -> str:
    """The text of a file that is not UTF-8, if it can be read; nothing of it is ever written."""
    from .encodings import guess  # once in a while

    name = guess(data)
    if name is None and error is None:
        return ""  # text with a few NUL bytes in it
    line = 1 if error is None or name else data.count(b"\n", 0, error.start) + 1
    is_named = f"the file is not UTF-8, but {name}" if name else "the file is not valid UTF-8"
    hint = "save it as UTF-8; until then craftkit only reads it"
    notes.append(Diagnostic("warning", NOT_UTF8, is_named, hint, f"{path}:{line}"))
    if name is None:
        return data.decode("utf-8", "surrogateescape")
    return data.decode(name, "replace")


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


def _read_tasks(
    text: str,
    path: str,
    kind: Dialect,
    found: Scan,
    titles: Sequence[str],
    notes: list[Diagnostic],
) -> tuple[SortedBoxes, list[Task]]:
    sections, ignored = find_sections(found, len(text), kind, titles)
    for other in ignored:
        notes.append(
            Diagnostic(
                "warning",
                "several_task_sections",
                "this section looks like a task list as well, and the settings name another one",
                "name this heading in `specs.task_sections` as well, or rename it",
                f"{path}:{_line_of(text, other.at)}",
            )
        )
    if not sections:
        notes.append(
            Diagnostic(
                "warning",
                "no_task_section",
                "no heading names a task list",
                f"add a `{kind.section}` heading, or name yours in `specs.task_sections`",
                path,
            )
        )
    sorted_ = sort_boxes(text, kind, found, sections, path)
    lines = sorted_.lines
    notes += sorted_.notes
    if sections and not lines:
        notes.append(Diagnostic("info", "no_tasks", "the task section holds no tasks", "", path))
    elif kind.wants_keys and lines and not any(entry.words.key for entry in lines):
        notes.append(Diagnostic("info", "no_keys", "no task has a key", "", path))
    for entry in lines:
        mark = entry.box.mark
        if mark.strip() and mark not in kind.done and mark not in kind.started:
            notes.append(
                Diagnostic(
                    "warning",
                    "unknown_mark",
                    f"`[{mark if mark.isprintable() else '?'}]` means nothing in this dialect",
                    "use `[ ]` or `[x]`",
                    f"{path}:{_line_of(text, entry.box.at)}",
                )
            )
    return sorted_, _identify(text, kind, lines, sorted_.steps)


def _identify(
    text: str, kind: Dialect, lines: Sequence[TaskBox], steps: Sequence[list[int]]
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
                struck=text.startswith("~~", box.body_at),
            )
        )
    return tasks if named else names.with_refs(tasks)
