"""What a client hears when something is wrong, and what it must not reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from places import agree, state_of

pytest.importorskip("mcp")
pytest.importorskip("graphql")

import talk as talking

from craftkit.mcp import answers, calls
from craftkit.runtime.context import open_context


@pytest.mark.parametrize(
    ("tool", "args", "sentence"),
    [
        ("task_start", {"key": "T099"}, "specs/demo.md has no task T099."),
        ("task_done", {"key": "nonsense"}, "specs/demo.md has no task nonsense."),
        ("task_next", {"spec": "demi"}, "There is no spec demi in this worktree."),
        ("issue_show", {"number": 1}, "#1 belongs to no linked spec of this worktree."),
    ],
)
def test_an_error_is_a_sentence_and_a_hint(
    desk: Any, tool: str, args: dict[str, Any], sentence: str
) -> None:
    with talking.inside(desk) as talk:
        text = talk.refused(tool, **args)
    assert text.startswith(f"Error executing tool {tool}: {sentence}\nhint: ")


def test_arguments_of_the_wrong_kind_are_refused(desk: Any) -> None:
    with talking.inside(desk) as talk:
        assert "key" in talk.refused("task_start")
        assert "number" in talk.refused("issue_show", number="all")
        assert "reason" in talk.refused("task_drop", key="T001")
        assert len(talk.refused("task_done", key="x" * 100_000)) < 1000
        assert len(talk.refused("status", spec="9" * 10_000)) < 1000
    assert "[x]" not in desk.text


@pytest.mark.parametrize(
    ("tool", "args", "sentence"),
    [
        (
            "task_start",
            {"key": "T001", "bogus": 1},
            "There is no argument bogus; known: key, spec.",
        ),
        ("task_start", {}, "The argument key is missing."),
        ("task_drop", {"key": "T001"}, "The argument reason is missing."),
        ("issue_show", {"number": "all"}, "The argument number cannot be used: "),
    ],
)
def test_arguments_are_refused_in_one_sentence(
    desk: Any, tool: str, args: dict[str, Any], sentence: str
) -> None:
    with talking.inside(desk) as talk:
        text = talk.refused(tool, **args)
    assert text.startswith(f"Error executing tool {tool}: {sentence}")
    assert "\n" not in text and "http" not in text


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "notes.txt",
        "../secret.md",
        "{where}/secret.md",
        "{where}/repo/specs/demo.md",
        "specs/../README.md",
        ".craftkit/config.yaml",
    ],
)
def test_a_spec_is_no_way_to_other_files(desk: Any, name: str) -> None:
    for place in ("repo/README.md", "repo/notes.txt", "secret.md"):
        (desk.where / place).write_text("## Tasks\n\n- [ ] T001 Canary\n", encoding="utf-8")
    wanted = name.format(where=desk.where)
    with talking.inside(desk) as talk:
        for tool in ("status", "task_list", "session_resume", "reconcile_check"):
            assert "There is no spec" in talk.refused(tool, spec=wanted)
        assert "There is no spec" in talk.refused("task_done", key="T001", spec=wanted)
        with pytest.raises(Exception, match=r"craftkit://spec|no spec"):
            talk.read(f"craftkit://spec/{wanted.replace('/', '%2F')}")
    for place in ("repo/README.md", "repo/notes.txt", "secret.md"):
        assert "[ ] T001 Canary" in (desk.where / place).read_text(encoding="utf-8")


def test_a_spec_with_another_working_directory(desk: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with talking.inside(desk) as talk:
        assert talk.data("task_done", key="T001", spec="demo")["applied"]


def test_an_unforeseen_error_stays_in_the_log(desk: Any, monkeypatch: Any) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("canary-4711")

    monkeypatch.setattr(answers, "status", broken)
    monkeypatch.setattr(answers, "state", broken)
    with talking.inside(desk) as talk:
        assert talk.refused("status") == (
            "Error executing tool status: craftkit met an error of its own.\n"
            "hint: see craftkit's log in git's directory; then `craftkit doctor`"
        )
        with pytest.raises(Exception, match="craftkit met an error of its own") as refusal:
            talk.read("craftkit://state")
        assert talk.data("task_next")["next"]["key"] == "T001"
    assert "canary" not in str(refusal.value)
    lines = (state_of(desk.repo) / "logs/craftkit.log").read_text(encoding="utf-8").splitlines()
    last = json.loads(lines[-1])
    assert last["level"] == "error" and last["step"] == "mcp state"
    assert "canary-4711" in last["data"]["error"] and "broken" in last["data"]["traceback"]


def test_a_project_that_is_not_set_up(desk: Any, tmp_path: Path) -> None:
    from craftkit.mcp.server import build

    empty = tmp_path / "empty"
    empty.mkdir()
    with talking._talking(talking.Client(build(str(empty)))) as talk:
        assert "craftkit is not set up in" in talk.refused("status")
        assert "`craftkit init`" in talk.refused("task_done", key="T001")


def test_where_github_is_out_of_reach_the_work_goes_on(desk: Any) -> None:
    desk.link()
    desk.server.close()
    with talking.inside(desk) as talk:
        done = talk.data("task_done", key="T001")
        assert done["applied"] and not done["delivered"]
        assert any("GitHub write waits" in note for note in done["notes"])
        assert "cannot be reached" in talk.refused("reconcile_check")
        assert "cannot be reached" in talk.refused("issue_show", number=2)
        assert "1/5 tasks done" in talk.data("session_resume")["brief"]


def test_another_task_in_progress_is_told(desk: Any) -> None:
    with talking.inside(desk) as talk:
        talk.data("task_start", key="T001")
        assert "T001 is still in progress" in talk.refused("task_start", key="T002")
        desk.ok("task", "start", "T003", CRAFTKIT_SESSION="s2")
        assert "is held by session s2" in talk.refused("task_start", key="T003")
        finished = talk.data("task_done", key="T003")
    assert any("was in progress in session s2" in note for note in finished["notes"])


def test_the_project_is_found(desk: Any, tmp_path: Path, monkeypatch: Any) -> None:
    root, other = str(desk.repo), tmp_path / "other"
    other.mkdir()
    assert calls.find_project({}) == root
    assert calls.find_project({"CLAUDE_PROJECT_DIR": str(other)}) == root
    assert calls.find_project({"CRAFTKIT_ROOT": str(other)}) == str(other)
    monkeypatch.chdir(other)
    assert calls.find_project({}) == str(other)
    assert calls.find_project({"CLAUDE_PROJECT_DIR": root}) == root
    assert calls.find_project({"CLAUDE_PROJECT_DIR": root + "/none"}) == str(other)


def test_a_bad_trust_setting_is_refused(desk: Any) -> None:
    assert open_context().config["mcp.trust"] == "collaborators"
    agree(desk.repo, "mcp.trust", "everybody")
    said = desk.ck("status", CRAFTKIT_MCP_TRUST="everybody")
    assert said.code == 2 and "mcp.trust has to be collaborators or all" in said.err
