"""Writes to one issue: each takes a world and makes the next one, or raises and changes nothing.

Limits: title 256 characters, body and comment 65,536, label name 50, label description 100.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from craftkit.sandbox.access import (
    Caller,
    invalid,
    issues_enabled,
    may_write,
    ranked,
)
from craftkit.sandbox.world import (
    CLOSED,
    COMPLETED,
    FIRST_ISSUE,
    OPEN,
    REOPENED,
    Comment,
    Event,
    Issue,
    Label,
    Repo,
    World,
    find_label,
    new_id,
    new_issue,
    put_issue,
    put_repo,
)

TITLE_LIMIT, BODY_LIMIT = 256, 65_536
LABEL_LIMIT, DESCRIPTION_LIMIT = 50, 100
_COLOR = re.compile(r"[0-9a-fA-F]{6}")


def changed(
    world: World,
    by: Caller,
    issue: Issue,
    kind: str = "",
    detail: dict[str, Any] | None = None,
    *,
    touch: bool = True,
    **fields: Any,
) -> World:
    """The world with new `fields` of an issue and, with a `kind`, an event in its timeline."""
    if kind:
        world, number = new_id(world)
        event = Event(number, kind, by.login, by.now, detail or {})
        fields["timeline"] = (*issue.timeline, event)
    if touch:
        fields["updated_at"] = by.now
    return put_issue(world, issue._replace(**fields))


def create_issue(
    world: World,
    by: Caller,
    repo: Repo,
    title: str,
    body: str | None,
    labels: Sequence[int] = (),
    *,
    pull: bool = False,
) -> tuple[World, Issue]:
    """A new issue with the next number; labels only count where the caller may label."""
    may_write(world, by, repo, "READ")
    issues_enabled(repo)
    check_title(title)
    check_body(body)
    repo = world.repos[repo.id]  # labels may have just been made in it
    world, number = new_id(world, FIRST_ISSUE)
    repo = repo._replace(highest=repo.highest + 1)
    kept = tuple(dict.fromkeys(labels)) if ranked(world, by, repo, "TRIAGE") else ()
    issue = Issue(number, repo.id, repo.highest, title, body, by.login, by.now, by.now, pull=pull)
    world = new_issue(put_repo(world, repo), issue)
    for label in kept:
        world = _label_event(world, by, world.issues[number], "labeled", label)
    return world, world.issues[number]


def check_title(title: str) -> None:
    if not title.strip():
        raise invalid("Issue", "title", "missing_field")
    if len(title) > TITLE_LIMIT:
        text = f"title is too long (maximum is {TITLE_LIMIT} characters)"
        raise invalid("Issue", "title", "custom", text)


def check_body(body: str | None, resource: str = "Issue") -> None:
    if body is not None and len(body) > BODY_LIMIT:
        text = f"body is too long (maximum is {BODY_LIMIT} characters)"
        raise invalid(resource, "body", "custom", text)


def mine(by: Caller, issue: Issue) -> bool:
    return bool(by.login) and by.login == issue.author


def set_text(world: World, by: Caller, issue: Issue, title: str | None, body: str | None) -> World:
    """New title, or new body, or both; None leaves one as it is."""
    may_write(world, by, world.repos[issue.repo], "WRITE", mine(by, issue))
    if title is not None and title != issue.title:
        check_title(title)
        detail = {"from": issue.title, "to": title}
        world = changed(world, by, issue, "renamed", detail, title=title)
        issue = world.issues[issue.id]
    if body is not None and body != issue.body:
        check_body(body)
        world = changed(world, by, issue, body=body)
    return world


def close(world: World, by: Caller, issue: Issue, reason: str = COMPLETED) -> World:
    """Closed; one that is closed already keeps its reason.

    REST's documentation says so of `state_reason`; that GraphQL does the same is not verified.
    """
    may_write(world, by, world.repos[issue.repo], "TRIAGE", mine(by, issue))
    if issue.state == CLOSED:
        return world
    new: dict[str, Any] = {
        "state": CLOSED,
        "reason": reason,
        "closed_at": by.now,
        "closed_by": by.login,
    }
    return changed(world, by, issue, "closed", {"state_reason": reason}, **new)


def reopen(world: World, by: Caller, issue: Issue) -> World:
    may_write(world, by, world.repos[issue.repo], "TRIAGE", mine(by, issue))
    if issue.state == OPEN:
        return world
    new: dict[str, Any] = {"state": OPEN, "reason": REOPENED, "closed_at": None, "closed_by": None}
    return changed(world, by, issue, "reopened", {"state_reason": REOPENED}, **new)


def add_comment(world: World, by: Caller, issue: Issue, body: str) -> tuple[World, Comment]:
    may_write(world, by, world.repos[issue.repo], "READ")
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    check_body(body, "IssueComment")
    world, number = new_id(world)
    comment = Comment(number, by.login, body, by.now)
    return changed(world, by, issue, timeline=(*issue.timeline, comment)), comment


def create_label(
    world: World, by: Caller, repo: Repo, name: str, color: str, description: str = ""
) -> tuple[World, Label]:
    may_write(world, by, repo, "WRITE")
    if not name.strip():
        raise invalid("Label", "name", "missing_field")
    if len(name) > LABEL_LIMIT:
        text = f"name is too long (maximum is {LABEL_LIMIT} characters)"
        raise invalid("Label", "name", "custom", text)
    if not _COLOR.fullmatch(color):
        raise invalid("Label", "color")
    if len(description) > DESCRIPTION_LIMIT:
        text = f"description is too long (maximum is {DESCRIPTION_LIMIT} characters)"
        raise invalid("Label", "description", "custom", text)
    if find_label(world, repo, name):
        raise invalid("Label", "name", "already_exists")
    world, number = new_id(world)
    label = Label(number, repo.id, name, color.lower(), description, by.now)
    world = world._replace(labels={**world.labels, number: label})
    names = {**world.repos[repo.id].labels, name.lower(): number}
    return put_repo(world, world.repos[repo.id]._replace(labels=names)), label


def label_ids(
    world: World, by: Caller, repo: Repo, names: Sequence[str]
) -> tuple[World, list[int]]:
    """The ids of labels by name, as REST takes them: unknown ones are made by who may."""
    ids = []
    for name in names:
        label = find_label(world, world.repos[repo.id], name)
        if label is None and ranked(world, by, repo, "WRITE"):
            world, label = create_label(world, by, world.repos[repo.id], name, "ededed")
        if label is not None:
            ids.append(label.id)
    return world, ids


def set_labels(world: World, by: Caller, issue: Issue, labels: Sequence[int]) -> World:
    """Exactly these labels; what is gone and what is new each gets an event."""
    may_write(world, by, world.repos[issue.repo], "TRIAGE")
    wanted = tuple(dict.fromkeys(labels))
    for gone in [label for label in issue.labels if label not in wanted]:
        world = _label_event(world, by, world.issues[issue.id], "unlabeled", gone)
    for new in [label for label in wanted if label not in issue.labels]:
        world = _label_event(world, by, world.issues[issue.id], "labeled", new)
    return world


def add_labels(world: World, by: Caller, issue: Issue, labels: Sequence[int]) -> World:
    return set_labels(world, by, issue, [*issue.labels, *labels])


def remove_labels(world: World, by: Caller, issue: Issue, labels: Sequence[int]) -> World:
    kept = [label for label in issue.labels if label not in labels]
    return set_labels(world, by, issue, kept)


def _label_event(world: World, by: Caller, issue: Issue, kind: str, label: int) -> World:
    known = world.labels[label]
    labels = [other for other in issue.labels if other != label]
    if kind == "labeled":
        labels.append(label)
    detail = {"label": label, "name": known.name, "color": known.color}
    return changed(world, by, issue, kind, detail, labels=tuple(labels))
