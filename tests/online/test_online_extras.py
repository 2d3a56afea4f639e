"""What decorates an issue never holds up its state; what may be repeated is repeated at once."""

from __future__ import annotations

import os
from typing import Any

import pytest
import test_online_states as states  # type: ignore[import-not-found]

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any
LABEL = "status: in-progress"
REFUSALS = ({"action": "invalid", "message": "Label limit"}, {"action": "forbidden"})
UNLABELS = ({"graphql": "removeLabelsFromLabelable"}, {"method": "DELETE", "path": "/labels/"})
NOTE = ("knowledge", "progress", "half way", "--task", "T001", "--comment")


def comments(desk: Desk) -> list[str]:
    found: list[str] = desk.end()["issues"][2]["comments"]
    return found


# Labels


@pytest.mark.parametrize("refusal", REFUSALS, ids=["invalid", "forbidden"])
@pytest.mark.parametrize(("last", "state"), [("done", "CLOSED"), ("drop", "CLOSED")])
def test_a_label_that_is_refused_keeps_no_issue_open(
    desk: Desk, refusal: dict[str, str], last: str, state: str
) -> None:
    desk.begin(2).link()
    states.rules(desk, *states.LABELS, **refusal)
    started = desk.ok("task", "start", "T001")
    assert "hint:" in started.err
    desk.ok("task", last, "T001")
    assert desk.issue(2)["state"].upper() == state
    assert desk.ask("select action from outbox where state <> 'delivered'") == []


@pytest.mark.parametrize("refusal", REFUSALS, ids=["invalid", "forbidden"])
def test_a_label_that_stays_is_said_and_the_issue_is_closed(
    desk: Desk, refusal: dict[str, str]
) -> None:
    desk.begin(2).link()
    desk.ok("task", "start", "T001")
    states.rules(desk, *UNLABELS, **refusal)
    said = desk.ok("task", "done", "T001")
    assert desk.issue(2)["state"].upper() == "CLOSED" and LABEL in desk.issue(2)["labels"]
    assert "the label was not removed" in said.err
    assert desk.ask("select action from outbox where state <> 'delivered'") == []


def test_a_forbidden_label_keeps_no_other_task_waiting(desk: Desk) -> None:
    desk.begin(3).link()
    states.rules(desk, *states.LABELS, action="forbidden")
    desk.ok("task", "start", "T001")
    desk.ok("task", "done", "T002")
    assert desk.issue(3)["state"].upper() == "CLOSED"
    desk.server.state.rules = []
    desk.ok("reconcile")
    assert LABEL in desk.issue(2)["labels"]


# Comments


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"action": "forbidden"}, "queued"),
        ({"action": "invalid", "message": "Interaction limits are in effect"}, "dead"),
        ({"action": "invalid", "message": states.LOCKED}, "dead"),
        ({"action": "status", "status": 502}, "unknown"),
        ({"action": "refuse"}, "unknown"),
    ],
)
def test_a_comment_that_is_not_there_is_not_called_delivered(
    desk: Desk, fault: dict[str, Any], state: str
) -> None:
    desk.begin(1).link()
    states.rules(desk, *states.COMMENTS, **fault)
    said = desk.ck(*NOTE, "--json").answer
    note = said["data"].get("note", said["data"])
    assert note["delivered"] is False
    assert desk.ask("select state from outbox where action = 'comment'") == [(state,)]
    desk.server.state.rules = []
    desk.ck("outbox", "retry")
    desk.ok("reconcile")
    assert comments(desk) == ["Progress: half way"]


@pytest.mark.parametrize("action", ["reset", "timeout"])
def test_a_comment_whose_answer_was_lost_is_looked_for(desk: Desk, action: str) -> None:
    desk.begin(1).link()
    fault = {"action": action, "apply": True, **({"seconds": 0.2} if action == "timeout" else {})}
    desk.server.fault({**fault, "match": {"graphql": "addComment"}})
    desk.ok(*NOTE)
    assert desk.ask("select state from outbox where action = 'comment'") == [("unknown",)]
    desk.ok("reconcile")
    assert comments(desk) == ["Progress: half way"]
    assert desk.ask("select action from outbox where state <> 'delivered'") == []


# What may be repeated


@pytest.mark.parametrize(
    "following", [("reconcile",), ("session-resume",), ("outbox", "send"), ("task", "done", "T002")]
)
@pytest.mark.parametrize("apply", [False, True])
def test_a_close_without_an_answer_is_repeated_by_the_next_command(
    desk: Desk, following: tuple[str, ...], apply: bool
) -> None:
    desk.begin(2).link()
    fault = {"action": "reset", "apply": apply, "match": {"graphql": "closeIssue"}}
    desk.server.fault(fault)
    desk.ok("task", "done", "T001")
    desk.ok(*following)
    assert desk.issue(2)["state"].upper() == "CLOSED"
    assert desk.ask("select action from outbox where state <> 'delivered'") == []


def test_a_write_that_never_gets_an_answer_keeps_no_other_one_back(desk: Desk) -> None:
    """However often it fails: it is not given up, and it goes last."""
    desk.begin(3).link()
    title = {"graphql": "updateIssue"}
    desk.server.fault({"action": "status", "status": 502, "times": 0, "match": title})
    desk.replace("T001 Task 1", "T001 New name")
    for _ in range(10):
        desk.ck("reconcile")
    desk.ok("task", "done", "T002", "--offline")
    desk.ck("reconcile")
    desk.ck("reconcile")
    assert desk.issue(3)["state"].upper() == "CLOSED"
    assert desk.ask("select state from outbox where action = 'retitle'") == [("queued",)]


def test_a_silent_server_is_not_asked_again_by_the_next_commands(desk: Desk) -> None:
    desk.begin(3).link()
    desk.server.fault({"action": "timeout", "seconds": 60.0, "times": 0})
    first = desk.ck("task", "done", "T001", prepare=states.hurry)
    assert first.code == 0 and "no answer within" in first.err
    before = desk.requests()
    second = desk.ck("task", "done", "T002", prepare=states.hurry)
    assert second.code == 0 and "did not answer a moment ago" in second.err
    assert desk.requests() == before
    desk.server.state.rules = []
    desk.ok("reconcile")  # it is about GitHub, so it asks
    assert [desk.issue(n)["state"].upper() for n in (2, 3)] == ["CLOSED", "CLOSED"]
    assert desk.ask("select 1 from remembered where name = 'silent'") == []


# Parents, and what is elsewhere


def test_a_parent_that_others_filled_gets_a_further_one(desk: Desk) -> None:
    desk.begin(1).link()
    others = [{"title": f"Other {n}", "parent": 1} for n in range(99)]
    desk.server.add_issues(states.faults.loopback.REPO, others)
    for title in ("One more", "Another"):
        desk.ok("task", "add", title)
    desk.ok("spec", "link", "--yes")
    found = {i["title"]: i["parent"] for i in desk.issues().values()}
    further = found["T002 One more"]
    assert further == found["T003 Another"] and further not in (None, 1)
    desk.ok("task", "add", "A third")
    desk.ok("reconcile", "--create")
    assert {i["title"]: i["parent"] for i in desk.issues().values()}["T004 A third"] == further
    assert desk.quiet() == []


def test_a_parent_that_is_gone_is_named_and_another_one_takes_over(desk: Desk) -> None:
    desk.begin(1).link()
    desk.delete(1)
    desk.ok("task", "add", "Another")
    said = desk.ck("spec", "link", "--yes")
    assert said.code == 1 and "The parent #1 of demo is not on GitHub any more" in said.err
    assert desk.ask("select action from outbox where state = 'dead'") == []
    assert "nothing to settle" in desk.ok("reconcile").err
    desk.replace("issue: 1\n", "")
    desk.ok("spec", "link", "--yes")
    assert desk.issue(3)["title"] == "Demo" and desk.issue(4)["parent"] == 3
    assert desk.quiet() == []


def test_issues_that_cannot_all_be_looked_at_make_nothing(desk: Desk) -> None:
    desk.begin(2)
    desk.server.add_issues(states.faults.loopback.REPO, [{"title": f"I{n}"} for n in range(220)])

    def short() -> None:
        from craftkit.sync import discovery

        discovery.SEARCHED = 200

    said = desk.ck("spec", "link", "--yes", prepare=short)
    assert said.code == 5 and "is not known" in said.err and "issue: N" in said.err
    assert len(desk.issues()) == 220
    assert "(#" not in desk.text


def test_issues_far_back_are_found_again(desk: Desk) -> None:
    desk.begin(2)
    before = desk.text
    desk.ok("spec", "link", "--yes")
    desk.server.add_issues(states.faults.loopback.REPO, [{"title": f"I{n}"} for n in range(1100)])
    for table in ("issues", "tasks", "outbox", "remembered"):
        desk.ask(f"delete from {table}")  # noqa: S608 - a fixed list
    (desk.repo / states.faults.loopback.SPEC).write_text(before)
    desk.ok("spec", "link", "--yes")
    assert "T001 Task 1 (#2)" in desk.text and "T002 Task 2 (#3)" in desk.text
