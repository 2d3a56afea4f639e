"""A scripted agent that forgets: it works on 13 tasks, ticks boxes, is compacted and killed.

Some of its hooks may be off.  What matters is when each finished task's issue is closed.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Desk = Any
TASKS = 13
SWITCHES = ("session-start", "prompt", "post-edit", "stop", "session-end")
CASES = [
    tuple(name for name, on in zip(SWITCHES, flags, strict=True) if on)
    for flags in itertools.product((True, False), repeat=len(SWITCHES))
]
NOBODY = "http://127.0.0.1:9"  # where no server listens


class Closed(NamedTuple):
    """How one task came to be closed."""

    task: str
    by: str  # the event at which its issue was seen closed
    late: int  # events and actions between tick and close


class Agent:
    """Plays the story; `enabled` are the hooks that run."""

    def __init__(self, desk: Desk, enabled: Sequence[str]) -> None:
        self.desk, self.enabled = desk, enabled
        self.session = ""
        self.now = 0
        self.finished: dict[str, int] = {}
        self.closed: dict[str, Closed] = {}

    def see(self, event: str) -> None:
        """Note which issues are closed by now."""
        self.now += 1
        for issue in self.desk.issues().values():
            key = str(issue["title"]).split(" ")[0]
            if key not in self.closed and issue["state"].lower() == "closed":
                late = self.now - self.finished[key] - 1
                self.closed[key] = Closed(key, event, late)

    def hook(self, event: str, **payload: Any) -> None:
        if event in SWITCHES and event not in self.enabled:
            self.now += 1  # it happened all the same
            return
        data = {"session_id": self.session, "cwd": str(self.desk.repo), **payload}
        hook(self.desk, event, data, self.session)
        self.see(event)

    def command(self, *words: str) -> None:
        self.desk.ok(*words, CRAFTKIT_SESSION=self.session)
        self.see(" ".join(words[:2]))

    def begin(self, session: str, source: str = "startup") -> None:
        self.session = session
        self.hook("session-start", source=source)

    def turn(self, *acts: Callable[[], None], cut_off: bool = False) -> None:
        self.hook("prompt", prompt="go on")
        for act in acts:
            act()
        if not cut_off:
            self.hook("stop", stop_hook_active=False, prompt_id=str(self.now))

    # What the agent does in a turn

    def edit(self, key: str) -> Callable[[], None]:
        """Tick the box with the agent's own tool, which its hook sees."""

        def act() -> None:
            self.tick(key)
            path = str(self.desk.repo / "specs/demo.md")
            self.hook("post-edit", tool_name="Edit", tool_input={"file_path": path})

        return act

    def sed(self, key: str) -> Callable[[], None]:
        """Tick the box from the shell, which no hook sees."""

        def act() -> None:
            self.tick(key)
            self.see("shell")

        return act

    def done(self, key: str) -> Callable[[], None]:
        def act() -> None:
            self.finished[key] = self.now
            self.command("task", "done", key)

        return act

    def tick(self, key: str) -> None:
        self.desk.replace(f"[ ] {key}", f"[x] {key}")
        self.finished[key] = self.now


def hook(desk: Desk, event: str, payload: dict[str, Any], session: str) -> str:
    """One hook in a forked process; what it would start in the background runs before it ends."""

    def run() -> None:
        from craftkit import agent_hook as script
        from craftkit.cli import main
        from craftkit.runtime import background

        def at_once(worktree: str, words: tuple[str, ...]) -> None:
            out, sys.stdout = sys.stdout, io.StringIO()
            main(words)
            sys.stdout = out

        background.start_detached = at_once
        sys.stdin = io.StringIO(json.dumps(payload))
        print(script.answer([event]), end="", flush=True)
        os._exit(0)

    said = desk.ck("hook", event, prepare=run, CRAFTKIT_SESSION=session)
    assert said.code == 0 and not said.err, said.words
    return str(said.out)


def play(desk: Desk, enabled: Sequence[str]) -> list[Closed]:
    """The whole story, and when each task was closed."""
    desk.begin(TASKS).link()
    agent = Agent(desk, enabled)
    agent.begin("one")
    agent.command("task", "start", "T001")
    agent.turn(agent.done("T001"))  # at first it remembers
    agent.turn(agent.edit("T002"), agent.edit("T003"))
    agent.command("task", "start", "T004")
    agent.turn(agent.edit("T004"))
    agent.hook("pre-compact", trigger="auto")
    agent.hook("session-start", source="compact")
    agent.turn(agent.edit("T005"))
    agent.turn(agent.sed("T006"), agent.sed("T007"))
    agent.turn(agent.edit("T008"), agent.sed("T009"), cut_off=True)  # killed
    agent.begin("two", "resume")
    agent.turn(agent.edit("T010"))
    there = dict(desk.env)
    desk.env |= {"GITHUB_API_URL": NOBODY, "GITHUB_GRAPHQL_URL": f"{NOBODY}/graphql"}
    agent.turn(agent.edit("T011"), agent.sed("T012"))  # GitHub cannot be reached
    desk.env = there
    agent.turn(agent.edit("T013"))
    agent.hook("session-end", reason="logout")
    said = desk.ck("reconcile", "--job")
    assert said.code == 0, said.words
    agent.see("reconcile --job")
    return [agent.closed[key] for key in sorted(agent.closed)]


class Heard(NamedTuple):
    """What was said to one of several agents at an event."""

    who: str
    words: str


def play_together(desk: Desk, enabled: Sequence[str]) -> list[Heard]:
    """Two live sessions in one worktree, a subagent and a nested agent; who heard what."""
    desk.begin(6).link()
    desk.env["CRAFTKIT_AGENT"] = "claude"
    path = str(desk.repo / "specs/demo.md")
    heard: list[Heard] = []

    def tell(who: str, event: str, session: str, **payload: Any) -> None:
        if event in SWITCHES and event not in enabled:
            return
        data = {"session_id": session, "cwd": str(desk.repo), **payload}
        heard.append(Heard(who, hook(desk, event, data, session)))

    def run(who: str, *words: str) -> None:
        said = desk.ck(*words, CRAFTKIT_SESSION=who)
        assert said.code == 0, said.words

    edit = {"tool_name": "Edit", "tool_input": {"file_path": path}}
    for who, key in (("main", "T001"), ("other", "T002")):
        tell(who, "session-start", who, source="startup")
        run(who, "session-start")
        run(who, "task", "start", key)
        tell(who, "prompt", who, prompt="go on")
    inside = {"agent_id": "a1", "agent_type": "general-purpose"}
    desk.replace("[ ] T003", "[x] T003")
    tell("subagent", "post-edit", "main", **edit, **inside)
    tell("subagent", "subagent-stop", "main", **inside)
    tell("nested", "session-start", "nested", source="startup")
    run("nested", "session-resume")
    desk.replace("[ ] T004", "[x] T004")
    tell("nested", "post-edit", "nested", **edit)
    tell("nested", "stop", "nested", stop_hook_active=False, prompt_id="n1")
    for who, key, following in (("main", "T001", "T005"), ("other", "T002", "T006")):
        tell(who, "prompt", who, prompt="go on")
        tell(who, "stop", who, stop_hook_active=False, prompt_id="p1")
        run(who, "task", "done", key)
        run(who, "task", "start", following)
        desk.replace(f"[ ] {following}", f"[x] {following}")
        tell(who, "post-edit", who, **edit)
        tell(who, "session-end", who, reason="logout")
    said = desk.ck("reconcile", "--job")
    assert said.code == 0, said.words
    return heard


def row(enabled: Sequence[str], closed: Sequence[Closed]) -> str:
    """One line of the table in docs/forgetting.md."""
    marks = " | ".join("on" if name in enabled else "–" for name in SWITCHES)
    by_job = sum(c.by == "reconcile --job" for c in closed)
    soon = sum(c.late == 0 and c.by != "reconcile --job" for c in closed)
    mean = sum(c.late for c in closed) / len(closed)
    return f"| {marks} | {soon} | {len(closed) - soon - by_job} | {by_job} | {mean:.1f} |"


def closings(desk: Desk) -> list[int]:
    """How often each sub-issue was closed."""
    return [
        sum(event["event"] == "closed" for event in issue["timeline"])
        for number, issue in sorted(desk.issues().items())
        if issue["parent"]
    ]
