"""What is said: nothing false, nothing without its reason, and one is one."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import database_of

from craftkit.cli import run
from craftkit.model import Diagnostic
from craftkit.specs import files
from craftkit.text import count

Ck = Callable[..., tuple[int, Any, str]]
NOTHING = "specs/login.md: no task line is new, changed or removed"
SAME = "same         2 other tasks"
LINE = "- [ ] T002 Two\n"


def lines(ck: Ck, *args: str) -> list[str]:
    code, answer, err = ck(*args)
    assert code == 0, (answer, err)
    return str(answer).splitlines()


def checks(ck: Ck, **env: str) -> dict[str, dict[str, str]]:
    found = ck("doctor", "--offline", "--json", **env)[1]["data"]["checks"]
    return {check["name"]: check for check in found}


def test_a_command_without_a_key_can_be_pasted(ck: Ck, spec: Path) -> None:
    """A shell takes `#7` for a comment, and `~k3f` for somebody's home."""
    spec.write_text("---\nid: login\n---\n\n## Tasks\n\n- [ ] Keyless (#7)\n")
    assert "craftkit task start gh7" in "\n".join(lines(ck, "status"))
    lines(ck, "task", "start", "gh7")
    assert "`craftkit task done gh7`" in "\n".join(lines(ck, "session-resume", "--brief"))
    lines(ck, "task", "done", "#7")
    spec.write_text(spec.read_text() + "- [ ] Neither\n")
    key = ck("task", "next", "--json")[1]["data"]["next"]["key"]
    assert f'craftkit task start "{key}"' in "\n".join(lines(ck, "status"))


def test_a_number_and_its_word() -> None:
    assert [count(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]
    assert [count(n, "write waits", "writes wait") for n in (1, 2)] == [
        "1 write waits",
        "2 writes wait",
    ]


# Commands that are named, and options that exclude each other


def test_what_is_done_is_dropped_by_way_of_a_command(ck: Ck, spec: Path) -> None:
    ck("task", "done", "T001")
    code, _, err = ck("task", "drop", "T001")
    assert code == 2 and "hint: `craftkit task reopen T001`" in err


@pytest.mark.parametrize(
    "words", ["--all --spec login", "--check --dry-run", "--all --spec login --check"]
)
def test_reconcile_refuses_what_contradicts_itself(ck: Ck, spec: Path, words: str) -> None:
    code, _, err = ck("reconcile", *words.split(), CRAFTKIT_GITHUB_REPO="o/r")
    assert code == 2 and "leave one of the two out" in err


def test_what_was_said_is_not_said_again() -> None:
    why = Diagnostic("warning", "forbidden", "It may not.", "let it")
    first = Diagnostic("info", "queued", "1 write waits: It may not.", "let it")
    twins = [Diagnostic("info", "twin", "as in line 1", "so", f"a.md:{n}") for n in (2, 3)]
    bare = [Diagnostic("warning", "waits", f"T1 waits for {key}") for key in ("T21", "T2")]
    assert run._without_repeats([first, why, *twins, *bare, bare[0]]) == [first, *twins, *bare]


def test_without_a_spec_there_is_no_bar(ck: Ck, repo: Path) -> None:
    ck("init")
    assert lines(ck, "status") == [
        "There is no spec in this worktree.",
        'next         craftkit spec new "What to build"',
    ]


# spec update


@pytest.mark.parametrize("theirs", ["- [x] T002 Two\n", "- [ ] T002 Deux\n"])
def test_a_conflict_that_was_undone_changes_nothing(ck: Ck, spec: Path, theirs: str) -> None:
    before = spec.read_text()
    both = f"<<<<<<< HEAD\n{LINE}=======\n{theirs}>>>>>>> other\n"
    spec.write_text(before.replace(LINE, both))
    ck("status")
    ck("session-resume")
    spec.write_text(before)
    assert lines(ck, "spec", "update") == [NOTHING]
    spec.write_text(before.replace(LINE, ""))
    assert lines(ck, "spec", "update") == ["gone         T002 Two", SAME]
    spec.write_text(before)
    assert lines(ck, "spec", "update") == ["new          T002 Two", SAME]


def test_a_second_line_with_a_key_comes_and_goes_alone(ck: Ck, spec: Path) -> None:
    before = spec.read_text()
    spec.write_text(before.replace(LINE, LINE + "- [ ] T002 Deux\n"))
    ck("status")
    said = lines(ck, "spec", "update")
    assert said[0].startswith("new ") and said[0].endswith(" Deux")
    assert [line.split()[0] for line in said] == ["new", "same", "warning"]
    assert lines(ck, "spec", "update")[0] == NOTHING
    spec.write_text(before)
    assert lines(ck, "spec", "update") == ["gone         T002 Deux", "same         3 other tasks"]
    assert lines(ck, "spec", "update") == [NOTHING]


# doctor


@pytest.mark.parametrize("kind", ["folder", "fifo", "binary", "bytes"])
def test_doctor_names_what_is_no_spec(ck: Ck, spec: Path, kind: str) -> None:
    odd = spec.parent / "a.md"
    if kind == "folder":
        odd.mkdir()
    elif kind == "fifo":
        os.mkfifo(odd)
    else:
        odd.write_bytes(b"a\0b" if kind == "binary" else b"## Tasks\n\xff\xfe\n")
    found = checks(ck)["specs"]
    assert found["status"] == "warning" and found["message"].startswith("specs/a.md is not ")
    assert found["hint"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_doctor_names_a_spec_that_may_not_be_read(ck: Ck, spec: Path) -> None:
    spec.chmod(0)
    found = checks(ck)["specs"]
    spec.chmod(0o644)
    assert (found["status"], found["message"]) == ("warning", "specs/login.md cannot be read")
    assert found["hint"]


def test_doctor_names_a_spec_that_is_too_large(ck: Ck, spec: Path) -> None:
    for name in ("a.md", "b.md"):
        with (spec.parent / name).open("wb") as file:
            file.truncate(files.MAX_BYTES + 1)
    found = checks(ck)["specs"]
    assert (found["status"], found["message"]) == (
        "warning",
        "specs/a.md cannot be read (and 1 more)",
    )
    assert found["hint"] == "split it into several specs"


def test_doctor_says_that_nothing_is_sent(ck: Ck, spec: Path) -> None:
    assert checks(ck)["specs"]["message"] == "1 read"
    said = "ok    github       no repository is configured; nothing is sent"
    assert lines(ck, "doctor").count(said) == 1


# history


def test_history_says_why(ck: Ck, repo: Path, spec: Path) -> None:
    spec.write_text(spec.read_text().replace("[ ] T001", "[x] T001"))
    ck("session-resume")
    ck("task", "drop", "T002", "--reason", "not \x1b[31mwanted\n")
    with sqlite3.connect(database_of(repo)) as base:
        told = json.dumps({"source": "github", "reason": "re-opened by octo-dev"})
        base.execute(
            "insert into history (at, event, spec_id, task_id, session, agent, actor, data)"
            " values ('2026-01-01T00:00:00.000Z', 'task.reopened', 'login', 'T003', 's1',"
            " 'person', 'me', ?)",
            (told,),
        )
    said = lines(ck, "history")
    assert any("task.done" in x and x.endswith(" (from its box)") for x in said)
    assert any("task.dropped" in x and x.endswith(" (not wanted)") for x in said)
    assert said[-1].endswith(" (from GitHub: re-opened by octo-dev)")


# outbox


def test_the_outbox_says_when_it_tries_again(ck: Ck, repo: Path, spec: Path) -> None:
    later = int(time.time()) + 3600
    lately = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    rows = [
        ("T001", "close", "queued", later, lately),
        ("T002", "create", "sent", 0, lately),
        ("T003", "close", "sent", 0, lately),
        ("T003", "drop", "queued", 1, lately),
    ]
    with sqlite3.connect(database_of(repo)) as base:
        base.executemany(
            "insert into outbox (spec_id, task_id, action, state, not_before, created_at,"
            " updated_at) values ('login', ?, ?, ?, ?, ?, '')",
            rows,
        )
        base.execute("update outbox set updated_at = created_at")
    found = ck("outbox", "list", "--json")[1]["data"]["outbox"]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(later))
    assert found[0]["not_before"] == stamp
    assert found[1]["not_before"] > lately
    assert [row["not_before"] for row in found[2:]] == [None, None]
    said = lines(ck, "outbox", "list")
    assert said[0].endswith(f" next try {stamp[11:19]}Z") and " next try " in said[1]
    assert not any("next try" in line for line in said[2:])


# usage


def test_a_note_with_the_key_in_front_is_told_of_the_option(ck: Ck, spec: Path) -> None:
    code, _, err = ck("knowledge", "tip", "T002", "use x")
    assert code == 2 and '`craftkit knowledge tip "TEXT" --task KEY`' in err


@pytest.mark.parametrize("command", [("process", "show"), ("outbox", "retry")])
def test_a_word_for_a_number_is_refused_in_a_sentence(
    ck: Ck, spec: Path, command: tuple[str, str]
) -> None:
    code, _, err = ck(*command, "abc")
    assert code == 2 and "error: ID must be a whole number, and 'abc' is not one.\n" in err


def test_one_is_one(ck: Ck, repo: Path, spec: Path) -> None:
    (repo / "specs" / "one.md").write_text("---\nid: one\n---\n\n## Tasks\n\n- [ ] T001 a\n")
    assert ", 1 task, 0 done" in lines(ck, "spec", "check", "specs/one.md")[0]
    assert "is new to craftkit: 1 task" in lines(ck, "spec", "update", "--spec", "one")[0]


# What a terminal would turn round

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


def test_no_title_turns_a_line_round(ck: Ck, repo: Path) -> None:
    ck("init", "--no-agents")
    title = "".join(f"w{number}{mark}" for number, mark in enumerate(BIDI))
    (repo / "specs").mkdir(exist_ok=True)
    (repo / "specs/demo.md").write_text(
        f"---\nid: demo\nname: D{BIDI}emo\n---\n\n# Demo\n\n## Tasks\n\n- [ ] T001 {title} end\n",
        encoding="utf-8",
    )
    for words in (
        ("status",),
        ("spec", "list"),
        ("spec", "show"),
        ("task", "list"),
        ("task", "next"),
        ("task", "show", "T001"),
        ("task", "start", "T001"),
        ("task", "done", "T001"),
        ("spec", "link", "--dry-run"),
    ):
        _, answer, err = ck(*words, CRAFTKIT_GITHUB_REPO="octo-dev/demo")
        assert not set(BIDI) & set(answer + err), words
    assert "w0w1w2w3" in ck("task", "list")[1]
