"""I11: the installed program, killed at the system calls by which anything is changed.

SQLite's own writes are among them, which the other tests cannot see.  Some calls of each command
are tried, all with CRAFTKIT_THOROUGH=1.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import sampling
import stage as stages
from places import state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


CHANGING = (
    "write,writev,pwrite64,pwritev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,"
    "link,linkat,unlink,unlinkat,mkdir,mkdirat,fchmod,chmod,fchmodat,fchown"
)
# A question mark makes strace forgive a call that this processor does not have.
CALLS = ",".join(f"?{name}" for name in CHANGING.split(","))


def traced(repo: Path, log: Path, args: tuple[str, ...], stop: tuple[str, int] | None) -> int:
    """Run a command under strace, which kills it as it enters the n-th call of that name."""
    inject = ["-e", f"inject={stop[0]}:signal=KILL:when={stop[1]}"] if stop else []
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("CRAFTKIT_", "GIT_"))}
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *inject]
    done = subprocess.run(
        [*command, sys.executable, "-m", "craftkit", *args],
        cwd=repo,
        env=keep | {"CRAFTKIT_SESSION": "s1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    return done.returncode


@pytest.fixture
def strace(tmp_path: Path) -> Path:
    """Where strace writes; skips where it is missing or not allowed."""
    log = tmp_path / "strace.log"
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    if subprocess.run(["strace", "-qq", "-o", log, "true"], check=False).returncode:
        pytest.skip("strace is not allowed here")
    return log


def stops(log: Path, seed: str) -> list[tuple[str, int]]:
    """The calls that strace has seen, as name and number; some of them, or all."""
    names = re.findall(r"(?m)^\d+ +(\w+)\(", log.read_text(errors="replace"))
    assert "pwrite64" in names and "fdatasync" in names
    every = [(name, names[:n].count(name) + 1) for n, name in enumerate(names)]
    return every if forked.THOROUGH else random.Random(seed).sample(every, sampling.examples(4, 6))


@pytest.mark.parametrize("name", list(stages.COMMANDS))
def test_i11_killed_at_system_calls(tmp_path: Path, strace: Path, name: str) -> None:
    stage = stages.Stage(tmp_path, name)
    forked.reset(stage.repo, stage.template)
    assert traced(stage.repo, strace, stage.args, None) == 0
    failures = []
    for stop in stops(strace, name):
        forked.reset(stage.repo, stage.template)
        code = traced(stage.repo, strace, stage.args, stop)
        wrong = [] if code == -9 else [f"exit {code} in place of a kill"]
        failures += [f"killed at {stop}: {w}" for w in wrong + stage.recover()]
    assert not failures, "\n".join(failures[:10])


def test_i11_killed_while_the_database_is_made(tmp_path: Path, strace: Path) -> None:
    repo, template = tmp_path.resolve() / "repo", tmp_path / "template"
    forked.prepare(repo, 3)
    shutil.rmtree(repo / ".craftkit")
    shutil.rmtree(state_of(repo))
    shutil.copytree(repo, template, symlinks=True)
    assert traced(repo, strace, ("init",), None) == 0
    for stop in stops(strace, "init"):
        forked.reset(repo, template)
        assert traced(repo, strace, ("init",), stop) == -9, stop
        for args in (("init",), ("task", "done", "T001"), ("status",)):
            code, said = forked.run(repo, *args)
            assert code == 0, (stop, args, said)
        assert forked.ask(repo, "pragma integrity_check") == [("ok",)]
        assert "- [x] T001" in (repo / stages.SPEC).read_text()
        assert (repo / ".craftkit/config.yaml").read_text().endswith("live_minutes: 60\n")
