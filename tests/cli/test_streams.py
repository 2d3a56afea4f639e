"""Real processes, and readers that do not wait for the end; what is said comes in order."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import agree

Ck = Callable[..., tuple[int, Any, str]]
CRAFTKIT = shlex.join([sys.executable, "-m", "craftkit"])
MANY = "## Tasks\n\n" + "".join(f"- [ ] T{n:05d} {'word ' * 8}\n" for n in range(3_000))


def users() -> dict[str, str]:
    """The environment without what makes Python flush or compile in another way."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def piped(repo: Path, line: str) -> subprocess.CompletedProcess[str]:
    """What `bash` makes of a line that begins with a craftkit command and ends in a pipe."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{CRAFTKIT} {line}"],
        cwd=repo,
        env=users(),
        capture_output=True,
        text=True,
        check=False,
    )


def unread(repo: Path, *words: str, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """Exit code and stderr of a command whose stdout nobody reads from its first byte on."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "craftkit", *words],
            cwd=repo,
            env=users(),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=stderr,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", ["task list", "task list --json", "task list 2>&1"])
def test_a_reader_that_leaves_early_breaks_no_pipeline(spec: Path, repo: Path, words: str) -> None:
    spec.write_text(MANY)  # more than a pipe holds: it is closed before all is written
    piped(repo, "status | cat")  # which says what is new in the file
    done = piped(repo, f"{words} | head -1")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert done.stderr in ("", "0/3000 done in specs/login.md\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["task", "list"], 0, "0/3 done in specs/login.md\n"),
        (["task", "list", "--json"], 0, ""),
        (["task", "done", "T001"], 0, ""),
        (["--help"], 0, ""),
        (["task", "list", "--help"], 0, ""),
        (["--version"], 0, ""),
        (["task"], 2, ""),
        (["spec", "check", "missing.md", "--json"], 1, ""),
        (["reconcile", "--job", "--spec", "login"], 2, "error: `--job` settles every spec"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_nobody_reads_ends_as_the_work_did(
    spec: Path, repo: Path, words: list[str], code: int, said: str
) -> None:
    ended, stderr = unread(repo, *words)
    assert ended == code and stderr.startswith(said) and bool(stderr) is bool(said)
    assert ("[x] T001" in spec.read_text()) is (words[:2] == ["task", "done"])


def test_stdout_and_stderr_that_nobody_reads(spec: Path, repo: Path) -> None:
    assert unread(repo, "task", "list", stderr=subprocess.STDOUT)[0] == 0
    assert unread(repo, "task", "show", "T009", stderr=subprocess.STDOUT)[0] != 0


def test_a_job_works_on_though_nobody_reads_its_log(
    ck: Ck, spec: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = repo.parent / "summary.md"  # written after the first line of the log
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("CRAFTKIT_GITHUB_REPO", "o/r")
    agree(repo, "github.repo", "o/r")
    monkeypatch.setenv("CRAFTKIT_GITHUB_API_URL", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.setenv("GH_TOKEN", "x")
    code, said, _ = ck("reconcile", "--job")
    read = summary.read_text()
    summary.unlink()
    assert code == 1 and "cannot be reached" in said and read
    assert unread(repo, "reconcile", "--job") == (1, "")
    assert summary.read_text() == read


def test_both_streams_show_things_in_the_order_they_came(spec: Path, repo: Path) -> None:
    assert piped(repo, "task start T001 2>&1 | cat").returncode == 0
    done = piped(repo, "task next 2>&1 | cat")
    assert done.stderr == "" and done.stdout.splitlines() == [
        "next: T002 Two",
        "T001 is still in progress (this session).",
    ]
