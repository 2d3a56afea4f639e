"""Words that go to GitHub or come from it: what a pull request should say, what an issue says."""

from __future__ import annotations

from typing import Any

from craftkit.errors import CraftkitError, UsageProblem
from craftkit.github import gateway as gh
from craftkit.github.gateway import Gone, IssueGone, IssueText
from craftkit.github.mapping import TRUSTED
from craftkit.loop import github_writes, spec_index
from craftkit.model import DONE, Spec
from craftkit.runtime.context import Context
from craftkit.store import issues as table
from craftkit.store import tasks
from craftkit.sync import connection
from craftkit.text import clean_lines, one_line

SECONDS = 5.0  # that guidance waits for GitHub


def pull_request(context: Context, spec: Spec) -> dict[str, Any]:
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


def pull_request_lines(found: dict[str, Any]) -> list[str]:
    """The guidance for a person."""
    where = f" from {one_line(found['branch'], 200)}" if found["branch"] else ""
    shown = [f"pull request{where}: {found['title']}"]
    shown += [f"  Closes #{number}" for number in found["closes"]]
    return [*shown, f"trailer of each commit: {found['trailer']}"]


BODY_LIMIT, TITLE_LIMIT = 4000, 256


def issue_text(context: Context, number: int) -> dict[str, Any]:
    """The words of one issue of a linked spec.  Raises UsageProblem, IssueGone and GitHub's errors.

    Anybody may write to the issues of a public repository, so that by default only what somebody
    with a say in it wrote is given; `mcp.trust: all` lifts that.
    """
    context.require_github()
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
    known = table.of_spec(context.store, connection.settings(context).repo, spec.id)
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
