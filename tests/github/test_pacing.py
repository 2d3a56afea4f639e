"""I13: no request before it may go.  The policy with a clock that only sleeping moves."""

from __future__ import annotations

import itertools
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replies import Clock

from craftkit.github.gateway import GitHubError, RateLimited, Unreachable
from craftkit.github.pacing import (
    ATTEMPTS,
    DONE,
    LIMIT_WAITS,
    LIMITED,
    LONGEST_WAIT,
    LOST,
    UNSENT,
    Limits,
    RateLimiter,
    RequestOutcome,
    is_limit,
    update_limits,
    wait_again,
    wait_before,
)

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": "30", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000900"}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000900"}, 900),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "1000900"}, 60),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "999"}, 1),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, 60),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "-5"}, 60),
        ({"retry-after": "999999999"}, LONGEST_WAIT),
        ({"retry-after": formatdate(NOW + 42, usegmt=True)}, 42),
        ({}, 60),
    ],
)
def test_a_limit_says_how_long(headers: dict[str, str], wait: float) -> None:
    assert update_limits(Limits(), headers, True, NOW).until == NOW + wait


def test_a_reset_is_meant_by_the_clock_of_the_server() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5000600"}
    headers["date"] = formatdate(5_000_000, usegmt=True)
    assert update_limits(Limits(), headers, True, NOW).until == NOW + 600


def test_a_limit_without_a_time_doubles_until_a_success() -> None:
    limits, waits = Limits(), []
    for _ in range(4):
        limits = update_limits(limits, {}, True, NOW)
        waits.append(limits.until - NOW)
    assert waits == [60, 120, 240, 480]
    limits = update_limits(limits, {"x-ratelimit-remaining": "10"}, False, NOW)
    assert limits == Limits()


def test_a_success_that_used_up_the_last_one_keeps_the_next_back() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 77)}
    assert update_limits(Limits(), headers, False, NOW).until == NOW + 77


@pytest.mark.parametrize(
    ("status", "headers", "message", "limit"),
    [
        (429, {}, "", True),
        (403, {"retry-after": "1"}, "", True),
        (403, {"x-ratelimit-remaining": "0"}, "", True),
        (403, {"x-ratelimit-remaining": "9"}, "You have exceeded a secondary rate limit.", True),
        (403, {}, "was submitted too quickly", True),
        (403, {"x-ratelimit-remaining": "9"}, "Resource not accessible by integration", False),
        (422, {"retry-after": "1"}, "rate limit", False),
        (200, {"x-ratelimit-remaining": "0"}, "", False),
    ],
)
def test_a_403_is_a_limit_or_a_permission(
    status: int, headers: dict[str, str], message: str, limit: bool
) -> None:
    assert is_limit(status, headers, message) is limit


@pytest.mark.parametrize("kind", [DONE, LIMITED, UNSENT])
def test_only_what_is_lost_goes_again(kind: str) -> None:
    assert wait_again(kind, True, 1) is None


def test_what_may_have_created_something_never_goes_again() -> None:
    assert wait_again(LOST, False, 1) is None
    assert [wait_again(LOST, True, n) for n in range(1, ATTEMPTS + 1)] == [0.5, 1.0, None]


def test_writes_keep_a_second_apart_when_there_are_many() -> None:
    limits = Limits(last_write=NOW - 0.25)
    assert wait_before(limits, NOW, write=True, many=True) == (0.0, 0.75)
    assert wait_before(limits, NOW, write=True, many=False) == (0.0, 0.0)
    assert wait_before(limits, NOW, write=False, many=True) == (0.0, 0.0)
    future = Limits(last_write=NOW + 1000)
    assert wait_before(future, NOW, write=True, many=True) == (0.0, 1.0)


def test_the_first_write_goes_at_once_and_many_do_not() -> None:
    clock = Clock()
    rate_limiter = RateLimiter(Limits(), clock, clock.sleep)
    at: list[float] = []
    for _ in range(6):
        rate_limiter.run(
            lambda s: at.append(clock()) or RequestOutcome(DONE, {}), write=True, repeatable=False
        )
    assert [b - a for a, b in itertools.pairwise(at)] == [0, 0, 1, 1, 1]
    other = RateLimiter(
        rate_limiter.limits, clock, clock.sleep
    )  # the next process, which has many to send
    other.queued = 20
    other.run(
        lambda s: at.append(clock()) or RequestOutcome(DONE, {}), write=True, repeatable=False
    )
    assert at[-1] - at[-2] == 1


def test_a_remembered_limit_holds_for_the_next_process() -> None:
    clock = Clock()
    rate_limiter = RateLimiter(Limits(until=clock.now + 10), clock, clock.sleep)
    with pytest.raises(RateLimited) as caught:
        rate_limiter.run(_never, write=False, repeatable=True)
    assert caught.value.until == clock.now + 10 and not clock.naps
    rate_limiter.patience = 10
    rate_limiter.run(lambda s: RequestOutcome(DONE, {}), write=False, repeatable=True)
    assert clock.naps == [10]


def test_a_creation_never_waits_for_a_limit() -> None:
    clock = Clock()
    rate_limiter = RateLimiter(Limits(until=clock.now + 10), clock, clock.sleep)
    rate_limiter.patience = 100
    with pytest.raises(RateLimited):
        rate_limiter.run(_never, write=True, repeatable=False)


def test_nothing_begins_beyond_the_deadline() -> None:
    clock = Clock()
    rate_limiter = RateLimiter(Limits(), clock, clock.sleep)
    rate_limiter.deadline = clock.now
    with pytest.raises(Unreachable):
        rate_limiter.run(_never, write=False, repeatable=True)
    rate_limiter.deadline = clock.now + 2
    given: list[float] = []
    rate_limiter.run(
        lambda s: given.append(s) or RequestOutcome(LOST, {}), write=False, repeatable=True
    )
    assert given == [2.0, 1.5, 0.5] and clock.now <= rate_limiter.deadline


def test_a_limit_from_a_broken_clock_does_not_hold_for_ever() -> None:
    clock = Clock()
    rate_limiter = RateLimiter(Limits(until=clock.now + 10 * LONGEST_WAIT), clock, clock.sleep)
    rate_limiter.run(lambda s: RequestOutcome(DONE, {}), write=False, repeatable=True)


def _never(seconds: float) -> RequestOutcome:
    raise AssertionError("nothing may be sent")


_seconds = st.integers(0, 200).map(str)
_headers = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"retry-after": _seconds}),
    st.fixed_dictionaries(
        {
            "x-ratelimit-remaining": st.sampled_from(["0", "7"]),
            "x-ratelimit-reset": st.integers(int(NOW) - 100, int(NOW) + 500).map(str),
        }
    ),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "date"]),
        st.text(max_size=12),
    ),
)
_outcomes = st.tuples(st.sampled_from([DONE, LIMITED, LOST, UNSENT]), _headers)


@given(
    st.lists(_outcomes, min_size=1),
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6),
    st.floats(0, 500),
    st.one_of(st.none(), st.floats(0, 300)),
)
def test_i13_nothing_is_sent_before_it_may_be_and_everything_ends(
    outcomes: list[tuple[str, dict[str, str]]],
    calls: list[tuple[bool, bool]],
    patience: float,
    seconds: float | None,
) -> None:
    clock = Clock(NOW)
    rate_limiter = RateLimiter(Limits(), clock, clock.sleep)
    rate_limiter.patience = patience
    rate_limiter.deadline = None if seconds is None else NOW + seconds
    answers = iter(outcomes * 100)
    sends = 0

    def send(left: float) -> RequestOutcome:
        nonlocal sends
        sends += 1
        assert clock() >= rate_limiter.limits.until
        assert rate_limiter.deadline is None or clock() < rate_limiter.deadline
        kind, headers = next(answers)
        return RequestOutcome(kind, headers)

    for write, repeatable in calls:
        sends, start = 0, clock()
        try:
            outcome = rate_limiter.run(send, write=write, repeatable=repeatable)
        except GitHubError as error:
            assert isinstance(error, RateLimited | Unreachable) and error.hint
        else:
            assert outcome.kind != LIMITED
        assert sends <= (ATTEMPTS + LIMIT_WAITS if repeatable else 1)
        assert clock() - start <= patience + 10
