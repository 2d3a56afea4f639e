"""Say something on an issue, and never the same twice.

A comment has no idempotency key.  It carries a marker, and if its answer was lost, the marker is
looked for before it is sent again.
"""

from __future__ import annotations

from craftkit import digests
from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.store import issues, outbox
from craftkit.sync import retry_policy
from craftkit.sync.context import SyncContext


class NotYet(CraftkitError):
    """Its issue is still to be made."""

    code = "no_issue_yet"


def send(sync: SyncContext, row: outbox.Row) -> CraftkitError | None:
    """Put one comment on its issue; None if it is there, else why it is not."""
    known = issues.of_spec(sync.store, sync.settings.repo, row.spec_id)
    number = row.issue or next((k.number for k in known if k.task_id == row.task_id), None)
    if number is None:
        return NotYet("Its issue is still to be made.")
    mark = marker(row)
    try:
        if row.state in ("sent", "unknown") and sync.gateway.has_comment(number, mark):
            _delivered(sync, row)
            return None
        with sync.store.write() as tx:
            outbox.mark(tx, [row.id], "sent", sync.now())
        text = f"{row.payload['text']}\n\n{mark}"
        error = sync.gateway.apply([gh.IssueChange(number, "", "comment", text)])[0]
    except CraftkitError as raised:
        error = raised
    if error is None:
        _delivered(sync, row)
        return None
    return retry_policy.put_back(sync, [row], error)


def marker(row: outbox.Row) -> str:
    """What tells this comment from all others, those of other clones too."""
    parts = (row.created_at, row.spec_id, str(row.task_id), str(row.id), row.payload["text"])
    of = digests.sha256("\n".join(parts).encode("utf-8", "replace"))[:16]
    return f"<!-- craftkit comment={of} -->"


def _delivered(sync: SyncContext, row: outbox.Row) -> None:
    with sync.store.write() as tx:
        outbox.mark(tx, [row.id], "delivered", sync.now())
