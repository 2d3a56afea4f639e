"""I4: an issue is made once, whatever becomes of the requests around it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from itertools import product
from typing import Any

import loopback
import pytest
import sampling
from places import database_of, switch_on

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Desk = Any

CHILD = {"match": {"graphql": "createIssue"}, "nth": 2, "action": "reset", "apply": True}
PARENT = {
    "match": {"method": "POST", "path": "/issues$"},
    "nth": 1,
    "action": "reset",
    "apply": True,
}
LISTS = r"/issues\?"


def healed(desk: Desk) -> None:
    with desk.state.lock:
        desk.state.rules = []


def titles(desk: Desk) -> list[str]:
    return [issue["title"] for issue in desk.issues().values()]


LOST = {"child": CHILD, "parent": PARENT}
TROUBLES = {
    "limit": {"match": {"path": LISTS}, "action": "secondary", "retry_after": 1},
    "refused": {"match": {"path": "issues"}, "action": "refuse", "times": 9},
    "502": {"match": {"path": LISTS}, "action": "status", "times": 9},
    "401": {"match": {"path": LISTS}, "action": "unauthorized"},
    "truncated": {"match": {"path": LISTS}, "action": "truncated", "times": 9},
}


@pytest.mark.parametrize(("lost", "trouble"), sampling.some(product(LOST, TROUBLES), 4))
def test_a_lost_creation_is_looked_for_until_the_look_succeeds(
    desk: Desk, lost: str, trouble: str
) -> None:
    desk.begin(3).server.fault(LOST[lost])
    desk.ck("spec", "link", "--yes", CRAFTKIT_UNKNOWN_GRACE="600")
    healed(desk)
    with contextlib.closing(sqlite3.connect(database_of(desk.repo))) as connection:
        connection.execute("update outbox set not_before = 0")  # ten minutes later
        connection.commit()
    desk.server.fault(TROUBLES[trouble])
    desk.ck("reconcile")
    assert [r[0] for r in desk.ask("select state from outbox where attempts > 0")] == ["unknown"]
    healed(desk)
    loopback.pause(1.1)  # behind the limit
    for _ in range(2):
        desk.ck("reconcile")
    assert titles(desk) == ["Demo", "T001 Task 1", "T002 Task 2", "T003 Task 3"]
    assert desk.quiet() == []


def test_a_retry_by_hand_does_not_shorten_the_wait_for_a_lost_creation(desk: Desk) -> None:
    late = {"action": "late", "answer": "reset", "after_requests": None, "after_seconds": 3600}
    from craftkit.sandbox import respond

    desk.begin(2).server.fault({"match": {"graphql": "createIssue"}, "nth": 1, **late})
    wait = {"CRAFTKIT_UNKNOWN_GRACE": "600"}
    desk.ck("spec", "link", "--yes", **wait)
    healed(desk)
    (number,) = [r[0] for r in desk.ask("select id from outbox where state = 'unknown'")]
    desk.ok("outbox", "retry", str(number), **wait)
    desk.ck("reconcile", **wait)
    assert titles(desk) == ["Demo"], "it was not looked for, nor made again"
    respond.settle(desk.state)  # it arrives
    desk.ask("update outbox set not_before = 0 where state = 'unknown'")  # ten minutes later
    desk.ck("reconcile", CRAFTKIT_UNKNOWN_GRACE="0")
    assert titles(desk) == ["Demo", "T001 Task 1", "T002 Task 2"]


def test_i4_killed_between_an_answer_and_its_record(desk: Desk) -> None:
    """The issue is there, and nobody has written its number down."""
    desk.begin(2)

    def die_behind_the_answer() -> None:
        import signal

        from craftkit.github.client import Client

        real = Client.create_child

        def create(*args: Any) -> Any:
            real(*args)
            os.kill(os.getpid(), signal.SIGKILL)

        Client.create_child = create  # type: ignore[method-assign]

    assert desk.ck("spec", "link", "--yes", prepare=die_behind_the_answer).code == -9
    assert titles(desk) == ["Demo", "T001 Task 1"]
    desk.ok("spec", "link", "--yes")
    assert titles(desk) == ["Demo", "T001 Task 1", "T002 Task 2"]
    assert desk.doubles() == [] and desk.quiet() == []


@pytest.mark.parametrize("command", [("spec", "link", "--yes"), ("reconcile", "--create")])
def test_two_at_once_make_each_issue_once(desk: Desk, command: tuple[str, ...]) -> None:
    """Both have looked before either has written down what it makes."""
    desk.begin(3)
    if command[0] == "reconcile":
        desk.link()
        desk.write(6)

    def another_one_first() -> None:
        from craftkit.sync import link_plan, links

        real = links.still_to_make

        def after_another(*args: Any) -> Any:
            links.still_to_make = real
            seen = real(*args)
            if not os.fork():
                desk._child(command, None, {**desk.env, "CRAFTKIT_SESSION": "s2"}, places)
            os.wait()
            return seen

        if command[0] == "spec":
            links.still_to_make = after_another
            return
        plan = link_plan.plan_links

        def plan_after_another(*args: Any) -> Any:
            link_plan.plan_links = plan
            made = plan(*args)
            if not os.fork():
                desk._child(command, None, {**desk.env, "CRAFTKIT_SESSION": "s2"}, places)
            os.wait()
            return made

        link_plan.plan_links = plan_after_another

    places = [desk.where / "other.out", desk.where / "other.err"]
    said = desk.ck(*command, prepare=another_one_first)
    assert said.code in (0, 5), said.words
    assert "raised" not in places[1].read_text()
    count = 6 if command[0] == "reconcile" else 3
    assert titles(desk) == ["Demo", *(f"T00{n} Task {n}" for n in range(1, count + 1))]
    assert desk.doubles() == [] and desk.quiet() == []


@pytest.mark.parametrize(
    ("words", "state", "labels"),
    [
        (("start",), "OPEN", ["status: in-progress"]),
        (("drop", "--reason", "no"), "CLOSED", []),
        (("done",), "CLOSED", []),
    ],
)
def test_a_decision_waits_for_the_issue_that_is_still_to_be_made(
    desk: Desk, words: tuple[str, ...], state: str, labels: list[str]
) -> None:
    limit = {"action": "secondary", "retry_after": 1}
    desk.begin(2).server.fault({"match": {"graphql": "createIssue"}, "nth": 1, **limit})
    desk.ck("spec", "link", "--yes")
    healed(desk)
    said = desk.ok("task", words[0], "T002", *words[1:])
    assert "wait" in said.err, said.words
    loopback.pause(1.1)
    desk.ok("reconcile")
    issue = desk.issue(3)
    assert (issue["title"], issue["state"].upper()) == ("T002 Task 2", state)
    assert issue["labels"] == labels
    assert desk.quiet() == []


def test_a_parent_that_was_given_up_can_be_made_anew(desk: Desk) -> None:
    refused = {"match": {"method": "POST", "path": "/issues$"}, "nth": 1, "action": "invalid"}
    desk.begin(2).server.fault(refused)
    desk.ck("spec", "link", "--yes")
    healed(desk)
    desk.ok("outbox", "drop")
    desk.ok("spec", "link", "--yes")
    assert titles(desk) == ["Demo", "T001 Task 1", "T002 Task 2"]
    assert desk.quiet() == []


@pytest.mark.parametrize("when", ["before the look", "after the look"])
def test_two_clones_that_link_at_once_end_with_the_same_issues(desk: Desk, when: str) -> None:
    """The second finds that somebody was faster, and takes what the first has made."""
    desk.begin(3)
    other = loopback.Desk(desk.where / "other", desk.server)
    other.where.mkdir()
    shutil.copytree(desk.repo, other.repo)
    switch_on(other.repo, repo=loopback.REPO)

    def the_other_first() -> None:
        from craftkit.github.client import Client

        name = "repository" if when == "before the look" else "create_parent"
        real = getattr(Client, name)

        def after_the_other(client: Any, *args: Any) -> Any:
            setattr(Client, name, real)
            if not os.fork():
                places = [other.where / "out.txt", other.where / "err.txt"]
                other._child(("spec", "link", "--yes"), None, other.env, places)
            os.wait()
            return real(client, *args)

        setattr(Client, name, after_the_other)

    desk.ck("spec", "link", "--yes", prepare=the_other_first)
    for each in (desk, other, desk):
        each.ck("reconcile")
    assert desk.text == other.text
    alive = [i["title"] for i in desk.issues().values() if i["state"] == "open"]
    assert alive == ["Demo", "T001 Task 1", "T002 Task 2", "T003 Task 3"]
    assert desk.quiet() == other.quiet() == []
