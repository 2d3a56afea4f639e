"""The rows of the merge's table, through real commands: two clones, and worktrees of one."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import loopback
import pytest
from loopback import Desk
from places import agree

ME = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
ENV = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(where: Path, *args: str) -> None:
    subprocess.run(["git", *ME, *args], cwd=where, env=ENV, check=True, capture_output=True)


@pytest.fixture
def other(desk: Desk, tmp_path: Path) -> Iterator[Desk]:
    """A second clone, with a database of its own."""
    found = Desk(tmp_path / "other", desk.server)
    found.where.mkdir()
    found.env["CRAFTKIT_SESSION"] = "s2"
    loopback.forked.prepare(found.repo, 0)
    agree(found.repo, "github.repo", loopback.REPO)
    yield found


def pull(into: Desk, out_of: Desk) -> None:
    (into.repo / loopback.SPEC).write_text(out_of.text)


def state(desk: Desk, number: int) -> tuple[str, str | None]:
    issue = desk.issue(number)
    return issue["state"].lower(), issue["reason"] and issue["reason"].lower()


def next_key(desk: Desk) -> str | None:
    found: dict[str, Any] | None = desk.data("task", "next")["next"]
    return found["key"] if found else None


def listed(desk: Desk) -> dict[str, str]:
    return {task["key"]: task["state"] for task in desk.data("task", "list")["tasks"]}


def worktree(desk: Desk, name: str = "side") -> Desk:
    """A linked worktree of the same clone, on a branch of its own."""
    git(desk.repo, "worktree", "add", "-q", "-b", name, f"../{name}")
    found = Desk(desk.where, desk.server)
    found.repo = desk.where / name
    found.env["CRAFTKIT_SESSION"] = name
    return found


def committed(desk: Desk) -> None:
    git(desk.repo, "add", "-A")
    git(desk.repo, "commit", "-q", "-m", "work")


# Not planned


@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "edited since"])
def test_not_planned_is_dropped_in_every_clone_without_a_write(
    desk: Desk, other: Desk, edited: bool
) -> None:
    desk.begin(3).link()
    pull(other, desk)
    other.ok("session-resume")
    if edited:
        other.replace("T001 Task 1", "T001 Task 1 in other words")
    desk.close(2, "not_planned")
    world = desk.state.world
    for clone in (desk, other):
        before = clone.text
        said = clone.ok("reconcile")
        assert "dropped T001 #2" in said.out and said.out.count("T001") == 1
        assert clone.text == before and desk.state.world is world
        assert listed(clone)["T001"] == "dropped" and next_key(clone) == "T002"
        assert "T001" not in clone.ok("reconcile").out, "it is said once"
        assert clone.quiet() == []
    said = desk.ck("task", "start", "T001")
    assert said.code == 2 and "task reopen T001" in said.err
    desk.ok("task", "reopen", "T001")
    assert state(desk, 2)[0] == "open" and next_key(desk) == "T001"
    assert "taken up again T001" in other.ok("reconcile").out and next_key(other) == "T001"


def test_what_is_opened_again_on_github_counts_again(desk: Desk, other: Desk) -> None:
    desk.begin(2).link()
    pull(other, desk)
    desk.close(2, "not_planned")
    for clone in (desk, other):
        clone.ok("reconcile")
    desk.human("PATCH", "issues/2", {"state": "open"})
    for clone in (desk, other):
        assert "taken up again T001" in clone.ok("reconcile").out
        assert listed(clone)["T001"] == "todo" and state(desk, 2)[0] == "open"


def test_a_task_in_progress_that_is_declined_is_let_go(desk: Desk) -> None:
    desk.begin(2).link()
    desk.ok("task", "start", "T001")
    desk.close(2, "not_planned")
    resumed = desk.data("session-resume")
    assert resumed["current"] is None and "T002" in resumed["next_command"]
    assert any(r["code"] == "merge_drop" for r in resumed["repaired"])


def test_a_new_database_drops_what_was_not_planned_and_ticks_what_was_completed(
    desk: Desk, other: Desk
) -> None:
    desk.begin(3).link()
    desk.close(2, "not_planned")
    desk.close(3)
    pull(other, desk)
    other.ok("session-resume")
    assert listed(other) == {"T001": "dropped", "T002": "done", "T003": "todo"}


# A duplicate


def test_a_duplicate_is_attention_and_never_the_next_task(desk: Desk, other: Desk) -> None:
    desk.begin(2).link()
    pull(other, desk)
    desk.close(2, "duplicate")
    for clone in (desk, other):
        said = clone.ck("reconcile")
        assert (
            said.code == 5 and "#2 of T001 was closed as a duplicate of another issue" in said.out
        )
        assert next_key(clone) == "T002"
        assert "closed as a duplicate" in clone.ok("task", "start", "T001").err
    desk.ok("task", "drop", "T001")
    assert state(desk, 2) == ("closed", "duplicate"), "the reason stays"
    assert desk.ok("reconcile").code == 0 and listed(desk)["T001"] == "dropped"


# Done here, declined there


@pytest.mark.parametrize("graphql", [True, False])
@pytest.mark.parametrize("reason", ["not_planned", "duplicate"])
@pytest.mark.parametrize("how", ["command", "box", "offline"])
def test_done_does_not_open_what_a_person_declined(
    desk: Desk, how: str, reason: str, graphql: bool
) -> None:
    desk.state.capabilities = desk.state.capabilities._replace(graphql=graphql)
    desk.begin(2).link()
    if how == "offline":
        desk.ok("task", "done", "T001", "--offline")
    desk.close(2, reason)
    if how == "box":
        desk.replace("[ ] T001", "[x] T001")
    elif how == "command":
        said = desk.ok("task", "done", "T001")
        assert "left as it is" in said.err and "--anyway" in said.err
    said = desk.ck("reconcile")
    assert said.code == 5 and "task done T001 --anyway --spec demo" in said.out
    assert state(desk, 2) == ("closed", reason) and "[x] T001" in desk.text
    assert desk.ask("select 1 from outbox where state <> 'delivered'") == []
    assert not [e for e in desk.issue(2)["timeline"] if e["event"] == "reopened"]
    assert desk.quiet() == []
    desk.ok("task", "done", "T001", "--anyway", "--reason", "the customer needs it")
    assert state(desk, 2) == ("closed", "completed")
    assert desk.ok("reconcile").code == 0
    assert "the customer needs it" in desk.ok("history").out


def test_done_anyway_waits_in_the_outbox_while_github_is_away(desk: Desk) -> None:
    desk.begin(1).link()
    desk.close(2, "not_planned")
    desk.ok("reconcile")
    desk.ok("task", "done", "T001", "--anyway", "--offline")
    assert state(desk, 2) == ("closed", "not_planned")
    desk.ok("reconcile")
    assert state(desk, 2) == ("closed", "completed") and desk.quiet() == []


def test_a_reason_for_done_needs_anyway(desk: Desk) -> None:
    desk.begin(1).link()
    said = desk.ck("task", "done", "T001", "--reason", "why not")
    assert said.code == 2 and "--anyway" in said.err and "[ ] T001" in desk.text


# On its way


def test_a_late_close_of_ours_does_not_undo_a_later_reopening(desk: Desk) -> None:
    """The close is carried out, its answer is lost; it was taken back before that was known."""
    desk.begin(1).link()
    desk.server.fault({"match": {"graphql": "closeIssue"}, "action": "status", "apply": True})
    desk.ck("task", "done", "T001")
    assert state(desk, 2)[0] == "closed"
    assert desk.ask("select state from outbox where state <> 'delivered'") == [("queued",)]
    desk.ok("task", "reopen", "T001", "--offline")
    desk.ask("update outbox set not_before = 0")  # a moment later
    desk.ask("update outbox set created_at = '2020-01-01T00:00:00Z' where action = 'reopen'")
    desk.ok("reconcile")
    assert state(desk, 2)[0] == "open" and "[ ] T001" in desk.text
    assert desk.quiet() == []


def test_a_close_of_another_worktree_ticks_nothing_here(desk: Desk) -> None:
    desk.begin(2).link()
    committed(desk)
    side = worktree(desk)
    side.ok("task", "done", "T001", "--offline")
    committed(side)
    said = desk.ok("reconcile")
    assert state(desk, 2) == ("closed", "completed")
    assert "[ ] T001" in desk.text and "attention" not in said.out
    assert "[x] T001" in side.text


# Open again


def test_who_reopens_is_named_and_a_program_becomes_attention(desk: Desk) -> None:
    desk.begin(1).link()
    for night in range(3):
        desk.ok("task", "done", "T001")
        desk.human("PATCH", "issues/2", {"state": "open"}, "reviewer")
        said = desk.ck("reconcile")
        if night < 2:
            assert "unticked T001" in said.out and "[ ] T001" in desk.text
            assert "reviewer" in desk.ok("history").out
        else:
            assert said.code == 5 and "reviewer re-opens #2 of T001" in said.out
            assert "[x] T001" in desk.text and state(desk, 2)[0] == "open"
    assert desk.quiet() == []
    assert "reviewer" in desk.ok("status").out


def own(desk: Desk) -> None:
    """The person at this machine re-opens the issue on GitHub's page."""
    body = {"state": "open"}
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{desk.server.url}/repos/{loopback.REPO}/issues/2",
        method="PATCH",
        data=json.dumps(body).encode(),
        headers={"Authorization": "Bearer sandbox-token"},
    )
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - loopback


def test_another_account_begins_anew(desk: Desk) -> None:
    desk.begin(1).link()
    for login in ("reviewer", "reviewer", "octo-dev", "reviewer"):
        desk.ok("task", "done", "T001")
        path = ("PATCH", "issues/2", {"state": "open"})
        desk.human(*path) if login == "reviewer" else own(desk)
        assert "unticked T001" in desk.ok("reconcile").out


# What another worktree or branch has


@pytest.mark.parametrize("where", ["worktree", "uncommitted", "branch"])
def test_what_another_worktree_or_branch_has_is_no_advice_to_reopen(desk: Desk, where: str) -> None:
    desk.begin(2).link()
    committed(desk)
    side = worktree(desk)
    side.ok("task", "done", "T001")
    if where != "uncommitted":
        committed(side)
    if where == "branch":
        git(desk.repo, "worktree", "remove", "--force", "../side")
    for command in ("reconcile", "status", "session-resume"):
        said = desk.ok(command)
        assert "reopen" not in said.out + said.err and "task done T001" not in said.out + said.err
    assert "T001 is done" in desk.ok("status").err and "[ ] T001" in desk.text
    assert next_key(desk) == "T002"
    assert state(desk, 2) == ("closed", "completed") and desk.quiet() == []
    if where != "uncommitted":
        git(desk.repo, "merge", "-q", "side")
        assert "[x] T001" in desk.text and desk.ok("reconcile").code == 0
        assert listed(desk)["T001"] == "done"


def test_what_was_merged_and_unticked_since_is_attention(desk: Desk) -> None:
    desk.begin(2).link()
    committed(desk)
    git(desk.repo, "checkout", "-q", "-b", "side")
    desk.ok("task", "done", "T001")
    committed(desk)
    git(desk.repo, "checkout", "-q", "main")
    git(desk.repo, "merge", "-q", "side")
    desk.replace("[x] T001", "[ ] T001")
    committed(desk)
    said = desk.ck("reconcile")
    assert said.code == 5 and "task reopen T001" in said.out


# Gone


def test_issues_switched_off_is_one_message_and_no_write_is_given_up(desk: Desk) -> None:
    desk.state.capabilities = desk.state.capabilities._replace(graphql=False)
    desk.begin(3).link()
    desk.set_repo(has_issues=False)
    said = desk.ck("task", "done", "T001")
    assert said.code == 0 and "Issues are switched off" in said.err
    for command in (("reconcile",), ("session-resume",), ("status",), ("reconcile", "--job")):
        said = desk.ck(*command)
        assert "task drop" not in said.words and "unlink" not in said.words
    assert desk.ck("reconcile").err.count("switched off") == 1
    assert desk.ask("select state from outbox where state <> 'delivered'") == [("queued",)]
    assert desk.ask("select count(*) from tasks where dropped = 1") == [(0,)]
    desk.set_repo(has_issues=True)
    desk.ok("reconcile")
    assert state(desk, 2) == ("closed", "completed") and desk.quiet() == []


def test_issues_that_are_all_away_are_one_message(desk: Desk) -> None:
    desk.begin(3).link()
    for number in (1, 2, 3, 4):
        desk.delete(number)
    said = desk.ck("reconcile")
    assert said.code == 1 and "none of 4 issues" in said.err and "task drop" not in said.words


def test_one_issue_that_is_gone_is_attention_for_every_clone(desk: Desk, other: Desk) -> None:
    desk.begin(2).link()
    pull(other, desk)
    other.ok("session-resume")
    desk.delete(2)
    for clone in (desk, other):
        said = clone.ck("reconcile", "--create")
        assert said.code == 5 and "#2 of T001 is not on GitHub" in said.out
    assert len([i for i in desk.issues().values() if not i["deleted"]]) == 2


# Titles


def test_many_renames_stop_and_ask(desk: Desk) -> None:
    desk.begin(8).link()
    for n in range(1, 7):
        desk.replace(f"T00{n} Task {n}", f"T00{n} Task {n} in other words")
    desk.ok("status")  # which says it
    world = desk.state.world
    said = desk.ck("reconcile")
    assert said.code == 5 and "renamed" in said.out and desk.state.world is world
    desk.ok("reconcile", "--yes")
    assert desk.issue(2)["title"] == "T001 Task 1 in other words"


def test_a_line_that_was_known_by_its_place_alone_renames_nothing(desk: Desk) -> None:
    words = ("the parser of dates", "the printer of dates", "the reader of rates")
    desk.begin("".join(f"- [ ] Write {w} for all\n" for w in words)).link()
    desk.replace("Write the printer of dates for all (#3)", "Write the printer of times for all")
    for _ in range(3):
        desk.ck("reconcile")
    assert desk.issue(3)["title"] == "Write the printer of dates for all"
    assert "of times for all (#3)" in desk.text and len(desk.issues()) == 4
