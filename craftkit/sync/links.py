"""The links between task lines and issues: what is to be created, what is written to the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping

from craftkit.loop import sessions, spec_index, spec_writer
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.specs import edit
from craftkit.store import journal, outbox
from craftkit.sync import connection
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
        started = {
            row[0] for row in tx.execute("select task_id from claims where spec_id = ?", (spec.id,))
        }
        for task, payload in fresh.children:
            outbox.queue(tx, now, spec.id, task.id, None, "create", payload=payload)
            if task.checked:
                outbox.queue(tx, now, spec.id, task.id, None, "close")
            elif task.id in started:
                outbox.queue(tx, now, spec.id, task.id, None, "start")
        sessions.touch(context, tx)
        journal.record(
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
    waiting = db.execute(
        "select task_id, payload from outbox where spec_id = ? and action = 'create'"
        " and state <> 'delivered'",
        (spec.id,),
    )
    there = {(task_id, json.loads(payload).get("part", "")) for task_id, payload in waiting}
    there |= {
        (task_id, part)
        for task_id, part in db.execute(
            "select task_id, part from issues where repo = ? and spec_id = ?", (repo, spec.id)
        )
    }
    tasks = {task_id for task_id, _ in there}
    return making._replace(
        parents=tuple(p for p in making.parents if (None, p["part"]) not in there),
        children=tuple((t, p) for t, p in making.children if t.id not in tasks),
    )


def write_links(context: Context, spec_id: str, path: str) -> int:
    """Write ` (#N)` to every task line whose issue is known, and the parent's number; how many."""
    known = outbox.issues_of(context.store, connection.settings(context).repo, spec_id)
    numbers = {k.task_id: k.number for k in known if k.task_id is not None}
    parents = [k.number for k in known if k.task_id is None]

    def change(spec: Spec) -> str:
        spec_index.refuse_another(spec, spec_id)
        return edit.link_all(spec, numbers, parents[0] if parents else None)

    with spec_writer.edit_lock(context, path):
        before = spec_writer.rewrite(context, path, change).before
    known_by_issue(context, spec_id, numbers)
    spec_index.record_snapshot(context, spec_index.load(context, path), again=True)
    return sum(1 for t in before.tasks if t.issue is None and t.id in numbers)


def lacks_parent(context: Context, spec: Spec) -> bool:
    """Whether the file could name its parent issue, and does not."""
    if spec.issue is not None:
        return False
    known = outbox.issues_of(context.store, connection.settings(context).repo, spec.id)
    parent = next((k.number for k in known if k.task_id is None), None)
    return parent is not None and edit.link_all(spec, {}, parent) != spec.text


def known_by_issue(context: Context, spec_id: str, numbers: Mapping[str, int]) -> None:
    """A line without a key is known by its issue from now on."""
    with context.store.write() as tx:
        for task_id, number in numbers.items():
            if task_id.startswith("~"):
                _rename(tx, spec_id, task_id, number)


def _rename(tx: sqlite3.Connection, spec_id: str, old: str, number: int) -> None:
    new = f"#{number}"
    names = (new, spec_id, old)
    sql = "select 1 from tasks where spec_id = ? and task_id = ?"
    if not tx.execute(sql, (spec_id, old)).fetchone():
        return  # it was renamed before
    if tx.execute(sql, (spec_id, new)).fetchone():  # another branch has the link
        tx.execute(
            "update tasks set local_done = max(local_done, (select o.local_done from tasks o"
            " where o.spec_id = ?2 and o.task_id = ?3)) where spec_id = ?2 and task_id = ?1",
            names,
        )
        tx.execute("delete from tasks where spec_id = ? and task_id = ?", (spec_id, old))
    else:
        tx.execute(
            "update tasks set task_id = ?, issue = ? where spec_id = ? and task_id = ?",
            (new, number, spec_id, old),
        )
    tx.execute("update issues set task_id = ? where spec_id = ? and task_id = ?", names)
    tx.execute("update outbox set task_id = ? where spec_id = ? and task_id = ?", names)
    tx.execute("update or replace claims set task_id = ? where spec_id = ? and task_id = ?", names)
    tx.execute("update workflow_state set task_id = ? where spec_id = ? and task_id = ?", names)
