"""`spec update`: take in a spec file that was edited, and tell what is different in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

from craftkit.loop import identity, spec_index, spec_writer, ticked_boxes
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.store import history as events
from craftkit.store import issues, tasks
from craftkit.sync import connection
from craftkit.text import count

# What the reader puts behind the id of a line whose key another line has, too.
_TWIN = r"(~[^.]+)\.\d+|(.+)~\d+"


def update(
    context: Context, wanted_spec: str | None, trust: str | None = None
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Check the file, settle its boxes, compare its lines with what is known.

    With `trust`, a person says what counts in lines that contradict themselves: their numbers,
    titles or keys.

    Returns data, lines and notes.  Raises SpecNeedsAttention where the file cannot be touched.
    """
    spec = spec_index.choose_spec(context, wanted_spec).spec
    spec_index.refuse_if_blocked(spec)
    if trust is not None:
        spec = _settle(context, spec, trust)
    found = _compare(context, spec)
    settled = ticked_boxes.record_ticked_boxes(context, spec)
    spec = spec_index.load(context, spec.path)
    _remember(context, spec, found)
    sent = connection.send(context)
    connection.report_pending(context, sent)
    bare, linked = _without_issue(context, spec)
    data = {
        "spec": spec.id,
        "path": spec.path,
        **found,
        "settled": settled,
        "without_issue": bare,
        "linked": linked,
        "diagnostics": [d.as_dict() for d in spec.diagnostics],
    }
    notes = []
    if bare and context.config["github.repo"]:
        how = f"craftkit {'reconcile --create' if linked else 'spec link'} --spec {spec.id}"
        notes.append(f"{count(len(bare), 'task has', 'tasks have')} no issue yet: `{how}`")
    return data, _lines(spec, data), notes


def _settle(context: Context, spec: Spec, what: str) -> Spec:
    """Remember the lines as a person says, and let each name the issue of its task."""
    settled = identity.trusting(context, spec, what)
    doubtful = {
        task.id for task, before in zip(settled.tasks, spec.tasks, strict=True) if before.doubt
    }
    records = tasks.of_spec(context.store, spec.id).values()
    own = {one.task_id: one.issue for one in records if one.issue is not None}
    own |= identity.numbers(context, spec)
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


def _compare(context: Context, spec: Spec) -> dict[str, Any]:
    """New, changed and removed task lines since craftkit last saw the file."""
    known = tasks.of_spec(context.store, spec.id)
    told, gone = _told(context, spec)
    # A line that a conflict brought for a while was never told to be new.
    known = {i: r for i, r in known.items() if i in told or not _is_twin(i, known.keys())}
    new, removed = _apart(spec, {i: r.title for i, r in known.items()}, gone)
    changed = [t for t in spec.tasks if t.id in known and known[t.id].title != t.title]
    return {
        "first_seen": not known,
        "new": [
            {"id": t.id, "key": t.ref, "title": t.title, "line": t.line}
            for t in spec.tasks
            if t.id in new
        ],
        "changed": [
            {"id": t.id, "key": t.ref, "title": t.title, "line": t.line}
            | {"was": known[t.id].title}
            for t in changed
        ],
        "removed": [
            {"id": i, "key": record.key or i, "title": record.title, "issue": record.issue}
            for i, record in known.items()
            if i in removed
        ],
    }


def _apart(spec: Spec, known: Mapping[str, str], gone: set[str]) -> tuple[set[str], set[str]]:
    """Ids of new and of removed lines.

    Lines of one key get ids of their own (`T002~1`), so that one more or one less changes the id
    of a line that has stayed: the same key and title are the same line.
    """
    here = {task.id for task in spec.tasks}
    new = {i for i in here if i not in known or i in gone}
    lost = [i for i in known if i not in here and i not in gone]
    for task in spec.tasks:
        if task.id in new or known[task.id] != task.title:
            line = (_plain(task.id), task.title)
            was = next((i for i in lost if (_plain(i), known[i]) == line), None)
            if was is not None:
                lost.remove(was)
                new.discard(task.id)
    return new, set(lost)


def _is_twin(task_id: str, others: Set[str]) -> bool:
    """Whether an id is that of a second line with the key of a line among others."""
    return _plain(task_id) != task_id and _plain(task_id) in others


def _plain(task_id: str) -> str:
    """The id of a line, were it the only one with its key."""
    found = re.fullmatch(_TWIN, task_id)
    return (found[1] or found[2]) if found else task_id


def _told(context: Context, spec: Spec) -> tuple[set[str], set[str]]:
    """Ids that earlier updates of this worktree have told to be new, and now to be removed."""
    told: set[str] = set()
    gone: set[str] = set()
    for event in events.updates(context.store, spec.id):
        data = event.data
        if data.get("worktree") == context.worktree:
            told |= set(data["new"])
            gone = (gone | set(data["removed"])) - set(data["new"])
    return told, gone


def _remember(context: Context, spec: Spec, found: dict[str, Any]) -> None:
    kinds = ("new", "changed", "removed")
    if not context.store.durable or not any(found[kind] for kind in kinds):
        return
    ids: dict[str, Any] = {kind: [item["id"] for item in found[kind]] for kind in kinds}
    with context.store.write() as tx:
        events.record(
            tx,
            context.now(),
            "spec.updated",
            context.session,
            spec.id,
            worktree=context.worktree,
            **ids,
        )


def _without_issue(context: Context, spec: Spec) -> tuple[list[str], bool]:
    """Keys of the tasks that have no issue, and whether the spec is linked at all."""
    repo = str(context.config["github.repo"]).lower()
    known = issues.of_spec(context.store, repo, spec.id) if repo else []
    have = {k.task_id for k in known} | spec_index.dropped(context, spec)
    bare = [t.ref for t in spec.tasks if t.issue is None and t.id not in have]
    linked = spec.issue is not None or any(k.task_id is None for k in known)
    return bare, linked


def _lines(spec: Spec, data: dict[str, Any]) -> list[str]:
    lines = []
    if data["first_seen"]:
        lines.append(f"{spec.path} is new to craftkit: {count(len(spec.tasks), 'task')}")
    else:
        lines += [f"new      {t['key']} {t['title']}" for t in data["new"]]
        lines += [f"changed  {t['key']} {t['title']} (was: {t['was']})" for t in data["changed"]]
        lines += [_removed(t) for t in data["removed"]]
        if not lines:
            lines.append(f"{spec.path}: no task line is new, changed or removed")
    lines += [f"settled  {note['message']}" for note in data["settled"]]
    for note in spec.diagnostics:
        lines.append(f"{note.severity:<8} {note.target or spec.path}: {note.message}")
    return lines


def _removed(item: dict[str, Any]) -> str:
    issue = f"; #{item['issue']} stays as it is" if item["issue"] else ""
    return f"removed  {item['key']} {item['title']}{issue}"
