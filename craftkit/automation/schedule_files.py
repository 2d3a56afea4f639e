"""What is written for `schedule`: the crontab's block, systemd's units, GitHub's workflow.

Each text carries a seal, a digest of itself: one that does not fit tells that somebody changed it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from typing import NamedTuple

from craftkit.automation import install_source
from craftkit.errors import UsageProblem
from craftkit.specs.dialects import DIALECTS

WORKFLOW = ".github/workflows/craftkit.yml"
_MANAGED = "# Managed by craftkit, which leaves this alone once a line of it is changed."
_SEAL = re.compile(r"seal ([0-9a-f]{16})(?: made ([0-9]))?")


class SchedulePlan(NamedTuple):
    """What is to run, where and how often."""

    worktree: str
    command: tuple[str, ...]
    path: str  # PATH for it: cron and systemd know a few directories only
    every: int
    commit: bool
    push: bool
    repo: str  # OWNER/NAME
    branch: str  # the default branch
    config_home: str  # of systemd
    requirement: str = ""  # what a workflow installs


class ScheduleFile(NamedTuple):
    path: str
    text: str  # without its seal


# How often


def cron_times(every: int) -> str:
    """The five fields; a few minutes past, as full hours are when everybody's jobs run."""
    late = min(7, every - 1)
    if every < 60 and 60 % every == 0:
        return f"{late}-59/{every} * * * *" if every > 1 else "* * * * *"
    hours, rest = divmod(every, 60)
    if rest == 0 and hours and 24 % hours == 0:
        return f"7 {'*' if hours == 1 else '*/' + str(hours) if hours < 24 else '4'} * * *"
    raise UsageProblem(
        f"Every {every} minutes cannot be said in a crontab.",
        "take a divisor of 60 (5, 10, 15, 20, 30) or whole hours that divide 24 (60, 120, 360)",
    )


# The texts


def crontab_line(wanted: SchedulePlan) -> str:
    """What runs; `%` ends a command in a crontab, so it is escaped.

    Only what a person should see, on stderr, gets into cron's mail.
    """
    words = shlex.join(wanted.command)
    command = f"cd {shlex.quote(wanted.worktree)} && PATH={shlex.quote(wanted.path)} {words}"
    return f"{cron_times(wanted.every)} {command.replace('%', chr(92) + '%')} >/dev/null"


def unit_files(wanted: SchedulePlan) -> tuple[ScheduleFile, ...]:
    folder = os.path.join(wanted.config_home, "systemd", "user")
    name = unit_name(wanted.worktree)
    where = wanted.worktree.replace("%", "%%")
    # Without `:` systemd would put variables in for `$`.
    plain = ":" if any("$" in word for word in wanted.command) else ""
    command = plain + " ".join(_unit_word(word) for word in wanted.command)
    service = f"""\
[Unit]
Description=craftkit reconcile in {where}

[Service]
Type=oneshot
WorkingDirectory={where}
Environment={_unit_word("PATH=" + wanted.path)}
ExecStart={command}
# What stays queued is sent by the next run.
SuccessExitStatus=7
"""
    timer = f"""\
[Unit]
Description=craftkit reconcile in {where}, every {wanted.every} minutes

[Timer]
OnActiveSec=1min
OnUnitActiveSec={wanted.every}min
RandomizedDelaySec=30s

[Install]
WantedBy=timers.target
"""
    return (
        ScheduleFile(os.path.join(folder, f"{name}.service"), service),
        ScheduleFile(os.path.join(folder, f"{name}.timer"), timer),
    )


def _unit_word(text: str) -> str:
    escaped = text.replace("%", "%%").replace('"', '\\"')
    return f'"{escaped}"' if re.search(r"[^A-Za-z0-9_/.%=:-]", text) else escaped


def unit_name(worktree: str) -> str:
    """A name that tells apart repositories whose directories are called the same."""
    words = re.sub(r"[^a-z0-9]+", "-", os.path.basename(worktree).lower()).strip("-")[:40]
    digest = hashlib.sha256(os.fsencode(worktree)).hexdigest()[:6]
    return "-".join(filter(None, ("craftkit", words, digest)))


def workflow_file(wanted: SchedulePlan) -> ScheduleFile:
    """The workflow.  Nothing of an event's text is in it, so nothing can be injected."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", wanted.repo):
        raise UsageProblem(
            f"{wanted.repo or 'No repository'} cannot be the OWNER/NAME of a repository.",
            "set `github.repo: OWNER/NAME` in .craftkit/config.yaml",
        )
    if wanted.every < 5:
        raise UsageProblem("GitHub Actions runs every 5 minutes at most.", "`--every 5` or more")
    patterns = [p for dialect in DIALECTS.values() for p in dialect.patterns]
    paths = "".join(f"      - {_quoted(p)}\n" for p in (*patterns, ".craftkit/config.yaml"))
    text = f"""\
name: craftkit

on:
  push:
    branches:
      - {_quoted(wanted.branch)}
    paths:
{paths}\
  schedule:
    - cron: "{cron_times(wanted.every)}"
  issues:
    types: [closed, reopened]
  workflow_dispatch:

permissions: {{}}

# One run after the other: two would settle the same differences.
concurrency:
  group: craftkit
  cancel-in-progress: false

jobs:
  reconcile:
    name: Bring specs and issues in step
    # A fork has other issues under the same numbers.
    if: github.repository == '{wanted.repo}'
    runs-on: ubuntu-latest
    timeout-minutes: 20
    permissions:
      issues: write  # closes, re-opens, labels and makes issues
      contents: {"write  # pushes the" if wanted.commit else "read  # reads the"} spec files
{_steps(wanted)}"""
    return ScheduleFile(os.path.join(wanted.worktree, *WORKFLOW.split("/")), text)


def _steps(wanted: SchedulePlan) -> str:
    """The steps; actions are named by their commit, as a tag may move."""
    state = f"craftkit-{_expression('github.ref_name')}-"
    run = f"{state}{_expression('github.run_id')}-{_expression('github.run_attempt')}"
    checkout, push = "        with:\n          persist-credentials: false\n", ""
    if wanted.commit:  # what is pushed needs the credentials
        checkout, push = "", "  # zizmor: ignore[artipacked]"
    return f"""\
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8  # v5.0.0{push}
{checkout}\
      - uses: actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c  # v6.0.0
        with:
          python-version: "3.11"
      # What spec and GitHub last agreed on: without it an issue that somebody re-opens looks like
      # one that was never closed.
      - uses: actions/cache/restore@0057852bfaa89a56745cba8c7296529d2fc39830  # v4.3.0
        with:
          path: .git/craftkit/craftkit.db*
          key: {run}
          restore-keys: {state}
{install_source.line(wanted.requirement)}
      - run: {" ".join(wanted.command)}
        env:
          GH_TOKEN: {_expression("github.token")}
          CRAFTKIT_TRUST: workflow
      - uses: actions/cache/save@0057852bfaa89a56745cba8c7296529d2fc39830  # v4.3.0
        if: {_expression("!cancelled()")}
        with:
          path: .git/craftkit/craftkit.db*
          key: {run}
"""


def _expression(text: str) -> str:
    return "${{ " + text + " }}"


def _quoted(text: str) -> str:
    """A YAML string; JSON's are YAML's."""
    import json

    return json.dumps(text)


# Seals


def _digest(text: str) -> str:
    """Of all but what is installed, which may be chosen anew."""
    text = install_source.without(text)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def sealed(text: str, made: int = 0) -> str:
    """`text` below its seal; `made` is how many folders were made for the file."""
    return f"{_MANAGED}\n# seal {_digest(text)} made {made}\n{text}"


def read_seal(text: str) -> tuple[str, int] | None:
    """What is below a seal that fits, and how many folders were made; else None."""
    parts = text.replace("\r\n", "\n").split("\n", 2)  # git may have given it other line ends
    found = _SEAL.fullmatch(parts[1].removeprefix("# ")) if len(parts) == 3 else None
    if found is None or parts[0] != _MANAGED or found[1] != _digest(parts[2]):
        return None
    return parts[2], int(found[2] or 0)


def marks(worktree: str) -> tuple[str, str]:
    return f"# craftkit begin {worktree}", f"# craftkit end {worktree}"


def crontab_block(wanted: SchedulePlan) -> str:
    begin, end = marks(wanted.worktree)
    return f"{begin}\n{sealed(crontab_line(wanted) + chr(10))}{end}\n"
