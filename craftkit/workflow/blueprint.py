"""What linking makes of a spec: a parent issue, and a Sub Issue for each task.  Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from craftkit import repo as git
from craftkit.errors import UsageProblem
from craftkit.model import Spec, Task
from craftkit.redact import clean
from craftkit.store import outbox
from craftkit.sync import markers
from craftkit.words import count
from craftkit.workflow import catalog
from craftkit.workflow.context import Context

PER_PARENT = 100  # GitHub's limit of sub-issues, closed ones included
TITLE_LIMIT = 256  # characters of an issue title


class Part(NamedTuple):
    """One parent issue and the tasks below it; a short spec has one part without a name."""

    name: str
    tasks: tuple[Task, ...]


class ToMake(NamedTuple):
    """What linking would send."""

    parts: tuple[Part, ...]
    parents: tuple[dict[str, Any], ...]  # payloads of the parents to make
    children: tuple[tuple[Task, dict[str, Any]], ...]  # tasks without an issue
    adopted: tuple[Task, ...]  # tasks that name an issue already
    blocks: tuple[tuple[str, str], ...]  # (task, the task that it waits for)


def plan(spec: Spec, known: Sequence[outbox.Known], context: Context) -> ToMake:
    """What is to be made.  Raises UsageProblem where GitHub's limits forbid it."""
    dropped = catalog.dropped(context, spec)
    tasks = [t for t in spec.tasks if t.id not in dropped or t.issue is not None]
    parts = split(spec, tasks)
    have = {k.part for k in known if k.task_id is None}
    linked = {k.task_id for k in known if k.task_id is not None}
    parents = tuple(
        _parent(context, spec, part, len(parts))
        for part in parts
        if part.name not in have and (spec.issue is None or part is not parts[0])
    )
    children = tuple(
        (task, _child(context, spec, task, part))
        for part in parts
        for task in part.tasks
        if task.issue is None and task.id not in linked
    )
    adopted = tuple(t for t in tasks if t.issue is not None and t.id not in linked)
    keys = {t.key: t.id for t in tasks if t.key is not None}
    fresh = {task.id for task, _ in children}
    blocks = tuple(
        (t.id, keys[k]) for t in tasks for k in t.depends_on if k in keys and t.id in fresh
    )
    return ToMake(parts, parents, children, adopted, blocks)


def split(spec: Spec, tasks: Sequence[Task]) -> tuple[Part, ...]:
    """All tasks below one parent, or a parent for each heading where they are too many."""
    if len(tasks) <= PER_PARENT:
        return (Part("", tuple(tasks)),)
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.group or "", []).append(task)
    long = [name for name, members in groups.items() if len(members) > PER_PARENT]
    if long:
        where = f"under “{clean(long[0], 60)}”" if long[0] else "without a heading"
        raise UsageProblem(
            f"{spec.path} has {len(groups[long[0]])} tasks {where}, and GitHub takes"
            f" {PER_PARENT} sub-issues below one parent.",
            "divide them by `###` headings of at most 100 tasks each, or split the spec",
            spec.path,
        )
    return tuple(Part(name, tuple(members)) for name, members in groups.items())


def _parent(context: Context, spec: Spec, part: Part, parts: int) -> dict[str, Any]:
    name = f"{spec.name}: {part.name}" if parts > 1 else spec.name
    lines = [
        _where(context, spec),
        "",
        f"{count(len(part.tasks), 'task')}.",
        "",
        markers.marker(spec.id),
    ]
    label = context.config["github.phase_label"] + catalog.phase_of(context, spec)
    return {
        "title": clean(name, TITLE_LIMIT),
        "body": "\n".join(lines),
        "labels": [label],
        "part": part.name,
    }


def _child(context: Context, spec: Spec, task: Task, part: Part) -> dict[str, Any]:
    lines = [_where(context, spec, task.line)]
    if task.depends_on:
        lines += ["", f"Depends on: {', '.join(task.depends_on)}"]
    lines += ["", markers.marker(spec.id, task.id)]
    return {"title": title_of(task), "body": "\n".join(lines), "part": part.name}


def title_of(task: Task) -> str:
    """The issue's title: the key leads, so that a list of issues reads like the spec."""
    words = task.title or "(no words)"
    return clean(f"{task.key} {words}" if task.key else words, TITLE_LIMIT)


def _where(context: Context, spec: Spec, line: int | None = None) -> str:
    """A link to the file at the branch, or its path where the server is not known."""
    remote = git.remote(context.repo)
    branch = spec.branch or context.session.branch
    place = f"{spec.path}:{line}" if line else spec.path
    if remote is None or branch is None or "." not in remote[0]:
        return f"Spec: `{place}`"
    from urllib.parse import quote

    host, owner, name = remote
    path = quote(spec.path)
    anchor = f"?plain=1#L{line}" if line else ""
    return f"Spec: [{place}](https://{host}/{owner}/{name}/blob/{quote(branch)}/{path}{anchor})"
