"""What is different in the task lines of a file since they were seen, and who has to hear of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from craftkit.errors import CraftkitError
from craftkit.loop import identity
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import discovery, files
from craftkit.specs.matching import CONTRADICTED, EDITED, MOVED, NEW, SAME, normal
from craftkit.store import tasks
from craftkit.store.lines import SeenLine
from craftkit.text import count, one_line, shell_word

GONE = "gone"
KINDS = (MOVED, EDITED, NEW, GONE, CONTRADICTED, SAME)
REMATCHED, VANISHED, REWRITTEN = "rematched", "line_gone", "rewritten"  # codes of what is said
SAID = 3  # vanished lines that are named
SHORT = 8  # characters below which a text may stand anywhere


class LineChange(NamedTuple):
    """One task line before and after; `ref` is what names the task now, or did."""

    kind: str
    id: str
    ref: str
    title: str
    line: int | None  # 1-based; None: it is gone
    was_key: str | None
    was_title: str
    issue: int | None
    why: str = ""  # it cannot be said whose the line is


def compare(
    before: Sequence[SeenLine], spec: Spec, issues: dict[str, int | None]
) -> list[LineChange]:
    """The whole mapping, in the order of the file; what is gone comes last.  Pure."""
    seen = {one.task_id: one for one in before if one.task_id}
    found = []
    for task in spec.tasks:
        was = seen.get(task.id)
        kind = _kind(was, task.key, task.title) if not task.doubt else CONTRADICTED
        place = (task.id, task.ref, task.title, task.line)
        old = (was.key, was.title) if was is not None else (None, "")
        found.append(LineChange(kind, *place, *old, issues.get(task.id, task.issue), task.doubt))
    here = {task.id for task in spec.tasks}
    for one in before:
        if one.task_id and one.task_id not in here:
            issue = issues.get(one.task_id)
            ref = one.key or (f"gh{issue}" if issue else one.task_id)
            said = (one.task_id, ref, one.title, None, one.key, one.title, issue)
            found.append(LineChange(GONE, *said))
    return found


def _kind(was: SeenLine | None, key: str | None, title: str) -> str:
    if was is None:
        return NEW
    if normal(was.title) != normal(title):
        return EDITED
    return SAME if was.key == key else MOVED


def issues_of(context: Context, spec: Spec) -> dict[str, int | None]:
    """Task id -> the issue that is known, of every task that is remembered."""
    records = tasks.of_spec(context.store, spec.id)
    return {i: r.issue for i, r in records.items()} | identity.numbers(context, spec)


def announce(context: Context, spec: Spec, before: Sequence[SeenLine]) -> None:
    """Say once what moved, what contradicts itself, and which linked task has lost its line."""
    if not before:
        return
    lines = spec._replace(tasks=(*spec.tasks, *spec.unmerged))
    found = compare(before, lines, issues_of(context, spec))
    by_kind = {kind: [one for one in found if one.kind == kind] for kind in KINDS}
    records = tasks.of_spec(context.store, spec.id)
    lost = [one for one in by_kind[GONE] if _is_open(records.get(one.id))]
    bare = [one.ref for one in lost if one.issue is None]
    if (by_kind[MOVED] or by_kind[CONTRADICTED] or bare) and not spec.hunks:
        words = ", ".join(
            phrase(kind, len(by_kind[kind])) for kind in KINDS if by_kind[kind] and kind != SAME
        )
        words += f" ({', '.join(bare[:SAID])}{', …' if bare[SAID:] else ''})" if bare else ""
        hint = f"`craftkit spec update {shell_word(spec.id)}` shows which"
        context.note("info", REMATCHED, f"{spec.path}: {words}.", hint, spec.path)
    for task in spec.tasks:
        old = context.rewritten.get((spec.id, task.id))
        if old is not None:
            _say_rewritten(context, spec, task, old)
    linked = [one for one in lost if one.issue is not None]
    for one in linked[:SAID]:
        _say_vanished(context, spec, one)
    if linked[SAID:]:
        words = f"{count(len(linked) - SAID, 'more linked task')} lost their lines in {spec.path}."
        context.note("warning", VANISHED, words, "`craftkit spec update` shows them", spec.path)


def _is_open(record: tasks.TaskRecord | None) -> bool:
    return record is not None and not (record.dropped or record.local_done)


def phrase(kind: str, number: int) -> str:
    """How many lines changed in one way."""
    words = {
        MOVED: ("task has another key", "tasks have another key"),
        EDITED: ("task has other words", "tasks have other words"),
        NEW: ("is new", "are new"),
        GONE: ("is gone", "are gone"),
        CONTRADICTED: ("line contradicts itself", "lines contradict themselves"),
        SAME: ("is the same", "are the same"),
    }[kind]
    return f"{number} {words[number != 1]}"


def _say_rewritten(context: Context, spec: Spec, task: Task, old: str) -> None:
    context.note(
        "warning",
        REWRITTEN,
        f"{task.ref} says “{one_line(task.title, 60)}” now, and said “{one_line(old, 60)}” before.",
        identity.rewritten_hint(context, spec, task),
        f"{spec.path}:{task.line}",
    )


def _say_vanished(context: Context, spec: Spec, one: LineChange) -> None:
    place = _place_of_text(context, spec, one.title)
    now = f"; its text stands in {place}" if place else ""
    context.note(
        "warning",
        VANISHED,
        # Not its key, which another task may have by now.
        f"#{one.issue} “{one_line(one.title, 60)}” has no task line in {spec.path} any more{now}.",
        f"bring the line back, or say that it is not to be done on the page of #{one.issue}",
        place or spec.path,
    )


def _place_of_text(context: Context, spec: Spec, title: str) -> str:
    """`path:line` of the first line with this text, in the file first; "" if there is none."""
    wanted = normal(one_line(title, 200))
    if len(wanted) < SHORT:
        return ""
    for path in (spec.path, *(p for p in discovery.discover(context.worktree) if p != spec.path)):
        try:
            if not os.path.lexists(os.path.join(context.worktree, path)):
                continue
            text = files.read(context.worktree, path).decode("utf-8", "replace")
        except CraftkitError:  # a file that cannot be read has no text to show
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if wanted in normal(line):
                return f"{path}:{number}"
    return ""


def row(one: LineChange) -> str:
    """A line of `spec update` for people."""
    number = f" (#{one.issue})" if one.issue and one.ref != f"gh{one.issue}" else ""
    text = f"{one.kind:<12} {one.ref} {one_line(one.title, 120)}{number}"
    if one.kind == MOVED:
        return f"{text} (was: {one.was_key or 'no key'})"
    if one.kind == EDITED:
        key = f"{one.was_key} " if one.was_key not in (None, one.ref) else ""
        return f"{text} (was: {key}{one_line(one.was_title, 120)})"
    if one.kind == GONE and one.issue:
        return f"{text}; the issue stays as it is"
    return f"{text}: {one.why}" if one.why else text
