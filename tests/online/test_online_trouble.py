"""What goes wrong for long: limits, a board that refuses, old servers, an interrupted linking."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import loopback
import places
import pytest
import sampling
from places import agree, database_of, state_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

forked = loopback.forked
Desk = Any
BOARD = {"CRAFTKIT_GITHUB_PROJECT": "octo-dev/1"}
SECONDARY = {"message": "You have exceeded a secondary rate limit."}
HANGS = {"action": "timeout", "seconds": 60, "times": 0}


def capable(desk: Desk, **flags: bool) -> None:
    desk.state.capabilities = desk.state.capabilities._replace(**flags)


def well_again(desk: Desk) -> None:
    with desk.state.lock:
        desk.state.rules = []
    desk.ask("delete from remembered where name = 'silent'")  # as a minute later


def agreed(desk: Desk) -> None:
    """Spec and GitHub say the same, and nothing is left to do."""
    assert desk.quiet() == []
    assert desk.doubles() == []
    assert desk.ck("reconcile", "--check").code == 0


def change(desk: Desk, sql: str, *values: Any) -> None:
    database = sqlite3.connect(database_of(desk.repo))
    with contextlib.closing(database), database:
        database.execute(sql, values)


# Limits


def limits(desk: Desk) -> Any:
    found = desk.ask("select value from remembered where name = 'limits'")
    return json.loads(found[0][0]) if found else None


def limited(desk: Desk) -> float:
    """Meet a limit that names no time; how long it keeps craftkit waiting."""
    desk.server.fault({"action": "status", "status": 403, "body": SECONDARY})
    assert "asks for a pause" in desk.ck("reconcile").err
    well_again(desk)
    return float(limits(desk)[1])


def set_limits(desk: Desk, until: float, unnamed: float) -> None:
    value = json.dumps([until, unnamed, 0.0])
    change(desk, "update remembered set value = ? where name = 'limits'", value)


def let_it_pass(desk: Desk) -> None:
    set_limits(desk, time.time() - 1, limits(desk)[1])


def test_a_success_ends_a_row_of_limits(desk: Desk) -> None:
    desk.begin(1).link()
    assert limited(desk) == 60
    let_it_pass(desk)
    assert limited(desk) == 120  # nothing succeeded in between
    let_it_pass(desk)
    desk.ok("reconcile")
    assert limits(desk)[:2] == [0, 0]
    assert limited(desk) == 60


def test_limits_that_stay_the_same_are_not_written(desk: Desk) -> None:
    desk.begin(1).link()
    limited(desk)
    let_it_pass(desk)
    desk.ok("reconcile")
    old = desk.ask("select at from remembered where name = 'limits'")
    desk.ok("task", "start", "T001")
    desk.ok("reconcile")
    assert desk.ask("select at from remembered where name = 'limits'") == old


def test_i13_a_limit_that_another_command_has_met_holds(desk: Desk) -> None:
    desk.begin(1).link()
    limited(desk)
    let_it_pass(desk)
    until = time.time() + 50

    def meanwhile() -> None:
        from craftkit.github.client import Client

        real = Client.trees

        def trees(self: Any, parents: Any) -> Any:
            found = real(self, parents)
            set_limits(desk, until, 120)
            return found

        Client.trees = trees  # type: ignore[method-assign]

    desk.ck("reconcile", prepare=meanwhile)
    assert limits(desk)[:2] == [until, 120]
    before = desk.requests()
    desk.ck("reconcile")
    assert desk.requests() == before


def test_a_limit_is_remembered_whatever_else_fails(desk: Desk) -> None:
    desk.begin(1).link()
    desk.ok("task", "start", "T001", "--offline")
    desk.server.fault({"action": "secondary", "retry_after": 60})

    def fail() -> None:
        from craftkit.errors import DatabaseUnwritable
        from craftkit.sync import outbox_sender

        def put_back(*_: Any) -> None:
            raise DatabaseUnwritable("The database is locked.")

        outbox_sender.put_back = put_back  # type: ignore[assignment]

    desk.ck("outbox", "send", prepare=fail)
    assert limits(desk)[0] > time.time()


# A board


def test_a_board_that_refuses_holds_nothing_up(desk: Desk) -> None:
    desk.begin(8).link()
    agree(desk.repo, "github.project", "octo-dev/1")
    for name in ("repositoryOwner", "addProjectV2ItemById", "updateProjectV2ItemFieldValue"):
        desk.server.fault({"match": {"graphql": name}, "action": "forbidden", "times": 0})
    for number in range(1, 9):
        said = desk.ok("task", "done", f"T00{number}", **BOARD)
        assert desk.issue(number + 1)["state"] == "closed"
        assert said.err.count("status on the board was not set") == 1
        assert "Projects: read and write" in said.err and "Issues: read" not in said.err
    assert desk.ask("select * from outbox where state <> 'delivered'") == []
    assert desk.ok("reconcile", **BOARD).err.count("board") == 0  # nothing was to be set
    agreed(desk)


def test_a_board_that_refuses_is_told_of_once_in_a_command(desk: Desk) -> None:
    desk.begin(3).link()
    agree(desk.repo, "github.project", "octo-dev/1")
    desk.server.fault({"match": {"graphql": "repositoryOwner"}, "action": "forbidden", "times": 0})
    for number in (1, 2, 3):
        desk.ok("task", "done", f"T00{number}", "--offline")
    answer = desk.ok("reconcile", "--json", **BOARD).answer
    notes = [d for d in answer["diagnostics"] if d["code"] == "board_status"]
    assert len(notes) == 1 and notes[0]["severity"] == "warning" and answer["ok"]
    assert [i["state"] for i in desk.issues().values()][1:] == ["closed"] * 3
    agreed(desk)


def test_a_board_that_is_not_there_holds_nothing_up(desk: Desk) -> None:
    desk.begin(1).link()
    gone = {"CRAFTKIT_GITHUB_PROJECT": "octo-dev/99"}
    agree(desk.repo, "github.project", "octo-dev/99")
    said = desk.ok("task", "start", "T001", **gone)
    assert "board octo-dev/99" in said.err and "github.project" in said.err
    desk.ok("task", "done", "T001", **gone)
    assert (desk.issue(2)["state"], desk.issue(2)["labels"]) == ("closed", [])
    assert desk.ask("select * from outbox where state <> 'delivered'") == []
    agreed(desk)


# Servers without sub-issues

OLD = [{"sub_issues": False}, {"sub_issues": False, "graphql": False}]


@pytest.mark.parametrize("flags", OLD)
def test_a_lost_creation_is_found_without_sub_issues(desk: Desk, flags: dict[str, bool]) -> None:
    capable(desk, **flags)
    desk.begin(3)
    made = {"method": "POST", "path": "/issues$"}
    desk.server.fault({"match": made, "nth": 3, "action": "reset", "apply": True})
    desk.ok("spec", "link", "--yes")
    well_again(desk)
    desk.ok("reconcile")
    desk.ok("reconcile")
    assert desk.ask("select * from outbox where state <> 'delivered'") == []
    assert len(desk.issues()) == 4 and desk.text.count("(#") == 3
    agreed(desk)


@pytest.mark.parametrize("flags", OLD)
def test_what_makes_issues_without_sub_issues_is_named(desk: Desk, flags: dict[str, bool]) -> None:
    capable(desk, **flags)
    desk.begin(2).link()
    desk.ok("task", "add", "Another")
    said = desk.ck("reconcile", "--create")
    assert said.code == 5 and "lists no sub-issues" in said.out
    assert "craftkit spec link --spec demo" in said.out and "--create" not in said.out
    desk.ok("spec", "link", "--yes")
    assert len(desk.issues()) == 4 and "T003 Another (#4)" in desk.text
    desk.ok("reconcile", "--create")
    agreed(desk)


# A linking that was interrupted


def dies_in(name: str, nth: int = 1) -> Callable[[], None]:
    """What makes a command die at a call of the client."""

    def prepare() -> None:
        from craftkit.github.client import Client

        real, calls = getattr(Client, name), [0]

        def die(self: Any, *args: Any) -> Any:
            calls[0] += 1
            if calls[0] == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, *args)

        setattr(Client, name, die)

    return prepare


def interrupted(desk: Desk, name: str = "create_child", nth: int = 2) -> Desk:
    desk.begin("- [ ] T001 One\n- [ ] T002 Two (depends on T001)\n- [ ] T003 Three\n")
    said = desk.ck("spec", "link", "--yes", prepare=dies_in(name, nth))
    assert said.code == -signal.SIGKILL
    return desk


LOCAL = [
    ("task", "next"),
    ("task", "list"),
    ("status",),
    ("task", "start", "T003", "--offline"),
    ("task", "done", "T003", "--offline"),
    ("session-resume", "--offline"),
    ("reconcile", "--offline"),
    ("spec", "link", "--dry-run", "--offline"),
    ("spec", "unlink", "--task", "T001"),
]


@pytest.mark.parametrize("command", LOCAL, ids=" ".join)
def test_what_needs_no_network_does_not_finish_a_linking(
    desk: Desk, command: tuple[str, ...]
) -> None:
    before = interrupted(desk).requests()
    said = desk.ck(*command)
    assert said.code in (0, 2) and desk.requests() == before, said.words
    assert "was interrupted" in said.err and "craftkit reconcile" in said.err
    assert desk.data("process", "show", "1")["process"]["status"] == "interrupted"


def test_a_decision_is_recorded_before_a_linking_goes_on(desk: Desk) -> None:
    interrupted(desk)
    seen = desk.where / "seen.txt"

    def watch() -> None:
        from craftkit.github.wire import Wire
        from craftkit.loop import transitions

        record, carry = transitions._record, Wire.send_with_timeout

        def recorded(*args: Any) -> None:
            seen.open("a").write("recorded ")
            record(*args)

        def asked(*args: Any) -> Any:
            seen.open("a").write("asked ")
            return carry(*args)

        transitions._record = recorded
        Wire.send_with_timeout = asked  # type: ignore[method-assign]

    desk.ok("task", "done", "T001", prepare=watch)
    assert seen.read_text().startswith("recorded ")


FINISHING = (
    ("reconcile",),
    ("reconcile", "--job"),
    ("session-resume",),
    ("spec", "link", "--yes"),
    ("outbox", "send"),
    ("process", "resume", "1"),
)
LOSSES = (("create_child", 2), ("apply", 1), ("trees", 1))


@pytest.mark.parametrize(("command", "loss"), sampling.some(product(FINISHING, LOSSES), 3))
def test_an_interrupted_linking_is_finished(
    desk: Desk, command: tuple[str, ...], loss: tuple[str, int]
) -> None:
    interrupted(desk, *loss)
    desk.ok("status")
    desk.ok("task", "list")
    desk.ok(*command)
    desk.ok("reconcile")
    assert len(desk.issues()) == 4 and desk.text.count("(#") == 3
    assert [desk.issue(n)["blocked_by"] for n in (2, 3, 4)] == [[], [2], []]
    assert desk.data("process", "show", "1")["process"]["status"] == "completed"
    agreed(desk)


def test_what_needs_no_network_is_done_of_a_linking(desk: Desk) -> None:
    """Links are written to the file by the next command, whatever it is."""
    desk.begin("- [ ] T001 One\n- [ ] T002 Two (depends on T001)\n")

    def die() -> None:
        from craftkit.sync import links

        links.write_links = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore

    assert desk.ck("spec", "link", "--yes", prepare=die).code == -signal.SIGKILL
    before = desk.requests()
    said = desk.ok("status")
    assert desk.text.count("(#") == 2 and desk.requests() == before
    assert "finished" not in said.out and "was interrupted" in said.err
    shown = desk.data("process", "show", "1")["process"]
    assert (shown["status"], shown["current_step"]) == ("interrupted", "block")
    assert "finished `spec link`" in desk.ok("session-resume").out
    assert desk.issue(3)["blocked_by"] == [2]
    agreed(desk)


def test_what_was_unlinked_since_stays_unlinked(desk: Desk) -> None:
    desk.begin("- [ ] T001 One (#2)\n- [ ] T002 Two (depends on T001)\n")
    desk.server.add_issues(loopback.REPO, [{"title": "Mine"}, {"title": "One"}])
    said = desk.ck("spec", "link", "--yes", prepare=dies_in("create_parent"))
    assert said.code == -signal.SIGKILL
    desk.ok("spec", "unlink")
    desk.ok("reconcile")
    assert "(#" not in desk.text and len(desk.issues()) == 2
    assert desk.ask("select * from outbox where state <> 'delivered'") == []
    assert desk.ask("select status from processes where status <> 'completed'") == []


def test_a_session_begins_in_time_though_github_hangs(desk: Desk) -> None:
    interrupted(desk)
    desk.server.fault(HANGS)
    said = desk.ok("session-resume")
    assert "could not be finished" in said.err
    well_again(desk)
    desk.ok("session-resume")
    assert len(desk.issues()) == 4
    agreed(desk)


# What is there already


@pytest.mark.parametrize("pull", [False, True])
def test_issues_are_found_again_though_pull_requests_are_newer(desk: Desk, pull: bool) -> None:
    capable(desk, graphql=False)
    desk.begin(2)
    bare = desk.text
    desk.link()
    desk.server.add_issues(
        loopback.REPO, [{"title": f"Other {n}", "pull_request": pull} for n in range(120)]
    )
    for path in state_of(desk.repo).glob("*.db*"):
        path.unlink()
    (desk.repo / loopback.SPEC).write_text(bare, encoding="utf-8")
    desk.ok("spec", "link", "--yes")
    assert desk.doubles() == [] and "T002 Task 2 (#3)" in desk.text


@pytest.mark.parametrize("graphql", [True, False])
def test_what_a_deleted_account_reopened_is_unticked(desk: Desk, graphql: bool) -> None:
    capable(desk, graphql=graphql)
    desk.begin(2).link()
    desk.ok("task", "done", "T001")
    desk.human("PATCH", "issues/2", {"state": "open"})
    with desk.state.lock:
        world = desk.state.world
        left = {k: u for k, u in world.users.items() if u.login != "reviewer"}
        desk.state.commit(world._replace(users=left))
    said = desk.ok("reconcile", "--dry-run")
    assert "re-opened by ghost" in said.out
    desk.ok("reconcile")
    assert "- [ ] T001" in desk.text
    agreed(desk)


# One spec among several


def test_a_spec_of_more_than_a_hundred_tasks_without_headings_gets_two_parents(desk: Desk) -> None:
    desk.begin(2).link()
    desk.ok("task", "add", "Another")
    desk.close(2)
    lines = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, 102))
    desk.write(lines, forked.FRONT.replace("demo", "long"), "specs/long.md")
    desk.ok("spec", "link", "long", "--yes")
    children = [len(i["children"]) for i in desk.issues().values() if i["parent"] is None]
    assert sorted(children) == [1, 2, 100]
    desk.ok("reconcile", "--all", "--create")
    assert "[x] T001" in desk.text
    assert "T003 Another (#10" in desk.text


# Titles


def retitles(desk: Desk) -> list[str]:
    found = desk.ask(
        "select payload from outbox where action = 'retitle' and state <> 'delivered' order by id"
    )
    return [json.loads(row[0])["title"] for row in found]


def test_a_title_waits_once(desk: Desk) -> None:
    desk.begin(2).link()
    desk.replace("T001 Task 1", "T001 New name")
    desk.ok("status")  # which says it
    desk.server.fault({"match": {"graphql": "updateIssue"}, "action": "status", "times": 0})
    for _ in range(3):
        desk.ck("reconcile")
        change(desk, "update outbox set not_before = 4e9")
        assert retitles(desk) == ["T001 New name"]
    desk.replace("T001 New name", "T001 Newer name")
    desk.ok("status")
    for _ in range(2):
        desk.ck("reconcile")
        assert retitles(desk) == ["T001 Newer name"]
    well_again(desk)
    change(desk, "update outbox set not_before = 0")
    desk.ok("reconcile")
    assert desk.issue(2)["title"] == "T001 Newer name"
    agreed(desk)


def test_what_a_sandbox_knows_stays_apart_from_what_is_real(desk: Desk) -> None:
    """What was linked, done and queued on a GitHub on this machine is not on github.com."""
    desk.begin(2)
    desk.link()
    desk.ok("task", "start", "T001")
    desk.ok("task", "done", "T001", GITHUB_API_URL="http://127.0.0.1:9", GITHUB_GRAPHQL_URL="")
    assert [row["action"] for row in desk.data("outbox", "list")["outbox"]] == ["close"]
    real = {"GITHUB_API_URL": "", "GITHUB_GRAPHQL_URL": "", "GH_TOKEN": ""}
    assert desk.data("outbox", "list", **real)["outbox"] == []
    sandbox = places.state_of(desk.repo) / "sandbox.db"
    before = sandbox.read_bytes()
    desk.ok("task", "start", "T002", **real)
    assert sandbox.read_bytes() == before
    assert desk.data("status")["current"] is None
