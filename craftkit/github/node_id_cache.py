"""The ids that mutations want: looked up once, remembered, and forgotten when they turn out stale.

Remembered are labels (by name), the board, its status field, that field's options and the items
of issues on it.  Node ids of issues come with the change, or with an issue read before.
"""

from __future__ import annotations

from collections.abc import Sequence

from craftkit.errors import CraftkitError
from craftkit.github import error_mapping, graphql_queries, mapping
from craftkit.github.api_requests import ApiResult
from craftkit.github.gateway import GitHubError, Invalid, IssueChange
from craftkit.github.repository_api import Access, chunks
from craftkit.text import one_line

Errors = dict[int, CraftkitError | None]  # by place in the list of changes


def node(access: Access, number: int, given: str) -> str:
    """The node id of an issue, once `look_up` has been run."""
    return given or access.nodes.get(number, "")


def label_key(change: IssueChange) -> tuple[str, ...]:
    return ("label", change.value.casefold())


def board_key(access: Access, *more: str) -> tuple[str, ...]:
    project = access.project
    name = f"{project.owner}/{project.number}".lower() if project is not None else ""
    return ("board", name, *more)


def option_key(access: Access, value: str) -> tuple[str, ...]:
    return board_key(access, "option", access.status_field.casefold(), value.casefold())


def item_key(access: Access, change: IssueChange) -> tuple[str, ...]:
    return board_key(access, "item", node(access, change.number, change.node_id))


def look_up(
    access: Access, changes: dict[int, IssueChange], errors: Errors
) -> dict[int, IssueChange]:
    """Find the ids that are not known; the changes that still stand.

    At most one request for issues and labels, and one for the board.
    """
    changes = _look_up_board(access, changes, errors)
    numbers = _unknown_numbers(access, changes)
    named = [c for c in changes.values() if c.kind in ("label", "unlabel")]
    unknown = [c for c in named if not access.recall(*label_key(c))]
    # Adding a label by its name needs no look-up; but where one is made, it comes for nothing.
    if not numbers and all(c.kind == "label" for c in unknown):
        return changes
    labels = sorted({c.value for c in unknown})
    gone: set[int] = set()
    for batch in list(chunks(numbers, graphql_queries.ISSUES_AT_ONCE)) or [()]:
        result = access.graphql(graphql_queries.lookup(access.place, batch, labels), write=False)
        gone |= _keep(access, result, batch, labels)
        labels = []
    for k, change in changes.items():
        if change.number in gone:
            errors[k] = error_mapping.gone(access.caller.about, change.number, "not found")
        elif change.kind == "block" and int(change.value) in gone:
            errors[k] = error_mapping.gone(access.caller.about, int(change.value), "not found")
    return {k: change for k, change in changes.items() if k not in errors}


def _unknown_numbers(access: Access, changes: dict[int, IssueChange]) -> list[int]:
    """Issues whose node id is wanted and not known."""
    wanted = [c.number for c in changes.values() if not c.node_id and _wants_node(access, c)]
    if any(c.kind == "block" for c in changes.values()) and access.blocks_by_graphql():
        wanted += [int(c.value) for c in changes.values() if c.kind == "block"]
    return [number for number in dict.fromkeys(wanted) if number not in access.nodes]


def _wants_node(access: Access, change: IssueChange) -> bool:
    if change.kind == "label":  # may go by number and name
        return bool(access.recall(*label_key(change)))
    return change.kind != "block" or access.blocks_by_graphql()


def _keep(
    access: Access, result: ApiResult, numbers: Sequence[int], labels: Sequence[str]
) -> set[int]:
    """Remember what a look-up found; the numbers that are not there."""
    gone = set()
    for problem in result.problems:
        # The alias is null then, which says the same.
        if problem.kind != "NOT_FOUND" or len(problem.path) != 2:
            raise access.caller.error(problem, result.headers, write=False)
    repository = access.read(mapping.member, result.data, "repository", dict)
    for k, number in enumerate(numbers):
        found = access.read(mapping.member, repository, f"i{k}", dict, None)
        if found is None:
            gone.add(number)
        else:
            access.nodes[number] = access.read(mapping.text, found, "id")
    for k, name in enumerate(labels):
        found = access.read(mapping.member, repository, f"l{k}", dict, None)
        if found is not None:
            access.remember(access.read(mapping.text, found, "id"), "label", name.casefold())
    return gone


def _look_up_board(
    access: Access, changes: dict[int, IssueChange], errors: Errors
) -> dict[int, IssueChange]:
    """Find the board where it is not known.  A request of its own: tokens often lack its scope."""
    wanted = {
        k: c
        for k, c in changes.items()
        if c.kind == "status" and not access.recall(*option_key(access, c.value))
    }
    if not wanted:
        return changes
    try:
        find_board(access)
    except GitHubError as error:
        errors |= dict.fromkeys(wanted, error)
    for k, change in wanted.items():
        if not access.recall(*option_key(access, change.value)):
            errors.setdefault(k, _no_such_status(access, change.value))
    return {k: change for k, change in changes.items() if k not in errors}


def find_board(access: Access) -> None:
    """Remember the ids of the board, of its status field and of the field's options."""
    if access.project is None:
        return
    document = graphql_queries.board(access.project, access.status_field)
    result = access.graphql(document, write=False)
    read, member, text = access.read, mapping.member, mapping.text
    for problem in result.problems:
        if problem.kind != "NOT_FOUND":
            raise access.caller.error(problem, result.headers, write=False)
    owner = read(member, result.data, "repositoryOwner", dict, {})
    board = read(member, owner, "projectV2", dict, None)
    if board is None:
        raise _no_board(access, "is not there, or the token may not see it")
    field = read(member, board, "field", dict, {})
    options = read(member, field, "options", list, None)
    if options is None:
        raise _no_board(access, f"has no single-select field {one_line(access.status_field, 40)}")
    access.remember(read(text, board, "id"), *board_key(access))
    access.remember(read(text, field, "id"), *board_key(access, "field"))
    for option in options:
        access.remember(read(text, option, "id"), *option_key(access, read(text, option, "name")))


def _no_board(access: Access, why: str) -> Invalid:
    project = access.project
    name = f"{project.owner}/{project.number}" if project is not None else "configured"
    return Invalid(
        f"The board {name} {why}.",
        "correct `github.project`; a token needs *Projects: read and write* (scope `project`)",
    )


def _no_such_status(access: Access, value: str) -> Invalid:
    return Invalid(
        f"The board's field {one_line(access.status_field, 40)} has no option"
        f" {one_line(value, 40)}.",
        "add this option to the field on the board, or unset `github.project`",
    )
