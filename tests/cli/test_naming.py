"""What names a task on the command line, and what a printed command says of one."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminal import shown

Ck = Callable[..., tuple[int, Any, str]]
FRONT = "---\nid: demo\nphase: implementation\n---\n\n## Tasks\n\n"
MIXED = f"{FRONT}- [ ] T001 One\n- [ ] Two (#541)\n- [ ] Three\n- [ ] Three\n"


@pytest.fixture
def mixed(repo: Path, ck: Ck) -> Path:
    """A keyed line, a linked one, and two that have neither key nor issue."""
    remote = ("remote", "add", "origin", "git@github.com:octo-dev/demo.git")
    subprocess.run(["git", "-C", str(repo), *remote], check=True)
    (repo / ".craftkit").mkdir()
    (repo / ".craftkit/config.yaml").touch()
    path = repo / "specs/demo.md"
    path.parent.mkdir()
    path.write_text(MIXED)
    return path


def listed(ck: Ck) -> dict[str, str]:
    """Title -> key, of the first line that has the title."""
    tasks = ck("task", "list", "--json")[1]["data"]["tasks"]
    return {t["title"]: t["key"] for t in reversed(tasks)}


def code_of(answer: Any) -> str:
    return str(answer["diagnostics"][-1]["code"])


def test_a_short_id_survives_each_edit(mixed: Path, ck: Ck) -> None:
    mixed.write_text(MIXED.removesuffix("- [ ] Three\n"))
    off = listed(ck)
    ck("init", "--no-agents")
    assert listed(ck) == off and off["One"] == "T001" and off["Two"] == "gh541"
    key = off["Three"]
    assert re.fullmatch(r"~[a-z][0-9]\w+", key)
    mixed.write_text(f"{FRONT}- [ ] New\n- [ ] Three\n- [ ] T001 One\n- [ ] Two (#541)\n")
    assert listed(ck)["Three"] == key
    mixed.write_text(mixed.read_text().replace("Three", "Three!"))
    keys = listed(ck)
    assert keys["Three!"] == key and len(set(keys.values())) == 4
    assert ck("task", "done", key)[0] == 0 and "- [x] Three!" in mixed.read_text()
    mixed.write_text(f"{FRONT}- [ ] T001 One\n- [ ] Another\n")
    assert key not in listed(ck).values()
    code, answer, _ = ck("task", "done", key, "--json")
    assert code == 2 and code_of(answer) == "unknown_task"


def test_what_a_clone_that_is_off_shows_names_the_same_task(mixed: Path, ck: Ck) -> None:
    for key in listed(ck).values():
        code, answer, _ = ck("task", "show", key, "--json")
        assert code == 0 and answer["data"]["task"]["key"] == key


@pytest.mark.parametrize(
    "word",
    ["gh541", "GH541", "#541", "https://github.com/octo-dev/demo/issues/541",
     "http://www.github.com/Octo-Dev/demo/issues/541/#issuecomment-7"],
)  # fmt: skip
def test_an_issue_names_its_task(mixed: Path, ck: Ck, word: str) -> None:
    code, answer, _ = ck("task", "show", word, "--json")
    assert code == 0 and answer["data"]["task"]["title"] == "Two"
    assert answer["data"]["task"]["url"] == "https://github.com/octo-dev/demo/issues/541"


@pytest.mark.parametrize(
    "word",
    ["541", "https://github.com/octo-dev/other/issues/541", "https://[", "https://",
     "https://ghe.example.org/octo-dev/demo/issues/541",
     "https://github.com@ghe.example.org/octo-dev/demo/issues/541",
     "https://github.com/octo-dev/demo/pull/541", "https://github.com:99999/octo-dev/demo/issues/541"],
)  # fmt: skip
def test_what_is_like_an_issue_names_nothing(mixed: Path, ck: Ck, word: str) -> None:
    ck("init", "--no-agents")
    code, answer, _ = ck("task", "done", word, "--json")
    assert code == 2 and code_of(answer) == "unknown_task" and mixed.read_text() == MIXED


def test_a_bare_number_is_an_issue_only_without_any_key(mixed: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    code, _, err = ck("task", "done", "541")
    assert code == 2 and "#541 is the issue of gh541" in err and "write gh541" in err
    mixed.write_text(MIXED.replace("T001 ", ""))
    assert ck("task", "done", "541")[0] == 0 and "- [x] Two (#541)" in mixed.read_text()


def test_each_printed_command_can_be_pasted(mixed: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    bin_folder = os.path.dirname(sys.executable)
    env = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    for _ in range(8):
        command = ck("status", "--json")[1]["data"]["next_command"]
        if "task" not in command:
            break
        done = subprocess.run(["sh", "-c", command], cwd=mixed.parent, env=env, check=False)
        assert done.returncode == 0, command
    assert "[ ]" not in mixed.read_text()


def test_a_comment_of_the_shell_finishes_nothing(mixed: Path, ck: Ck) -> None:
    """An unquoted `#541` never arrives: the session's own task must not be taken for it."""
    ck("init", "--no-agents")
    ck("task", "start", "T001")
    before = mixed.read_bytes()
    for verb in ("done", "drop", "reopen"):
        words = shlex.split(f"task {verb} #541", comments=True)
        code, answer, _ = ck(*words, "--json")
        assert code == 2 and code_of(answer) == "task_not_named"
        hint = answer["diagnostics"][-1]["hint"]
        assert (f"`craftkit task {verb} T001`" in hint) is (verb != "reopen")
        code, answer, _ = ck(*words, "--json", CRAFTKIT_SESSION="s2")
        assert code == 2 and "T001" not in answer["diagnostics"][-1]["hint"]
    code, _, err = ck("task", "drop", "--reason", "it's late")
    (command,) = re.findall("`craftkit (task drop[^`]*)`", err)
    assert code == 2 and mixed.read_bytes() == before
    assert ck(*shlex.split(command))[0] == 0 and ck("task", "show", "T001")[1].startswith("[~]")


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_a_person_is_asked_about_the_own_task(mixed: Path, ck: Ck, answer: str) -> None:
    import pty

    ck("init", "--no-agents")
    ck("task", "start", "T001")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "craftkit", "task", "done"],
        cwd=mixed.parent,
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.write(leader, f"{answer}\n".encode())
    process.communicate(timeout=120)
    said = shown(leader, "[y/N]")
    os.close(follower)
    os.close(leader)
    assert "Finish T001 One? [y/N]" in said
    assert process.returncode == (0 if answer == "y" else 2)
    assert ("- [x] T001" in mixed.read_text()) is (answer == "y")


def test_only_a_key_is_written_as_a_dependency(mixed: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    assert ck("task", "add", "Four", "--depends-on", "t1")[0] == 0
    assert "Four (depends on T001)" in mixed.read_text()
    code, answer, _ = ck("task", "add", "Five", "--depends-on", "gh541", "--json")
    assert code == 2 and code_of(answer) == "usage" and "Five" not in mixed.read_text()


def test_completion_offers_the_words_of_the_list(mixed: Path, ck: Ck) -> None:
    ck("init", "--no-agents")
    keys = [t["key"] for t in ck("task", "list", "--json")[1]["data"]["tasks"]]
    mixed.write_text(MIXED.replace("T001 One", "T001 One (#7)"))

    def offered(begun: str) -> set[str]:
        env = {"_CRAFTKIT_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
        return set(ck(COMP_WORDS=f"craftkit task done {begun}", **env)[1].split())

    assert offered("") == set(keys)
    assert offered("T0") == {"T001"} and offered("gh") == {"gh7", "gh541"}
    assert offered("~") == {key for key in keys if key[0] == "~"}


def test_an_id_is_never_shown(mixed: Path, ck: Ck) -> None:
    """What only the clone knows a task by is not a word that anybody can use."""
    ck("init", "--no-agents")
    key = listed(ck)["Three"]
    ck("task", "start", key)
    ck("knowledge", "tip", "Words", "--task", key)
    ended = ck("session-end", "--json")[1]["data"]
    assert ended["unfinished"] == [{"spec": "demo", "task": key}]
    other = ck("knowledge", "list", "--json")[1]["data"]
    assert f'"{key}"' in str(other).replace("'", '"')
    assert key in ck("history")[1] and not re.search(r"~[0-9a-f]{12}", ck("history")[1])
    mixed.write_text(MIXED.replace("- [ ] Three\n", ""))
    assert key in ck("session-resume")[1]
