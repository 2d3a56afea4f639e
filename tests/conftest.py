"""What holds for every test: none hangs for ever, and what it starts can be interrupted."""

from __future__ import annotations

import faulthandler
import os
import signal

# A shell's background job ignores Ctrl-C, and so would every process that a test starts from it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup() -> None:
    """Exhaustive runs have tests of many minutes: the limit of pyproject.toml is not for them."""
    if os.environ.get("CRAFTKIT_THOROUGH") == "1":
        faulthandler.cancel_dump_traceback_later()
