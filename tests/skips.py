"""Which tests may be skipped, and why; any other skip is a failure.

A wrong import in a helper once switched dozens of tests off, and the run still ended with 0.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

EXPECTED = {
    r"repeats one failure": "wanted by somebody who looks for one",
    r"CRAFTKIT_CORPUS names no folder": "a folder of other people's specs",
    r"root may read everything|this account may write everything": "needs an ordinary user",
    r"only root can give a file away|needs an account without privileges": "needs root",
    r"needs (fork|POSIX .*|/proc|/dev/full|pty)": "another operating system",
    r"no atomic exchange here|this file system takes only UTF-8 names": "another file system",
    r"needs (strace|rsync|systemd-analyze)|strace is not allowed here": "a program",
    r"only root (is|can be) another user|takes root and mount namespaces": "needs root",
    r"Codex cannot make a sandbox here": "a kernel that permits namespaces",
    r"there is no node": "a program",
}
# Programs that `make clients` installs: where that has been done, they may not be missing.
CLIENTS = r"(there is no|could not import) \w+|[\w-]+ is not installed"


def is_expected(reason: str, clients: bool) -> bool:
    """Whether a test may be skipped for this; with `clients`, the coding agents are there."""
    allowed = [*EXPECTED, *(() if clients else (CLIENTS,))]
    return any(re.search(pattern, reason) for pattern in allowed)


def _judge(report: Any) -> None:
    """Turn an unexpected skip into a failure."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not is_expected(reason, "CRAFTKIT_CLIENTS_REQUIRED" in os.environ):
        report.outcome = "failed"
        report.longrepr = f"nobody expects a test to be skipped because “{reason}”: see {__file__}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    _judge(report)
    return report
