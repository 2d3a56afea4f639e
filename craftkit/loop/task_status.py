"""Pure decisions: the state of each task, what is ready, what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from craftkit.model import DONE, DROPPED, IN_PROGRESS, TODO, Spec, Task


class TaskStatus(NamedTuple):
    """One task with what the database knows of it."""

    task: Task
    state: str
    ready: bool
    waits_for: tuple[str, ...]
    holder: str | None  # session id of the claim
    reopened: bool  # recorded as done, but its box is open here: a person settles it
    duplicate: bool = False  # its issue was closed as a duplicate: a person settles it


CLOSED_AS_DUPLICATE = "closed_as_duplicate"  # the code of that conflict


def derive_statuses(
    spec: Spec,
    *,
    finished: Iterable[str] = (),
    dropped: Iterable[str] = (),
    claims: Mapping[str, str] | None = None,
    recorded: Iterable[str] = (),
    duplicates: Iterable[str] = (),
) -> list[TaskStatus]:
    """Every task with its state: box, then drop, then claim or the file's own mark.

    `recorded` are the ids of tasks that were done once, whatever their boxes say here;
    `duplicates` those of which GitHub says that their work is another issue's.
    """
    finished, dropped, claims = set(finished), set(dropped), claims or {}
    recorded, duplicates = set(recorded), set(duplicates)
    states = {
        task.id: DONE
        if task.checked or task.id in finished
        else DROPPED
        if task.id in dropped
        else IN_PROGRESS
        if task.id in claims or task.started
        else TODO
        for task in spec.tasks
    }
    by_key: dict[str, list[Task]] = {}
    for task in spec.tasks:
        if task.key:
            by_key.setdefault(task.key.casefold(), []).append(task)
    held = {task.key.casefold(): task.ref for task in spec.unmerged if task.key}
    parts: dict[str, list[Task]] = {}
    for task in spec.tasks:
        if task.parent and not task.optional:
            parts.setdefault(task.parent, []).append(task)
    result = []
    for task in spec.tasks:
        needs = [t for key in task.depends_on for t in by_key.get(key.casefold(), ())]
        needs += parts.get(task.id, [])
        waits = tuple(t.ref for t in needs if states[t.id] not in (DONE, DROPPED))
        waits += tuple(held[k.casefold()] for k in task.depends_on if k.casefold() in held)
        state = states[task.id]
        reopened = task.id in recorded and state not in (DONE, DROPPED)
        double = task.id in duplicates and state not in (DONE, DROPPED)
        ready = state == TODO and not (waits or reopened or double or task.doubt)
        result.append(TaskStatus(task, state, ready, waits, claims.get(task.id), reopened, double))
    return result


def next_ready(rows: Sequence[TaskStatus]) -> TaskStatus | None:
    """The first ready task in file order; optional and struck-out ones are never offered."""
    return next(
        (row for row in rows if row.ready and not (row.task.optional or row.task.struck)), None
    )


def parents_finished_by(rows: Sequence[TaskStatus], task: Task) -> list[Task]:
    """Numbered parents whose last required part is `task`: they are done with it."""
    by_id = {row.task.id: row for row in rows}
    done = {row.task.id for row in rows if row.state in (DONE, DROPPED)} | {task.id}
    result = []
    parent = task.parent
    while parent and parent in by_id and by_id[parent].state != DONE:
        parts = [r.task for r in rows if r.task.parent == parent and not r.task.optional]
        if not all(part.id in done for part in parts):
            break
        result.append(by_id[parent].task)
        done.add(parent)
        parent = by_id[parent].task.parent
    return result


def parents_opened_by(rows: Sequence[TaskStatus], task: Task) -> list[Task]:
    """Numbered parents that are done: with an open part they are not."""
    by_id = {row.task.id: row for row in rows}
    result = []
    parent = None if task.optional else task.parent
    while parent and parent in by_id:
        if by_id[parent].state == DONE:
            result.append(by_id[parent].task)
        parent = by_id[parent].task.parent
    return result


def open_parts(rows: Sequence[TaskStatus]) -> list[tuple[Task, Task]]:
    """Pairs of a parent that is done and its first required part that is open."""
    by_id = {row.task.id: row for row in rows}
    found: dict[str, tuple[Task, Task]] = {}
    for row in rows:
        whole = by_id.get(row.task.parent or "")
        is_open = row.state in (TODO, IN_PROGRESS) and not row.task.optional
        if whole is not None and whole.state == DONE and is_open:
            found.setdefault(whole.task.id, (whole.task, row.task))
    return list(found.values())


def open_required(rows: Sequence[TaskStatus]) -> list[TaskStatus]:
    return [r for r in rows if r.state in (TODO, IN_PROGRESS) and not r.task.optional]


def progress(rows: Sequence[TaskStatus]) -> dict[str, int]:
    """Dropped tasks count neither way."""
    return {
        "done": sum(1 for r in rows if r.state == DONE),
        "total": sum(1 for r in rows if r.state != DROPPED),
    }
