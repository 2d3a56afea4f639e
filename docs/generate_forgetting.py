"""Write the table of docs/forgetting.md: how late tasks are closed where hooks are off.

python docs/generate_forgetting.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/forgetting.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"

sys.path[:0] = [str(ROOT / "tests/online"), str(ROOT)]

import loopback  # noqa: E402
import simulated  # noqa: E402

from craftkit.sandbox.server import serve  # noqa: E402


def main() -> None:
    names = " | ".join(simulated.SWITCHES)
    lines = [
        f"| {names} | at once | later | by the job | steps late |",
        "|---" * (len(simulated.SWITCHES) + 4) + "|",
    ]
    for case in simulated.CASES:
        with serve() as server, tempfile.TemporaryDirectory() as place:
            closed = simulated.play(loopback.Desk(Path(place).resolve(), server), case)
        lines.append(simulated.row(case, closed))
        print(lines[-1], flush=True)
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text(head + BEGIN + "\n".join(lines) + "\n" + END + tail, encoding="utf-8")


if __name__ == "__main__":
    main()
