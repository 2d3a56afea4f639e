"""Writes craftkit/sandbox/github.graphql from GitHub's official GraphQL schema.

    python contracts/trim_graphql.py

Kept is what the sandbox can do: the types and fields below, of each field only the arguments
below, and the enums, scalars and interfaces that these need.  Names and types only.  What is not
in the written file is refused by the sandbox as an unknown field.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from graphql import DocumentNode, build_schema, parse, print_ast
from graphql.language import ast

sys.path.insert(0, str(Path(__file__).parent))

from npm import file_of

PACKAGE, VERSION = "@octokit/graphql-schema", "15.26.1"
TARGET = Path(__file__).parents[1] / "craftkit" / "sandbox" / "github.graphql"

PAGE = "(after before first last)"
CONNECTION = "edges nodes pageInfo totalCount"
OWNER = "databaseId id login name url projectV2(number)"
COMMENT = "author authorAssociation body createdAt id updatedAt"
EVENT = "actor createdAt id"
INPUT = "clientMutationId"

KEEP = {
    "Query": "node(id) nodes(ids) organization(login) rateLimit repository(name owner) "
    "repositoryOwner(login) user(login) viewer",
    "Mutation": "addComment(input) addLabelsToLabelable(input) addProjectV2ItemById(input) "
    "addSubIssue(input) closeIssue(input) createIssue(input) createLabel(input) "
    "deleteIssue(input) removeLabelsFromLabelable(input) removeSubIssue(input) "
    "reopenIssue(input) reprioritizeSubIssue(input) transferIssue(input) updateIssue(input) "
    "updateProjectV2ItemFieldValue(input)",
    "Actor": "login url",
    "RepositoryOwner": "id login url",
    "User": OWNER,
    "Organization": OWNER,
    "Bot": "databaseId id login url",
    "Node": "id",
    "RateLimit": "cost limit nodeCount remaining resetAt used",
    "PageInfo": "endCursor hasNextPage hasPreviousPage startCursor",
    "Repository": "createdAt databaseId hasIssuesEnabled id isArchived isPrivate "
    "issue(number) issueOrPullRequest(number) "
    "issues(after before filterBy first labels last orderBy states) label(name) "
    f"labels{PAGE} name nameWithOwner owner projectV2(number) projectsV2{PAGE} "
    "pullRequest(number) pullRequests(after before first last states) url viewerPermission",
    "Issue": f"{COMMENT} closed closedAt comments{PAGE} databaseId fullDatabaseId labels{PAGE} "
    f"locked number parent projectItems{PAGE} repository state stateReason(enableDuplicate) "
    f"subIssues{PAGE} subIssuesSummary timelineItems(after before first itemTypes last) "
    "title url viewerCanUpdate viewerDidAuthor",
    "PullRequest": f"{COMMENT} closed closedAt fullDatabaseId labels{PAGE} number repository "
    "state title url",
    "IssueOrPullRequest": "Issue PullRequest",
    "Comment": COMMENT,
    "Labelable": f"labels{PAGE}",
    "Label": "color createdAt description id isDefault name updatedAt url",
    "IssueComment": f"{COMMENT} databaseId fullDatabaseId issue url",
    "SubIssuesSummary": "completed percentCompleted total",
    "IssueTimelineItems": "ClosedEvent IssueComment LabeledEvent ParentIssueAddedEvent "
    "ParentIssueRemovedEvent RenamedTitleEvent ReopenedEvent SubIssueAddedEvent "
    "SubIssueRemovedEvent UnlabeledEvent",
    "IssueTimelineItemsItemType": "CLOSED_EVENT ISSUE_COMMENT LABELED_EVENT "
    "PARENT_ISSUE_ADDED_EVENT PARENT_ISSUE_REMOVED_EVENT RENAMED_TITLE_EVENT REOPENED_EVENT "
    "SUB_ISSUE_ADDED_EVENT SUB_ISSUE_REMOVED_EVENT UNLABELED_EVENT",
    "ClosedEvent": f"{EVENT} stateReason",
    "ReopenedEvent": f"{EVENT} stateReason",
    "LabeledEvent": f"{EVENT} label",
    "UnlabeledEvent": f"{EVENT} label",
    "RenamedTitleEvent": f"{EVENT} currentTitle previousTitle",
    "SubIssueAddedEvent": f"{EVENT} subIssue",
    "SubIssueRemovedEvent": f"{EVENT} subIssue",
    "ParentIssueAddedEvent": f"{EVENT} parent",
    "ParentIssueRemovedEvent": f"{EVENT} parent",
    "ProjectV2": f"closed createdAt field(name) fields{PAGE} id items{PAGE} number owner title "
    "updatedAt url",
    "ProjectV2Owner": "id projectV2(number)",
    "ProjectV2FieldCommon": "dataType id name project",
    "ProjectV2Field": "dataType id name project",
    "ProjectV2SingleSelectField": "dataType id name options(names) project",
    "ProjectV2SingleSelectFieldOption": "color description id name",
    "ProjectV2FieldConfiguration": "ProjectV2Field ProjectV2SingleSelectField",
    "ProjectV2Item": "content createdAt fieldValueByName(name) id isArchived project type "
    "updatedAt",
    "ProjectV2ItemContent": "Issue PullRequest",
    "ProjectV2ItemFieldValue": "ProjectV2ItemFieldSingleSelectValue ProjectV2ItemFieldTextValue",
    "ProjectV2ItemFieldSingleSelectValue": "field id name optionId",
    "ProjectV2ItemFieldTextValue": "field id text",
    "IssueFilters": "createdBy labels since states",
    "IssueOrder": "direction field",
    "AddCommentInput": f"{INPUT} body subjectId",
    "AddCommentPayload": f"{INPUT} commentEdge subject",
    "AddLabelsToLabelableInput": f"{INPUT} labelIds labelableId",
    "AddLabelsToLabelablePayload": f"{INPUT} labelable",
    "AddProjectV2ItemByIdInput": f"{INPUT} contentId projectId",
    "AddProjectV2ItemByIdPayload": f"{INPUT} item",
    "AddSubIssueInput": f"{INPUT} issueId replaceParent subIssueId subIssueUrl",
    "AddSubIssuePayload": f"{INPUT} issue subIssue",
    "CloseIssueInput": f"{INPUT} duplicateIssueId issueId stateReason",
    "CloseIssuePayload": f"{INPUT} issue",
    "CreateIssueInput": f"{INPUT} body labelIds parentIssueId repositoryId title",
    "CreateIssuePayload": f"{INPUT} issue",
    "CreateLabelInput": f"{INPUT} color description name repositoryId",
    "CreateLabelPayload": f"{INPUT} label",
    "DeleteIssueInput": f"{INPUT} issueId",
    "DeleteIssuePayload": f"{INPUT} repository",
    "ProjectV2FieldValue": "singleSelectOptionId",
    "RemoveLabelsFromLabelableInput": f"{INPUT} labelIds labelableId",
    "RemoveLabelsFromLabelablePayload": f"{INPUT} labelable",
    "RemoveSubIssueInput": f"{INPUT} issueId subIssueId",
    "RemoveSubIssuePayload": f"{INPUT} issue subIssue",
    "ReopenIssueInput": f"{INPUT} issueId",
    "ReopenIssuePayload": f"{INPUT} issue",
    "ReprioritizeSubIssueInput": f"{INPUT} afterId beforeId issueId subIssueId",
    "ReprioritizeSubIssuePayload": f"{INPUT} issue",
    "TransferIssueInput": f"{INPUT} issueId repositoryId",
    "TransferIssuePayload": f"{INPUT} issue",
    "UpdateIssueInput": f"{INPUT} body id labelIds state title",
    "UpdateIssuePayload": f"{INPUT} issue",
    "UpdateProjectV2ItemFieldValueInput": f"{INPUT} fieldId itemId projectId value",
    "UpdateProjectV2ItemFieldValuePayload": f"{INPUT} projectV2Item",
    **{
        f"{name}Connection": CONNECTION
        for name in ("Issue", "IssueComment", "IssueTimelineItems", "Label", "ProjectV2")
    },
    "ProjectV2FieldConfigurationConnection": CONNECTION,
    "ProjectV2ItemConnection": CONNECTION,
    "PullRequestConnection": CONNECTION,
    **{
        f"{name}Edge": "cursor node"
        for name in ("Issue", "IssueComment", "IssueTimelineItems", "Label", "ProjectV2")
    },
    "ProjectV2FieldConfigurationEdge": "cursor node",
    "ProjectV2ItemEdge": "cursor node",
    "PullRequestEdge": "cursor node",
}
BUILT_IN = {"Boolean", "Float", "ID", "Int", "String"}
ITEM = re.compile(r"(\w+)(?:\(([^)]*)\))?")


def wanted(name: str) -> dict[str, list[str]]:
    """The kept fields, members or values of a type, each with its kept arguments."""
    found = {item: args.split() for item, args in ITEM.findall(KEEP[name])}
    return dict(sorted(found.items()))


def members(definition: Any, attribute: str) -> list[Any]:
    """Fields, values or union members, each name once (the official file repeats some)."""
    name = definition.name.value
    keep = wanted(name)
    found = {item.name.value: item for item in getattr(definition, attribute)}
    if missing := keep.keys() - found.keys():
        raise SystemExit(f"{PACKAGE} {VERSION}: {name} has no {', '.join(sorted(missing))}")
    return [found[item] for item in keep]


def bare(node: Any, **parts: Any) -> Any:
    """The node with new parts and without what only says something about it."""
    old = {key: getattr(node, key, None) for key in node.keys if key != "loc"}
    said = {key: None if key == "description" else () for key in ("description", "directives")}
    return type(node)(**old | {key: said[key] for key in said if key in old} | parts)


def trimmed(definition: Any) -> Any:
    """The definition with its kept parts only; enums that are not named above stay whole."""
    name = definition.name.value
    if isinstance(definition, ast.ScalarTypeDefinitionNode):
        return bare(definition)
    if isinstance(definition, ast.UnionTypeDefinitionNode):
        return bare(definition, types=tuple(members(definition, "types")))
    if isinstance(definition, ast.EnumTypeDefinitionNode):
        values = members(definition, "values") if name in KEEP else definition.values
        return bare(definition, values=tuple(bare(value) for value in values))
    if isinstance(definition, ast.InputObjectTypeDefinitionNode):
        fields = tuple(bare(field) for field in members(definition, "fields"))
        return bare(definition, fields=fields)
    fields = tuple(
        bare(field, arguments=tuple(arguments(name, field)))
        for field in members(definition, "fields")
    )
    interfaces = tuple(i for i in definition.interfaces or () if fits(name, i.name.value))
    return bare(definition, fields=fields, interfaces=interfaces)


def arguments(owner: str, field: Any) -> Iterable[Any]:
    kept = wanted(owner)[field.name.value]
    found = {argument.name.value: argument for argument in field.arguments or ()}
    if missing := set(kept) - found.keys():
        raise SystemExit(f"{owner}.{field.name.value} takes no {', '.join(sorted(missing))}")
    return [bare(found[name]) for name in sorted(kept)]


def fits(name: str, interface: str) -> bool:
    """Whether the trimmed type still has what the trimmed interface asks for."""
    return interface in KEEP and wanted(interface).keys() <= wanted(name).keys()


def referenced(node: Any) -> set[str]:
    """Names of the types that a definition mentions."""
    if isinstance(node, ast.NamedTypeNode):
        return {node.name.value}
    if isinstance(node, ast.Node):
        return {name for key in node.keys for name in referenced(getattr(node, key, None))}
    if isinstance(node, (list, tuple)):
        return {name for item in node for name in referenced(item)}
    return set()


def trim(sdl: str) -> str:
    """The trimmed schema.  A type that a kept field needs, but that is not kept, is an error."""
    known = {
        definition.name.value: definition
        for definition in parse(sdl, no_location=True).definitions
        if isinstance(definition, ast.TypeDefinitionNode)
    }
    done: dict[str, Any] = {}
    todo = set(KEEP)
    while todo := todo - done.keys() - BUILT_IN:
        name = todo.pop()
        scalar_or_enum = (ast.ScalarTypeDefinitionNode, ast.EnumTypeDefinitionNode)
        if name not in KEEP and not isinstance(known[name], scalar_or_enum):
            raise SystemExit(f"{name} is needed: keep it, or drop the fields that name it")
        done[name] = trimmed(known[name])
        todo |= referenced(done[name])
    text = print_ast(DocumentNode(definitions=tuple(done[name] for name in sorted(done))))
    build_schema(text)  # refuses a file that does not hold together
    return text


def main() -> None:
    text = trim(file_of(PACKAGE, VERSION, "schema.graphql"))
    header = (
        f"# npm {PACKAGE} {VERSION}, trimmed by contracts/trim_graphql.py: do not edit.\n"
        "# Copyright (c) GitHub 2025, MIT.\n\n"
    )
    TARGET.write_text(header + text + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {text.count('{')} types, {TARGET.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
