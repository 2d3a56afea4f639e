"""Several specs are open: everything asks which one is meant, in the same words."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sampling

Ck = Callable[..., Any]
NAMES = ("004-website", "009-multi-repo", "018-export")


@pytest.fixture
def specs(repo: Path, ck: Ck) -> Path:
    assert ck("init")[0] == 0
    for name in NAMES:
        folder = repo / "specs" / name
        folder.mkdir(parents=True)
        (folder / "tasks.md").write_text(f"# Tasks: {name}\n\n## Phase 1\n\n- [ ] T001 A\n")
    return repo


def chosen(ck: Ck) -> str:
    code, out, _ = ck("task", "next", "--json")
    return str(out["data"]["spec"]) if code == 0 else ""


def checkout(repo: Path, branch: str) -> None:
    subprocess.run(["git", "symbolic-ref", "HEAD", f"refs/heads/{branch}"], cwd=repo, check=True)


BRANCHES = [
    ("009-multi-repo", "009-multi-repo"),
    ("009-Multi-Repo", "009-multi-repo"),
    ("craftkit/018-export/main", "018-export"),
    ("craftkit/018-export/T001.2", "018-export"),
    ("main", ""),
    ("feature/009-multi-repo", ""),
    ("009", ""),
    ("craftkit/other/main", ""),
]


@pytest.mark.parametrize(("branch", "spec"), sampling.some(BRANCHES, 2))
def test_the_name_of_a_branch_chooses(specs: Path, ck: Ck, branch: str, spec: str) -> None:
    checkout(specs, branch)
    assert chosen(ck) == spec


@pytest.mark.parametrize(
    ("pattern", "branch", "spec"),
    [
        ("feature/{spec}", "feature/004-website", "004-website"),
        ("*/{spec}", "feature/004-website", ""),
        ("{spec}--*", "004-website--try", "004-website"),
        ("x/{spec}/*", "x/018-export/a/b", "018-export"),
    ],
)
def test_a_pattern_of_branches_is_set(
    specs: Path, ck: Ck, pattern: str, branch: str, spec: str
) -> None:
    checkout(specs, branch)
    code, out, _ = ck("task", "next", "--json", CRAFTKIT_SPECS_BRANCHES=pattern)
    found = out["data"].get("spec", "") if code == 0 else ""
    assert found == spec


def test_all_ask_which_and_none_chooses(specs: Path, ck: Ck) -> None:
    for words in (["session-resume", "--offline"], ["session-start", "--offline"], ["status"]):
        code, out, _ = ck(*words, "--json")
        data = out["data"]
        assert code == 0 and data["spec"] is None
        assert data["next_command"] == "craftkit spec use SPEC"
        assert [other["id"] for other in data["specs"]] == list(NAMES)
    code, out, _ = ck("session-resume", "--offline")
    assert "Ask the user which spec is meant, then run `craftkit spec use SPEC`" in out
    assert all(name in out for name in NAMES)
    code, _, err = ck("task", "next")
    assert code == 2 and "ask which one is meant; then `craftkit spec use SPEC`" in err


def test_spec_use_chooses_for_whoever_comes(specs: Path, ck: Ck) -> None:
    assert ck("spec", "use", "018-export")[0] == 0
    assert chosen(ck) == "018-export"
    code, out, _ = ck("task", "next", "--json", CRAFTKIT_SESSION="another")
    assert code == 0 and out["data"]["spec"] == "018-export"
    assert ck("spec", "use", "009-multi-repo", CRAFTKIT_SESSION="another")[0] == 0
    assert chosen(ck) == "018-export"  # this session goes on with what it works on
    assert ck("spec", "use", "nowhere")[0] != 0


def test_linked_and_recent_specs_come_first(specs: Path, ck: Ck) -> None:
    linked = specs / "specs/018-export/tasks.md"
    linked.write_text(linked.read_text().replace("T001 A", "T001 A (#12)"))
    code, out, _ = ck("session-resume", "--offline", "--json")
    assert code == 0
    found = [other["id"] for other in out["data"]["specs"]]
    assert found == ["018-export", "004-website", "009-multi-repo"]
