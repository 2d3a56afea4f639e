"""GitHub's JSON as our records.  Whatever is not as documented raises Malformed.

Sources: the schemas `issue`, `label` and `full-repository` of GitHub's OpenAPI description, and
the objects Issue and Repository of its GraphQL schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from craftkit.github.gateway import (
    CLOSED,
    COMPLETED,
    DUPLICATE,
    NOT_PLANNED,
    OPEN,
    Glimpse,
    Issue,
    IssueText,
    Repository,
)

PAGE = 100  # items in a page of a list
OWNER, MEMBERS = "OWNER", ("MEMBER", "COLLABORATOR")
TRUSTED = (OWNER, *MEMBERS)  # whose words may be shown
_REASONS = (COMPLETED, NOT_PLANNED, DUPLICATE)
_ISSUE_URL = r"/repos/([^/]+/[^/]+)/issues/([1-9][0-9]*)"


class Malformed(Exception):
    """An answer that does not have the documented form; says which part, never its content."""


def rest_issue(data: Any, login: str = "") -> Issue:
    """An issue of the REST API; `login` is who we are, so that our own issues are trusted."""
    number = whole(data, "number")
    repository = repository_of(data)
    author = member(data, "user", dict, {})
    ours = bool(login) and author.get("login") == login
    association = member(data, "author_association", str, "")
    return Issue(
        number=number,
        id=whole(data, "id"),
        node_id=text(data, "node_id"),
        title=text(data, "title"),
        state=_state(text(data, "state")),
        reason=_reason(text(data, "state"), member(data, "state_reason", str, None)),
        labels=tuple(_label(item) for item in member(data, "labels", list)),
        body=tidy(member(data, "body", str, "")),
        updated_at=_time(text(data, "updated_at")),
        trusted=ours or association == OWNER,
        parent=_rest_parent(data, repository),
        url=_url(member(data, "html_url", str, "")),
        closed_at=_time_or_none(data, "closed_at"),
        author=_login(member(author, "login", str, "")),
        by_member=association in MEMBERS,
    )


def rest_issue_text(data: Any) -> IssueText:
    """What people wrote on an issue of the REST API; the author of a deleted account is null."""
    author = member(data, "user", dict, {})
    association = member(data, "author_association", str, "")
    return IssueText(
        number=whole(data, "number"),
        author=_login(member(author, "login", str, "")),
        association=association if re.fullmatch(r"[A-Z_]{1,40}", association) else "NONE",
        state=_state(text(data, "state")),
        title=text(data, "title"),
        body=tidy(member(data, "body", str, "")),
    )


def graphql_issue(data: Any, parent: int | None = None) -> Issue:
    """An issue of the GraphQL API; `parent` stands for what the document did not ask for."""
    repository = repository_of_node(data)
    above = member(data, "parent", dict, None)
    if above is not None and repository_of_node(above) == repository:
        parent = whole(above, "number")
    labels = member(data, "labels", dict, {})
    state = text(data, "state").lower()
    association = member(data, "authorAssociation", str, "")
    return Issue(
        number=whole(data, "number"),
        id=_database_id(data),
        node_id=text(data, "id"),
        title=text(data, "title"),
        state=_state(state),
        reason=_reason(state, member(data, "stateReason", str, None)),
        labels=tuple(text(item, "name") for item in member(labels, "nodes", list, []) if item),
        body=tidy(member(data, "body", str, "")),
        updated_at=_time(text(data, "updatedAt")),
        # Our own issues are trusted because an App or the token of Actions is not a member, and has
        # to know again what it made.
        trusted=member(data, "viewerDidAuthor", bool, False) or association == OWNER,
        parent=parent,
        url=_url(member(data, "url", str, "")),
        closed_at=_time_or_none(data, "closedAt"),
        author=_login(member(member(data, "author", dict, {}), "login", str, "")),
        by_member=association in MEMBERS,
    )


def may_push(data: Any) -> bool:
    """What a user may do in a repository, as REST says it: admin, write, read or none."""
    return text(data, "permission") in ("admin", "write")


def rest_repository(data: Any, login: str, items: Sequence[Any]) -> Repository:
    """The repository, with a page of its newest issues and pull requests."""
    permissions = member(data, "permissions", dict, {})
    ladder = ("admin", "maintain", "push", "triage", "pull")
    names = {"push": "WRITE", "pull": "READ"}
    granted = [names.get(name, name.upper()) for name in ladder if permissions.get(name) is True]
    return Repository(
        full_name=_full_name(text(data, "full_name")),
        node_id=text(data, "node_id"),
        login=login,
        permission=granted[0] if granted else "",
        private=member(data, "private", bool),
        archived=member(data, "archived", bool, False),
        has_issues=member(data, "has_issues", bool),
        highest=max((whole(item, "number") for item in items), default=0),
        newest=tuple(_glimpse(item, "created_at") for item in items if not is_pull_request(item)),
        more=len(items) >= PAGE,  # pull requests take up room in the page
    )


def _glimpse(data: Any, created: str) -> Glimpse:
    body = tidy(member(data, "body", str, ""))
    return Glimpse(whole(data, "number"), _time(text(data, created)), body)


def graphql_repository(data: Any) -> Repository:
    """The repository of the preflight document; `data` is the whole of its `data`."""
    found = member(data, "repository", dict)
    viewer = member(data, "viewer", dict, {})
    issues = member(found, "issues", dict)
    highest = 0
    # Discussions count in the same row of numbers (assumed, not verified).  They are not asked
    # for: a number that is too low only makes a search above it longer.
    for name in ("issues", "pullRequests"):
        for node in member(member(found, name, dict), "nodes", list):
            highest = max(highest, whole(node, "number"))
    return Repository(
        full_name=_full_name(text(found, "nameWithOwner")),
        node_id=text(found, "id"),
        login=tidy(member(viewer, "login", str, "")),
        permission=member(found, "viewerPermission", str, ""),
        private=member(found, "isPrivate", bool),
        archived=member(found, "isArchived", bool),
        has_issues=member(found, "hasIssuesEnabled", bool),
        highest=highest,
        newest=tuple(_glimpse(node, "createdAt") for node in member(issues, "nodes", list)),
        more=member(member(issues, "pageInfo", dict, {}), "hasNextPage", bool, True),
    )


def is_pull_request(data: Any) -> bool:
    """Lists of issues hold pull requests too."""
    return isinstance(data, dict) and data.get("pull_request") is not None


def repository_of(data: Any) -> str:
    """OWNER/NAME, in lower case, of the repository that a REST issue is in; "" if not said."""
    url = member(data, "repository_url", str, "")
    return "/".join(url.rstrip("/").split("/")[-2:]).lower()


def repository_of_node(data: Any) -> str:
    """OWNER/NAME, in lower case, of the repository that a GraphQL issue is in; "" if not said."""
    return str(member(member(data, "repository", dict, {}), "nameWithOwner", str, "")).lower()


def same_issue(number: int) -> Callable[[Any], None]:
    """Reads the answer to a change: it has to be about the issue that was meant."""

    def read(data: Any) -> None:
        if whole(data, "number") != number:
            raise Malformed("it is about another issue")

    return read


def closing(number: int) -> Callable[[Any], str | None]:
    """Reads the answer to a close by REST: the reason that the issue has now, if it says one."""
    same = same_issue(number)

    def read(data: Any) -> str | None:
        same(data)
        return closed_as(data, "state_reason")

    return read


def closed_as(data: Any, name: str) -> str | None:
    """The reason of a closed issue, under `name`; None for all that does not say one."""
    if not isinstance(data, Mapping):
        return None
    state, reason = data.get("state"), data.get(name)
    if not (isinstance(state, str) and isinstance(reason, str)):
        return None
    return _reason(state.lower(), reason)


def anything(data: Any) -> None:
    """Reads an answer that says nothing we need, or may say something outdated."""


def objects(data: Any) -> list[dict[str, Any]]:
    """A list of JSON objects."""
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise Malformed("a list of objects was expected")
    return data


def member(data: Any, name: str, kind: type, *default: Any) -> Any:
    """A member of a JSON object; null or missing is the default, where there is one."""
    if not isinstance(data, Mapping):
        raise Malformed(f"{name} was expected in an object")
    value = data.get(name)
    if value is None and default:
        return default[0]
    if not isinstance(value, kind):
        raise Malformed(f"{name} is not of type {kind.__name__}")
    return value


def whole(data: Any, name: str) -> int:
    """A whole number above zero."""
    value: int = member(data, name, int)
    if isinstance(value, bool) or not 0 < value < 1 << 63:
        raise Malformed(f"{name} is not a number above zero")
    return value


def text(data: Any, name: str) -> str:
    """A string that is not empty."""
    value = tidy(member(data, name, str))
    if not value:
        raise Malformed(f"{name} is empty")
    return value


def tidy(value: str) -> str:
    """`value` as something that can be stored: half a surrogate pair cannot."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _database_id(data: Any) -> int:
    """GraphQL's BigInt comes as a string of digits."""
    value = member(data, "fullDatabaseId", object)
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,17}", value):
        return int(value)
    return whole(data, "fullDatabaseId")


def _state(value: str) -> str:
    if value not in (OPEN, CLOSED):
        raise Malformed("state is neither open nor closed")
    return value


def _reason(state: str, value: str | None) -> str | None:
    """Why it was closed; one that we do not know counts as none."""
    reason = (value or "").lower()
    return reason if state == CLOSED and reason in _REASONS else None


def _login(value: str) -> str:
    """A login, "" for anything that cannot be one; apps end in `[bot]`."""
    return value if re.fullmatch(r"[A-Za-z0-9_-]{1,100}(?:\[bot\])?", value) else ""


def _label(item: Any) -> str:
    return tidy(item) if isinstance(item, str) else text(item, "name")


def _time(value: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?Z", value):
        raise Malformed("a time is not ISO 8601 in UTC")
    return value


def _time_or_none(data: Any, name: str) -> str | None:
    value = member(data, name, str, None)
    return None if value is None else _time(value)


def _url(value: str) -> str:
    return tidy(value) if re.match(r"https?://", value) else ""


def _full_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", value):
        raise Malformed("the name of the repository is none")
    return value


def _rest_parent(data: Any, repository: str) -> int | None:
    found = re.search(_ISSUE_URL + r"\Z", member(data, "parent_issue_url", str, ""))
    return int(found[2]) if found and found[1].lower() == repository else None
