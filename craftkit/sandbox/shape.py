"""What a seed may look like, so that a mistake in one is told by its place.  Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from craftkit.sandbox.access import RANKS
from craftkit.sandbox.limits import Limits
from craftkit.sandbox.state import Capabilities
from craftkit.sandbox.world import REASONS


class Mistake(ValueError):
    """`place` is like `repos[0].issues[2]`; "" is the seed itself."""

    def __init__(self, place: str, words: str, hint: str = "") -> None:
        super().__init__(words)
        self.place = place
        self.words = words
        self.hint = hint


class Text(NamedTuple):
    pattern: str = r"(?s).*"
    example: str = "text"
    also: tuple[type, ...] = ()  # what else stands for a text


class OneOf(NamedTuple):
    words: tuple[str, ...]


class ListOf(NamedTuple):
    item: Shape
    example: str


class MapOf(NamedTuple):
    value: Shape
    example: str


class Record(NamedTuple):
    fields: Mapping[str, Shape]
    needed: tuple[str, ...] = ()
    named: Shape | None = None  # what a text alone stands for


Shape: TypeAlias = Text | OneOf | ListOf | MapOf | Record | type

ANY, LOGIN = Text(), Text(r"\S+", "a login such as octo-dev")
_LABELS = ListOf(
    Record({"name": ANY, "color": Text(also=(int,)), "description": ANY}, ("name",), named=ANY),
    "[bug, {name: later}]",
)
_COMMENTS = ListOf(
    Record({"author": LOGIN, "body": ANY}, ("author", "body")), "[{author: reviewer, body: Fine}]"
)
_ISSUES = ListOf(
    Record(
        {
            "title": ANY,
            "body": ANY,
            "author": LOGIN,
            "labels": ListOf(ANY, "[bug]"),
            "state": OneOf(("open", "closed")),
            "state_reason": OneOf(REASONS),
            "parent": int,
            "blocked_by": ListOf(int, "[1, 2]"),
            "number": int,
            "pull_request": bool,
            "comments": _COMMENTS,
        },
        ("title",),
    ),
    "[{title: First}]",
)
_TOKENS = MapOf(
    Record(
        {
            "login": LOGIN,
            "kind": OneOf(("classic", "fine-grained", "installation")),
            "scopes": ListOf(ANY, "[repo, project]"),
            "permissions": MapOf(OneOf(("read", "write")), "{issues: write}"),
            "repos": ListOf(Text(r"[^/\s]+/[^/\s]+", "OWNER/NAME"), "[octo-dev/demo]"),
            "sso": bool,
        },
        ("login",),
    ),
    "{my-token: {login: octo-dev}}",
)
_REPOS = ListOf(
    Record(
        {
            "full_name": Text(r"[^/\s]+/[^/\s]+", "OWNER/NAME"),
            "private": bool,
            "archived": bool,
            "has_issues": bool,
            "access": MapOf(OneOf(tuple(r.lower() for r in RANKS if r)), "{reviewer: write}"),
            "labels": _LABELS,
            "issues": _ISSUES,
        },
        ("full_name",),
    ),
    "[{full_name: octo-dev/demo}]",
)
SEED = Record(
    {
        "users": ListOf(Record({"login": LOGIN, "name": ANY}, ("login",)), "[{login: octo-dev}]"),
        "organizations": ListOf(
            Record(
                {"login": LOGIN, "members": ListOf(LOGIN, "[octo-dev]"), "saml": bool}, ("login",)
            ),
            "[{login: acme}]",
        ),
        "tokens": _TOKENS,
        "repos": _REPOS,
        "projects": ListOf(
            Record(
                {
                    "owner": LOGIN,
                    "number": int,
                    "title": ANY,
                    "statuses": ListOf(ANY, "[Todo, Done]"),
                },
                ("owner", "number"),
            ),
            "[{owner: octo-dev, number: 1}]",
        ),
        "limits": Record(dict.fromkeys(Limits._fields, int)),
        "capabilities": Record(
            {name: ANY if name == "enterprise" else bool for name in Capabilities._fields}
        ),
    }
)
ISSUES = _ISSUES


def checked(given: Any, shape: Shape = SEED, place: str = "") -> Any:
    """`given` without the keys that hold nothing.  Raises Mistake."""
    if isinstance(shape, Record):
        return _record(given, shape, place)
    if isinstance(shape, MapOf):
        if not isinstance(given, Mapping):
            raise Mistake(place, f"a mapping is needed, not {_shown(given)}", _like(shape))
        return {str(k): checked(v, shape.value, _below(place, str(k))) for k, v in given.items()}
    if isinstance(shape, ListOf):
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise Mistake(place, f"a list is needed, not {_shown(given)}", _like(shape))
        return [checked(item, shape.item, f"{place}[{n}]") for n, item in enumerate(given)]
    for words, hint in _misfits(given, shape):
        raise Mistake(place, words, hint)
    return given


def _misfits(given: Any, shape: Shape) -> Iterator[tuple[str, str]]:
    """Why a single value is none of that shape, if so, and a hint."""
    if isinstance(shape, OneOf):
        if given not in shape.words:
            yield f"{_shown(given)} is unknown", f"write {' or '.join(shape.words)}"
    elif isinstance(shape, Text):
        if not isinstance(given, (str, *shape.also)):
            yield f"a text is needed, not {_shown(given)}", "put it in quotes"
        elif not re.fullmatch(shape.pattern, str(given)):
            yield f"{_shown(given)} is not {shape.example}", f"write {shape.example}"
    elif shape is bool:
        if not isinstance(given, bool):
            yield f"true or false is needed, not {_shown(given)}", "write true or false"
    elif not isinstance(given, int) or isinstance(given, bool):
        yield f"a whole number is needed, not {_shown(given)}", "write it in digits, without quotes"


def _record(given: Any, shape: Record, place: str) -> Any:
    if shape.named is not None and isinstance(given, str):
        return checked(given, shape.named, place)
    if not isinstance(given, Mapping):
        known = ", ".join(shape.fields)
        raise Mistake(place, f"a mapping is needed, not {_shown(given)}", f"its keys are {known}")
    for key in given:
        if key not in shape.fields:
            near = difflib.get_close_matches(str(key), shape.fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(shape.fields)}"
            raise Mistake(place, f"{_shown(key)} is unknown", hint)
    for key in shape.needed:
        if given.get(key) is None:
            raise Mistake(place, f"{key} is missing", f"add `{key}: …`")
    return {
        key: checked(value, shape.fields[key], _below(place, key))
        for key, value in given.items()
        if value is not None
    }


def _like(shape: ListOf | MapOf) -> str:
    return f"write it like {shape.example}"


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
