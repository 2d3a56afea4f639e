"""Who is assigned to an issue, and the search for issues."""

from __future__ import annotations

import shlex
from typing import Any

from craftkit.sandbox import access, body
from craftkit.sandbox.access import Caller, Refused, invalid
from craftkit.sandbox.world import Issue, World, issues_of, labels_of
from craftkit.sandbox.writes import changed

MOST = 10  # assignees of an issue
PAGES = 1000  # results that GitHub shows of a search


def assign(world: World, by: Caller, issue: Issue, given: Any, *, add: bool) -> World:
    """Assign people, or take them off; who may not be assigned is left out without a word."""
    repo = world.repos[issue.repo]
    access.may_write(world, by, repo, "TRIAGE")
    names = body.whole(given).get("assignees", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise body.wrong_type("assignees", names, "an array of strings")
    users = [world.users[name.lower()].login for name in names if name.lower() in world.users]
    able = [login for login in users if access.role(world, repo, login) not in ("", "READ")]
    kept = [login for login in issue.assignees if login not in users]
    wanted = tuple([*kept, *dict.fromkeys(able)] if add else kept)
    if len(wanted) > MOST:
        raise invalid("Issue", "assignees", message=f"An issue has {MOST} assignees at most")
    return changed(world, by, issue, assignees=wanted)


def issues(world: World, caller: Caller, query: str) -> list[Issue]:
    """What a query finds, newest first: words, `repo:`, `is:`, `state:`, `author:`, `assignee:`
    and `label:`; other qualifiers are not known here."""
    try:
        parts = shlex.split(query)
    except ValueError:
        parts = query.split()
    if not parts:
        raise Refused(422, "Validation Failed")
    terms = [part.partition(":") for part in parts]
    words = [name.lower() for name, colon, _ in terms if not colon]
    asked = [(name.lower(), value) for name, colon, value in terms if colon]
    repos = {value.lower() for name, value in asked if name == "repo"}
    seen = [
        repo
        for repo in world.repos.values()
        if (not repos or repo.full_name.lower() in repos) and access.permission(world, caller, repo)
    ]
    if repos and not seen:
        raise Refused(422, "Validation Failed")
    found = [issue for repo in seen for issue in issues_of(world, repo)]
    found = [issue for issue in found if all(_fits(world, issue, *part) for part in asked)]
    found = [issue for issue in found if _says(issue, words)]
    return sorted(found, key=lambda issue: (issue.created_at, issue.number), reverse=True)[:PAGES]


def _fits(world: World, issue: Issue, name: str, value: str) -> bool:
    wanted = value.lower()
    facts = {
        "is": (issue.state.lower(), "pr" if issue.pull else "issue"),
        "state": (issue.state.lower(),),
        "author": (issue.author.lower(),),
        "assignee": tuple(login.lower() for login in issue.assignees),
        "label": tuple(label.name.lower() for label in labels_of(world, issue)),
    }
    return name not in facts or wanted in facts[name]


def _says(issue: Issue, words: list[str]) -> bool:
    text = f"{issue.title}\n{issue.body or ''}".lower()
    return all(word in text for word in words)
