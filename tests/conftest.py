"""What holds for every test: none hangs for ever, and none depends on who runs it."""

from __future__ import annotations

import faulthandler
import os
import re
import signal

import pytest
import sampling
from hypothesis import settings
from skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

# A shell's background job ignores Ctrl-C, and so would every process that a test starts from it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What the shell of a developer, an agent or a runner sets, and a user's does not.
FOREIGN = re.compile(
    r"PYTHON(?!HASHSEED)|CRAFTKIT_(?!TESTS$|SEED$|THOROUGH$|CLIENTS)|GIT_|GITHUB_|GH_|XDG_"
    r"|CLAUDE|CODEX_|GEMINI_|CURSOR_|COPILOT_|OPENCODE|NO_COLOR$|FORCE_COLOR$|CLICOLOR|COLUMNS$"
    r"|TERM$|(HTTPS?|ALL|NO)_PROXY$",
    re.IGNORECASE,
)
for _name in [name for name in os.environ if FOREIGN.match(name)]:
    del os.environ[_name]

for _mode, _examples in ((sampling.FAST, 50), (sampling.SAMPLED, 100), (sampling.ALL, 100)):
    settings.register_profile(_mode, max_examples=_examples, deadline=None)
settings.load_profile(sampling.MODE)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out cases of functions that have many, so that the fast run is fast."""
    kept = sampling.kept([item.nodeid.partition("[")[0] for item in items])
    left_out = [item for item, keep in zip(items, kept, strict=True) if not keep]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item, keep in zip(items, kept, strict=True) if keep]


def pytest_report_header() -> str:
    return f"craftkit tests: {sampling.MODE}, CRAFTKIT_SEED={sampling.SEED}"


def pytest_runtest_setup() -> None:
    """Exhaustive runs have tests of many minutes: the limit of pyproject.toml is not for them."""
    if os.environ.get("CRAFTKIT_THOROUGH") == "1":
        faulthandler.cancel_dump_traceback_later()
