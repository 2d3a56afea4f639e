"""Reading what a REST client sent: the types of GitHub's official OpenAPI description, or 422."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from craftkit.sandbox.access import Refused, invalid

Json = Mapping[str, Any]


def wrong_type(name: str, value: Any, kind: str) -> Refused:
    shown = "nil" if value is None else repr(value)[:60]
    return Refused(422, f"Invalid request.\n\nFor 'properties/{name}', {shown} is not {kind}.")


def whole(given: Any) -> Json:
    """A body that must be a JSON object."""
    if not isinstance(given, dict):
        raise Refused(400, "Body should be a JSON object")
    return given


def text(given: Json, name: str, *, required: bool = False) -> str | None:
    """A string; None where it is not there, or null."""
    value = given.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str):
        if value is None and name not in given:
            raise Refused(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        raise wrong_type(name, value, "a string")
    return value


def title(given: Json, *, required: bool = False) -> str | None:
    """A title may be a number, says the official description."""
    value = given.get("title")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(given, "title", required=required)


def number(given: Json, name: str, *, required: bool = False) -> int | None:
    value = given.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        if value is None and name not in given:
            raise Refused(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        raise wrong_type(name, value, "an integer")
    return value


def flag(given: Json, name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise wrong_type(name, value, "a boolean")
    return value


def choice(given: Json, name: str, allowed: tuple[str, ...]) -> str | None:
    value = text(given, name)
    if value is not None and value not in allowed:
        raise wrong_type(name, value, f"a member of {list(allowed)}")
    return value


def labels(given: Any) -> list[str]:
    """Names of labels: a list of strings or of objects with a name."""
    if not isinstance(given, list):
        raise wrong_type("labels", given, "an array")
    names: list[str] = []
    for label in given:
        name = label.get("name") if isinstance(label, dict) else label
        if not isinstance(name, str):
            raise wrong_type("labels", name, "a string")
        names.append(name)
    return names


def moment(value: str, name: str) -> datetime:
    """A time of a query, which without a zone is UTC."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise invalid("Issue", name) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def positive(query: Json, name: str, default: int, most: int) -> int:
    """A number of a query; nonsense counts as absent, too much as the most."""
    value = str(query.get(name, ""))
    found = int(value) if value.isdecimal() and len(value) < 10 else 0
    return min(found or default, most)
