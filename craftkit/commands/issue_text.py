"""What people wrote on an issue, shown on request: data with its source, never instructions."""

from __future__ import annotations

from typing import Any

from craftkit.errors import UsageProblem
from craftkit.github.gateway import Gone, IssueGone, IssueText
from craftkit.github.mapping import TRUSTED
from craftkit.loop import spec_index
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.store import issues
from craftkit.sync import connection
from craftkit.text import clean_lines, one_line

BODY_LIMIT, TITLE_LIMIT = 4000, 256


def show(context: Context, number: int) -> dict[str, Any]:
    """The words of one issue of a linked spec.  Raises UsageProblem, IssueGone and GitHub's errors.

    Anybody may write to the issues of a public repository, so that by default only what somebody
    with a say in it wrote is given; `mcp.trust: all` lifts that.
    """
    if not context.config["github.repo"]:
        raise UsageProblem(
            "No GitHub repository is configured.",
            "set `github.repo: OWNER/NAME` in .craftkit/config.yaml",
        )
    if number not in _linked(context):
        raise UsageProblem(
            f"#{number} belongs to no linked spec of this worktree.",
            "`craftkit task list` shows the issues of a spec",
        )
    with connection.github_session(context) as sync:
        found = sync.gateway.issue_text(number)
    if isinstance(found, Gone):
        raise IssueGone(
            f"The issue #{number} is gone ({found.why}).",
            "run `craftkit reconcile --dry-run`: it shows which task was linked to it",
        )
    return _as_data(found, everybody=context.config["mcp.trust"] == "all")


def _linked(context: Context) -> set[int]:
    """The numbers of the parents and Sub Issues of every spec that has a parent."""
    return set().union(*(_numbers(context, spec) for spec in spec_index.load_all(context)))


def _numbers(context: Context, spec: Spec) -> set[int]:
    known = issues.of_spec(context.store, connection.settings(context).repo, spec.id)
    parents = {k.number for k in known if k.task_id is None}
    if spec.issue is not None:
        parents.add(spec.issue)
    if not parents:
        return set()
    return parents | {k.number for k in known} | {t.issue for t in spec.tasks if t.issue}


def _as_data(found: IssueText, *, everybody: bool) -> dict[str, Any]:
    shown = everybody or found.association in TRUSTED
    return {
        "untrusted": True,
        "source": "github",
        "number": found.number,
        "author": found.author,
        "author_association": found.association,
        "state": found.state,
        "withheld": not shown,
        "title": one_line(clean_lines(found.title), TITLE_LIMIT) if shown else "",
        "body": clean_lines(found.body, BODY_LIMIT) if shown else "",
    }
