"""Rate limits: the primary ones are on, the secondary ones only where a seed or a fault asks.

Numbers and headers as in GitHub's documentation ("Rate limits for the REST API", "Rate limits and
query limits for the GraphQL API").  Times come from the sandbox's own clock, which a test may move.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from craftkit.sandbox.access import Refused

HOUR = 3600.0
ANONYMOUS = "anonymous"


class Limits(NamedTuple):
    core: int = 5000  # requests an hour, and user
    graphql: int = 5000  # points an hour, and user
    anonymous: int = 60  # requests an hour without a token
    content_per_minute: int = 0  # 0: not counted (GitHub: about 80)
    content_per_hour: int = 0  # 0: not counted (GitHub: about 500)


class Window(NamedTuple):
    used: int
    reset: float


class Block(NamedTuple):
    """A secondary limit in force; requests before `until` are refused."""

    until: float
    status: int


class Meter:
    """What every user has used up.  Callers hold the lock of the state."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.windows: dict[tuple[str, str], Window] = {}
        self.blocks: dict[str, Block] = {}
        self.made: dict[str, deque[float]] = {}

    def window(self, login: str, resource: str, now: float) -> Window:
        key = (login or ANONYMOUS, resource)
        found = self.windows.get(key)
        if found is None or now >= found.reset:
            found = self.windows[key] = Window(0, now + HOUR)
        return found

    def limit(self, login: str, resource: str) -> int:
        if not login:
            return self.limits.anonymous
        return self.limits.graphql if resource == "graphql" else self.limits.core

    def check(self, login: str, resource: str, now: float) -> None:
        """Raises where the primary limit is used up."""
        if self.window(login, resource, now).used >= self.limit(login, resource):
            raise self.exhausted(login, resource)

    def charge(self, login: str, resource: str, points: int, now: float) -> None:
        window = self.window(login, resource, now)
        used = min(window.used + points, self.limit(login, resource))
        self.windows[login or ANONYMOUS, resource] = window._replace(used=used)

    def exhaust(self, login: str, resource: str, now: float, seconds: float) -> Refused:
        """Uses up everything until `seconds` from now."""
        used = self.limit(login, resource)
        self.windows[login or ANONYMOUS, resource] = Window(used, now + seconds)
        return self.exhausted(login, resource)

    def exhausted(self, login: str, resource: str) -> Refused:
        who = f"user {login}" if login else "this address"
        return Refused(
            200 if resource == "graphql" else 403,
            f"API rate limit exceeded for {who}.",
            kind="RATE_LIMITED",
        )

    def block(self, login: str, now: float, seconds: float, status: int = 403) -> Refused:
        """A secondary limit from now on."""
        self.blocks[login or ANONYMOUS] = Block(now + seconds, status)
        return slow_down(seconds, status)

    def check_block(self, login: str, now: float) -> None:
        block = self.blocks.get(login or ANONYMOUS)
        if block is not None and now < block.until:
            raise slow_down(block.until - now, block.status)

    def early(self, login: str, resource: str, now: float) -> bool:
        """Whether a client that had listened would not have sent a request now."""
        block = self.blocks.get(login or ANONYMOUS)
        window = self.windows.get((login or ANONYMOUS, resource))
        spent = window is not None and window.used >= self.limit(login, resource)
        return (block is not None and now < block.until) or (
            window is not None and spent and now < window.reset
        )

    def content(self, login: str, amount: int, now: float) -> None:
        """Counts new issues, comments and labels; too many too quickly is a secondary limit."""
        made = self.made.setdefault(login, deque())
        while made and made[0] <= now - HOUR:
            made.popleft()
        minute = sum(at > now - 60 for at in made) + amount
        limits = self.limits
        if limits.content_per_minute and minute > limits.content_per_minute:
            raise self.block(login, now, 60)
        if limits.content_per_hour and len(made) + amount > limits.content_per_hour:
            raise self.block(login, now, 60)
        made.extend([now] * amount)

    def headers(self, login: str, resource: str, now: float) -> dict[str, str]:
        window, limit = self.window(login, resource, now), self.limit(login, resource)
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - window.used),
            "X-RateLimit-Reset": str(_seconds(window.reset)),
            "X-RateLimit-Used": str(window.used),
            "X-RateLimit-Resource": resource,
        }

    def overview(self, login: str, now: float) -> dict[str, Mapping[str, int]]:
        """The resources of GET /rate_limit."""
        answer = {}
        for resource in ("core", "graphql"):
            window, limit = self.window(login, resource, now), self.limit(login, resource)
            left, reset = limit - window.used, _seconds(window.reset)
            answer[resource] = {
                "limit": limit,
                "used": window.used,
                "remaining": left,
                "reset": reset,
            }
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": _seconds(now + 60)}
        return {**answer, "search": search}


def slow_down(seconds: float, status: int) -> Refused:
    return Refused(
        status,
        "You have exceeded a secondary rate limit. Please wait before you try again.",
        kind="RATE_LIMITED",
        headers={"Retry-After": str(_seconds(seconds))},
    )


def _seconds(moment: float) -> int:
    """Rounded up: a client that waits as long as it is told must not be early."""
    return int(-(-moment // 1))
