"""The GraphQL mutations: each moves `context.world` on, or raises and leaves it as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from craftkit.sandbox import access, links, writes
from craftkit.sandbox.access import missing, unprocessable
from craftkit.sandbox.context import Context, Said, node
from craftkit.sandbox.fields import Resolver
from craftkit.sandbox.world import (
    COMPLETED,
    Issue,
    Item,
    Label,
    Project,
    Repo,
    find_repo,
)

Input = dict[str, Any]
Payload = dict[str, Any]

_ISSUE_URL = re.compile(r".*/([^/]+)/([^/]+)/issues/(\d+)")


def _issue(context: Context, wanted: str, pulls: bool = False) -> Issue:
    found: Issue = node(context, wanted, Issue)
    if found.pull and not pulls:
        raise missing(f"Issue node with the global id of '{wanted}'")
    return found


def _again(context: Context, issue: Issue) -> Issue:
    """The issue as the world has it now."""
    return context.world.issues[issue.id]


def _labels(context: Context, repo: int, wanted: Sequence[str]) -> list[int]:
    """Ids of labels that belong to the repository."""
    found: list[Label] = [node(context, label, Label) for label in wanted]
    for label, name in zip(found, wanted, strict=True):
        if label.repo != repo:
            raise missing(f"a node with the global id of '{name}'")
    return [label.id for label in found]


def create_issue(context: Context, given: Input) -> Payload:
    """The issue and its link to the parent: both, or neither."""
    repo: Repo = node(context, given["repositoryId"], Repo)
    labels = _labels(context, repo.id, given.get("labelIds") or ())
    parent = _issue(context, given["parentIssueId"]) if given.get("parentIssueId") else None
    world, issue = writes.create_issue(
        context.world, context.caller, repo, given["title"], given.get("body"), labels
    )
    if parent is not None:
        world = links.add_sub_issue(world, context.caller, parent, issue)
    context.world = world
    return {"issue": _again(context, issue)}


def update_issue(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["id"])
    by = context.caller
    world = writes.set_text(context.world, by, issue, given.get("title"), given.get("body"))
    if given.get("labelIds") is not None:
        labels = _labels(context, issue.repo, given["labelIds"])
        world = writes.set_labels(world, by, world.issues[issue.id], labels)
    if given.get("state") == "CLOSED":
        world = writes.close(world, by, world.issues[issue.id])
    elif given.get("state") == "OPEN":
        world = writes.reopen(world, by, world.issues[issue.id])
    context.world = world
    return {"issue": _again(context, issue)}


def close_issue(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["issueId"])
    if given.get("duplicateIssueId"):
        _issue(context, given["duplicateIssueId"])
    reason = (given.get("stateReason") or COMPLETED).lower()
    context.world = writes.close(context.world, context.caller, issue, reason)
    return {"issue": _again(context, issue)}


def reopen_issue(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["issueId"])
    context.world = writes.reopen(context.world, context.caller, issue)
    return {"issue": _again(context, issue)}


def delete_issue(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["issueId"])
    context.world = links.delete_issue(context.world, context.caller, issue)
    return {"repository": context.world.repos[issue.repo]}


def transfer_issue(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["issueId"])
    target: Repo = node(context, given["repositoryId"], Repo)
    context.world, new = links.transfer_issue(context.world, context.caller, issue, target)
    return {"issue": new}


def add_labels(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["labelableId"], pulls=True)
    labels = _labels(context, issue.repo, given["labelIds"])
    context.world = writes.add_labels(context.world, context.caller, issue, labels)
    return {"labelable": _again(context, issue)}


def remove_labels(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["labelableId"], pulls=True)
    labels = _labels(context, issue.repo, given["labelIds"])
    context.world = writes.remove_labels(context.world, context.caller, issue, labels)
    return {"labelable": _again(context, issue)}


def create_label(context: Context, given: Input) -> Payload:
    repo: Repo = node(context, given["repositoryId"], Repo)
    context.world, label = writes.create_label(
        context.world,
        context.caller,
        repo,
        given["name"],
        given["color"],
        given.get("description") or "",
    )
    return {"label": label}


def add_comment(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["subjectId"], pulls=True)
    world, comment = writes.add_comment(context.world, context.caller, issue, given["body"])
    context.world = world
    now = _again(context, issue)
    return {"commentEdge": {"cursor": "", "node": Said(comment, now)}, "subject": now}


def _child(context: Context, given: Input) -> Issue:
    if given.get("subIssueId"):
        return _issue(context, given["subIssueId"], pulls=True)
    if found := _ISSUE_URL.fullmatch(given.get("subIssueUrl") or ""):
        owner, name, number = found.groups()
        repo = access.see(context.world, context.caller, find_repo(context.world, owner, name))
        return access.issue(context.world, repo, int(number))
    raise unprocessable("Either subIssueId or subIssueUrl must be given")


def add_sub_issue(context: Context, given: Input) -> Payload:
    parent, child = _issue(context, given["issueId"], pulls=True), _child(context, given)
    replace = bool(given.get("replaceParent"))
    context.world = links.add_sub_issue(context.world, context.caller, parent, child, replace)
    return {"issue": _again(context, parent), "subIssue": _again(context, child)}


def remove_sub_issue(context: Context, given: Input) -> Payload:
    parent = _issue(context, given["issueId"])
    child = _issue(context, given["subIssueId"])
    context.world = links.remove_sub_issue(context.world, context.caller, parent, child)
    return {"issue": _again(context, parent), "subIssue": _again(context, child)}


def reprioritize(context: Context, given: Input) -> Payload:
    parent = _issue(context, given["issueId"])
    child = _issue(context, given["subIssueId"])
    after = _issue(context, given["afterId"]) if given.get("afterId") else None
    before = _issue(context, given["beforeId"]) if given.get("beforeId") else None
    context.world = links.prioritize(context.world, context.caller, parent, child, after, before)
    return {"issue": _again(context, parent)}


def add_blocked_by(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["issueId"])
    blocker = _issue(context, given["blockingIssueId"])
    context.world = links.add_blocked_by(context.world, context.caller, issue, blocker)
    return {"issue": _again(context, issue), "blockingIssue": _again(context, blocker)}


def remove_blocked_by(context: Context, given: Input) -> Payload:
    issue = _issue(context, given["issueId"])
    blocker = _issue(context, given["blockingIssueId"])
    context.world = links.remove_blocked_by(context.world, context.caller, issue, blocker)
    return {"issue": _again(context, issue), "blockingIssue": _again(context, blocker)}


def add_item(context: Context, given: Input) -> Payload:
    project: Project = node(context, given["projectId"], Project)
    issue = _issue(context, given["contentId"], pulls=True)
    context.world, item = links.add_item(context.world, context.caller, project, issue)
    return {"item": item}


def set_field(context: Context, given: Input) -> Payload:
    project: Project = node(context, given["projectId"], Project)
    item: Item = node(context, given["itemId"], Item)
    option = given["value"].get("singleSelectOptionId")
    if option is None:
        raise unprocessable("A single select option id must be given")
    context.world, item = links.set_status(
        context.world, context.caller, project, item, given["fieldId"], option
    )
    return {"projectV2Item": item}


def _mutation(function: Any) -> Resolver:
    def resolve(context: Context, _: Any, input: Input) -> Payload:
        payload: Payload = function(context, input)
        return {"clientMutationId": input.get("clientMutationId"), **payload}

    return resolve


MUTATIONS: dict[str, Resolver] = {
    name: _mutation(function)
    for name, function in {
        "addBlockedBy": add_blocked_by,
        "addComment": add_comment,
        "addLabelsToLabelable": add_labels,
        "addProjectV2ItemById": add_item,
        "addSubIssue": add_sub_issue,
        "closeIssue": close_issue,
        "createIssue": create_issue,
        "createLabel": create_label,
        "deleteIssue": delete_issue,
        "removeBlockedBy": remove_blocked_by,
        "removeLabelsFromLabelable": remove_labels,
        "removeSubIssue": remove_sub_issue,
        "reopenIssue": reopen_issue,
        "reprioritizeSubIssue": reprioritize,
        "transferIssue": transfer_issue,
        "updateIssue": update_issue,
        "updateProjectV2ItemFieldValue": set_field,
    }.items()
}
