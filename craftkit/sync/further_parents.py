"""A parent is full, whoever filled it: what was to go below it goes below a further one."""

from __future__ import annotations

import re

from craftkit.store import issues, outbox
from craftkit.sync import markers
from craftkit.sync.context import SyncContext
from craftkit.sync.link_plan import new_name
from craftkit.text import one_line

_LABELS = "labels"


def move(sync: SyncContext, row: outbox.Row, full: issues.LinkedIssue) -> str:
    """Give a creation, and what waits for the same parent, a further parent; its part.

    A further parent that is there, or that is queued, is used before another one is queued.
    """
    part = row.payload.get("part", "")
    repo = sync.settings.repo
    with sync.store.write() as tx:
        every = outbox.creations(tx, row.spec_id)
        parents = [c for c in every if c.task_id is None]
        there = {part for task_id, part in issues.parts(tx, repo, row.spec_id) if task_id is None}
        queued = {c.payload.get("part", "") for c in parents if c.state != "delivered"}
        known = sorted(there | queued, key=len)
        further = [
            name for name in known if re.fullmatch(re.escape(part or "more") + r" \d+", name)
        ]
        name = further[-1] if further else new_name(part, {part, *known})
        if name not in there | queued:
            first = next((c.payload for c in parents), {})
            payload = {
                "title": one_line(f"{full.title} ({len(there) + 1})", 256),
                "body": _body(row, full),
                _LABELS: first.get(_LABELS, []),
                "part": name,
            }
            outbox.queue(tx, sync.now(), row.spec_id, None, None, "create", payload=payload)
        for waiting in every:
            waits = waiting.task_id is not None and waiting.state in outbox.COMING
            if waits and waiting.payload.get("part", "") == part:
                outbox.set_payload(tx, waiting.id, {**waiting.payload, "part": name})
        lost = row.state in ("sent", "unknown")
        outbox.mark(tx, [row.id], "unknown" if lost else "queued", sync.now())
    return name


def _body(row: outbox.Row, full: issues.LinkedIssue) -> str:
    """Where the spec is, as its sub-issues say it, and which parent is full."""
    where = str(row.payload["body"]).split("\n", 1)[0]
    lines = [where, "", f"Further tasks; the first ones are below #{full.number}."]
    return "\n".join([*lines, "", markers.marker(row.spec_id)])
