"""After the last creation below a parent the sender looks for double issues there."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Any

import pytest
import sampling
from places import database_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

Desk = Any
TREES = {"match": {"graphql": "repository"}}
LOOKS = "select issue, state from outbox where action = 'list'"


def linked_without_a_look(desk: Desk, tasks: int = 2) -> None:
    """Everything is created, and the list that follows does not arrive."""
    desk.begin(tasks).server.fault({**TREES, "action": "status", "nth": 2, "times": 99})
    desk.ck("spec", "link", "--yes")
    with desk.state.lock:
        desk.state.rules = []
    assert len(desk.issues()) == tasks + 1


def second_issue_of(desk: Desk, number: int) -> int:
    """What a lost creation leaves: the same title and marker below the same parent."""
    first = desk.issue(number)
    made = desk.human("POST", "issues", {"title": first["title"], "body": first["body"]})
    desk.human("POST", f"issues/{first['parent']}/sub_issues", {"sub_issue_id": made["id"]})
    return int(made["number"])


def test_the_last_creation_queues_one_look(desk: Desk) -> None:
    linked_without_a_look(desk)
    assert desk.ask(LOOKS) == [(1, "queued")]
    said = desk.ok("outbox", "list")
    assert "list" in said.out


def test_the_next_command_that_sends_closes_a_second_issue(desk: Desk) -> None:
    linked_without_a_look(desk)
    second = second_issue_of(desk, 3)
    said = desk.ok("task", "start", "T001")
    assert f"#{second} was a second issue of the task of #3" in said.err
    issue = desk.issue(second)
    assert (issue["state"].lower(), issue["reason"].lower()) == ("closed", "duplicate")
    assert desk.issue(3)["state"].lower() == "open"
    assert desk.ask(LOOKS) == [(1, "delivered")] and desk.doubles() == []
    desk.ok("reconcile")
    assert desk.quiet() == []


def test_a_look_that_finds_nothing_costs_one_request(desk: Desk) -> None:
    linked_without_a_look(desk)
    before = desk.requests()
    desk.ok("outbox", "send")
    assert desk.requests() - before == 1
    before = desk.requests()
    desk.ok("outbox", "send")
    assert desk.requests() == before


def test_a_reconcile_does_the_work_of_the_look(desk: Desk) -> None:
    linked_without_a_look(desk)
    second = second_issue_of(desk, 2)
    desk.ok("reconcile")
    assert desk.issue(second)["state"].lower() == "closed"
    assert desk.ask(LOOKS) == [(1, "delivered")]


def test_linking_lists_once(desk: Desk) -> None:
    desk.begin(3)
    before = desk.requests()
    desk.ok("spec", "link", "--yes")
    assert desk.requests() - before <= 3 + 3
    assert desk.ask(LOOKS) == [(1, "delivered")]


@pytest.mark.parametrize("action", sampling.some(["refuse", "status", "truncated"], 3))
def test_a_look_without_an_answer_is_made_later(desk: Desk, action: str) -> None:
    linked_without_a_look(desk)
    second = second_issue_of(desk, 3)
    desk.server.fault({**TREES, "action": action, "times": 99})
    desk.ck("outbox", "send")
    assert desk.issue(second)["state"].lower() == "open"
    assert desk.ask("select state from outbox where action = 'list'") != [("delivered",)]
    with desk.state.lock:
        desk.state.rules = []
    with contextlib.closing(sqlite3.connect(database_of(desk.repo))) as connection:
        connection.execute("update outbox set not_before = 0")  # a while later
        connection.commit()
    desk.ok("outbox", "send")
    assert desk.issue(second)["state"].lower() == "closed"


def test_a_parent_that_is_gone_needs_no_look(desk: Desk) -> None:
    linked_without_a_look(desk)
    desk.delete(1)
    desk.ok("outbox", "send")
    assert desk.ask(LOOKS) == [(1, "delivered")]
