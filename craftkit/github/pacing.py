"""When a request may go, and whether it may go again.

The functions decide and never wait; `Pacer` waits, with a clock and a sleep that are given to it.
All times are seconds since 1970, all durations seconds.  The rules are those of GitHub's pages
"Rate limits for the REST API" and "Best practices for using the REST API": requests one after the
other, a second between writes, `retry-after`, else the reset time when nothing remains, else a
minute that doubles.  Nothing that may have created something is ever sent twice from here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from craftkit.github.gateway import RateLimited, Unreachable

# How a request ended.
DONE = "done"  # an answer, welcome or not
LIMITED = "limited"  # refused for a limit: certainly not carried out
LOST = "lost"  # it may have been carried out: timeout, reset, 5xx, an answer that is none
UNSENT = "unsent"  # it certainly did not leave, or did not arrive

ATTEMPTS = 3  # of a request that may be repeated
LIMIT_WAITS = 3  # within one call; a limit is not an attempt
BACKOFF = 0.5  # before the second attempt; doubles
FIRST_WAIT = 60.0  # for a limit that names no time; doubles
LONGEST_WAIT = 86_400.0  # a limit further away is a broken clock or a broken answer
WRITE_GAP = 1.0  # between writes, when there are more than FEW
FEW = 3
LEAST = 0.25  # with less time left than this, nothing is begun

_LIMIT_WORDS = r"rate limit|abuse detection|submitted too quickly"


class Limits(NamedTuple):
    """What has to outlive the process, so that the next one keeps to it too."""

    until: float = 0.0  # no request before
    unnamed: float = 0.0  # length of the last wait for a limit that named no time
    last_write: float = 0.0


class RequestOutcome(NamedTuple):
    """How one request ended; `value` is whatever the sender makes of it."""

    kind: str  # DONE, LIMITED, LOST or UNSENT
    headers: Mapping[str, str]  # names in lower case
    value: Any = None
    silent: bool = False  # nothing came in time


def is_limit(status: int, headers: Mapping[str, str], message: str) -> bool:
    """Whether an answer refuses for a limit (403 means a missing permission as well)."""
    if status == 429:
        return True
    if status != 403:
        return False
    exhausted = headers.get("x-ratelimit-remaining", "").strip() == "0"
    return exhausted or "retry-after" in headers or says_limit(message)


def says_limit(message: str) -> bool:
    return re.search(_LIMIT_WORDS, message, re.IGNORECASE) is not None


def update_limits(limits: Limits, headers: Mapping[str, str], limited: bool, now: float) -> Limits:
    """The limits after an answer that came at `now`."""
    wait = _retry_after(headers, now)
    if wait is None:
        wait = _until_reset(headers, now)
    if wait is not None:
        return limits._replace(until=now + max(wait, 1.0 if limited else 0.0))
    if not limited:
        return limits._replace(until=0.0, unnamed=0.0)
    wait = min(max(FIRST_WAIT, 2 * limits.unnamed), LONGEST_WAIT)
    return limits._replace(until=now + wait, unnamed=wait)


def wait_before(
    limits: Limits, now: float, write: bool, many: bool, gap_length: float = WRITE_GAP
) -> tuple[float, float]:
    """How long a limit, and how long the gap between writes, keeps the next request back."""
    ahead = limits.until - now
    limit = ahead if 0.0 < ahead <= LONGEST_WAIT else 0.0
    gap = 0.0
    if write and many:  # a last write in the future is a clock that was set back
        gap = min(max(limits.last_write + gap_length - now, 0.0), gap_length)
    return limit, gap


def wait_again(kind: str, repeatable: bool, attempt: int) -> float | None:
    """How long to wait before the same request goes again; None where it must not."""
    if kind != LOST or not repeatable or attempt >= ATTEMPTS:
        return None
    return float(BACKOFF * 2 ** (attempt - 1))


class RateLimiter:
    """Keeps the requests of one process to the limits.

    `deadline` is when the network has to be done with: nothing begins and nothing is waited for
    beyond it.  `patience` is how long one call may wait for a limit; creations never do.  `queued`
    is how many more writes the caller knows of; the first FEW of a process go without a `gap`.
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.sleep = sleep
        self.deadline: float | None = None
        self.patience = 0.0
        self.queued = 0
        self.gap = WRITE_GAP
        self._written = 0
        self._heard: tuple[Mapping[str, str], float] = ({}, 0.0)  # the last answer, and when

    def run(
        self, send: Callable[[float], RequestOutcome], write: bool, repeatable: bool
    ) -> RequestOutcome:
        """Send a request, again where it may be; `send` gets the seconds that it may take.

        Raises RateLimited, and Unreachable where no time is left to begin.
        """
        attempt, limited = 1, 0
        patience = self.patience if repeatable else 0.0
        while True:  # each way round counts in `attempt` or in `limited`
            patience -= self._wait_turn(write, patience)
            if write:
                self.limits = self.limits._replace(last_write=self.clock())
                self._written += 1
            outcome = send(self.seconds_left())
            self._note(outcome)
            if outcome.kind == LIMITED:
                limited += 1
                if not repeatable or limited >= LIMIT_WAITS:
                    raise rate_limited(self.limits.until, self.clock())
                continue
            again = wait_again(outcome.kind, repeatable, attempt)
            if again is None or self._too_late(again):
                return outcome
            self.sleep(again)
            attempt += 1

    def limited(self, headers: Mapping[str, str]) -> RateLimited:
        """Take note of a limit that came inside an answer; the error to report it with."""
        now = self.clock()
        if self.limits.until <= now:  # one answer may say it several times
            self.limits = update_limits(self.limits, headers, True, now)
        return rate_limited(self.limits.until, now)

    def skew(self) -> float:
        """Seconds by which the server's clock is ahead of ours, by its last answer.

        Its `Date` is in whole seconds, so that less than two of them say nothing.
        """
        headers, now = self._heard
        ahead = _server_now(headers, now) - now
        return ahead if abs(ahead) >= 2 else 0.0

    def seconds_left(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - self.clock()

    def _wait_turn(self, write: bool, patience: float) -> float:
        """Wait until the next request may go; how much of that was for a limit."""
        now = self.clock()
        many = max(self.queued, self._written) >= FEW
        limit, gap = wait_before(self.limits, now, write, many, self.gap)
        if limit > patience or (limit > 0 and self._too_late(limit)):
            raise rate_limited(self.limits.until, now)
        if self._too_late(gap):
            raise Unreachable(
                "The time set aside for GitHub is used up; nothing more was sent.",
                "run `craftkit reconcile` to send what is queued",
            )
        end = now + max(limit, gap)
        for _ in range(100):  # a sleep may end early
            now = self.clock()
            if now >= end:
                break
            self.sleep(end - now)
        else:
            raise rate_limited(end, now)
        return limit

    def _too_late(self, wait: float) -> bool:
        return wait + LEAST > self.seconds_left()

    def _note(self, outcome: RequestOutcome) -> None:
        if outcome.headers:
            self._heard = outcome.headers, self.clock()
        limits = update_limits(self.limits, outcome.headers, outcome.kind == LIMITED, self.clock())
        # A 502 says nothing of limits, unless it names a time.
        if outcome.kind in (DONE, LIMITED) or limits.until > self.limits.until:
            self.limits = limits


def rate_limited(until: float, now: float) -> RateLimited:
    at = time.strftime("%H:%M:%S", time.gmtime(until))
    return RateLimited(
        f"GitHub asks for a pause until {at} UTC ({max(1, round(until - now))} s).",
        "what is queued stays queued: run `craftkit reconcile` after that",
        until=until,
    )


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds of a `retry-after`, which is a number or (from a proxy) a date."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), LONGEST_WAIT)
    at = _http_date(text)
    return None if at is None else _clamped(at - _server_now(headers, now))


def _until_reset(headers: Mapping[str, str], now: float) -> float | None:
    if headers.get("x-ratelimit-remaining", "").strip() != "0":
        return None
    text = headers.get("x-ratelimit-reset", "").strip()
    if not re.fullmatch(r"[0-9]{1,12}", text):
        return None
    return _clamped(float(text) - _server_now(headers, now))


def _server_now(headers: Mapping[str, str], now: float) -> float:
    """The time by the server's clock, which its times are meant by; else by ours."""
    at = _http_date(headers.get("date", ""))
    return now if at is None else at


def _http_date(text: str) -> float | None:
    if not text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT)
