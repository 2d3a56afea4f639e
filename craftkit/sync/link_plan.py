"""What linking makes of a spec: a parent issue, and a Sub Issue for each task.  Sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from craftkit import repo as git
from craftkit.errors import UsageProblem
from craftkit.github import gateway as gh
from craftkit.loop import github_writes, spec_index
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs.checks import off_cycles
from craftkit.store import issues
from craftkit.sync import markers
from craftkit.text import code_span, count, one_line

PER_PARENT = 100  # GitHub's limit of sub-issues, closed ones included


class Part(NamedTuple):
    """One parent issue and the tasks below it; a short spec has one part without a name."""

    name: str
    tasks: tuple[Task, ...]


class LinkPlan(NamedTuple):
    """What linking would send."""

    parents: tuple[dict[str, Any], ...]  # payloads of the parents to make
    children: tuple[tuple[Task, dict[str, Any]], ...]  # tasks without an issue
    adopted: tuple[Task, ...]  # tasks that name an issue already
    blocks: tuple[tuple[str, str], ...]  # (task, the task that it waits for)


def plan_links(spec: Spec, known: Sequence[issues.LinkedIssue], context: Context) -> LinkPlan:
    """What is to be made.  Raises UsageProblem where GitHub's limits forbid it."""
    dropped = spec_index.dropped(context, spec)
    tasks = [t for t in spec.tasks if not t.doubt and (t.id not in dropped or t.issue is not None)]
    linked = {k.task_id for k in known if k.task_id is not None}
    fresh = [t for t in tasks if t.issue is None and t.id not in linked]
    parts = split(spec, tasks)
    _refuse_crowds(spec, parts, fresh)
    parents, homes = _assign_parents(spec, parts, fresh, known)
    origins = markers.origins(spec.tasks)
    numbers = {k.number for k in known}
    adopted = tuple(t for t in tasks if t.issue is not None and t.issue not in numbers)
    keys = {t.key: t.id for t in tasks if t.key is not None}
    new = {t.id for t in fresh}
    waits = [(t.id, keys[k]) for t in tasks for k in t.depends_on if k in keys]
    return LinkPlan(
        tuple(_parent(context, spec, part) for part in parents),
        tuple((t, _child(context, spec, t, homes[t.id], origins[t.id])) for t in fresh),
        adopted,
        tuple(pair for pair in off_cycles(waits) if pair[0] in new),
    )


def split(spec: Spec, tasks: Sequence[Task]) -> tuple[Part, ...]:
    """All tasks below one parent, or a parent for each heading where they are too many."""
    if len(tasks) <= PER_PARENT:
        return (Part("", tuple(tasks)),)
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.group or "", []).append(task)
    return tuple(Part(name, tuple(members)) for name, members in groups.items())


def _refuse_crowds(spec: Spec, parts: Sequence[Part], fresh: Sequence[Task]) -> None:
    """More new tasks below one heading than a parent takes; without a heading, old ones count."""
    new = {task.id for task in fresh}
    for part in parts:
        many = sum(1 for task in part.tasks if task.id in new)
        if many and not part.name:
            many = len(part.tasks)
        if many > PER_PARENT:
            where = f"under “{one_line(part.name, 60)}”" if part.name else "without a heading"
            raise UsageProblem(
                f"{spec.path} has {many} tasks {where}, and GitHub takes"
                f" {PER_PARENT} sub-issues below one parent.",
                "divide them by `###` headings of at most 100 tasks each, or split the spec",
                spec.path,
            )


def _assign_parents(
    spec: Spec, parts: Sequence[Part], fresh: Sequence[Task], known: Sequence[issues.LinkedIssue]
) -> tuple[list[Part], dict[str, str]]:
    """The parents to make, and for each new task the name of the part whose parent it gets.

    A parent that has room is used before another is made: that of the tasks' heading, or the one
    below which their neighbours are.  What was linked once may have grown, and headings change.
    """
    there = [k.part for k in known if k.task_id is None]
    if not there and spec.issue is not None:
        there = [""]  # the parent that the file names is remembered so
    part_of = {k.task_id: k.part for k in known if k.task_id is not None}
    used = Counter(part_of.values())
    new = {task.id for task in fresh}
    parents: list[Part] = []
    homes: dict[str, str] = {}
    for part in parts:
        members = tuple(task for task in part.tasks if task.id in new)
        if there and not members:
            continue
        near = Counter(part_of[t.id] for t in part.tasks if t.id in part_of)
        places = [part.name, *(name for name, _ in near.most_common())]
        places += there if part.name == "" else []
        fits = (p for p in places if p in there and used[p] + len(members) <= PER_PARENT)
        home = next(fits, None)
        if home is None:
            home = _new_name(part.name, there)
            parents.append(Part(home, part.tasks if home == part.name else members))
        used[home] += len(members)
        homes.update((task.id, home) for task in members)
    return parents, homes


def _new_name(name: str, taken: Sequence[str]) -> str:
    if name not in taken:
        return name
    numbered = (f"{name or 'more'} {number}" for number in range(2, len(taken) + 3))
    return next(n for n in numbered if n not in taken)


def name_parts(
    spec: Spec, parents: Mapping[int, str | None], found: Mapping[str, gh.Issue]
) -> dict[int, str]:
    """The part of each parent that is there: the heading of most of its tasks, as it would be made.

    `parents` are numbers with the parts that are known, `found` the issues of tasks.
    """
    headings = {t.id: t.group or "" for t in spec.tasks}
    whole = len(spec.tasks) <= PER_PARENT
    names = {number: part for number, part in parents.items() if part is not None}
    for number in sorted(set(parents) - set(names)):
        below = Counter(headings[t] for t, issue in found.items() if issue.parent == number)
        name = "" if whole or not below else below.most_common(1)[0][0]
        names[number] = name if name not in names.values() else f"#{number}"
    return names


def _parent(context: Context, spec: Spec, part: Part) -> dict[str, Any]:
    name = f"{spec.name}: {part.name}" if part.name else spec.name
    lines = [
        _where(context, spec),
        "",
        f"{count(len(part.tasks), 'task')}.",
        "",
        markers.marker(spec.id),
    ]
    label = context.config["github.phase_label"] + spec_index.phase_of(context, spec)
    return {
        "title": one_line(name, github_writes.TITLE_LIMIT),
        "body": "\n".join(lines),
        "labels": [label],
        "part": part.name,
    }


def _child(context: Context, spec: Spec, task: Task, home: str, of: str) -> dict[str, Any]:
    lines = [_where(context, spec, task.line)]
    if task.depends_on:
        lines += ["", f"Depends on: {', '.join(task.depends_on)}"]
    lines += ["", markers.marker(spec.id, task.read_as, of)]
    return {"title": github_writes.issue_title(task), "body": "\n".join(lines), "part": home}


def _where(context: Context, spec: Spec, line: int | None = None) -> str:
    """A link to the file at the branch, or its path where the server is not known."""
    remote = git.remote(context.repo)
    branch = spec.branch or context.session.branch
    place = f"{spec.path}:{line}" if line else spec.path
    if remote is None or branch is None or "." not in remote[0]:
        return f"Spec: {code_span(place)}"
    from urllib.parse import quote

    host, owner, name = remote
    path = quote(spec.path)
    anchor = f"?plain=1#L{line}" if line else ""
    return f"Spec: [{place}](https://{host}/{owner}/{name}/blob/{quote(branch)}/{path}{anchor})"
