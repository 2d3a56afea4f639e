"""The one thing in the sandbox that changes: the current world, its past, its clock and its log.

Whoever reads or changes a `State` holds its lock; requests are answered one at a time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from craftkit.sandbox.limits import Limits, Meter
from craftkit.sandbox.render import Place
from craftkit.sandbox.world import World, stamp

PAST_LIMIT, LOG_LIMIT = 500, 20_000


class Capabilities(NamedTuple):
    """What this server can do; all of it is GitHub today, less is an old Enterprise server."""

    graphql: bool = True
    sub_issues: bool = True
    dependencies: bool = True
    enterprise: str = ""  # version that GET /meta shows, "" on github.com


class Request(NamedTuple):
    method: str
    path: str  # as it was sent, with the query
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: Place


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Logged(NamedTuple):
    number: int  # counts from 1
    at: float
    method: str
    path: str
    operation: str  # name of the GraphQL operation
    fields: tuple[str, ...]  # names of its root fields
    login: str
    status: int  # 0 where nothing was answered
    fault: str  # the action of the rule that hit it
    changed: bool  # whether the world is another one since
    early: bool  # sent although a limit had said to wait
    ignored: tuple[str, ...]  # keys of the body that have no effect


class Late(NamedTuple):
    """A write that was not carried out yet although its answer said that it failed."""

    request: Request
    after_request: int  # carried out once that many requests were counted
    at: float  # or once the clock is here


Observer = Callable[[Request, Answer], None]


class State:
    def __init__(
        self,
        world: World,
        limits: Limits | None = None,
        capabilities: Capabilities | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lock = threading.RLock()
        self.closing = threading.Event()  # wakes whoever holds an answer back
        self.first = world
        self.first_capabilities = capabilities or Capabilities()
        self.limits = limits or Limits()
        self.clock = clock
        self.offset = 0.0
        self.observers: list[Observer] = []
        self.gate = threading.Lock()  # of the next
        self.linking: dict[str, int] = {}  # sub-issue writes under way, by path
        self.reset()

    def reset(self) -> None:
        """Everything as it was at the start; observers stay."""
        with self.lock:
            self.world = self.first
            self.past: deque[World] = deque(maxlen=PAST_LIMIT)
            self.capabilities = self.first_capabilities
            self.meter = Meter(self.limits)
            self.offset = 0.0
            self.rules: list[Any] = []
            self.late: list[Late] = []
            self.log: deque[Logged] = deque(maxlen=LOG_LIMIT)
            self.count = 0

    def now(self) -> float:
        return self.clock() + self.offset

    def stamp(self) -> str:
        return stamp(self.now())

    def commit(self, world: World) -> bool:
        """Makes it the current world; whether that is another one than before."""
        if world is self.world:
            return False
        self.past.append(self.world)
        self.world = world
        return True

    def before(self, writes: int) -> World:
        """The world as it was that many writes ago."""
        if writes <= 0 or not self.past:
            return self.world
        return self.past[max(0, len(self.past) - writes)]
