"""The `craftkit` command: `python -m craftkit` and the console script."""

from __future__ import annotations

import contextlib
import gc
import os
import sys


def run() -> None:
    # A command ends before its garbage matters, and looking for it while the GitHub library loads
    # took 20 of 270 ms.  What runs for long still collects, only less often.
    gc.set_threshold(50_000, 20, 20)
    try:
        from craftkit.cli import main

        code = main(sys.argv[1:])
    except KeyboardInterrupt:  # while it was loading
        code = 130
    with contextlib.suppress(OSError):  # `main` has answered for stdout
        sys.stderr.flush()
    # Nothing is left to tear down: every write is committed, and leaving SQLite's log for the
    # next command is cheaper than folding it into the database at each exit.
    os._exit(code)


if __name__ == "__main__":
    run()
