"""The GraphQL documents, as pairs of text and variables.

Nothing that a person wrote is ever part of a text: it goes into a variable.  Field and argument
names are those of GitHub's public schema.  `fullDatabaseId` is asked for because `databaseId` is
a 32-bit Int, which today's issue ids do not fit into.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from craftkit.github.address import Project

# One request: 10 parents x 100 sub-issues x 20 labels are 21,000 of the 500,000 nodes allowed.
TREES_AT_ONCE = 10
ISSUES_AT_ONCE = 50
# A request has ten seconds at GitHub; twenty mutations stay well below.
STEPS_AT_ONCE = 20

Document = tuple[str, dict[str, Any]]


class QueryPlace(NamedTuple):
    """The repository that a document is about."""

    owner: str
    name: str


class QueryShape(NamedTuple):
    """What an older GitHub Enterprise Server may not know of yet."""

    duplicate: bool = True  # stateReason(enableDuplicate:)
    parent: bool = True  # Issue.parent and Issue.subIssues


class MutationStep(NamedTuple):
    """One mutation: its field, its input, and what to select of its payload."""

    field: str
    input: Mapping[str, Any]
    select: str = "clientMutationId"


def preflight(place: QueryPlace, capabilities: bool, newest: int) -> Document:
    """Who we are, what the repository is and, if asked for, what the server can do."""
    issues = "issues(first: $newest, orderBy: {field: CREATED_AT, direction: DESC})"
    pulls = "pullRequests(last: 1)"  # oldest first, if not asked otherwise (assumed)
    text = (
        "query Preflight($owner: String!, $name: String!, $newest: Int!) { viewer { login } "
        "repository(owner: $owner, name: $name) { id nameWithOwner viewerPermission isPrivate "
        f"isArchived hasIssuesEnabled {issues} {{ pageInfo {{ hasNextPage }} "
        "nodes { number createdAt body } } "
        f"{pulls} {{ nodes {{ number }} }} }} " + (_INTROSPECTION if capabilities else "") + "}"
    )
    return text, {"owner": place.owner, "name": place.name, "newest": newest}


_INTROSPECTION = (
    'issueType: __type(name: "Issue") { fields { name args { name } } } '
    'mutationType: __type(name: "Mutation") { fields { name } } '
    'createType: __type(name: "CreateIssueInput") { inputFields { name } } '
)


def trees(place: QueryPlace, numbers: Sequence[int], shape: QueryShape) -> Document:
    """Parents with their first hundred sub-issues; the alias of the k-th number is `i<k>`."""
    children = (
        " subIssues(first: 100) { totalCount pageInfo { hasNextPage endCursor } "
        "nodes { ...IssueFields } }"
    )
    return _numbered(place, numbers, "...IssueFields" + _parent(shape) + children, shape)


def issues(place: QueryPlace, numbers: Sequence[int], shape: QueryShape) -> Document:
    """Single issues; the alias of the k-th number is `i<k>`.

    A number may be a pull request's, which `issue` would not find.
    """
    select = f"__typename ... on Issue {{ ...IssueFields{_parent(shape)} }}"
    return _numbered(place, numbers, select, shape, "issueOrPullRequest")


def children(place: QueryPlace, number: int, after: str, shape: QueryShape) -> Document:
    """The next hundred sub-issues of one parent."""
    text = (
        "query Children($owner: String!, $name: String!, $number: Int!, $after: String!) { "
        "repository(owner: $owner, name: $name) { nameWithOwner issue(number: $number) { "
        "subIssues(first: 100, after: $after) { totalCount pageInfo { hasNextPage endCursor } "
        "nodes { ...IssueFields } } } } } " + _fragment(shape)
    )
    return text, {"owner": place.owner, "name": place.name, "number": number, "after": after}


def create_issue(
    repository: str, title: str, body: str, parent: str | None, shape: QueryShape
) -> Document:
    """Create an issue, below the issue with the node id `parent` unless that is None."""
    text = (
        "mutation Create($input: CreateIssueInput!) { createIssue(input: $input) { "
        f"issue {{ ...IssueFields{_parent(shape)} }} }} }} " + _fragment(shape)
    )
    given = {"repositoryId": repository, "title": title, "body": body}
    return text, {"input": given if parent is None else {**given, "parentIssueId": parent}}


def mutations(steps: Sequence[MutationStep]) -> Document:
    """Several mutations in one request; the alias of the k-th is `c<k>`.

    GitHub carries them out in their order, and goes on after one that fails.
    """
    heads, fields, variables = [], [], {}
    for k, step in enumerate(steps):
        kind = step.field[0].upper() + step.field[1:] + "Input!"
        heads.append(f"$v{k}: {kind}")
        fields.append(f"c{k}: {step.field}(input: $v{k}) {{ {step.select} }}")
        variables[f"v{k}"] = dict(step.input)
    return f"mutation Apply({', '.join(heads)}) {{ {' '.join(fields)} }}", variables


def closed(shape: QueryShape) -> str:
    """What to select of the payload of a close: the reason that the issue has now."""
    return f"issue {{ state {_reason(shape)} }}"


def lookup(place: QueryPlace, numbers: Sequence[int], labels: Sequence[str]) -> Document:
    """Node ids of issues (`i<k>`) and of labels by name (`l<k>`)."""
    heads, inside = "", []
    variables: dict[str, Any] = {"owner": place.owner, "name": place.name}
    for k, number in enumerate(numbers):
        heads += f", $i{k}: Int!"
        inside.append(f"i{k}: issue(number: $i{k}) {{ id }}")
        variables[f"i{k}"] = number
    for k, label in enumerate(labels):
        heads += f", $l{k}: String!"
        inside.append(f"l{k}: label(name: $l{k}) {{ id }}")
        variables[f"l{k}"] = label
    text = (
        f"query Lookup($owner: String!, $name: String!{heads}) {{ "
        f"repository(owner: $owner, name: $name) {{ nameWithOwner {' '.join(inside)} }} }}"
    )
    return text, variables


def board(project: Project, field: str) -> Document:
    """A board, its single-select field of that name, and the field's options."""
    text = (
        "query Board($login: String!, $number: Int!, $field: String!) { "
        "repositoryOwner(login: $login) { ... on ProjectV2Owner { projectV2(number: $number) { id "
        "field(name: $field) { ... on ProjectV2SingleSelectField { id options { id name } } "
        "} } } } }"
    )
    return text, {"login": project.owner, "number": project.number, "field": field}


def last_reopening(place: QueryPlace, number: int) -> Document:
    text = (
        "query Reopening($owner: String!, $name: String!, $number: Int!) { "
        "repository(owner: $owner, name: $name) { issue(number: $number) { "
        "timelineItems(last: 1, itemTypes: [REOPENED_EVENT]) { nodes { "
        "... on ReopenedEvent { id actor { login } } } } } } }"
    )
    return text, {"owner": place.owner, "name": place.name, "number": number}


def _numbered(
    place: QueryPlace, numbers: Sequence[int], select: str, shape: QueryShape, field: str = "issue"
) -> Document:
    heads = "".join(f", $n{k}: Int!" for k in range(len(numbers)))
    fields = " ".join(f"i{k}: {field}(number: $n{k}) {{ {select} }}" for k in range(len(numbers)))
    text = (
        f"query Issues($owner: String!, $name: String!{heads}) {{ "
        f"repository(owner: $owner, name: $name) {{ nameWithOwner {fields} }} }} "
        + _fragment(shape)
    )
    variables: dict[str, Any] = {"owner": place.owner, "name": place.name}
    return text, variables | {f"n{k}": number for k, number in enumerate(numbers)}


def _fragment(shape: QueryShape) -> str:
    return (
        "fragment IssueFields on Issue { number fullDatabaseId id title state "
        f"{_reason(shape)} body "
        "updatedAt closedAt url author { login } authorAssociation viewerDidAuthor "
        "repository { nameWithOwner } "
        "labels(first: 20) { nodes { name } } }"
    )


def _reason(shape: QueryShape) -> str:
    return "stateReason(enableDuplicate: true)" if shape.duplicate else "stateReason"


def _parent(shape: QueryShape) -> str:
    return " parent { number repository { nameWithOwner } }" if shape.parent else ""
