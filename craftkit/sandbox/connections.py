"""Connections: the pages in which GraphQL gives lists, at most 100 nodes each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

from craftkit.sandbox.access import Refused
from craftkit.sandbox.schema import PAGE_LIMIT


class Page(NamedTuple):
    """A connection: the wanted part of `total` things, which begins at `start`."""

    nodes: list[Any]
    start: int
    total: int


def page(
    found: Sequence[Any],
    name: str,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Page:
    """The wanted part of a connection; how much must be said, and at most 100."""
    given = first if first is not None else last
    if given is None:
        text = f"You must provide a `first` or `last` value to paginate the `{name}` connection."
        raise Refused(200, text, kind="MISSING_PAGINATION_BOUNDARIES")
    if not 1 <= given <= PAGE_LIMIT:
        text = f"Requesting {given} records on the `{name}` connection: 1 to {PAGE_LIMIT} may be."
        raise Refused(200, text, kind="EXCESSIVE_PAGINATION")
    start = 0 if after is None else _position(after)
    end = len(found) if before is None else min(len(found), _position(before) - 1)
    if first is not None:
        end = min(end, start + first)
    else:
        start = max(start, end - given)
    return Page(list(found[start:end]), start, len(found))


def _position(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("cursor:"))
    except ValueError:
        raise Refused(200, f"`{cursor}` does not appear to be a valid cursor.") from None


def cursor(position: int) -> str:
    return base64.b64encode(f"cursor:{position}".encode()).decode()


def page_info(found: Page) -> dict[str, Any]:
    end = found.start + len(found.nodes)
    return {
        "startCursor": cursor(found.start + 1) if found.nodes else None,
        "endCursor": cursor(end) if found.nodes else None,
        "hasNextPage": end < found.total,
        "hasPreviousPage": found.start > 0,
    }


def edges(found: Page) -> list[dict[str, Any]]:
    numbered = enumerate(found.nodes, found.start + 1)
    return [{"cursor": cursor(position), "node": node} for position, node in numbered]
