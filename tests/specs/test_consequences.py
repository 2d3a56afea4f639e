"""I18 through matching and merge: nothing is done to a wrong issue, over thousands of rewrites."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import consequences  # type: ignore[import-not-found]
import pytest
import sampling

PAGE = Path(__file__).parents[2] / "docs/identity.md"
STORIES = sampling.examples(2500, 100_000)
# Of 10,000 lines, for stories in which evidence is all that anybody can know.
MOST = {"close": 30, "rename": 40, "re-open": 10, "tick": 20, "link": 60}


@pytest.fixture(scope="module")
def rates() -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = consequences.measure(STORIES, 18)
    print("\n".join(consequences.table(found)))
    return found


def test_i18_no_rewrite_closes_renames_or_ticks_another_task(
    rates: dict[str, Counter[str]],
) -> None:
    for name, found in rates.items():
        assert found["actions"] > 100, f"{name} shows nothing"
        most = MOST if name in consequences.EVIDENCE else dict.fromkeys(MOST, 0)
        for wrong, number in most.items():
            assert found[wrong] * 10_000 <= number * found["lines"], (name, wrong, found)


def test_the_page_has_what_follows_of_each_kind() -> None:
    text = PAGE.read_text(encoding="utf-8")
    _, _, part = text.partition("## What follows")
    assert [name for name in consequences.STORIES if f"| {name} |" not in part] == []
