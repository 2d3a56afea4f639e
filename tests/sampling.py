"""How much of the suite runs: `make test` is fast, `make test-all` is everything.

CRAFTKIT_TESTS is `fast` (the default), `sampled` or `all`.  In the fast run a product of parameters
is thinned, always to the same cases; in the sampled run other cases are chosen, by a seed that
pytest prints and CRAFTKIT_SEED repeats.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

MODE = os.environ.get("CRAFTKIT_TESTS", "fast")
SEED = int(os.environ.setdefault("CRAFTKIT_SEED", str(int(time.time()))))
FAST, SAMPLED, ALL = "fast", "sampled", "all"

T = TypeVar("T")


def some(cases: Iterable[T], one_in: int) -> list[T]:
    """One in `one_in` cases; each value of each parameter of a product is kept at least once."""
    every = list(cases)
    if MODE == ALL:
        return every
    chosen = every[::one_in]
    if MODE == SAMPLED:
        count = min(len(every), max(1, round(len(every) / one_in)))
        chosen = random.Random(SEED).sample(every, count)
        chosen.sort(key=every.index)
    return _with_every_value(every, chosen)


def _with_every_value(every: Sequence[T], chosen: list[T]) -> list[T]:
    """Add a case for each value of a product that no chosen case has."""
    seen = {part for case in chosen for part in _parts(case)}
    for case in every:
        if isinstance(case, tuple) and not seen.issuperset(_parts(case)):
            chosen.append(case)
            seen.update(_parts(case))
    return chosen


def _parts(case: object) -> list[tuple[int, str]]:
    """The values of a case, each with its place."""
    values = case if isinstance(case, tuple) else (case,)
    return [(place, repr(value)) for place, value in enumerate(values)]


def few(points: Sequence[T], count: int) -> Sequence[T]:
    """The points that one test tries in turn: at most `count`, with the first and the last."""
    if MODE == ALL or len(points) <= count:
        return points
    if MODE == FAST:
        return [points[place * (len(points) - 1) // (count - 1)] for place in range(count)]
    places = random.Random(SEED).sample(range(len(points)), count)
    return [points[place] for place in sorted(places)]


def examples(fast: int, every: int) -> int:
    """How many examples hypothesis draws."""
    return {FAST: fast, SAMPLED: min(every, 3 * fast)}.get(MODE, every)


MANY = 3  # cases of one function, which the fast run has all


def kept(functions: Sequence[str]) -> list[bool]:
    """Which cases run, each given by the name of its function: of more than MANY every other one.

    The first and the last are always among them.  The sampled run leaves out others, by its seed.
    """
    if MODE == ALL:
        return [True] * len(functions)
    count, place, found = Counter(functions), Counter[str](), []
    for name in functions:
        at = place[name]
        place[name] += 1
        ends = count[name] <= MANY or at in (0, count[name] - 1)
        found.append(ends or (at + (SEED if MODE == SAMPLED else 0)) % 2 == 0)
    return found
