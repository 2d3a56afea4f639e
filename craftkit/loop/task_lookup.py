"""Which task a command means, and how a task is shown.  Reads only."""

import contextlib
from typing import Any

from craftkit.errors import (
    AmbiguousTask,
    CraftkitError,
    NoTaskInProgress,
    SpecNeedsAttention,
    UnknownTask,
    UsageProblem,
)
from craftkit.loop import spec_index, task_status
from craftkit.model import IN_PROGRESS, Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import claims
from craftkit.text import shell_word


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
    """The task that this session has in progress, else the only one this worktree has."""
    by_id = {row.task.id: row for row in rows if row.state == IN_PROGRESS}
    found = claims.in_worktree(context.store, context.worktree, spec.id)
    left = [claim for claim in found if claim.task_id in by_id]
    mine = [claim for claim in left if claim.session == context.session.id]
    if mine:
        return by_id[mine[0].task_id]
    return by_id[left[0].task_id] if len(left) == 1 else None


def find(context: Context, wanted_spec: str | None, word: str | None) -> tuple[Spec, Task]:
    """The task that a command means.  Raises UnknownTask, AmbiguousTask, NoTaskInProgress…"""
    try:
        spec = spec_index.choose_spec(context, wanted_spec).spec
    except UsageProblem as error:
        if word is None or wanted_spec is not None or error.code != "ambiguous_spec":
            raise
        spec = _only_spec_with(context, word)
    if word is not None:
        try:
            return spec, _certain(task_status.resolve_task(spec, word), spec)
        except UnknownTask as error:
            elsewhere = [] if wanted_spec else _specs_with(context, word)
            if not elsewhere:
                raise
            raise UnknownTask(
                error.message,
                f"it is in {elsewhere[0].path}: add `--spec {shell_word(elsewhere[0].id)}`",
            ) from error
    row = current(context, spec, spec_index.task_statuses(context, spec))
    if row is None:
        raise NoTaskInProgress(
            f"No task of {spec.path} is in progress here.",
            "name one: `craftkit task list` shows the keys",
        )
    return spec, row.task


def _certain(task: Task, spec: Spec) -> Task:
    """The task of a line that contradicts itself is nobody's.  Raises SpecNeedsAttention."""
    if task.doubt:
        words, hint = doubt(task, spec)
        raise SpecNeedsAttention(f"{words}, so nothing is done for it.", hint, spec.path)
    return task


def doubt(task: Task, spec: Spec) -> tuple[str, str]:
    """What is said of a line that contradicts itself: a clause, and the two ways out."""
    update = f"craftkit spec update {shell_word(spec.id)} --trust"
    hint = f"`{update} titles` or `{update} numbers` says what counts in this file"
    return f"Nobody can say whose line {task.line} is: {task.doubt}", hint


def _specs_with(context: Context, word: str) -> list[Spec]:
    found = []
    for spec in spec_index.load_all(context):
        with contextlib.suppress(CraftkitError):
            task_status.resolve_task(spec, word)
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
