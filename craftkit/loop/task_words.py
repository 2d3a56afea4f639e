"""Which task a word of a person means: a key, an issue, a short id.  Decides, and reads nothing.

A word never means another task than the one that has it: what fits two is refused, and a bare
number is a key; only if no task of the spec has one, it is an issue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from craftkit.errors import AmbiguousTask, UnknownTask
from craftkit.model import Spec, Task
from craftkit.specs import edit, names
from craftkit.text import one_line, typed

_ISSUE = r"(?:#|gh)([1-9][0-9]{0,9})"
_BARE = r"[1-9][0-9]{0,9}"
_PLACE = r"@([0-9]{1,9})"


class Known(NamedTuple):
    """What a clone knows of a spec's tasks besides the file."""

    ids: Collection[str] = ()  # of all tasks that the spec has or had
    issues: Mapping[str, int] | None = None  # task id -> its issue
    # The number of an issue of this clone's repository by its address; None for any other.
    number_at: Callable[[str], int | None] = lambda address: None


def resolve(spec: Spec, word: str, known: Known | None = None) -> Task:
    """The task that `word` names.

    Raises UnknownTask or AmbiguousTask, with what to write, and SpecNeedsAttention for a task
    that a merge conflict touches.
    """
    if not spec.unmerged:
        return _resolve(spec, word, known or Known())
    every = spec._replace(tasks=(*spec.tasks, *spec.unmerged), unmerged=())
    task = _resolve(every, word, known or Known())
    edit.refuse_if_held(spec, [task.id])
    return task


def _resolve(spec: Spec, word: str, known: Known) -> Task:
    wanted = word.strip()
    if wanted.casefold().startswith(("http://", "https://")):
        return _at_address(spec, wanted, known)
    issue = re.fullmatch(_ISSUE, wanted, re.IGNORECASE | re.ASCII)
    if issue is not None:
        return _of_issue(spec, wanted, int(issue[1]), known)
    if wanted.startswith("~"):
        return _of_short_id(spec, wanted, known)
    place = re.fullmatch(_PLACE, wanted, re.ASCII)
    if place is not None:
        raise _no_place(spec, wanted, int(place[1]))
    found = [t for t in spec.tasks if t.key == wanted]
    found = found or [t for t in spec.tasks if t.key and _near(t.key) == _near(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(spec, wanted, found)
    if re.fullmatch(_BARE, wanted, re.ASCII):
        if not any(task.key for task in spec.tasks):
            return _of_issue(spec, wanted, int(wanted), known)
        raise _bare_number(spec, wanted, known)
    begins = [t for t in spec.tasks if t.key and t.key.casefold().startswith(wanted.casefold())]
    if len(begins) > 1 and wanted:
        raise AmbiguousTask(
            f"{wanted} could be any of {len(begins)} tasks of {spec.path}: {_list(begins)}.",
            "give the whole key",
        )
    raise UnknownTask(f"{spec.path} has no task {wanted}.", _near_hint(spec, wanted))


def _near(key: str) -> str:
    """A key without what people leave out: `T012` is also `t12`."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", key.casefold())


def _at_address(spec: Spec, wanted: str, known: Known) -> Task:
    number = known.number_at(wanted)
    if number is None:
        raise UnknownTask(
            f"{one_line(wanted)} is not an address of an issue of this clone's repository.",
            "`craftkit task list` shows the names of the tasks",
        )
    return _of_issue(spec, f"#{number}", number, known)


def _of_issue(spec: Spec, wanted: str, number: int, known: Known) -> Task:
    own = names.own_issues(spec.tasks, known.issues or {})
    found = [t for t in spec.tasks if own.get(t.id) == number]
    if found:
        return found[0]
    shown = [t for t in spec.tasks if t.issue == number]
    if len(shown) > 1:
        raise _ambiguous(spec, wanted, shown)
    if shown and shown[0].doubt:
        return shown[0]  # nobody's: who asks says so
    if shown:
        task = shown[0]
        raise UnknownTask(
            f"The line {task.line} of {spec.path} shows #{number}, which is not its issue.",
            f"write {_named(task)}",
        )
    raise UnknownTask(
        f"{spec.path} has no task with the issue #{number}.", _near_hint(spec, f"gh{number}")
    )


def _of_short_id(spec: Spec, wanted: str, known: Known) -> Task:
    begins = wanted[1:].casefold()
    found = [t for t in spec.tasks if names.code(t.id).startswith(begins)] if begins else []
    if not found:
        raise UnknownTask(
            f"{spec.path} has no task {wanted}.", "`craftkit task list` shows the names"
        )
    short = names.short_ids([*known.ids, *(t.id for t in spec.tasks)])
    if len(found) == 1 and len(wanted) >= len(short[found[0].id]):
        return found[0]
    shown = [f"{short[t.id]} (line {t.line})" for t in found[:5]]
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    raise AmbiguousTask(
        f"{wanted} is too short: it could be {' or '.join(shown)}{more}."
        if len(found) > 1
        else f"{wanted} is too short: it could also be a task that is gone from {spec.path}.",
        " or ".join(f"`craftkit task show {typed(short[t.id])}`" for t in found[:2]),
    )


def _no_place(spec: Spec, wanted: str, place: int) -> UnknownTask:
    """Places change with each edit: what they named before has another word now."""
    message = f"Cannot name a task by its place: {wanted} is another task after each edit."
    task = next((t for t in spec.tasks if t.place == place), None)
    if task is None:
        return UnknownTask(message, "`craftkit task list` shows the names")
    return UnknownTask(
        message, f"line {task.line} is {task.ref}: `craftkit task show {typed(task.ref)}`"
    )


def _bare_number(spec: Spec, wanted: str, known: Known) -> UnknownTask:
    own = names.own_issues(spec.tasks, known.issues or {})
    task = next((t for t in spec.tasks if own.get(t.id) == int(wanted)), None)
    if task is None:
        return UnknownTask(f"{spec.path} has no task {wanted}.", _near_hint(spec, wanted))
    return UnknownTask(
        f"{spec.path} has no task {wanted}; #{wanted} is the issue of {task.ref}.",
        f"write gh{wanted} for the issue" + (f", or {_named(task)}" if task.key else ""),
    )


def _ambiguous(spec: Spec, wanted: str, found: Sequence[Task]) -> AmbiguousTask:
    return AmbiguousTask(
        f"{wanted} names {len(found)} tasks of {spec.path}: {_list(found)}.",
        f"write {' or '.join(_named(task) for task in found[:4])}",
    )


def _named(task: Task) -> str:
    return f"`{typed(task.ref)}`"


def _list(tasks: Sequence[Task]) -> str:
    shown = ", ".join(f"{t.ref} (line {t.line})" for t in tasks[:5])
    return shown + (f" and {len(tasks) - 5} more" if len(tasks) > 5 else "")


def _near_hint(spec: Spec, wanted: str) -> str:
    import difflib

    near = difflib.get_close_matches(wanted, [t.ref for t in spec.tasks], n=3, cutoff=0.5)
    if not spec.tasks:
        return 'it has no tasks yet: `craftkit task add "What to do"`'
    if near:
        return f"did you mean {' or '.join(near)}? `craftkit task list` shows all"
    return "`craftkit task list` shows the keys"
