"""`spec unlink`: forget issues here and in the file; GitHub stays as it is.

The markers stay there as well, so that what one task was unlinked from is remembered.
"""

from __future__ import annotations

import json
from typing import Any

from craftkit.loop import spec_index, spec_writer, task_lookup
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.store import history as events
from craftkit.store import issues, outbox, tasks
from craftkit.store.key_values import KeyValueCache
from craftkit.sync import connection

UNLINKED = "unlinked "  # begins the name under which the issues of a spec are remembered


def unlinked(context: Context, spec_id: str) -> frozenset[int]:
    """Issues of which a person has said that their marker does not count any more."""
    box = KeyValueCache(context.store, connection.settings(context).repo, context.now())
    return frozenset(json.loads(box.get(UNLINKED + spec_id, "[]")))


def unlink(context: Context, wanted_spec: str | None, word: str | None = None) -> dict[str, Any]:
    """Forget the issue of one task, or all of a spec, here and in its file; not on GitHub."""
    spec = spec_index.choose_spec(context, wanted_spec).spec
    if word is None:
        edit.refuse_unmerged(spec, "unlink")
    edit.refuse_if_blocked(spec)
    task = task_lookup.resolve(context, spec, word) if word is not None else None
    only = task.id if task is not None else None
    repo = connection.settings(context).repo
    with spec_writer.edit_lock(context, spec.path):
        before = spec_writer.rewrite(context, spec.path, lambda now: edit.unlink(now, only)).before
    links = {t.id: t.issue for t in before.tasks if t.issue is not None and only in (None, t.id)}
    known = issues.of_spec(context.store, repo, spec.id)
    gone = [k for k in known if only in (None, k.task_id) or k.number in links.values()]
    numbers = {*links.values(), *(k.number for k in gone)}
    if only is not None:  # else `spec link` finds the issues again by their markers
        box = KeyValueCache(context.store, repo, context.now())
        box[UNLINKED + spec.id] = json.dumps(sorted(numbers | unlinked(context, spec.id)))
    with context.store.write() as tx:
        issues.forget(tx, spec.id, None if only is None else numbers)
        outbox.forget_unsent(tx, spec.id, only, numbers)
        tasks.forget_issue(tx, spec.id, only)
        events.record(tx, context.now(), "spec.unlinked", context.session, spec.id, only)
    forgotten = {*links, *(k.task_id for k in gone if k.task_id is not None)}
    return {"spec": spec.id, "path": spec.path, "forgotten": len(forgotten)}
