"""What the suite promises of itself: no invariant without a test, no skip that nobody expects."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sampling
import skips

TESTS = Path(__file__).resolve().parents[1]
INVARIANTS = {f"i{number}" for number in range(1, 18)}


def collected(mode: str) -> set[str]:
    """The names of the test functions that a run has."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=TESTS.parent,
        env=os.environ | {"CRAFTKIT_TESTS": mode},
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}


def named(functions: set[str]) -> set[str]:
    """The invariants whose ids these names carry; `i1_to_i6` names six."""
    found = set()
    for name in functions:
        found |= set(re.findall(r"_(i\d+)(?=_)", name))
        for first, last in re.findall(r"_i(\d+)_to_i(\d+)_", name):
            found |= {f"i{number}" for number in range(int(first), int(last) + 1)}
    return found


def test_the_fast_run_has_every_function_and_every_invariant() -> None:
    """Sampling takes away parameters and random walks, never a statement."""
    fast = collected(sampling.FAST)
    assert fast == collected(sampling.ALL)
    assert INVARIANTS - named(fast) == set()


def test_a_sample_keeps_every_value() -> None:
    product = [(a, b) for a in range(6) for b in "xyz"]
    chosen = sampling.some(product, 4)
    assert len(chosen) < len(product) or sampling.MODE == sampling.ALL
    assert {a for a, _ in chosen} == set(range(6)) and {b for _, b in chosen} == set("xyz")
    few = sampling.few(range(50), 5)
    assert sampling.MODE != sampling.FAST or [*few] == [0, 12, 24, 36, 49]


def test_of_many_cases_every_other_one_runs() -> None:
    kept = sampling.kept(["one", *["many"] * 8, *["few"] * sampling.MANY])
    assert sampling.MODE != sampling.FAST or [n for n, keep in enumerate(kept) if not keep] == [
        2,
        4,
        6,
    ]
    assert kept[0] and kept[1] and kept[8] and all(kept[9:])
    assert all(kept) or sampling.MODE != sampling.ALL


@pytest.mark.parametrize(
    ("reason", "clients", "expected"),
    [
        ("could not import 'forked'", True, False),
        ("there is no claude", False, True),
        ("there is no claude", True, False),
        ("needs fork", True, True),
        ("I do not feel like it", False, False),
    ],
)
def test_which_skips_are_expected(reason: str, clients: bool, expected: bool) -> None:
    assert skips.is_expected(reason, clients) is expected


BROKEN = """
import pytest
{line}
def test_one() -> None:
    pass
"""


@pytest.mark.parametrize(
    "line", ["import no_such_helper", 'pytest.skip("for fun", allow_module_level=True)']
)
def test_a_suite_that_is_switched_off_fails_the_run(tmp_path: Path, line: str) -> None:
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_it.py").write_text(BROKEN.format(line=line))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stdout
