"""Notes as comments, pull requests, edited and deleted specs and git hooks, with GitHub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import loopback
import processes
import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any
NOWHERE = {"GITHUB_API_URL": "http://127.0.0.1:9"}


def git(desk: Desk, *args: str, **env: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not loopback.FOREIGN.match(k)}
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *who, *args],
        cwd=desk.repo,
        env={**kept, **desk.env, **env},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def commit_all(desk: Desk) -> None:
    git(desk, "add", "--all")
    git(desk, "commit", "-q", "-m", "all")


def comments(desk: Desk, number: int) -> list[str]:
    found: list[str] = desk.end()["issues"][number]["comments"]
    return found


# knowledge


def test_a_note_becomes_one_comment(desk: Desk) -> None:
    desk.begin(2).link()
    desk.ok("task", "start", "T001")
    note = desk.data("knowledge", "tip", "Mind the gap", "--comment")["note"]
    assert note["issue"] == 2 and note["delivered"] is True
    assert comments(desk, 2) == ["Tip: Mind the gap"]
    desk.ok("knowledge", "tip", "only here")
    desk.ok("task", "done", "T001")
    desk.ok("knowledge", "progress", "On the whole", "--comment")
    assert comments(desk, 1) == ["Progress: On the whole"]
    desk.ok("reconcile")
    assert desk.quiet() == [] and len(comments(desk, 2)) == 1


def test_a_note_offline_waits_and_is_sent_once(desk: Desk) -> None:
    desk.begin(2).link()
    words = ("knowledge", "error", "It broke", "--task", "T002", "--comment")
    assert desk.data(*words, "--offline")["note"]["delivered"] is False
    said = desk.ok("knowledge", "list", **NOWHERE)
    assert "It broke" in said.out and comments(desk, 3) == []
    desk.ok("reconcile")
    desk.ok("reconcile")
    assert comments(desk, 3) == ["Error: It broke"]


def test_a_comment_holds_no_token(desk: Desk) -> None:
    desk.begin(1).link()
    token = "ghp_" + "a1B2" * 9
    desk.ok("knowledge", "tip", f"use {token} \x1b[2J", "--task", "T001", "--comment")
    assert comments(desk, 2) == ["Tip: use ***"]


def test_no_issue_to_comment_on(desk: Desk) -> None:
    desk.begin(1)
    said = desk.ck("knowledge", "tip", "x", "--task", "T001", "--comment")
    assert said.code == 2 and "spec link" in said.err
    assert desk.data("knowledge", "list")["notes"] == []


# Pull requests


def test_what_a_pull_request_should_close(desk: Desk) -> None:
    desk.begin(3).link()
    for phase in ("design", "implementation"):
        desk.ok("spec", "phase", phase)
    desk.ok("task", "done", "T001")
    desk.ok("task", "done", "T002")
    desk.human("PATCH", "issues/3", {"state": "open"})
    desk.human("PATCH", "issues/1", {"title": "Closes #99 `evil`"})
    advice = desk.data("spec", "phase", "review")["pull_request"]
    assert advice == {
        "title": "Demo",
        "body": "Closes #1\nCloses #3",
        "closes": [1, 3],
        "branch": "main",
        "trailer": "Task: demo/KEY",
        "as_of": "github",
    }
    said = desk.ok("spec", "phase", "review").out
    assert "  Closes #1\n  Closes #3\n" in said and "evil" not in said
    assert desk.data("spec", "phase", "review", "--offline")["pull_request"]["as_of"] == "here"
    assert "pull_request" not in desk.data("spec", "phase", "implementation")


def test_a_pull_request_without_github(desk: Desk) -> None:
    desk.begin(2).link()
    desk.ok("task", "done", "T001")
    desk.ok("task", "done", "T002", "--offline")
    for phase in ("design", "implementation"):
        desk.ok("spec", "phase", phase, "--offline")
    advice = desk.data("spec", "phase", "review", **NOWHERE)["pull_request"]
    assert (advice["closes"], advice["as_of"]) == ([1, 3], "here")


def test_a_pull_request_of_a_spec_without_issues(desk: Desk) -> None:
    desk.begin(1)
    for phase in ("design", "implementation"):
        desk.ok("spec", "phase", phase)
    advice = desk.data("spec", "phase", "review")["pull_request"]
    assert (advice["closes"], advice["body"]) == ([], "")


# Specs


def test_update_sends_and_names_what_has_no_issue(desk: Desk) -> None:
    desk.begin(2)
    desk.ok("session-resume")
    assert "craftkit spec link --spec demo" in desk.ok("spec", "update").err
    desk.link()
    desk.replace("- [ ] T001", "- [x] T001")
    desk.replace("- [ ] T002", "- [ ] T009 New\n- [ ] T002")
    said = desk.ok("spec", "update")
    assert "new          T009 New" in said.out and "reconcile --create --spec demo" in said.err
    assert desk.issue(2)["state"] == "closed"
    desk.ok("reconcile", "--create")
    assert desk.data("spec", "update")["without_issue"] == []
    desk.replace("- [ ] T002 Task 2 (#3)\n", "")
    assert "(#3); the issue stays as it is" in desk.ok("spec", "update").out
    assert desk.issue(3)["state"] == "open"


def test_delete_leaves_github_alone_and_makes_no_second_issues(desk: Desk) -> None:
    desk.begin(2).link()
    commit_all(desk)
    world = desk.state.world
    said = desk.ok("spec", "delete", "--yes")
    assert "GitHub is as it was, #1 and its Sub Issues included" in said.err
    desk.ok("reconcile", "--all")
    assert desk.state.world is world
    git(desk, "checkout", "HEAD", "--", loopback.SPEC)
    desk.ok("spec", "link", "--yes")
    desk.ok("reconcile")
    assert len(desk.issues()) == 3 and desk.quiet() == []


def test_delete_waits_for_what_is_unsent(desk: Desk) -> None:
    desk.begin(2).link()
    desk.ok("task", "done", "T001", "--offline")
    commit_all(desk)
    said = desk.ck("spec", "delete", "--yes")
    assert said.code == 5 and "1 write " in said.err and "--force" in said.err
    gone = desk.data("spec", "delete", "--yes", "--force")
    assert gone["forgotten_writes"] == 1
    desk.ck("reconcile", "--all")
    assert desk.issue(2)["state"] == "open" and desk.data("outbox", "list")["outbox"] == []


def test_a_link_that_can_never_finish(desk: Desk) -> None:
    desk.begin(2)
    desk.ok("session-resume")
    desk.ck("spec", "link", "--yes", prepare=_kill_at_the_first_issue)
    assert desk.data("process", "list")["processes"][0]["kind"] == "spec link"
    (desk.repo / loopback.SPEC).unlink()
    assert "spec link" in desk.ck("status", **NOWHERE).err
    number = str(desk.data("process", "list")["processes"][0]["id"])
    dropped = desk.data("process", "drop", number, "--yes")["process"]
    assert dropped["status"] == "abandoned" and dropped["waiting"] > 0
    assert "Process" not in desk.ck("status").err


def _kill_at_the_first_issue() -> None:
    import signal

    from craftkit.github.client import Client

    Client.create_parent = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore


# Git hooks


def hooked(desk: Desk, tmp_path: Path) -> dict[str, str]:
    """The hooks, and the environment in which git finds craftkit."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "craftkit"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m craftkit "$@"\n')
    program.chmod(0o755)
    desk.ok("schedule", "install", "--target", "git-hooks")
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def closes(desk: Desk, number: int) -> bool:
    processes.wait_for_the_end(desk.repo)
    return bool(desk.issue(number)["state"] == "closed")


def test_a_commit_closes_what_was_ticked(desk: Desk, tmp_path: Path) -> None:
    desk.begin(2).link()
    commit_all(desk)
    path = hooked(desk, tmp_path)
    desk.replace("- [ ] T001", "- [x] T001")
    git(desk, "commit", "-q", "-a", "-m", "one", **path)
    assert closes(desk, 2)
    desk.ok("session-resume")
    assert desk.quiet() == []


def test_a_commit_does_not_touch_the_files(desk: Desk, tmp_path: Path) -> None:
    desk.begin(2).link()
    commit_all(desk)
    path = hooked(desk, tmp_path)
    desk.close(3)
    desk.replace("- [ ] T001", "- [x] T001")
    git(desk, "commit", "-q", "-a", "-m", "one", **path)
    assert closes(desk, 2)
    assert git(desk, "status", "--porcelain") == "" and "- [ ] T002" in desk.text


def test_a_push_waits_for_an_answer_a_few_seconds_only(desk: Desk, tmp_path: Path) -> None:
    import socket

    desk.begin(2).link()
    commit_all(desk)
    path = hooked(desk, tmp_path)
    desk.ok("task", "done", "T001", "--offline")
    git(desk, "init", "-q", "--bare", str(tmp_path / "far.git"))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        there = {"GITHUB_API_URL": url, "GITHUB_GRAPHQL_URL": f"{url}/graphql"}
        git(desk, "push", "-q", str(tmp_path / "far.git"), "main", **there, **path)
        silent.settimeout(0)
        silent.accept()[0].close()  # it was asked, and git went on without its answer
    processes.wait_for_the_end(desk.repo)
    desk.ok("reconcile")
    assert desk.issue(2)["state"] == "closed"
