"""I18 through commands: rewritten files, real databases, branches and a GitHub."""

from __future__ import annotations

from typing import Any

import rewritten  # type: ignore[import-not-found]
import sampling

Desk = Any
REWRITES = sampling.examples(15, 2000)
# Of 10,000 rewrites, if another text may stand under a kept key or number, or is written anew.
BY_EVIDENCE = 150


def test_i18_no_command_does_anything_to_another_task(desk: Desk) -> None:
    counts, found = rewritten.measure(desk, REWRITES)
    print(dict(counts))
    wrong = [one for one in found if not one.by_evidence]
    assert wrong == [], f"`python tests/online/rewritten.py 1 {wrong[0].seed}` shows it again"
    unsure = [one for one in found if one.by_evidence]
    assert len(unsure) * 10_000 <= max(BY_EVIDENCE * REWRITES, 10_000), unsure
    assert counts["done"] > counts["done refused"]
