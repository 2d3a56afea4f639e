"""What the measurements share: a clean environment, another revision, the time of a process."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
AGENT = {"CRAFTKIT_AGENT": "claude", "CLAUDECODE": "1"}  # what an agent's shell sets
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class Spent(NamedTuple):
    """Seconds.  On a busy machine, the CPU time says more than the time that passed."""

    wall: float
    cpu: float  # user and system, of the process and of what it started and waited for


Job = Callable[[int], Spent]  # takes the number of the round


def environment(tree: Path, home: Path) -> dict[str, str]:
    """The environment of a person without an agent, in which `import craftkit` finds this tree.

    Bytecode is written, as for an installed craftkit.
    """
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "HOME": str(home),
        "PYTHONPATH": str(tree),
        "CRAFTKIT_SESSION": "bench",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "NO_COLOR": "1",
    }


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The files of a revision in a git worktree, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="craftkit-tree-") as name:
        tree = Path(name).resolve() / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def timed(command: list[str], place: Path, env: Mapping[str, str], stdin: bytes = b"") -> Spent:
    """What one real process takes; raises if it fails."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(stdin)
        given.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=place, env=env, stdin=given, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read().decode(errors="replace")
        # A hook ends with 0 whatever happens, and one that breaks off early would look fast.
        if process.returncode or "craftkit-hook: " in words:
            raise SystemExit(f"{command} ended with {process.returncode}: {words}")
    return Spent(wall, usage.ru_utime + usage.ru_stime)


def clocked(work: Callable[[], object]) -> Job:
    """A job in this process."""

    def once(number: int) -> Spent:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return Spent(time.perf_counter() - wall, time.process_time() - cpu)

    return once


def interleave(jobs: Mapping[str, Job], rounds: int) -> dict[str, Spent]:
    """The medians of each job, all of them taken in turn, after one round to warm up."""
    times: dict[str, list[Spent]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            spent = job(number)
            if number:
                times[name].append(spent)
    return {
        name: Spent(*(statistics.median(part) for part in zip(*taken, strict=True)))
        for name, taken in times.items()
    }
