"""What agents write to a hook, and which folder they mean: open pipes, code pages, no `cwd`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sampling

from craftkit.agents import events, hook_input, hook_places

Bed = Any
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
PAGES = ("cp932", "cp1252", "cp936")


def run(bed: Bed, event: str, data: bytes, *, leaves_open: bool, **env: str) -> str:
    """A hook as a true process, whose stdin may stay open."""
    child = subprocess.Popen(
        [sys.executable, "-c", "from craftkit.agent_hook import run; run()", event],
        cwd=env.pop("cwd", str(bed.root)),
        env=bed.env | env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin and child.stdout
    child.stdin.write(data)
    child.stdin.flush()
    if not leaves_open:
        child.stdin.close()
    assert child.wait(60) == 0
    said = child.stdout.read().decode()
    child.stdout.close()
    if leaves_open:
        child.stdin.close()
    return said


@pytest.mark.parametrize("leaves_open", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize("encoding", sampling.some(ENCODINGS, 2))
def test_a_hook_reads_one_object_and_stops(bed: Bed, encoding: str, leaves_open: bool) -> None:
    bed.tick("T001")
    payload = {"session_id": "abc", "cwd": str(bed.root), "tool_input": {"file_path": "s.md"}}
    data = json.dumps(payload).encode(encoding)
    assert "T001 was ticked" in run(bed, "post-edit", data, leaves_open=leaves_open)


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": "}', b"[1]"])
def test_a_hook_waits_not_for_ever(bed: Bed, data: bytes) -> None:
    assert "Spec demo" in run(bed, "session-start", data, leaves_open=True)


@pytest.mark.parametrize("page", PAGES)
def test_another_code_page_names_its_folder(tmp_path: Path, page: str) -> None:
    name = {"cp932": "表示", "cp1252": "Größe", "cp936": "表示"}[page]
    (tmp_path / name).mkdir()
    text = json.dumps({"cwd": str(tmp_path / name)}, ensure_ascii=False)
    assert json.loads(hook_input.decode(text.encode(page)))["cwd"] == str(tmp_path / name)


@pytest.mark.parametrize("text", ['{"a": "x}"', '{"a": {"b": 1}', '{"a": "\\"}"'])
def test_half_an_object_is_not_whole(text: str) -> None:
    assert not hook_input.is_whole(text.encode())
    assert hook_input.is_whole(b'{"a": "x}"}\n')


@pytest.mark.parametrize("variable", sampling.some(hook_places.VARIABLES, 2))
def test_a_project_that_only_a_variable_names(bed: Bed, tmp_path: Path, variable: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bed.tick("T001")
    payload = {"session_id": "abc", "cwd": str(elsewhere)}
    said = bed.said("prompt", payload, cwd=elsewhere, **{variable: str(bed.root)})
    assert "T001 was ticked" in said


def test_a_variable_switches_nothing_on(bed: Bed, tmp_path: Path) -> None:
    off = tmp_path / "off"
    (off / "specs").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=off, check=True)
    (off / "specs/a.md").write_text("# A\n\n## Tasks\n\n- [ ] T001 A\n")
    payload = {"session_id": "abc", "cwd": str(off)}
    for event in ("session-start", "prompt", "stop"):
        assert bed.hook(event, payload, cwd=off, CLAUDE_PROJECT_DIR=str(off)) == ""
    assert not (off / ".git/craftkit").exists()


def test_workspace_roots_are_the_project(bed: Bed, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bed.tick("T001")
    for roots in ([str(bed.root)], [str(elsewhere), str(bed.root)]):
        payload = {"conversation_id": "c", "workspace_roots": roots}
        bed.hook("prompt", payload, "--agent", "cursor", cwd=elsewhere)
    done = bed.ask("select task_id from history where event = 'task.done'")
    assert done == [("T001",)]


def test_a_patch_into_another_worktree_is_noticed_there(bed: Bed, tmp_path: Path) -> None:
    names = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", "add", "-A"], cwd=bed.root, check=True)
    subprocess.run(["git", *names, "commit", "-qm", "all"], cwd=bed.root, check=True)
    other = bed.root.parent / "other"
    subprocess.run(["git", "worktree", "add", "-q", str(other)], cwd=bed.root, check=True)
    bed.ck("status")
    bed.hook("session-start", {"session_id": "abc", "cwd": str(other)}, cwd=other)
    file = other / "specs/demo.md"
    file.write_text(file.read_text().replace("[ ] T002", "[x] T002"))
    patch = f"*** Begin Patch\n*** Update File: {file}\n@@\n-a\n+b\n*** End Patch"
    payload = {"session_id": "abc", "cwd": str(bed.root), "turn_id": "t", "tool_input": {}}
    payload["tool_input"] = {"command": patch}
    assert "T002 was ticked" in bed.said("post-edit", payload, "--agent", "codex")
    assert "[ ] T002" in bed.text


def test_a_patch_names_its_files() -> None:
    patch = "*** Add File: a.md\n*** Move to: b/c.md\n*** Delete File: /d.md\nAdd File: e.md"
    assert hook_places.in_patch(patch, "/w") == ["/w/a.md", "/w/b/c.md", "/d.md"]


@pytest.mark.parametrize(
    "more", [{"status": "aborted"}, {"status": "error"}, {"loop_count": 1}, {"agent_id": "a"}]
)
def test_who_pressed_stop_is_not_asked(more: dict[str, Any]) -> None:
    assert events.read("stop", "cursor", more, os.getcwd()).passive
    assert not events.read("stop", "cursor", {"loop_count": 0}, os.getcwd()).passive
