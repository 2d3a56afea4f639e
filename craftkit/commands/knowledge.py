"""`craftkit knowledge …`: keep a note, and say it on GitHub if that is wanted."""

from __future__ import annotations

from typing import Any

from craftkit.loop import history
from craftkit.runtime.context import Context
from craftkit.store import outbox
from craftkit.sync import connection


def record(
    context: Context, kind: str, text: str, wanted_spec: str | None, word: str | None, comment: bool
) -> dict[str, Any]:
    """Keep a note; with `comment`, send it as a comment of the issue.  Raises UsageProblem."""
    note = history.record(context, kind, text, wanted_spec, word, comment)
    if note["issue"] is not None:
        connection.report_pending(context, connection.send(context))
    return note | {"delivered": note["issue"] is not None and not _waits(context, note)}


def _waits(context: Context, note: dict[str, Any]) -> bool:
    return any(
        (row.spec_id, row.issue, row.action) == (note["spec"], note["issue"], "comment")
        for row in outbox.waiting(context.store)
    )
