"""`spec update`: take in a spec file that was edited, and tell what is different in it."""

from __future__ import annotations

import json
from typing import Any

from craftkit.model import Spec
from craftkit.store import journal, outbox
from craftkit.workflow import catalog, hub, session
from craftkit.workflow.context import Context


def update(
    context: Context, wanted_spec: str | None
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Check the file, settle its boxes, compare its lines with what is known.

    Returns data, lines and notes.  Raises SpecNeedsAttention where the file cannot be touched.
    """
    spec = catalog.choose_spec(context, wanted_spec).spec
    catalog.refuse_if_blocked(spec)
    found = _compare(context, spec)
    settled = session.settle_boxes(context, spec)
    spec = catalog.load(context, spec.path)
    _remember(context, spec, found)
    sent = hub.send(context)
    hub.say(context, sent)
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
        count = f"{len(bare)} {'task has' if len(bare) == 1 else 'tasks have'}"
        notes.append(f"{count} no issue yet: `{how}`")
    return data, _lines(spec, data), notes


def _compare(context: Context, spec: Spec) -> dict[str, Any]:
    """New, changed and removed task lines since craftkit last saw the file."""
    known = {
        row["task_id"]: row
        for row in context.store.rows(
            "select task_id, key, title, issue from tasks where spec_id = ?", spec.id
        )
    }
    gone, here = _gone(context, spec), {task.id for task in spec.tasks}
    changed = [t for t in spec.tasks if t.id in known and known[t.id]["title"] != t.title]
    return {
        "first_seen": not known,
        "new": [
            {"id": t.id, "key": t.ref, "title": t.title, "line": t.line}
            for t in spec.tasks
            if t.id not in known or t.id in gone
        ],
        "changed": [
            {"id": t.id, "key": t.ref, "title": t.title, "line": t.line}
            | {"was": known[t.id]["title"]}
            for t in changed
        ],
        "removed": [
            {"id": i, "key": row["key"] or i, "title": row["title"], "issue": row["issue"]}
            for i, row in known.items()
            if i not in here and i not in gone
        ],
    }


def _gone(context: Context, spec: Spec) -> set[str]:
    """Ids of lines that an earlier update of this worktree has told to be removed."""
    gone: set[str] = set()
    for row in context.store.rows(
        "select data from history where spec_id = ? and event = 'spec.updated' order by seq",
        spec.id,
    ):
        data = json.loads(row["data"])
        if data.get("worktree") == context.worktree:
            gone = (gone | set(data["removed"])) - set(data["new"])
    return gone


def _remember(context: Context, spec: Spec, found: dict[str, Any]) -> None:
    kinds = ("new", "changed", "removed")
    if not context.store.durable or not any(found[kind] for kind in kinds):
        return
    ids: dict[str, Any] = {kind: [item["id"] for item in found[kind]] for kind in kinds}
    with context.store.write() as tx:
        journal.record(
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
    known = outbox.issues_of(context.store, repo, spec.id) if repo else []
    have = {k.task_id for k in known} | catalog.dropped(context, spec)
    bare = [t.ref for t in spec.tasks if t.issue is None and t.id not in have]
    linked = spec.issue is not None or any(k.task_id is None for k in known)
    return bare, linked


def _lines(spec: Spec, data: dict[str, Any]) -> list[str]:
    lines = []
    if data["first_seen"]:
        lines.append(f"{spec.path} is new to craftkit: {len(spec.tasks)} tasks")
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
