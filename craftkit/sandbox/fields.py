"""How each GraphQL field of the schema is answered.

`FIELDS` says it for fields that need more than an attribute of the same name; `install` puts a
resolver on every field of a schema, so that nothing is looked up by name while a query runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLAbstractType, GraphQLObjectType, GraphQLSchema, is_abstract_type

from craftkit.sandbox import access, nodes, render
from craftkit.sandbox.access import Refused, missing
from craftkit.sandbox.connections import Page, edges, page, page_info
from craftkit.sandbox.context import EVENTS, Context, Field, Said, Value, node, type_name
from craftkit.sandbox.world import (
    CLOSED,
    DUPLICATE,
    NOT_PLANNED,
    Comment,
    Event,
    Issue,
    Item,
    Label,
    Option,
    Project,
    Repo,
    User,
    association,
    find_label,
    find_user,
    issues_by_id,
    issues_of,
    labels_of,
    stamp,
)

Resolver = Callable[..., Any]

_ORDERS: dict[str, Callable[[Issue], Any]] = {
    "CREATED_AT": lambda issue: issue.number,
    "UPDATED_AT": lambda issue: (issue.updated_at, issue.number),
    "COMMENTS": lambda issue: (len(issue.comments), issue.number),
}


def _repository(context: Context, _: Any, owner: str, name: str) -> Repo:
    return access.repository(context.world, context.caller, owner, name)


def _owner(context: Context, _: Any, login: str, kinds: Sequence[str]) -> User:
    found = find_user(context.world, login)
    if found is None or found.kind not in kinds:
        raise missing(f"a {kinds[0]} with the login of '{login}'.")
    return found


def _issue(context: Context, repo: Repo, number: int, pulls: tuple[bool, ...] = (False,)) -> Issue:
    found = access.issue(context.world, repo, number)
    if found.pull not in pulls or not (found.pull or repo.has_issues):
        raise missing(f"an Issue with the number of {number}.")
    return found


def _issues(
    context: Context,
    repo: Repo,
    labels: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
    orderBy: dict[str, str] | None = None,
    filterBy: dict[str, Any] | None = None,
    **where: Any,
) -> Page:
    chosen = filterBy or {}
    found = [issue for issue in issues_of(context.world, repo) if not issue.pull]
    if wanted := chosen.get("states") or states:
        found = [issue for issue in found if issue.state.upper() in wanted]
    for names in filter(None, (labels, chosen.get("labels"))):
        ids = {label.id for name in names if (label := find_label(context.world, repo, name))}
        found = [issue for issue in found if ids & set(issue.labels)]
    if since := chosen.get("since"):
        found = [issue for issue in found if issue.updated_at >= str(since)]
    if author := chosen.get("createdBy"):
        found = [issue for issue in found if issue.author == author]
    if orderBy is not None:
        found.sort(key=_ORDERS[orderBy["field"]])
        if orderBy["direction"] == "DESC":
            found.reverse()
    return page(found, "issues", **where)


def _pulls(context: Context, repo: Repo, states: Sequence[str] | None = None, **where: Any) -> Page:
    found = [issue for issue in issues_of(context.world, repo) if issue.pull]
    if states:
        found = [issue for issue in found if issue.state.upper() in states]
    return page(found, "pullRequests", **where)


def _label(context: Context, repo: Repo, name: str) -> Label | None:
    return find_label(context.world, repo, name)


def _repo_labels(context: Context, repo: Repo, **where: Any) -> Page:
    known = [context.world.labels[label] for label in repo.labels.values()]
    return page(known, "labels", **where)


def _projects(context: Context, owner: str) -> list[Project]:
    access.may_project(context.caller, write=False)
    return [project for project in context.world.projects.values() if project.owner == owner]


def _project(context: Context, owner: str, number: int) -> Project:
    for project in _projects(context, owner):
        if project.number == number:
            return project
    raise missing(f"a ProjectV2 with the number {number}.")


def _state_reason(_: Context, issue: Issue, enableDuplicate: bool = False) -> str | None:
    """Without the argument a duplicate counts as not planned."""
    if issue.reason == DUPLICATE and not enableDuplicate:
        return NOT_PLANNED.upper()
    return issue.reason and issue.reason.upper()


def _labels(context: Context, issue: Issue, **where: Any) -> Page:
    return page(sorted(labels_of(context.world, issue)), "labels", **where)


def _linked(attribute: str, name: str) -> Resolver:
    def resolve(context: Context, issue: Issue, **where: Any) -> Page:
        return page(issues_by_id(context.world, getattr(issue, attribute)), name, **where)

    return resolve


def _parent(context: Context, issue: Issue) -> Issue | None:
    return None if issue.parent is None else context.world.issues[issue.parent]


def _summary(context: Context, issue: Issue) -> dict[str, int]:
    known = render.summary(context.world, issue)
    return {**known, "percentCompleted": known["percent_completed"]}


def _comments(_: Context, issue: Issue, **where: Any) -> Page:
    return page([Said(comment, issue) for comment in issue.comments], "comments", **where)


def _timeline(
    _: Context, issue: Issue, itemTypes: Sequence[str] | None = None, **where: Any
) -> Page:
    found: list[tuple[Event | Said, str]] = []
    for entry in issue.timeline:
        if isinstance(entry, Comment):
            found.append((Said(entry, issue), "ISSUE_COMMENT"))
        elif entry.kind in EVENTS:
            words = re.findall("[A-Z][a-z]+", EVENTS[entry.kind])
            found.append((entry, "_".join(words).upper()))
    kept = [entry for entry, kind in found if itemTypes is None or kind in itemTypes]
    return page(kept, "timelineItems", **where)


def _project_items(context: Context, issue: Issue, **where: Any) -> Page:
    access.may_project(context.caller, write=False)
    items = [p.items[issue.id] for p in context.world.projects.values() if issue.id in p.items]
    return page(items, "projectItems", **where)


def _can_update(context: Context, issue: Issue) -> bool:
    mine = context.caller.login == issue.author
    repo = context.world.repos[issue.repo]
    return mine or access.ranked(context.world, context.caller, repo, "WRITE")


def _field(_: Context, project: Project, name: str) -> Field | None:
    return Field(project, name) if name in ("Title", "Status") else None


def _all_fields(_: Context, project: Project, **where: Any) -> Page:
    return page([Field(project, "Title"), Field(project, "Status")], "fields", **where)


def _field_id(_: Context, field: Field) -> str:
    if field.name == "Status":
        return nodes.status_field_id(field.project)
    return nodes.title_field_id(field.project)


def _options(_: Context, field: Field, names: Sequence[str] | None = None) -> list[Option]:
    known = field.project.options
    return [option for option in known if names is None or option.name in names]


def _value(context: Context, item: Item, name: str) -> Value | None:
    project = context.world.projects[item.project]
    if name == "Title" or (name == "Status" and item.status):
        return Value(item, Field(project, name))
    return None


def _option_name(_: Context, value: Value) -> str | None:
    options = value.field.project.options
    return next((option.name for option in options if option.id == value.item.status), None)


def _rate_limit(context: Context, _: Any) -> dict[str, Any]:
    login = context.caller.login
    known = context.meter.overview(login, context.clock)["graphql"]
    when = stamp(known["reset"])
    return {**known, "cost": context.cost.points, "nodeCount": context.cost.nodes, "resetAt": when}


def _user(context: Context, login: str | None) -> User | None:
    return context.world.users.get(login.lower()) if login else None


def _site(path: str) -> Resolver:
    """The address of a page; `{}` stands for the full name of the repository."""

    def resolve(context: Context, thing: Any) -> str:
        repo = context.world.repos[thing.repo] if hasattr(thing, "repo") else thing
        full_name = repo.full_name if isinstance(repo, Repo) else ""
        return context.at.site + path.format(thing=thing, name=full_name)

    return resolve


def _association(context: Context, repo: int, login: str) -> str:
    return association(context.world, context.world.repos[repo], login)


_ISSUE: dict[str, Resolver] = {
    "id": lambda context, issue: nodes.node_id(issue),
    "author": lambda context, issue: _user(context, issue.author),
    "authorAssociation": lambda context, issue: _association(context, issue.repo, issue.author),
    "body": lambda context, issue: issue.body or "",
    "closed": lambda context, issue: issue.state == CLOSED,
    "comments": _comments,
    "databaseId": lambda context, issue: issue.id,
    "fullDatabaseId": lambda context, issue: str(issue.id),
    "labels": _labels,
    "locked": lambda context, issue: False,
    "repository": lambda context, issue: context.world.repos[issue.repo],
    "state": lambda context, issue: issue.state.upper(),
}
USER: dict[str, Resolver] = {
    "id": lambda context, user: nodes.node_id(user),
    "databaseId": lambda context, user: user.id,
    "url": _site("/{thing.login}"),
    "projectV2": lambda context, user, number: _project(context, user.login, number),
}
EVENT: dict[str, Resolver] = {
    "id": lambda context, event: nodes.node_id(event),
    "actor": lambda context, event: _user(context, event.actor),
    "createdAt": lambda context, event: event.at,
    "stateReason": lambda context, event: event.detail["state_reason"].upper(),
    "label": lambda context, event: context.world.labels[event.detail["label"]],
    "currentTitle": lambda context, event: event.detail["to"],
    "previousTitle": lambda context, event: event.detail["from"],
    "subIssue": lambda context, event: context.world.issues.get(event.detail["issue"]),
    "parent": lambda context, event: context.world.issues.get(event.detail["issue"]),
}
_CONNECTION: dict[str, Resolver] = {
    "edges": lambda context, found: edges(found),
    "pageInfo": lambda context, found: page_info(found),
    "totalCount": lambda context, found: found.total,
}
FIELDS: dict[str, dict[str, Resolver]] = {
    "Query": {
        "node": lambda context, _, id: node(context, id),
        "nodes": lambda context, _, ids: [_node_or_error(context, wanted) for wanted in ids],
        "organization": lambda context, _, login: _owner(context, _, login, ["Organization"]),
        "rateLimit": _rate_limit,
        "repository": _repository,
        "repositoryOwner": lambda context, _, login: find_user(context.world, login),
        "user": lambda context, _, login: _owner(context, _, login, ["User"]),
        "viewer": lambda context, _: _user(context, context.caller.login),
    },
    "User": USER,
    "Organization": USER,
    "Bot": USER,
    "Repository": {
        "id": lambda context, repo: nodes.node_id(repo),
        "databaseId": lambda context, repo: repo.id,
        "hasIssuesEnabled": lambda context, repo: repo.has_issues,
        "isArchived": lambda context, repo: repo.archived,
        "isPrivate": lambda context, repo: repo.private,
        "issue": _issue,
        "issueOrPullRequest": lambda context, repo, number: _issue(
            context, repo, number, (True, False)
        ),
        "issues": _issues,
        "label": _label,
        "labels": _repo_labels,
        "nameWithOwner": lambda context, repo: repo.full_name,
        "owner": lambda context, repo: _user(context, repo.owner),
        "projectV2": lambda context, repo, number: _project(context, repo.owner, number),
        "projectsV2": lambda context, repo, **where: page(
            _projects(context, repo.owner), "projectsV2", **where
        ),
        "pullRequest": lambda context, repo, number: _issue(context, repo, number, (True,)),
        "pullRequests": _pulls,
        "url": _site("/{name}"),
        "viewerPermission": lambda context, repo: _viewer_permission(context, repo),
    },
    "Issue": {
        **_ISSUE,
        "blockedBy": _linked("blocked_by", "blockedBy"),
        "blocking": _linked("blocking", "blocking"),
        "parent": _parent,
        "projectItems": _project_items,
        "stateReason": _state_reason,
        "subIssues": _linked("children", "subIssues"),
        "subIssuesSummary": _summary,
        "timelineItems": _timeline,
        "url": _site("/{name}/issues/{thing.number}"),
        "viewerCanUpdate": _can_update,
        "viewerDidAuthor": lambda context, issue: context.caller.login == issue.author,
    },
    "PullRequest": {**_ISSUE, "url": _site("/{name}/pull/{thing.number}")},
    "Label": {
        "id": lambda context, label: nodes.node_id(label),
        "isDefault": lambda context, label: False,
        "description": lambda context, label: label.description or None,
        "updatedAt": lambda context, label: label.created_at,
        "url": _site("/{name}/labels/{thing.name}"),
    },
    "IssueComment": {
        "id": lambda context, said: nodes.node_id(said.comment),
        "author": lambda context, said: _user(context, said.comment.author),
        "authorAssociation": lambda context, said: _association(
            context, said.issue.repo, said.comment.author
        ),
        "body": lambda context, said: said.comment.body,
        "createdAt": lambda context, said: said.comment.at,
        "databaseId": lambda context, said: said.comment.id,
        "fullDatabaseId": lambda context, said: str(said.comment.id),
        "updatedAt": lambda context, said: said.comment.at,
        "url": lambda context, said: (
            _site("/{name}/issues/{thing.number}")(context, said.issue)
            + f"#issuecomment-{said.comment.id}"
        ),
    },
    "ProjectV2": {
        "id": lambda context, project: nodes.node_id(project),
        "closed": lambda context, project: False,
        "field": _field,
        "fields": _all_fields,
        "items": lambda context, project, **where: page(
            list(project.items.values()), "items", **where
        ),
        "owner": lambda context, project: _user(context, project.owner),
        "updatedAt": lambda context, project: project.created_at,
        "url": _site("/projects/{thing.number}"),
    },
    "ProjectV2Field": {"id": _field_id, "dataType": lambda context, field: "TITLE"},
    "ProjectV2SingleSelectField": {
        "id": _field_id,
        "dataType": lambda context, field: "SINGLE_SELECT",
        "options": _options,
    },
    "ProjectV2SingleSelectFieldOption": {"description": lambda context, option: ""},
    "ProjectV2Item": {
        "id": lambda context, item: nodes.node_id(item),
        "content": lambda context, item: context.world.issues[item.issue],
        "fieldValueByName": _value,
        "isArchived": lambda context, item: False,
        "project": lambda context, item: context.world.projects[item.project],
        "type": lambda context, item: (
            "PULL_REQUEST" if context.world.issues[item.issue].pull else "ISSUE"
        ),
        "updatedAt": lambda context, item: item.created_at,
    },
    "ProjectV2ItemFieldSingleSelectValue": {
        "id": lambda context, value: f"PVTFSV_sb{value.item.id:x}",
        "name": _option_name,
        "optionId": lambda context, value: value.item.status,
    },
    "ProjectV2ItemFieldTextValue": {
        "id": lambda context, value: f"PVTFTV_sb{value.item.id:x}",
        "text": lambda context, value: context.world.issues[value.item.issue].title,
    },
    **{name: EVENT for name in EVENTS.values()},
}


def _node_or_error(context: Context, wanted: str) -> Any:
    """One of several nodes: the others are answered although this one is not found."""
    try:
        return node(context, wanted)
    except Refused as refused:
        return refused


def _viewer_permission(context: Context, repo: Repo) -> str | None:
    """Only a user has a permission; an installation of an App has none to show."""
    if context.caller.token is None or context.caller.token.kind == "installation":
        return None
    return access.role(context.world, repo, context.caller.login) or None


def install(schema: GraphQLSchema, mutations: dict[str, Resolver]) -> None:
    """Puts a resolver on every field of every type."""
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        if is_abstract_type(kind):
            abstract: GraphQLAbstractType = kind
            abstract.resolve_type = type_name
        if isinstance(kind, GraphQLObjectType):
            known = _CONNECTION if name.endswith("Connection") else FIELDS.get(name, {})
            for field_name, field in kind.fields.items():
                if name == "Mutation":
                    field.resolve = _root(mutations[field_name])
                elif name == "Query":
                    field.resolve = _root(known[field_name])
                elif field_name in known:
                    field.resolve = _bound(known[field_name])
                else:
                    field.resolve = _plain(field_name)


def _bound(resolver: Resolver) -> Resolver:
    return lambda source, info, **arguments: resolver(info.context, source, **arguments)


def _root(resolver: Resolver) -> Resolver:
    """A root field; a fault may have it fail while the others are carried out."""

    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        if (refused := info.context.failing.get(info.path.key)) is not None:
            raise refused
        return resolver(info.context, source, **arguments)

    return resolve


def _plain(name: str) -> Resolver:
    """The attribute, or the entry, of the same name."""
    attribute = re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)
    return lambda source, info: (
        source.get(name) if isinstance(source, dict) else getattr(source, attribute)
    )
