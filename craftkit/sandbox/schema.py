"""The GraphQL schema, what a document asks for, and what it costs.

The schema is a trimmed copy of GitHub's own (`github.graphql`, see contracts/trim_graphql.py) and
an extension for what is younger than that.  A server without sub-issues or dependencies gets a
schema without them, so that their fields are unknown there, as on an old Enterprise server.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    build_ast_schema,
    extend_schema,
    parse,
    validate,
)

NODES_LIMIT, PAGE_LIMIT = 500_000, 100

_SUB_ISSUES = {
    *("addSubIssue", "removeSubIssue", "reprioritizeSubIssue", "parentIssueId"),
    *("subIssues", "subIssuesSummary", "parent"),
}
_DEPENDENCIES = {"addBlockedBy", "removeBlockedBy", "blockedBy", "blocking"}


class Operation(NamedTuple):
    """The operation of a document that is asked for."""

    name: str  # "" for none
    mutation: bool
    fields: tuple[tuple[str, str], ...]  # (answer key, name) of each root field
    creates: int  # how many issues, comments and labels it wants to make
    node: OperationDefinitionNode


class Cost(NamedTuple):
    nodes: int
    points: int


@lru_cache(maxsize=4)
def load(sub_issues: bool = True, dependencies: bool = True) -> GraphQLSchema:
    folder = resources.files("craftkit.sandbox")
    official = parse((folder / "github.graphql").read_text("utf-8"), no_location=True)
    extension = parse((folder / "extension.graphql").read_text("utf-8"), no_location=True)
    unknown = (set() if sub_issues else _SUB_ISSUES) | (set() if dependencies else _DEPENDENCIES)
    schema = build_ast_schema(_without(official, unknown), assume_valid_sdl=True)
    return extend_schema(schema, _without(extension, unknown), assume_valid_sdl=True)


def _without(document: DocumentNode, unknown: set[str]) -> DocumentNode:
    """The document without the fields of these names; an empty extension is left out."""
    if not unknown:
        return document
    kept: list[Any] = []
    for definition in document.definitions:
        parts: dict[str, Any] = {
            key: getattr(definition, key, None) for key in definition.keys if key != "loc"
        }
        if parts.get("fields"):
            fields = [field for field in parts["fields"] if field.name.value not in unknown]
            parts["fields"] = tuple(fields)
            if not fields:
                continue
        kept.append(type(definition)(**parts))
    return DocumentNode(definitions=tuple(kept))


@lru_cache(maxsize=256)
def read(schema: GraphQLSchema, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
    """A document, or what is wrong with it."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, (error,)
    return document, tuple(validate(schema, document, max_errors=20))


@lru_cache(maxsize=256)
def operation(text: str, name: str | None) -> Operation | None:
    """What a document does, as far as it can be read; the schema is not asked."""
    try:
        document = parse(text)
    except GraphQLError:
        return None
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name:
        found = [node for node in found if node.name and node.name.value == name]
    if len(found) != 1:
        return None
    node = found[0]
    fields = tuple(
        (field.alias.value if field.alias else field.name.value, field.name.value)
        for field in _fields(node.selection_set, _fragments(document))
    )
    creates = sum(field in ("createIssue", "addComment", "createLabel") for _, field in fields)
    known = node.name.value if node.name else ""
    return Operation(known, node.operation == OperationType.MUTATION, fields, creates, node)


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }


def _fields(
    chosen: SelectionSetNode | None, fragments: dict[str, FragmentDefinitionNode]
) -> list[FieldNode]:
    """The fields of a selection, those of its fragments among them."""
    fields: list[FieldNode] = []
    for node in chosen.selections if chosen else ():
        if isinstance(node, FieldNode):
            fields.append(node)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments:
            rest = {key: value for key, value in fragments.items() if key != node.name.value}
            fields += _fields(fragments[node.name.value].selection_set, rest)
        elif isinstance(node, InlineFragmentNode):
            fields += _fields(node.selection_set, fragments)
    return fields


def cost(document: DocumentNode, chosen: Operation, variables: dict[str, Any]) -> Cost:
    """Nodes and points, as in "Rate limits and query limits for the GraphQL API".

    A connection needs one request for each node above it; a hundred requests are one point.
    """
    fragments = _fragments(document)
    variables = _defaults(chosen.node) | variables
    nodes, requests = _count(chosen.node.selection_set, fragments, variables, 1)
    if nodes > NODES_LIMIT:
        raise GraphQLError(
            f"This query asks for up to {nodes} nodes; the limit is {NODES_LIMIT}.",
            extensions={"type": "MAX_NODE_LIMIT_EXCEEDED"},
        )
    return Cost(nodes, max(1, round(requests / 100)))


def _defaults(node: OperationDefinitionNode) -> dict[str, Any]:
    """The numbers that variables have when they are not given."""
    return {
        variable.variable.name.value: int(variable.default_value.value)
        for variable in node.variable_definitions or ()
        if isinstance(variable.default_value, IntValueNode)
    }


def _count(
    chosen: SelectionSetNode | None,
    fragments: dict[str, FragmentDefinitionNode],
    variables: dict[str, Any],
    above: int,
) -> tuple[int, int]:
    nodes = requests = 0
    for field in _fields(chosen, fragments):
        inside = above
        if (size := _page_size(field, variables)) is not None:
            requests += above
            inside = above * size
            nodes += inside
        below = _count(field.selection_set, fragments, variables, inside)
        nodes, requests = nodes + below[0], requests + below[1]
    return nodes, requests


def _page_size(field: FieldNode, variables: dict[str, Any]) -> int | None:
    """`first` or `last` of a field, if it has one of them."""
    for argument in field.arguments or ():
        if argument.name.value not in ("first", "last"):
            continue
        value = argument.value
        if isinstance(value, IntValueNode):
            return int(value.value)
        if isinstance(value, VariableNode):
            given = variables.get(value.name.value)
            return given if isinstance(given, int) else 0
        if not isinstance(value, NullValueNode):
            return 0
    return None
