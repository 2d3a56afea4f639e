"""The script that measures the house fails when a limit is broken, and only then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks/house.py"
SOUND = {
    "__init__.py": "",
    "low.py": "VALUE = 1\n",
    "room/__init__.py": "",
    "room/a.py": "from craftkit.low import VALUE\nfrom . import b\n",
    "room/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import VALUE\n",
}


def measure(place: Path, changes: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name, text in (SOUND | changes).items():
        path = place / "craftkit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(place)], capture_output=True, text=True, check=False
    )


def function(lines: int, kind: str = "def") -> str:
    return f"{kind} long():\n" + "    pass\n" * (lines - 1)


def test_a_sound_house_passes(tmp_path: Path) -> None:
    full = {"low.py": "VALUE = 1\n" * 500, "room/c.py": function(70)}
    done = measure(tmp_path, full)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "circles            0" in done.stdout
    assert "longest module 500 lines (craftkit.low), at most 500" in done.stdout
    assert "longest function 70 lines (craftkit.room.c.long), at most 70" in done.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"low.py": "import craftkit.room.a\n"}, "craftkit.low <-> craftkit.room.a"),
        ({"low.py": "def f():\n    import craftkit.room.a\n"}, "craftkit.low <-> craftkit.room.a"),
        ({"room/b.py": "def f():\n    from . import a\n"}, "craftkit.room.a <-> craftkit.room.b"),
        (
            {
                "room/__init__.py": "from .c import f\n",
                "room/c.py": "from craftkit.room import f\n",
            },
            "craftkit.room <-> craftkit.room.c",
        ),
        (
            {"room/b.py": "if not TYPE_CHECKING:\n    from .a import VALUE\n"},
            "craftkit.room.a <-> craftkit.room.b",
        ),
        ({"low.py": "VALUE = 1\n" * 501}, "501 lines (craftkit.low), above 500"),
        ({"sandbox/x.py": "VALUE = 1\n" * 501}, "sandbox: longest module 501 lines"),
        ({"low.py": function(71)}, "71 lines (craftkit.low.long), above 70"),
        ({"low.py": function(71, "async def")}, "71 lines (craftkit.low.long), above 70"),
    ],
)
def test_a_broken_limit_is_named(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    done = measure(tmp_path, changes)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
