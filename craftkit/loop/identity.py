"""Which remembered task each line of a spec file is: the rules of `specs.matching`, and memory.

A task's id is given once and never read: keys, titles, numbers and the order may all change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import edit, names
from craftkit.store import issues, lines, specs, tasks
from craftkit.store.lines import SeenLine
from craftkit.store.tasks import TaskRecord

if TYPE_CHECKING:
    from craftkit.specs.matching import Matching

DOUBTFUL = "?"  # begins the name of a line that is nobody's; no task's id begins so


def assign(context: Context, spec: Spec) -> Spec:
    """The spec, its tasks under the ids that they are remembered by, and named by them."""
    if spec.unmerged:  # they are lines as well: none of them is gone, or another one's task
        whole = assign(context, spec._replace(tasks=(*spec.tasks, *spec.unmerged), unmerged=()))
        size = len(spec.tasks)
        return spec._replace(tasks=whole.tasks[:size], unmerged=whole.tasks[size:])
    if not spec.tasks or not context.store.readable:
        return spec
    spec = with_own_links(context, spec)
    return _with_refs(context, _assigned(context, spec))


def _with_refs(context: Context, spec: Spec) -> Spec:
    if all(task.ref == task.key for task in spec.tasks):
        return spec
    remembered = tasks.ids(context.store, spec.id)
    named = names.with_refs(spec.tasks, remembered, numbers(context, spec))
    return spec._replace(tasks=tuple(named))


def _assigned(context: Context, spec: Spec) -> Spec:
    store = context.store
    if specs.is_as_seen(store, context.worktree, spec):
        return _with_given(spec, lines.given(store, context.worktree, spec.path))
    records = tasks.of_spec(store, spec.id)
    if not records:
        return spec
    seen = lines.of_file(store, context.worktree, spec.path)
    if _only_boxes_differ(spec, seen, records):
        return _with_ids(spec, [(one.task_id, "") for one in seen])
    found = compare(context, spec, seen, records)
    _note_rewritten(context, spec, found, records)
    return with_matching(spec, found, records)


def _note_rewritten(
    context: Context, spec: Spec, found: Matching, records: dict[str, TaskRecord]
) -> None:
    """Another text under a kept key and number: a new title, or another task."""
    from craftkit.specs.matching import EDITED, normal, similar

    own = numbers(context, spec)
    for task, verdict in zip(spec.tasks, found.matches, strict=True):
        if verdict.kind != EDITED or verdict.id is None:
            continue
        old = records[verdict.id]
        linked = own.get(verdict.id, old.issue) is not None
        if linked and not similar(normal(old.title), normal(task.title)):
            context.rewritten[spec.id, verdict.id] = old.title


def rewritten_hint(context: Context, spec: Spec, task: Task) -> str:
    number = numbers(context, spec).get(task.id, task.issue)
    return (
        "if it is the same task, run the command again; if it is another one, give it a key of its"
        f" own and take (#{number}) out of its line"
    )


def with_own_links(context: Context, spec: Spec) -> Spec:
    """The spec in which a number is a link only if nothing says otherwise.

    Of several in a line it is the one that is known to be an issue of this spec.
    """
    if not any(task.issue or task.others for task in spec.tasks):
        return spec
    mentioned = issues.prose(context.store, str(context.config["github.repo"]).lower(), spec.id)
    if not mentioned and not any(task.others for task in spec.tasks):
        return spec
    known = set(numbers(context, spec).values())
    prose = mentioned - known
    return edit.with_mentions(edit.with_known_links(spec, known), lambda t: t.issue in prose)


def _only_boxes_differ(
    spec: Spec, seen: Sequence[SeenLine], records: dict[str, TaskRecord]
) -> bool:
    """Whether every line says what it said, as after nearly every edit: nothing to match then."""
    return len(seen) == len(spec.tasks) and all(
        (one.read_as, one.key, one.title) == (task.read_as, task.key, task.title)
        and one.task_id in records
        and task.issue in (None, records[one.task_id].issue)
        for one, task in zip(seen, spec.tasks, strict=True)
    )


def compare(
    context: Context, spec: Spec, seen: Sequence[SeenLine], records: dict[str, TaskRecord]
) -> Matching:
    """What each line is: first by the last snapshot, then by whatever is remembered."""
    # Not while only boxes are ticked.
    from craftkit.specs.matching import Line, Remembered, match

    own = numbers(context, spec)
    seen = seen or lines.last_of_spec(context.store, spec.id)
    doubted = [(one.key, one.title) for one in seen if not one.task_id]
    here = {one.task_id: one for one in seen}
    if doubted:  # the tasks of these lines are in the file, too: as they were before the doubt
        shown = lines.as_shown(context.store, context.worktree, spec.path) or ()
        here |= {one.task_id: one for one in shown if one.task_id not in here}
    before = [
        Remembered(one.task_id, one.key, one.title, own.get(one.task_id, record.issue))
        for one in here.values()
        if (record := records.get(one.task_id)) is not None
    ]
    known = {one.id for one in before}
    others = [
        Remembered(r.task_id, r.key, r.title, own.get(r.task_id, r.issue))
        for r in records.values()
        if r.task_id not in known
    ]
    if not before:  # as an earlier version left it
        before, others = others, []
    return match(
        before, [Line(t.key, t.title, t.issue) for t in spec.tasks], others, doubted=doubted
    )


def numbers(context: Context, spec: Spec) -> dict[str, int]:
    """Task id -> the issue that is known to be the task's, whatever a line says."""
    repo = str(context.config["github.repo"]).lower()
    known = issues.of_spec(context.store, repo, spec.id) if repo else []
    return {k.task_id: k.number for k in reversed(known) if k.task_id is not None}


def with_matching(spec: Spec, found: Matching, used: Collection[str]) -> Spec:
    """The spec with the ids that a matching gives; new tasks get one that nobody has had."""
    from craftkit.specs.matching import CONTRADICTED

    taken = {*used, *(verdict.id for verdict in found.matches if verdict.id is not None)}
    ids: list[tuple[str, str]] = []
    for task, verdict in zip(spec.tasks, found.matches, strict=True):
        if verdict.kind == CONTRADICTED:
            ids.append((DOUBTFUL + task.read_as, verdict.why))
            continue
        name = verdict.id or _free(task.read_as, taken)
        taken.add(name)
        ids.append((name, ""))
    return _with_ids(spec, ids)


def _free(wanted: str, taken: Collection[str]) -> str:
    """The name of a new task: what its line says, and a number if another has had that."""
    if wanted not in taken:
        return wanted
    return next(f"{wanted}!{n}" for n in range(2, len(taken) + 3) if f"{wanted}!{n}" not in taken)


def _with_given(spec: Spec, given: dict[int, tuple[str, str]]) -> Spec:
    if not given:
        return spec
    ids = []
    for task in spec.tasks:
        name, doubt = given.get(task.place, (task.read_as, ""))
        ids.append((DOUBTFUL + task.read_as if doubt else name, doubt))
    return _with_ids(spec, ids)


def _with_ids(spec: Spec, ids: list[tuple[str, str]]) -> Spec:
    new = {task.read_as: name for task, (name, _) in zip(spec.tasks, ids, strict=True)}
    return spec._replace(
        tasks=tuple(
            task._replace(id=name, doubt=doubt, parent=new.get(task.parent or "", task.parent))
            for task, (name, doubt) in zip(spec.tasks, ids, strict=True)
        )
    )


NUMBERS, TITLES, KEYS = "numbers", "titles", "keys"  # what a person may say that counts


def trusting(context: Context, spec: Spec, what: str) -> Spec:
    """The spec as a person's word decides its contradictions; what nothing fits is new."""
    records = tasks.of_spec(context.store, spec.id)
    own = numbers(context, spec)
    taken = {task.id for task in spec.tasks if not task.doubt}
    ids = []
    for task in spec.tasks:
        name = task.id
        if task.doubt:
            known = (r._replace(issue=own.get(r.task_id, r.issue)) for r in records.values())
            fits = (r.task_id for r in known if _fits(task, r, what))
            name = next((one for one in fits if one not in taken), "")
            name = name or _free(task.read_as, {*records, *taken})
            taken.add(name)
        ids.append((name, ""))
    return _with_refs(context, _with_ids(spec, ids))


def _fits(task: Task, record: TaskRecord, what: str) -> bool:
    from craftkit.specs.matching import normal

    if what == NUMBERS:
        return record.issue == task.issue
    if what == KEYS:
        return task.key is not None and record.key == task.key
    return normal(record.title) == normal(task.title)
