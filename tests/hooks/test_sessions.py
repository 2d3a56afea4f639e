"""Whose task it is: live sessions, those that died, their successors, subagents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sampling

from craftkit.runtime import agent_process

Bed = Any
# A process that is an agent: it runs each command that it is given, and waits for the next.
AGENT = """
import subprocess, sys
for line in sys.stdin:
    given = open(line.strip()).read()
    done = subprocess.run([sys.executable, "-c", "from craftkit.agent_hook import run; run()",
        "session-start"], input=given, capture_output=True, text=True)
    print(len(done.stdout), flush=True)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="needs /proc")


class Agent:
    """An agent's process that goes on until it is killed, with a session of its own."""

    def __init__(self, bed: Bed, session: str) -> None:
        self.bed, self.session = bed, session
        self.env = {**bed.env, "CRAFTKIT_SESSION": session, "CRAFTKIT_AGENT": "claude"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", AGENT],
            cwd=bed.root,
            env=self.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def begin(self, source: str = "startup") -> None:
        given = self.bed.root.parent / f"{self.session}.json"
        given.write_text(f'{{"session_id": "{self.session}", "source": "{source}"}}')
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{given}\n")
        self.process.stdin.flush()
        assert int(self.process.stdout.readline()) > 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def starts(bed: Bed, session: str, source: str) -> str:
    """The brief of another session, whose hook this is."""
    payload = {"session_id": session, "cwd": str(bed.root), "source": source}
    said: str = bed.said(
        "session-start", payload, CRAFTKIT_SESSION=session, CRAFTKIT_AGENT="claude"
    )
    return said


@pytest.mark.parametrize("session", ["first", "second"])
@pytest.mark.parametrize("source", ["startup", "resume", "clear"])
def test_a_killed_holder_has_a_successor(bed: Bed, session: str, source: str) -> None:
    agent = Agent(bed, "first")
    try:
        agent.begin()
        assert bed.ck("task", "start", "T001", **agent.env)[0] == 0
        held = starts(bed, "third", "startup")
        assert "T001 is in progress in another session" in held and "task done T001" not in held
    finally:
        agent.kill()
    said = starts(bed, session, source)
    assert "In progress: T001 One" in said and "`craftkit task done T001`" in said
    env = {"CRAFTKIT_SESSION": session, "CRAFTKIT_AGENT": "claude"}
    code, _, err = bed.ck("task", "start", "T001", **env)
    assert (code, "held" in err) == (0, False)
    code, _, err = bed.ck("task", "done", "T001", **env)
    assert (code, "in progress in session" in err) == (0, False)


@pytest.mark.parametrize("source", ["startup", "resume", "compact", "clear"])
def test_a_holder_that_runs_keeps_its_task(bed: Bed, source: str) -> None:
    agent = Agent(bed, "first")
    try:
        agent.begin()
        bed.ck("task", "start", "T001", **agent.env)
        said = starts(bed, "second", source)
        assert "T001 is in progress in another session" in said
        assert "craftkit task start T002" in said and "task done T001" not in said
        env = {"CRAFTKIT_SESSION": "second", "CRAFTKIT_AGENT": "claude"}
        assert bed.ck("task", "start", "T001", **env)[0] != 0
        assert bed.ck("task", "next", "--json", **env)[1].count('"current": null') == 1
    finally:
        agent.kill()


def test_an_ended_session_is_followed(bed: Bed) -> None:
    agent = {"CRAFTKIT_SESSION": "first", "CRAFTKIT_AGENT": "claude"}
    starts(bed, "first", "startup")
    bed.ck("task", "start", "T001", **agent)
    bed.hook("session-end", {"session_id": "first", "reason": "clear"}, **agent)
    assert "In progress: T001" in starts(bed, "second", "clear")
    assert bed.ask("select value from hooks where session = 'first' and name = 'successor'") == [
        ("second",)
    ]
    assert bed.ask("select session from claims") == [("second",)]


def test_the_process_that_is_meant_is_the_agents() -> None:
    code = "from craftkit.runtime import agent_process as a; n = a.find(); print(n, a.runs(n))"
    inner = f"{sys.executable} -c '{code}' || true; true"
    said = subprocess.run(["sh", "-c", inner], capture_output=True, text=True).stdout.split()
    assert said[-1] == "True"
    name = " ".join(said[:-1])
    assert agent_process.runs(name) is True
    place, pid, started = name.split(" ")
    assert agent_process.runs(f"{place} {pid} {int(started) + 1}") is False
    assert agent_process.runs(f"elsewhere {pid} {started}") is None
    assert agent_process.runs("nonsense") is None


def test_a_subagent_hears_nothing_of_its_parents_task(bed: Bed) -> None:
    bed.ck("task", "start", "T001")
    bed.tick("T002")
    path = str(bed.path)
    payload = {
        "session_id": "abc",
        "cwd": str(bed.root),
        "agent_id": "a1",
        "tool_input": {"file_path": path},
    }
    assert bed.said("post-edit", payload) == "craftkit: T002 was ticked: recorded done."
    bed.tick("T003")
    assert bed.hook("subagent-stop", {"session_id": "abc", "agent_id": "a1"}) == ""
    said = bed.said("prompt")
    assert "T002 was ticked" in said and "T003 was ticked" in said
    assert bed.hook("prompt") == ""
    assert bed.hook("stop", {"session_id": "abc", "prompt_id": "p9"}) == ""  # no contradiction


@pytest.mark.parametrize("turn", ["p1", "p2"])
def test_stop_asks_once_per_contradiction(bed: Bed, turn: str) -> None:
    bed.ck("task", "start", "T001")
    bed.tick("T003")
    first = bed.said("stop", {"session_id": "abc", "prompt_id": "p0"})
    assert "T001 is still in progress, but T003" in first
    assert bed.hook("stop", {"session_id": "abc", "prompt_id": turn}) == ""


@pytest.mark.parametrize(
    ("titles", "ticked", "asks"),
    [
        (["[P] One", "[P] Two", "Three", "Four"], "T002", False),
        (["[P] One", "[P] Two", "Three", "Four"], "T003", True),
        (["One", "[P] Two", "[P] Three", "Four"], "T002", True),
        (["One", "Two", "Three", "Four"], "T002", True),
    ],
    ids=["beside", "after", "before", "plain"],
)
def test_parallel_tasks_end_in_any_order(
    bed: Bed, titles: list[str], ticked: str, asks: bool
) -> None:
    for old, new in zip(("One", "Two", "Three", "Four"), titles, strict=True):
        bed.write(bed.text.replace(f" {old}\n", f" {new}\n"))
    bed.ck("task", "start", "T001")
    bed.tick(ticked)
    assert bool(bed.hook("stop", {"session_id": "abc"})) is asks


NAMINGS = (
    "{key}: do it",
    "Do {key} (with care)",
    "feat({key}): do it",
    "do it\n\nTask: demo/{key}",
    "do it\n\nSome words.\n\nTask: demo/{key}\nSigned-off-by: x <x@example.com>",
)
OTHERS = ("{key}0: do it", "x-{key}: do it", "do it\n\nTask: other/{key}", "{key}.5 did it")


def commit(bed: Bed, message: str) -> None:
    names = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    done = subprocess.run(
        ["git", *names, "commit", "-q", "--allow-empty", "-m", message],
        cwd=bed.root,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


def attention(bed: Bed) -> str:
    """What `session-resume` says of commits; "" for nothing."""
    import json

    said = json.loads(bed.ck("session-resume", "--offline", "--json")[1])["data"]["attention"]
    found = [a for a in said if a["code"] == "committed_not_reported"]
    return f"{found[0]['message']} {found[0]['hint']}" if found else ""


@pytest.mark.parametrize("form", sampling.some(NAMINGS, 2))
def test_a_commit_that_names_an_open_task_is_said(bed: Bed, form: str) -> None:
    commit(bed, form.format(key="T002"))
    said = attention(bed)
    assert "names T002" in said and "`craftkit task done T002`" in said
    assert "`craftkit task done T002`" in bed.said("stop", {"session_id": "abc"})
    assert bed.hook("stop", {"session_id": "abc", "prompt_id": "p2"}) == ""
    err = bed.ck("spec", "phase", "review")[2]
    assert "craftkit task done T002" in err
    assert bed.ck("task", "done", "T002")[0] == 0
    assert attention(bed) == ""
    assert bed.ck("task", "reopen", "T002")[0] == 0
    assert attention(bed) == ""  # the commit is older than the word that the task is open


@pytest.mark.parametrize("form", OTHERS)
def test_a_commit_that_names_something_else_is_nothing(bed: Bed, form: str) -> None:
    commit(bed, form.format(key="T002"))
    assert attention(bed) == ""


def test_a_reverted_commit_is_nothing(bed: Bed) -> None:
    commit(bed, "T002: do it")
    commit(bed, 'Revert "T002: do it"')
    assert attention(bed) == ""


def test_a_key_that_two_specs_have_says_nothing(bed: Bed) -> None:
    other = bed.root / "specs/other.md"
    other.write_text("# Other\n\n## Tasks\n\n- [ ] T002 A\n")
    bed.ck("spec", "use", "demo")
    commit(bed, "T002: do it")
    assert attention(bed) == ""
    commit(bed, "demo T002: do it")
    assert "names T002" in attention(bed)


def test_thirteen_tasks_are_committed_and_none_is_reported(tmp_path: Path) -> None:
    import bed as beds

    bed = beds.Bed(tmp_path.resolve() / "repo").begin(*(f"Part {n}" for n in range(1, 14)))
    for number in range(1, 14):
        commit(bed, f"T{number:03d}: build part {number}")
    said = attention(bed)
    commands = [part for part in said.split("`")[1].split(" && ")]
    assert commands == [f"craftkit task done T{n:03d}" for n in range(1, 14)]
    assert bed.text.count("[x]") == 0
    blocked = bed.said("stop", {"session_id": "abc"})
    assert blocked.count("craftkit task done") == 13 and blocked.count("`") == 2
    assert bed.hook("stop", {"session_id": "abc", "prompt_id": "p2"}) == ""
    for command in commands:
        assert bed.ck(*command.split()[1:])[0] == 0
    assert bed.text.count("[x]") == 13 and attention(bed) == ""
