"""The line that lets Codex's sandbox write the state: offered, written exactly, and true."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import ground as grounds
import matrix
import pytest
from ground import Ground
from hypothesis import given
from hypothesis import strategies as st
from installing import Place

from craftkit.agents import codex_sandbox

ROOT = "/x/a b/.git/craftkit"
CONFIGS = {
    "empty": "",
    "other settings": 'model = "o3"\n\n[mcp_servers.a]\ncommand = "a"\n',
    "no last line end": 'model = "o3"',
    "the table": '[sandbox_workspace_write]\nnetwork_access = true\n\n[tui]\ntheme = "x"\n',
    "the table, at the end": "[sandbox_workspace_write]",
    "a list": '[sandbox_workspace_write]\nwritable_roots = ["/a", "/b"] # mine\n',
    "an empty list": "[sandbox_workspace_write]\nwritable_roots = []\n",
    "many lines": '[sandbox_workspace_write]\nwritable_roots = [\n  "/a",  # one\n]\n',
    "spaces": '  [ sandbox_workspace_write ]  # box\n  writable_roots   =   [ "/a" ]\n',
}
BY_HAND = {
    "inline": "sandbox_workspace_write = { network_access = true }\n",
    "dotted": 'sandbox_workspace_write.writable_roots = ["/a"]\n',
    "no TOML": "[sandbox_workspace_write\n",
    "no table": "sandbox_workspace_write = 3\n",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_one_root_more_and_nothing_else(name: str) -> None:
    text = CONFIGS[name]
    new = codex_sandbox.with_root(text, ROOT)
    assert new is not None
    before, after = tomllib.loads(text), tomllib.loads(new)
    box = before.get("sandbox_workspace_write", {})
    roots = [ROOT, *box.get("writable_roots", [])]
    assert after == before | {"sandbox_workspace_write": box | {"writable_roots": roots}}
    kept = iter(new)
    assert all(char in kept for char in text), "every byte is still there, in order"


@pytest.mark.parametrize("name", BY_HAND)
def test_what_a_program_cannot_extend_is_left(name: str) -> None:
    assert codex_sandbox.with_root(BY_HAND[name], ROOT) is None


@given(st.text(), st.text(min_size=1))
def test_no_text_is_ever_damaged(text: str, root: str) -> None:
    new = codex_sandbox.with_root(text, root)
    if new is not None:
        found = tomllib.loads(new)
        assert found.pop("sandbox_workspace_write")["writable_roots"] == [root]
        assert found == tomllib.loads(text)


def test_install_says_the_line_and_doctor_whether_it_is_there(place: Place) -> None:
    state = place.repo / ".git/craftkit"
    line = f'writable_roots = ["{state}"]'
    code, answer, _ = place("agents", "install", "--agent", "codex", "--json")
    (note,) = (n for n in answer["diagnostics"] if n["code"] == "codex_sandbox")
    path = place.home / ".codex/config.toml"
    assert code == 0 and line in note["hint"] and str(path) in note["hint"]
    assert not path.exists(), "nothing is written without a question"
    path.parent.mkdir()
    assert "is read-only, so that decisions go to the spool" in place("doctor", "--offline")[1]
    path.write_text(f"[sandbox_workspace_write]\n{line}\n")
    assert "Codex may write the state" in place("doctor", "--offline")[1]
    code, answer, _ = place("agents", "install", "--agent", "codex", "--json")
    assert [n for n in answer["diagnostics"] if n["code"] == "codex_sandbox"] == []


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked(place: Place, answer: str) -> None:
    import pty

    leader, follower = pty.openpty()
    words = [sys.executable, "-P", "-m", "craftkit", "agents", "install", "--agent", "codex"]
    env = {**os.environ, **place.env()}
    process = subprocess.Popen(
        words, cwd=place.repo, env=env, stdin=follower, stdout=subprocess.PIPE, stderr=follower
    )
    os.write(leader, f"{answer}\n".encode())
    process.communicate(timeout=120)
    os.close(follower)
    os.close(leader)
    path = place.home / ".codex/config.toml"
    assert process.returncode == 0 and path.exists() == (answer == "y")
    if answer == "y":
        roots = tomllib.loads(path.read_text())["sandbox_workspace_write"]["writable_roots"]
        assert roots == [str(place.repo / ".git/craftkit")] and path.stat().st_mode & 0o77 == 0


# The real sandbox


def in_codex(ground: Ground, home: Path, *words: str) -> tuple[int, Any]:
    done = subprocess.run(
        [
            *(matrix.codex(), "sandbox", "-c", 'sandbox_mode="workspace-write"'),
            *("-c", "sandbox_workspace_write.exclude_slash_tmp=true"),
            *("-c", "sandbox_workspace_write.exclude_tmpdir_env_var=true", "--"),
            *(sys.executable, "-P", "-m", "craftkit", *words, "--json"),
        ],
        cwd=ground.work,
        env=ground.env | {"CODEX_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["main worktree", "linked worktree"])
def test_the_line_makes_the_state_writable(kind: str) -> None:
    if matrix.why_not(matrix.CODEX):
        pytest.skip(matrix.why_not(matrix.CODEX))
    with grounds.folder(on_disk=True) as top:
        ground = grounds.make(kind, top)
        ground.ok("init")
        ground.ok("status")
        home = top / "codex"
        home.mkdir()
        code, answer = in_codex(ground, home, "task", "done", "T001")
        assert code == 0 and [n["code"] for n in answer["diagnostics"]] == ["database_unwritable"]
        assert len(ground.spool) == 1 and ground.decided() == []
        code, answer = in_codex(ground, home, "task", "next")
        assert answer["data"]["next"]["key"] == "T002"
        text = codex_sandbox.with_root("", str(ground.state))
        assert text is not None
        (home / "config.toml").write_text(text)
        code, answer = in_codex(ground, home, "task", "done", "T002")
        assert code == 0 and answer["diagnostics"] == []
        assert ground.spool == []
        with closing(sqlite3.connect(ground.state / "craftkit.db")) as connection:
            done = connection.execute("select task_id from decision_tasks order by 1").fetchall()
        assert done == [("T001",), ("T002",)]
