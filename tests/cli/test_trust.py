"""What came with a clone decides nothing: off until `init`, and then only what was agreed to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commands
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import state_of
from terminal import shown

from craftkit.runtime import trust

Ck = Callable[..., tuple[int, Any, str]]
CONFIG = "github:\n  repo: victim/private\n  project: victim/1\nmcp:\n  trust: all\n"
LINES = "- [x] T001 One (#1)\n- [ ] T002 Two\n"
SPEC = f"---\nid: demo\nphase: implementation\n---\n\n## Tasks\n\n{LINES}"


@pytest.fixture
def cloned(repo: Path) -> Path:
    """A clone with a configuration, of a repository of `mallory`."""
    (repo / "specs").mkdir()
    (repo / "specs/demo.md").write_text(SPEC)
    (repo / ".craftkit").mkdir()
    (repo / ".craftkit/config.yaml").write_text(CONFIG)
    origin = ["remote", "add", "origin", "https://github.com/mallory/evil.git"]
    for words in (origin, ["add", "-A"], ["commit", "-qm", "spec"]):
        subprocess.run(["git", "-C", str(repo), *words], check=True)
    return repo


def everything(repo: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in repo.rglob("*") if p.is_file()}


def hook(repo: Path, event: str, **env: str) -> commands.Done:
    payload = json.dumps({"session_id": "abc", "cwd": str(repo)})
    return commands.run(
        event, cwd=repo, env={**os.environ, **env}, given=payload, program=commands.HOOK
    )


DECIDING = (
    "task start T002",
    "task done T002",
    "task drop T002",
    "session-resume",
    "reconcile",
    "reconcile --job",
    "spec link --yes",
    "spec new Other",
    "outbox send",
    "history",
    "knowledge tip x",
    "doctor --fix",
    "trust --yes",
    "schedule install --target git-hooks",
    "agents install --agent claude",
)


def test_a_clone_that_is_off_does_and_stores_nothing(cloned: Path, ck: Ck) -> None:
    before = everything(cloned)
    for words in DECIDING:
        code, _, err = ck(*words.split())
        assert code == 2 and "craftkit init" in err, (words, err)
    for event in ("stop", "prompt", "post-edit", "pre-compact", "session-end", "subagent-stop"):
        assert hook(cloned, event) == (0, "", "")
    ck("git-hook", "post-commit")
    assert everything(cloned) == before


def test_what_only_reads_spec_files_works_and_says_that_it_is_off(cloned: Path, ck: Ck) -> None:
    before = everything(cloned)
    for words in ("status", "task list", "task next", "task show T002", "spec list", "spec show"):
        code, answer, _ = ck(*words.split(), "--json")
        assert code == 0, answer
        assert [note["code"] for note in answer["diagnostics"]] == ["not_set_up"], words
    assert [t["state"] for t in ck("task", "list", "--json")[1]["data"]["tasks"]] == [
        "done",
        "todo",
    ]
    assert everything(cloned) == before


def test_a_session_that_begins_is_told_one_fixed_line(cloned: Path, tmp_path: Path) -> None:
    said = json.loads(hook(cloned, "session-start").stdout)
    line = said["hookSpecificOutput"]["additionalContext"]
    assert line == "craftkit is off in this clone. A person switches it on: `craftkit init`"
    (cloned / ".craftkit/config.yaml").unlink()
    assert hook(cloned, "session-start").stdout == "", "nobody asked for craftkit here"


def test_init_agrees_to_the_remote_and_not_to_the_configuration(cloned: Path, ck: Ck) -> None:
    code, answer, _ = ck("init", "--no-agents", "--json")
    data = answer["data"]
    assert code == 0 and data["repo"] == "mallory/evil"
    assert [(one["name"], one["value"]) for one in data["agreed"]] == [
        ("github.repo", "mallory/evil")
    ]
    waiting = [
        ("github.repo", "victim/private"),
        ("github.project", "victim/1"),
        ("mcp.trust", "all"),
    ]
    assert [(one["name"], one["value"]) for one in data["waiting"]] == waiting
    notes = [note["code"] for note in ck("status", "--json")[1]["diagnostics"]]
    assert notes == ["not_agreed"] * 3
    checks = {c["name"]: c for c in ck("doctor", "--offline", "--json")[1]["data"]["checks"]}
    assert checks["trust"]["status"] == "warning" and "victim/private" in checks["trust"]["message"]


def test_yes_agrees_to_what_the_configuration_says(cloned: Path, ck: Ck) -> None:
    data = ck("init", "--no-agents", "--yes", "--json")[1]["data"]
    assert data["repo"] == "victim/private" and data["waiting"] == []
    listed = ck("trust", "list", "--json")[1]["data"]["agreed"]
    assert {"name": "mcp.trust", "value": "all"} in listed
    assert ck("trust", "revoke", "github.repo", "victim/private")[0] == 0
    assert ck("init", "--no-agents", "--json")[1]["data"]["repo"] == "mallory/evil"
    assert ck("trust", "revoke", "github.repo", "victim/private")[0] == 2


AGENT = {"CLAUDECODE": "1"}


def test_beside_an_agent_it_has_to_be_said_twice(cloned: Path, ck: Ck) -> None:
    code, _, err = ck("init", "--no-agents", **AGENT)
    assert code == 2 and "a person's word" in err and "`craftkit init --yes`" in err
    assert not state_of(cloned).exists()
    data = ck("init", "--no-agents", "--yes", "--json", **AGENT)[1]["data"]
    assert data["repo"] == "mallory/evil" and len(data["waiting"]) == 3
    code, _, err = ck("trust", "--yes", **AGENT)
    assert code == 2 and "a person's word" in err
    words = ("init", "--no-agents", "--yes", "--agree-committed", "--json")
    assert ck(*words, **AGENT)[1]["data"]["waiting"] == []


def test_the_environment_chooses_and_never_adds(cloned: Path, ck: Ck) -> None:
    """A committed settings file of an agent can set it for every hook and command."""
    ck("init", "--no-agents")
    for name, value in (
        ("CRAFTKIT_GITHUB_REPO", "victim/private"),
        ("GITHUB_REPOSITORY", "victim/private"),
        ("CRAFTKIT_MCP_TRUST", "all"),
        ("CRAFTKIT_GITHUB_PROJECT", "victim/1"),
        ("CRAFTKIT_TRUST", "workflow"),
    ):
        before = (state_of(cloned) / "trust.json").read_bytes()
        answer = ck("status", "--json", **{name: value})[1]
        assert answer["ok"] and (state_of(cloned) / "trust.json").read_bytes() == before
        data = ck("trust", "list", "--json", **{name: value})[1]["data"]
        agreed = [one["value"] for one in data["agreed"]]
        assert agreed == ["mallory/evil"], name
    assert ck("init", "--off")[0] == 0
    assert ck("task", "done", "T002", CRAFTKIT_TRUST="workflow")[0] == 2


def test_a_host_is_agreed_to_by_name(cloned: Path, ck: Ck) -> None:
    """A remote's host alone, or one that the configuration names, is not enough."""
    config = cloned / ".craftkit/config.yaml"
    url = ["remote", "set-url", "origin", "https://evil.example/mallory/evil"]
    subprocess.run(["git", "-C", str(cloned), *url], check=True)
    config.write_text(
        "github:\n  repo: mallory/evil\n  api_url: https://evil.example:8443/api/v3\n"
    )
    ck("init", "--no-agents")
    code, _, err = ck("spec", "link", "--yes", GH_ENTERPRISE_TOKEN="x", GH_TOKEN="y")
    assert code == 2 and "Nobody has agreed" in err and "evil.example:8443" in err
    assert ck("init", "--no-agents", "--host", "evil.example")[0] == 0
    assert "Nobody has agreed" in ck("spec", "link", "--yes", GH_TOKEN="y")[2], "another port"
    assert ck("init", "--no-agents", "--host", "evil.example:8443")[0] == 0
    assert "Nobody has agreed" not in ck("spec", "link", "--yes", GH_TOKEN="y")[2]


def test_a_sandbox_gets_no_token_of_github(cloned: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    for token in ("ghp_x", "github_pat_x", "gho_x", "ghs_x", "ghu_x", "ghr_x"):
        env = {"GITHUB_API_URL": "http://127.0.0.1:9", "GH_TOKEN": token}
        code, _, err = ck("spec", "link", "--yes", **env)
        assert code == 4 and "gets none" in err and token not in err


def test_init_off_takes_it_back_and_keeps_the_state(cloned: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    ck("task", "done", "T002")
    code, said, _ = ck("init", "--off")
    assert code == 0 and "its state stays" in said
    assert ck("task", "reopen", "T002")[0] == 2 and hook(cloned, "stop").stdout == ""
    assert ck("init", "--off")[0] == 2
    ck("init", "--no-agents")
    events = [e["event"] for e in ck("history", "--json")[1]["data"]["events"]]
    assert "task.done" in events


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_shown_each_value(cloned: Path, answer: str) -> None:
    import pty

    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "craftkit", "init", "--no-agents"],
        cwd=cloned,
        env=dict(os.environ),
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.write(leader, f"{answer}\n{answer}\n{answer}\n".encode())
    process.communicate(timeout=120)
    question = "sets mcp.trust to all. Agree to it?"
    said = " ".join(shown(leader, question).split())
    assert question in said and process.returncode == 0
    # In a fork the person chooses where the issues are.
    assert "The git remote is mallory/evil, and .craftkit/config.yaml names victim/private." in said
    assert "Are the issues in victim/private?" in said
    os.close(follower)
    os.close(leader)
    agreed = trust.read(str(state_of(cloned)))
    assert ("victim/private" in agreed["github.repo"]) == (answer == "y")
    assert ("mcp.trust" in agreed) == (answer == "y")


# A workflow


def runner(tmp_path: Path, **other: str) -> dict[str, str]:
    """What a runner of GitHub Actions provides."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"full_name": "mallory/evil"}}))
    return {
        "CRAFTKIT_TRUST": "workflow",
        "GITHUB_ACTIONS": "true",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "mallory/evil",
    } | other


def test_a_workflow_is_switched_on_for_its_own_repository(
    cloned: Path, ck: Ck, tmp_path: Path
) -> None:
    code, answer, _ = ck("trust", "list", "--json", **runner(tmp_path))
    assert code == 0 and answer["data"]["agreed"] == [
        {"name": "github.repo", "value": "mallory/evil"}
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"GITHUB_ACTIONS": ""},
        {"RUNNER_TEMP": ""},
        {"GITHUB_EVENT_PATH": ""},
        {"GITHUB_EVENT_PATH": "{repo}/event.json"},
        {"GITHUB_REPOSITORY": "victim/private"},
        AGENT,
    ],
    ids=str,
)
def test_what_a_runner_does_not_provide_is_not_believed(
    cloned: Path, ck: Ck, tmp_path: Path, other: dict[str, str]
) -> None:
    (cloned / "event.json").write_text('{"repository": {"full_name": "mallory/evil"}}')
    env = {k: v.replace("{repo}", str(cloned)) for k, v in other.items()}
    code, _, err = ck("reconcile", "--job", **runner(tmp_path, **env))
    assert code == 2 and "counts only in a job of GitHub Actions" in err
    assert not state_of(cloned).exists()


# The rule

VALUES = st.sampled_from(["", "a/a", "b/b", "c/c"])


@given(
    asked=st.lists(st.tuples(st.sampled_from(["env", "file"]), VALUES | st.none()), max_size=4),
    agreed=st.lists(st.sampled_from(["a/a", "b/b"]), unique=True),
)
def test_nothing_holds_that_was_not_agreed_to(
    asked: list[tuple[str, str | None]], agreed: list[str]
) -> None:
    value, waiting = trust.choose(trust.REPO, asked, {trust.REPO: agreed})
    assert value in ("", *agreed)
    assert all(one.value not in agreed and one.value for one in waiting)
    given_values = [v for _, v in asked if v is not None]
    if not given_values:
        assert value == (agreed[-1] if agreed else "")
    assert not value or value in given_values or not {*given_values} & {"", *agreed}


@pytest.mark.parametrize("text", ["", "[", "[]", '{"github.repo": "a/a"}', '{"github.repo": [5]}'])
def test_a_damaged_agreement_agrees_to_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / trust.FILE).write_text(text)
    assert not any(trust.read(str(tmp_path)).values())


def test_an_empty_setting_of_init_leaves_the_choice_to_the_environment(repo: Path, ck: Ck) -> None:
    """`init` writes `repo: ""` if no remote names one; the environment's word is not lost by it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_REPOSITORY", "octo-dev/demo")
        assert ck("init", "--no-agents")[0] == 0
        assert 'repo: ""' in (repo / ".craftkit/config.yaml").read_text()
        assert "octo-dev/demo on" in ck("doctor", "--offline")[1]
        patch.setenv("GITHUB_REPOSITORY", "victim/private")  # chooses, and adds nothing
        assert "octo-dev/demo on" in ck("doctor", "--offline")[1]
        patch.setenv("CRAFTKIT_GITHUB_REPO", "")  # narrows
        assert "octo-dev/demo on" not in ck("doctor", "--offline")[1]
