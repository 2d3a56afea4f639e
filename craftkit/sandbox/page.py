"""The pages for people: what is in the sandbox, and one issue.  Plain HTML, no script."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from urllib.parse import urlsplit

from craftkit.sandbox.render import summary
from craftkit.sandbox.state import Answer, Request, State
from craftkit.sandbox.world import (
    CLOSED,
    COMPLETED,
    Comment,
    Issue,
    Repo,
    World,
    find_issue,
    find_repo,
    issues_by_id,
    issues_of,
    labels_of,
)

REFRESH = 3  # seconds
SHOWN = 1000  # rows of a repository
_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d8dee4, #3d444d);
  --soft: light-dark(#59636e, #9198a1); --open: light-dark(#1a7f37, #3fb950);
  --done: light-dark(#8250df, #ab7df8); --off: var(--soft); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
a { color: inherit; } ul { list-style: none; margin: 0; padding: 0; }
ul.top > li { border: 1px solid var(--line); border-bottom: 0; padding: .4rem .7rem; }
ul.top > li:last-child { border-bottom: 1px solid var(--line); }
ul ul { padding-left: 1.5rem; }
.soft { color: var(--soft); } .open { color: var(--open); } .done { color: var(--done); }
.off { color: var(--off); }
.label { border: 1px solid var(--line); border-radius: 1rem; font-size: .8rem; padding: 0 .5rem; }
pre { border: 1px solid var(--line); overflow-wrap: anywhere; padding: .7rem;
  white-space: pre-wrap; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ISSUE = re.compile(r"/(?!repos/|repositories/)([^/]+)/([^/]+)/(?:issues|pull)/(\d{1,9})")


def answer(state: State, request: Request) -> Answer | None:
    """The page of a path; None where there is none."""
    path = urlsplit(request.path).path
    with state.lock:
        world = state.world
        if path == "/":
            return _html("craftkit sandbox", _overview(world, request.at.site))
        if not (found := _ISSUE.fullmatch(path)):
            return None
        owner, name, number = found.groups()
        repo = find_repo(world, owner, name)
        issue = find_issue(world, repo, int(number)) if repo else None
    if repo is None or issue is None or issue.deleted or issue.moved_to:
        return _html("Not found", "<p>There is no such issue.</p>", 404)
    return _html(f"{issue.title} · #{issue.number}", _detail(world, repo, issue))


def _html(title: str, content: str, status: int = 200) -> Answer:
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH}"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{content}</body></html>"
    )
    return Answer(status, _HEADERS, text.encode("utf-8", "replace"))


def _overview(world: World, site: str) -> str:
    repos = "".join(_repo(world, repo) for repo in world.repos.values())
    return f'<p class="soft">GitHub-compatible API at {escape(site)}</p>{repos}'


def _repo(world: World, repo: Repo) -> str:
    found = issues_of(world, repo)
    known = [issue for issue in found if issue.parent is None]
    opened = sum(issue.state != CLOSED for issue in found)
    marks = [word for word in ("private", "archived") if getattr(repo, word)]
    said = ", ".join([f"{opened} open", f"{len(found) - opened} closed", *marks])
    # Parents first, and among them the newest, as a person would look for them.
    known.sort(key=lambda issue: (not issue.children, -issue.number))
    rows: list[str] = []
    left = SHOWN
    for issue in known:
        left -= 1 + len(issue.children)
        if left < 0 and rows:
            break
        rows.append(_row(world, issue))
    rest = len(known) - len(rows)
    more = f'<p class="soft">and {rest} more without a parent</p>' if rest else ""
    none = "" if known else '<p class="soft">No issues yet.</p>'
    heading = f'<h2>{escape(repo.full_name)} <span class="soft">{said}</span></h2>'
    return f'{heading}<ul class="top">{"".join(rows)}</ul>{more}{none}'


def _row(world: World, issue: Issue) -> str:
    children = issues_by_id(world, issue.children)
    below = "".join(_row(world, child) for child in children)
    counts = summary(world, issue)
    progress = f' <span class="soft">{counts["completed"]}/{counts["total"]}</span>'
    return (
        f"<li>{_state(issue)} {_link(world, issue)}{_labels(world, issue)}"
        f"{progress if children else ''}{f'<ul>{below}</ul>' if below else ''}</li>"
    )


def _state(issue: Issue) -> str:
    if issue.state != CLOSED:
        return '<span class="open" title="open">○</span>'
    if issue.reason == COMPLETED:
        return '<span class="done" title="closed as completed">✔</span>'
    return f'<span class="off" title="closed as {escape(issue.reason or "")}">⊘</span>'


def _link(world: World, issue: Issue) -> str:
    kind = "pull" if issue.pull else "issues"
    path = f"/{world.repos[issue.repo].full_name}/{kind}/{issue.number}"
    return (
        f'<a href="{escape(path)}">{escape(issue.title)}</a> '
        f'<span class="soft">#{issue.number}</span>'
    )


def _labels(world: World, issue: Issue) -> str:
    return "".join(
        f' <span class="label">{escape(label.name)}</span>' for label in labels_of(world, issue)
    )


def _detail(world: World, repo: Repo, issue: Issue) -> str:
    parent = world.issues[issue.parent] if issue.parent is not None else None
    above = f"<p>Parent: {_state(parent)} {_link(world, parent)}</p>" if parent else ""
    rows = "".join(_row(world, child) for child in issues_by_id(world, issue.children))
    below = f'<h2>Sub-issues</h2><ul class="top">{rows}</ul>' if rows else ""
    blockers = "".join(_row(world, other) for other in issues_by_id(world, issue.blocked_by))
    blocked = f'<h2>Blocked by</h2><ul class="top">{blockers}</ul>' if blockers else ""
    reason = f" as {issue.reason}" if issue.state == CLOSED else ""
    said = f"{issue.state}{reason}, by {issue.author}, changed {issue.updated_at}"
    return (
        f'<p><a href="/">{escape(repo.full_name)}</a> {_state(issue)} '
        f'<span class="soft">{escape(said)}</span>{_labels(world, issue)}</p>{above}'
        f"<pre>{escape(issue.body or '')}</pre>{below}{blocked}{_timeline(issue)}"
    )


def _timeline(issue: Issue) -> str:
    rows = []
    for entry in issue.timeline:
        who = entry.author if isinstance(entry, Comment) else entry.actor
        what = "said" if isinstance(entry, Comment) else entry.kind.replace("_", " ")
        text = f"<pre>{escape(entry.body)}</pre>" if isinstance(entry, Comment) else ""
        when = f'<span class="soft">{escape(entry.at)}</span>'
        rows.append(f"<li>{when} {escape(who)} {escape(what)}{text}</li>")
    return f'<h2>History</h2><ul class="top">{"".join(rows)}</ul>' if rows else ""
