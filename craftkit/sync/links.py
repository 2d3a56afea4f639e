"""The links between task lines and issues: what is to be created, what is written to the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection

from craftkit.loop import sessions, spec_index, spec_writer
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.store import claims, issues, outbox
from craftkit.store import history as events
from craftkit.sync import connection, ownership
from craftkit.sync.link_plan import LinkPlan


def record(
    context: Context, spec: Spec, making: LinkPlan
) -> Callable[[sqlite3.Connection, int], None]:
    """The transaction after which the linking cannot be lost."""
    repo = connection.settings(context).repo

    def save(tx: sqlite3.Connection, process_id: int) -> None:
        now = context.now()
        fresh = still_to_make(tx, repo, spec, making)  # another process may have been faster
        for payload in fresh.parents:
            outbox.queue(tx, now, spec.id, None, None, "create", payload=payload)
        started = claims.started(tx, spec.id)
        for task, payload in fresh.children:
            outbox.queue(tx, now, spec.id, task.id, None, "create", payload=payload)
            if task.checked:
                outbox.queue(tx, now, spec.id, task.id, None, "close")
            elif task.id in started:
                outbox.queue(tx, now, spec.id, task.id, None, "start")
        sessions.touch(context, tx)
        events.record(
            tx,
            now,
            "spec.linked",
            context.session,
            spec.id,
            parents=len(fresh.parents),
            children=len(fresh.children),
        )

    return save


def still_to_make(db: sqlite3.Connection, repo: str, spec: Spec, making: LinkPlan) -> LinkPlan:
    """Leave out what is there by now, and what waits in the outbox."""
    waiting = [c for c in outbox.creations(db, spec.id) if c.state != "delivered"]
    there = {(c.task_id, c.payload.get("part", "")) for c in waiting}
    there |= issues.parts(db, repo, spec.id)
    tasks = {task_id for task_id, _ in there}
    return making._replace(
        parents=tuple(p for p in making.parents if (None, p["part"]) not in there),
        children=tuple((t, p) for t, p in making.children if t.id not in tasks),
    )


def write_links(context: Context, spec_id: str, path: str, made: Collection[str] = ()) -> int:
    """Write ` (#N)` to every task line whose issue is known, and the parent's number; how many.

    A number that stands in the line of a task in `made` is not its own: its link goes behind that.
    """
    known = issues.of_spec(context.store, connection.settings(context).repo, spec_id)
    numbers = {k.task_id: k.number for k in known if k.task_id is not None}
    parents = [k.number for k in known if k.task_id is None]

    def is_mention(task: Task) -> bool:
        return task.id in made and numbers.get(task.id, task.issue) != task.issue

    def change(spec: Spec) -> str:
        spec_index.refuse_another(spec, spec_id)
        own = edit.with_mentions(spec, is_mention)
        return edit.link_all(own, numbers, parents[0] if parents else None)

    with spec_writer.edit_lock(context, path):
        before = spec_writer.rewrite(context, path, change).before
    spec_index.record_snapshot(context, spec_index.load(context, path), again=True)
    return sum(1 for t in before.tasks if t.issue is None and t.id in numbers)


def with_mentions(context: Context, spec: Spec, found: ownership.Mentions, *, learn: bool) -> Spec:
    """The spec in which these numbers are mentions; with `learn`, the strange ones from now on.

    A misplaced one has its own line, where it is the link.
    """
    if learn:
        repo = connection.settings(context).repo
        strange = issues.prose(context.store, repo, spec.id) | found.strange
        wrong = [(t.id, t.issue) for t in spec.tasks if t.issue is not None and found.has(t)]
        with context.store.write() as tx:
            issues.set_prose(tx, repo, spec.id, strange, context.now())
            issues.disown(tx, spec.id, wrong)
        context.specs_read.pop(spec.path, None)
    return edit.with_mentions(spec, found.has)


def lacks_parent(context: Context, spec: Spec) -> bool:
    """Whether the file could name its parent issue, and does not."""
    if spec.issue is not None:
        return False
    known = issues.of_spec(context.store, connection.settings(context).repo, spec.id)
    parent = next((k.number for k in known if k.task_id is None), None)
    return parent is not None and edit.link_all(spec, {}, parent) != spec.text
