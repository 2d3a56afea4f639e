"""What the GraphQL resolvers share: the request's context, the kinds of values, node ids."""

from __future__ import annotations

from typing import Any, NamedTuple

from craftkit.sandbox import access, nodes
from craftkit.sandbox.access import Caller, Refused, missing
from craftkit.sandbox.limits import Meter
from craftkit.sandbox.render import Place
from craftkit.sandbox.schema import Cost
from craftkit.sandbox.world import (
    Comment,
    Event,
    Issue,
    Item,
    Label,
    Project,
    Repo,
    User,
    World,
)


class Context:
    """One request: `world` moves on as its mutations are carried out, one after the other."""

    def __init__(self, world: World, caller: Caller, at: Place, meter: Meter, clock: float) -> None:
        self.world = world
        self.caller = caller
        self.at = at
        self.meter = meter
        self.clock = clock
        self.cost = Cost(0, 1)
        self.failing: dict[str, Refused] = {}  # answer key of a root field: what it fails with


class Said(NamedTuple):
    """A comment and the issue that it is on."""

    comment: Comment
    issue: Issue


class Field(NamedTuple):
    """A field of a project; *Status* is the single-select one."""

    project: Project
    name: str


class Value(NamedTuple):
    """The value of a field of an item."""

    item: Item
    field: Field


EVENTS = {
    "closed": "ClosedEvent",
    "reopened": "ReopenedEvent",
    "labeled": "LabeledEvent",
    "unlabeled": "UnlabeledEvent",
    "renamed": "RenamedTitleEvent",
    "sub_issue_added": "SubIssueAddedEvent",
    "sub_issue_removed": "SubIssueRemovedEvent",
    "parent_issue_added": "ParentIssueAddedEvent",
    "parent_issue_removed": "ParentIssueRemovedEvent",
}
_TYPES: dict[type, str] = {
    Repo: "Repository",
    Label: "Label",
    Said: "IssueComment",
    Project: "ProjectV2",
    Item: "ProjectV2Item",
}


def type_name(value: Any, *_: Any) -> str:
    """The object type of a value where a field has an interface or a union."""
    match value:
        case User():
            return value.kind
        case Issue():
            return "PullRequest" if value.pull else "Issue"
        case Event():
            return EVENTS[value.kind]
        case Field():
            return "ProjectV2SingleSelectField" if value.name == "Status" else "ProjectV2Field"
        case Value():
            kind = "SingleSelect" if value.field.name == "Status" else "Text"
            return f"ProjectV2ItemField{kind}Value"
    return _TYPES[type(value)]


def node(context: Context, wanted: str, kind: type | tuple[type, ...] = object) -> Any:
    """What a node id means, where the caller may see it."""
    what = f"a node with the global id of '{wanted}'"
    found = nodes.find_node(context.world, wanted)
    if found is None or not isinstance(found, kind):
        raise missing(what)
    if isinstance(found, Issue | Label):
        access.see(context.world, context.caller, context.world.repos[found.repo], what)
    elif isinstance(found, Repo):
        access.see(context.world, context.caller, found, what)
    return found
