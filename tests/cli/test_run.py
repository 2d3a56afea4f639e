"""How a command is run: its own context, its own hints, one spec."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import agree

Ck = Callable[..., tuple[int, Any, str]]
SHOW_ALPHA = ["task", "show", "T001", "--spec", "alpha"]
BAD_BETA = ["task", "done", "T999", "--spec", "beta"]


@pytest.fixture
def two(ck: Ck, repo: Path) -> Path:
    """A set-up repository with the specs alpha and beta; neither is active."""
    ck("init")
    for name in ("Alpha", "Beta"):
        ck("spec", "new", name, "--task", "One", "--task", "Two", CRAFTKIT_SESSION="author")
    return repo


def in_one_process(repo: Path, *lines: list[str]) -> str:
    """What the last of some commands, run in one real process, says on stderr."""
    code = f"from craftkit.cli import main; print([main(words) for words in {lines}])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo, capture_output=True, text=True, check=True
    )
    return done.stderr


def test_two_calls_in_one_process_do_not_influence_each_other(two: Path) -> None:
    alone = in_one_process(two, BAD_BETA)
    assert "hint: `craftkit task list --spec beta` shows the keys" in alone
    assert in_one_process(two, SHOW_ALPHA, BAD_BETA) == alone


# The spec as an argument


@pytest.mark.parametrize("words", ["show", "link --dry-run --offline", "unlink", "update"])
def test_a_spec_is_named_by_an_argument_as_by_the_option(ck: Ck, two: Path, words: str) -> None:
    verb, *more = words.split()
    agree(two, "github.repo", "o/r")
    for name in ("alpha", "specs/alpha.md"):
        by_option = ck("spec", verb, "--spec", name, *more, CRAFTKIT_GITHUB_REPO="o/r")
        by_argument = ck("spec", verb, name, *more, CRAFTKIT_GITHUB_REPO="o/r")
        assert by_argument == by_option and "alpha" in by_argument[1]


def test_the_phase_comes_before_its_spec(ck: Ck, two: Path) -> None:
    code, answer, err = ck("spec", "phase", "design", "beta", "--json")
    assert code == 0, err
    assert (answer["data"]["spec"]["id"], answer["data"]["to"]) == ("beta", "design")
    assert ck("spec", "show", "alpha", "--json")[1]["data"]["spec"]["phase"] != "design"


def test_an_argument_and_the_option_that_agree(ck: Ck, two: Path) -> None:
    code, answer, _ = ck("spec", "show", "beta", "--spec", "beta", "--json")
    assert code == 0 and answer["data"]["spec"]["id"] == "beta"


@pytest.mark.parametrize("words", ["show", "link --dry-run", "unlink", "update", "delete --yes"])
def test_an_argument_and_the_option_that_differ(ck: Ck, two: Path, words: str) -> None:
    verb, *more = words.split()
    code, _, err = ck("spec", verb, "alpha", "--spec", "beta", *more)
    assert code == 2 and err == (
        "error: The argument names the spec alpha, and `--spec` names beta.\n"
        "hint: leave one of the two out\n"
    )
    assert {path.name for path in (two / "specs").iterdir()} == {"alpha.md", "beta.md"}


def test_a_spec_is_deleted_by_its_argument(ck: Ck, two: Path) -> None:
    subprocess.run(["git", "add", "--all"], cwd=two, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "specs"], cwd=two, check=True)
    assert ck("spec", "delete", "beta", "--yes")[0] == 0
    assert [path.name for path in (two / "specs").iterdir()] == ["alpha.md"]


@pytest.mark.parametrize("line", ["spec show ", "spec phase review ", "spec show --spec "])
def test_a_shell_completes_the_spec(two: Path, line: str) -> None:
    words = f"craftkit {line}"
    env = {
        "_CRAFTKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split())),
    }
    done = subprocess.run(
        [sys.executable, "-m", "craftkit"],
        cwd=two,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["alpha", "beta"]
