"""Which task a command means, and how a task is shown.  Reads only."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from craftkit.errors import (
    AmbiguousTask,
    CraftkitError,
    NoTaskInProgress,
    SpecNeedsAttention,
    TaskNotNamed,
    UnknownTask,
    UsageProblem,
)
from craftkit.loop import identity, sessions, spec_index, task_status
from craftkit.model import IN_PROGRESS, Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import claims, tasks
from craftkit.text import one_line, shell_word

LISTED = "`craftkit task list` shows the names"


def task_json(spec: Spec, row: task_status.TaskStatus) -> dict[str, Any]:
    task = row.task
    return {
        "key": task.ref,
        "number": task.place,
        "title": task.title,
        "state": row.state,
        "checked": task.checked,
        "group": task.group,
        "depends_on": list(task.depends_on),
        "parallel": task.parallel,
        "optional": task.optional,
        "issue": task.issue,
        "path": spec.path,
        "line": task.line,
        "ready": row.ready,
        "waits_for": list(row.waits_for),
        "holder": row.holder,
        "steps": {"done": task.steps_done, "total": task.steps_total},
    }


def current(
    context: Context, spec: Spec, rows: list[task_status.TaskStatus]
) -> task_status.TaskStatus | None:
    """The task that this session has in progress, else the only one that nobody alive has."""
    by_id = {row.task.id: row for row in rows if row.state == IN_PROGRESS}
    found = claims.in_worktree(context.store, context.worktree, spec.id)
    left = [claim for claim in found if claim.task_id in by_id]
    mine = [claim for claim in left if claim.session == context.session.id]
    if mine:
        return by_id[mine[0].task_id]
    free = [claim for claim in left if not sessions.is_held_by_another(context, claim)]
    return by_id[free[0].task_id] if len(free) == 1 else None


def resolve(context: Context, spec: Spec, word: str) -> Task:
    """The task of a spec that `word` names.  Raises UnknownTask or AmbiguousTask."""
    found = [task for task in spec.tasks if task.key == word]
    if len(found) == 1:
        return found[0]
    from craftkit.loop import task_words  # most words are keys

    ids: list[str] = []
    issues: dict[str, int] = {}
    if context.store.readable:
        ids, issues = tasks.ids(context.store, spec.id), identity.numbers(context, spec)

    def number_at(address: str) -> int | None:
        from craftkit.loop import issue_pages

        return issue_pages.number_at(context, address)

    return task_words.resolve(spec, word, task_words.Known(ids, issues, number_at))


def find(context: Context, wanted_spec: str | None, word: str) -> tuple[Spec, Task]:
    """The task that a command names.  Raises UnknownTask, AmbiguousTask, SpecNeedsAttention…"""
    try:
        spec = spec_index.choose_spec(context, wanted_spec).spec
    except UsageProblem as error:
        if wanted_spec is not None or error.code != "ambiguous_spec":
            raise
        spec = _only_spec_with(context, word)
    try:
        return spec, _certain(resolve(context, spec, word), spec)
    except UnknownTask as error:
        elsewhere = [] if wanted_spec else _specs_with(context, word)
        if not elsewhere:
            raise
        raise UnknownTask(
            error.message,
            f"it is in {elsewhere[0].path}: add `--spec {shell_word(elsewhere[0].id)}`",
        ) from error


def find_or_current(
    context: Context, wanted_spec: str | None, word: str | None
) -> tuple[Spec, Task]:
    """The task that a command names, else the one in progress.  Raises NoTaskInProgress…"""
    if word is not None:
        return find(context, wanted_spec, word)
    spec = spec_index.choose_spec(context, wanted_spec).spec
    row = current(context, spec, spec_index.task_statuses(context, spec))
    if row is None:
        raise NoTaskInProgress(
            f"No task of {spec.path} is in progress here.",
            f"name one: {LISTED}",
        )
    return spec, row.task


def own(context: Context, wanted_spec: str | None) -> Task | None:
    """The task that this very session has in progress; no other is ever meant without a name."""
    spec = spec_index.choose_spec(context, wanted_spec).spec
    rows = spec_index.task_statuses(context, spec)
    holds = (row for row in rows if row.holder == context.session.id and not row.task.doubt)
    return next((row.task for row in holds if row.state == IN_PROGRESS), None)


def not_named(verb: str, command: str = "") -> TaskNotNamed:
    """What is said to who names no task; `command` is that for the session's own one."""
    shows = f"`{command}` names the task in progress" if command else LISTED
    return TaskNotNamed(
        f"Cannot {verb} a task without its name.",
        f"{shows}; a shell drops an unquoted #541, so write gh541",
    )


def namer(context: Context) -> Callable[[str, str], str]:
    """A function that gives the name of a task by spec and id, also of one whose line is gone."""
    from craftkit.specs import names

    @functools.cache
    def of_spec(spec_id: str) -> dict[str, str]:
        spec = spec_index.by_id(context, spec_id)
        lines = spec.tasks if spec is not None else ()
        records = tasks.of_spec(context.store, spec_id)
        refs = names.short_ids([*records, *(task.id for task in lines)])
        shown = {task.key for task in lines}
        for one in records.values():
            if one.key is not None and one.key not in shown:
                refs[one.task_id] = one.key
            elif one.key is None and one.issue is not None:
                refs[one.task_id] = f"gh{one.issue}"
        return refs | {task.id: task.ref for task in lines}

    return lambda spec_id, task_id: of_spec(spec_id).get(task_id, task_id)


def _certain(task: Task, spec: Spec) -> Task:
    """The task of a line that contradicts itself is nobody's.  Raises SpecNeedsAttention."""
    if task.doubt:
        words, hint = doubt(task, spec)
        raise SpecNeedsAttention(f"{words}, so nothing is done for it.", hint, spec.path)
    return task


def refuse_rewritten(context: Context, spec: Spec, task: Task) -> None:
    """Raise SpecNeedsAttention if this command is the first to see the task with other words.

    The words may be another task's, under a key and a number that stayed.
    """
    old = context.rewritten.get((spec.id, task.id))
    if old is not None and context.store.durable:
        place = f"{spec.path}:{task.line}"
        context.diagnostics = [note for note in context.diagnostics if note.target != place]
        raise SpecNeedsAttention(
            f"{task.ref} says “{one_line(task.title, 60)}” now, and said “{one_line(old, 60)}”"
            " before, so nothing was done.",
            identity.rewritten_hint(context, spec, task),
            place,
        )


def doubt(task: Task, spec: Spec) -> tuple[str, str]:
    """What is said of a line that contradicts itself: a clause, and the two ways out."""
    update = f"craftkit spec update {shell_word(spec.id)} --trust"
    hint = f"`{update} titles` or `{update} numbers` says what counts in this file"
    if spec.conflict is not None:  # refused until it is resolved
        hint = spec.conflict.hint
    return f"Nobody can say whose line {task.line} is: {task.doubt}", hint


def _specs_with(context: Context, word: str) -> list[Spec]:
    found = []
    for spec in spec_index.load_all(context):
        with contextlib.suppress(CraftkitError):
            resolve(context, spec, word)
            found.append(spec)
    return found


def _only_spec_with(context: Context, word: str) -> Spec:
    found = _specs_with(context, word)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownTask(f"No spec of this worktree has a task {word}.", "`craftkit spec list`")
    listed = ", ".join(s.path for s in found[:5])
    raise AmbiguousTask(
        f"{word} is a task of {len(found)} specs: {listed}.",
        f"add `--spec {shell_word(found[0].id)}`",
    )
