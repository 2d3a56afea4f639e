"""`spec update`: read a spec file that was edited, and show what is different in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from craftkit.errors import UsageProblem
from craftkit.loop import identity, line_changes, spec_index, spec_writer, ticked_boxes
from craftkit.loop.line_changes import LineChange
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.specs import edit, matching, parse
from craftkit.store import history as events
from craftkit.store import issues, specs, tasks
from craftkit.store import lines as seen_lines
from craftkit.sync import connection
from craftkit.text import count


def update(
    context: Context, wanted_spec: str | None, trust: str | None = None, *, new_id: bool = False
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Check the file, record its boxes, show what became of its lines since they were shown last.

    With `trust`, a person says what counts in lines that contradict themselves: their numbers,
    titles or keys.  With `new_id`, a copy of another spec's file becomes a spec of its own.

    Returns data, lines and notes.  Raises SpecNeedsAttention if the file cannot be touched.
    """
    spec = spec_index.choose_spec(context, wanted_spec).spec
    edit.refuse_unmerged(spec, "update")
    if new_id:
        spec = _give_id(context, spec)
    place = (context.store, context.worktree, spec.path)
    before = seen_lines.as_shown(*place)
    if before is None:
        before = seen_lines.of_file(*place) or seen_lines.last_of_spec(context.store, spec.id)
    if trust is not None:
        spec = _settle(context, spec, trust)
    settled = ticked_boxes.record_ticked_boxes(context, spec)
    spec = spec_index.load(context, spec.path)
    changes = line_changes.compare(before, spec, line_changes.issues_of(context, spec))
    context.diagnostics = [
        note for note in context.diagnostics if note.code != line_changes.REMATCHED
    ]  # which is shown here, line by line
    _were_shown(context, spec, changes)
    sent = connection.send(context)
    connection.report_pending(context, sent)
    bare, linked = _without_issue(context, spec)
    data = {
        "spec": spec.id,
        "path": spec.path,
        **_as_dicts(changes, first_seen=not before),
        "settled": settled,
        "without_issue": bare,
        "linked": linked,
        "diagnostics": [d.as_dict() for d in spec.diagnostics],
    }
    notes = []
    if bare and context.config["github.repo"] and not spec.twin_of:
        how = f"craftkit {'reconcile --create' if linked else 'spec link'} --spec {spec.id}"
        notes.append(f"{count(len(bare), 'task has', 'tasks have')} no issue yet: `{how}`")
    return data, _lines(spec, data, changes), notes


def _were_shown(context: Context, spec: Spec, changes: Sequence[LineChange]) -> None:
    """What changed is not shown again, unless a person has still to say whose a line is."""
    kinds = {one.kind for one in changes}
    if not context.store.durable or kinds <= {matching.SAME}:
        return
    with context.store.write() as tx:
        if matching.CONTRADICTED not in kinds:
            seen_lines.were_shown(tx, context.worktree, spec.path)
        counts = {k: str(sum(one.kind == k for one in changes)) for k in sorted(kinds)}
        events.record(
            tx,
            context.now(),
            "spec.updated",
            context.session,
            spec.id,
            worktree=context.worktree,
            **counts,
        )


def _give_id(context: Context, spec: Spec) -> Spec:
    """A copy gets an id of its own and lets go of the other spec's issues.

    Raises UsageProblem if it is not a copy.
    """
    if not spec.twin_of:
        raise UsageProblem(
            f"{spec.path} has the id {spec.id}, which no other spec file here has.",
            "nothing is to be done; `craftkit spec list` shows the ids",
        )
    known = {other.id for other in spec_index.load_all(context)}
    stem = spec.path.rsplit("/", 1)[-1].removesuffix(".md")
    names = (stem, *(f"{stem}-{n}" for n in range(2, len(known) + 3)))
    new = next(n for n in names if n not in known and not specs.is_known(context.store, n))

    def with_id(now: Spec) -> str:
        copied = parse(edit.encode(now.text), now.path, dialect=now.dialect)
        bare = parse(edit.encode(edit.unlink(copied)), now.path, dialect=now.dialect)
        return edit.set_id(bare, new)

    with spec_writer.edit_lock(context, spec.path), context.store.write() as tx:
        specs.rename(tx, spec.id, new)
        spec_writer.rewrite(context, spec.path, with_id)
    context.specs_read.pop(spec.path, None)
    return spec_index.load(context, spec.path)


def _settle(context: Context, spec: Spec, what: str) -> Spec:
    """Remember the lines as a person says, and let each name the issue of its task."""
    settled = identity.trusting(context, spec, what)
    doubtful = {
        task.id for task, before in zip(settled.tasks, spec.tasks, strict=True) if before.doubt
    }
    records = tasks.of_spec(context.store, spec.id).values()
    confirmed = identity.numbers(context, spec)
    said = {one.task_id: one.issue for one in records if one.issue is not None} | confirmed
    count_of = Counter(said.values())
    # What two lines said before, and GitHub of neither, is nobody's.
    own = {task: n for task, n in said.items() if task in confirmed or count_of[n] == 1}
    known = tuple(t._replace(issue=own.get(t.id)) if t.id in doubtful else t for t in settled.tasks)
    with context.store.write() as tx:
        spec_index.save_snapshot(context, tx, settled._replace(tasks=known))
    context.specs_read.pop(spec.path, None)

    def with_own_numbers(now: Spec) -> str:
        wrong = [t for t in now.tasks if t.id in doubtful and t.issue not in (None, own.get(t.id))]
        for task in reversed(wrong):  # what is cut behind a line moves none before it
            now = now._replace(text=edit.unlink(now, task.id))
        bare = spec_index.parsed(context, now.path, now.text)
        return edit.link_all(bare, {i: own[i] for i in doubtful if i in own})

    with spec_writer.edit_lock(context, spec.path):
        spec_writer.rewrite(context, spec.path, with_own_numbers)
    return spec_index.load(context, spec.path)


def _as_dicts(found: Sequence[LineChange], *, first_seen: bool) -> dict[str, Any]:
    """Each task line before and now, and by kind those that are not the same."""
    of = {kind: [one for one in found if one.kind == kind] for kind in line_changes.KINDS}
    edited = (*of[matching.EDITED], *of[matching.MOVED])
    return {
        "first_seen": first_seen,
        "mapping": [_as_dict(one) for one in found],
        "new": [_item(one) for one in of[matching.NEW] if not first_seen],
        "changed": [_item(one) | {"was": one.was_title} for one in edited],
        "removed": [
            {"id": one.id, "key": one.ref, "title": one.title, "issue": one.issue}
            for one in of[line_changes.GONE]
        ],
    }


def _item(one: LineChange) -> dict[str, Any]:
    return {"id": one.id, "key": one.ref, "title": one.title, "line": one.line}


def _as_dict(one: LineChange) -> dict[str, Any]:
    before = {"key": one.was_key, "title": one.was_title} if one.kind != matching.NEW else None
    now = {"key": one.ref, "title": one.title, "line": one.line} if one.line is not None else None
    return {"kind": one.kind, "issue": one.issue, "before": before, "now": now, "why": one.why}


def _without_issue(context: Context, spec: Spec) -> tuple[list[str], bool]:
    """Keys of the tasks that have no issue, and whether the spec is linked at all."""
    repo = str(context.config["github.repo"]).lower()
    known = issues.of_spec(context.store, repo, spec.id) if repo else []
    have = {k.task_id for k in known} | spec_index.dropped(context, spec)
    bare = [t.ref for t in spec.tasks if t.issue is None and t.id not in have]
    linked = spec.issue is not None or any(k.task_id is None for k in known)
    return bare, linked


def _lines(spec: Spec, found: dict[str, Any], changes: Sequence[LineChange]) -> list[str]:
    shown = [one for one in changes if one.kind != matching.SAME]
    same = len(changes) - len(shown)
    lines = []
    if found["first_seen"]:
        lines.append(f"{spec.path} is new to craftkit: {count(len(spec.tasks), 'task')}")
    elif not shown:
        lines.append(f"{spec.path}: no task line is new, changed or removed")
    else:
        order = {kind: place for place, kind in enumerate(line_changes.KINDS)}
        lines += [line_changes.row(one) for one in sorted(shown, key=lambda o: order[o.kind])]
        lines += [f"{matching.SAME:<12} {count(same, 'other task')}"] if same else []
    lines += [f"settled      {note['message']}" for note in found["settled"]]
    for note in spec.diagnostics:
        lines.append(f"{note.severity:<12} {note.target or spec.path}: {note.message}")
    return lines
