"""The forms of the answers.

The output schemas are made of them, and every session of a client pays for those: what has an
inner form of its own is a plain object there, and is a `TaskShape` or has the members that
`--json` of the command has.  `place` is the path of the file, and the branch.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # comes with the SDK; pydantic wants it below 3.12

Object = dict[str, Any]


class TaskShape(TypedDict):
    key: str
    title: str
    state: str
    issue: int | None
    ready: bool
    waits_for: list[str]


class Status(TypedDict):
    spec: Object | None
    progress: Object
    current: Object | None
    next_command: str
    remaining: int
    repaired: list[Object]
    attention: list[Object]
    outbox: Object
    specs: list[Object]
    place: Object
    notes: list[str]


class Resumed(TypedDict):
    brief: str
    spec: str
    progress: Object
    next_command: str
    place: Object
    notes: list[str]


class TaskList(TypedDict):
    spec: str
    progress: Object
    tasks: list[Object]
    left_out: int
    place: Object
    notes: list[str]


class Next(TypedDict):
    spec: str
    next: Object | None
    current: Object | None
    progress: Object
    remaining: int
    place: Object
    notes: list[str]


class OutcomeShape(TypedDict):
    spec: str
    task: Object | None
    changed: bool
    applied: bool
    delivered: bool
    next: Object | None
    progress: Object
    place: Object
    notes: list[str]


class ReportShape(TypedDict):
    in_step: bool
    specs: list[Object]
    drift: Object
    place: Object
    notes: list[str]


class IssueShape(TypedDict):
    untrusted: bool
    source: str
    number: int
    author: str
    author_association: str
    state: str
    withheld: bool
    title: str
    body: str
