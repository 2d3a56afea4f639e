"""What linking makes of a spec: a parent issue, and a Sub Issue for each task.  Sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from craftkit import repo as git
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
    """What is to be made."""
    dropped = spec_index.dropped(context, spec)
    tasks = [t for t in spec.tasks if not t.doubt and (t.id not in dropped or t.issue is not None)]
    linked = {k.task_id for k in known if k.task_id is not None}
    fresh = [t for t in tasks if t.issue is None and t.id not in linked]
    parts = split(spec, tasks)
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
    """All tasks below one parent, or parents for each heading if they are too many."""
    if len(tasks) <= PER_PARENT:
        return (Part("", tuple(tasks)),)
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.group or "", []).append(task)
    parts: list[Part] = []
    for name, members in groups.items():
        for first in range(0, len(members), PER_PARENT):
            free = new_name(name, [part.name for part in parts]) if first else name
            parts.append(Part(free, tuple(members[first : first + PER_PARENT])))
    return tuple(parts)


def _assign_parents(
    spec: Spec, parts: Sequence[Part], fresh: Sequence[Task], known: Sequence[issues.LinkedIssue]
) -> tuple[list[Part], dict[str, str]]:
    """The parents to make, and for each new task the name of the part whose parent it gets.

    A parent is filled before another is made: that of the tasks' heading, or the one below which
    their neighbours are.  What was linked once may have grown, and headings change.
    """
    there = [k.part for k in known if k.task_id is None]
    if not there and spec.issue is not None:
        there = [""]  # the parent that the file names is remembered so
    part_of = {k.task_id: k.part for k in known if k.task_id is not None}
    used = Counter(part_of.values())
    new = {task.id for task in fresh}
    made: dict[str, list[Task]] = {}
    homes: dict[str, str] = {}
    for part in parts:
        members = tuple(task for task in part.tasks if task.id in new)
        if not there and not members:
            made[part.name] = []
        near = Counter(part_of[t.id] for t in part.tasks if t.id in part_of)
        places = [part.name, *(name for name, _ in near.most_common())]
        places += there if part.name == "" else []
        for task in members:
            having = {*there, *made}
            home = next((p for p in places if p in having and used[p] < PER_PARENT), None)
            if home is None:
                home = new_name(part.name, having)
                places.insert(0, home)
                made[home] = []
            if home in made:
                made[home].append(task)
            used[home] += 1
            homes[task.id] = home
    whole = {part.name: part.tasks for part in parts}
    parents = [Part(name, whole.get(name, tuple(tasks))) for name, tasks in made.items()]
    return parents, homes


def new_name(name: str, taken: Collection[str]) -> str:
    """The name of a further part for what belongs to the part `name`."""
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
