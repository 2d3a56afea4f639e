"""What the pull request of a spec should say: numbers and the spec's own words."""

from __future__ import annotations

from typing import Any

from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.loop import github_writes, spec_index
from craftkit.model import DONE, Spec
from craftkit.runtime.context import Context
from craftkit.store import issues as table
from craftkit.store import tasks
from craftkit.sync import connection
from craftkit.text import one_line

SECONDS = 5.0  # that guidance waits for GitHub


def guidance(context: Context, spec: Spec) -> dict[str, Any]:
    """Title, body, branch and the rule for commits; the issues that a merge should close.

    A merge closes the parent, and what of the done tasks' Sub Issues is open still.
    """
    repo = str(context.config["github.repo"]).lower()
    known = table.of_spec(context.store, repo, spec.id) if repo else []
    parents = {k.number for k in known if k.task_id is None} | ({spec.issue} - {None})
    done = [row.task for row in spec_index.task_statuses(context, spec) if row.state == DONE]
    issues = {t.id: github_writes.issue_of(context, spec, t) for t in done}
    open_ones, asked = _open(context, spec, {i: n for i, n in issues.items() if n is not None})
    closes = [*sorted(n for n in parents if n is not None), *sorted(open_ones - parents)]
    return {
        "title": one_line(spec.name, 200),
        "body": "\n".join(f"Closes #{number}" for number in closes),
        "closes": closes,
        "branch": spec.branch or context.session.branch,
        "trailer": f"Task: {one_line(spec.id, 200)}/KEY",
        "as_of": "github" if asked else "here",
    }


def _open(context: Context, spec: Spec, issues: dict[str, int]) -> tuple[set[int], bool]:
    """Which issues are open, and whether GitHub was asked; else what was last agreed counts."""
    if issues and connection.is_configured(context) and not context.offline:
        try:
            with connection.github_session(context, SECONDS) as sync:
                seen = sync.gateway.issues(sorted(issues.values()))
            found = [i for i in seen.values() if isinstance(i, gh.Issue)]
            return {i.number for i in found if i.state == gh.OPEN}, True
        except CraftkitError as error:
            context.gave_up = error
    records = tasks.of_spec(context.store, spec.id)
    closed = {task_id for task_id, record in records.items() if record.synced_done}
    return {number for task_id, number in issues.items() if task_id not in closed}, False


def lines(found: dict[str, Any]) -> list[str]:
    """The guidance for a person."""
    where = f" from {one_line(found['branch'], 200)}" if found["branch"] else ""
    shown = [f"pull request{where}: {found['title']}"]
    shown += [f"  Closes #{number}" for number in found["closes"]]
    return [*shown, f"trailer of each commit: {found['trailer']}"]
