"""`demo`: thirteen tasks and their Sub Issues, a kill, an outage, other people, nothing lost.

GitHub is played by the sandbox on this machine; without its extra the local half is played.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from craftkit.errors import CraftkitError

if TYPE_CHECKING:
    from craftkit.sandbox.server import Server

REPOSITORY = "octo-dev/demo"
TITLES = [
    "Describe the data model",
    "Write the schema",
    "Write the migration",
    "Read a record",
    "Write a record",
    "Delete a record",
    "List records",
    "Validate input",
    "Report errors",
    "Add paging",
    "Add a search",
    "Write the manual",
    "Publish the release",
]

# The child stops dead between the recorded decision and the edit of the file: the worst moment.
KILLED_CHILD = """\
import os, signal, sys
from craftkit.specs import files
files.replace = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
from craftkit.cli import main
main(sys.argv[1:])
"""


def play(show: Callable[[str], None]) -> dict[str, Any]:
    """Run the story in a temporary repository; `show` gets each line as it happens."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="craftkit-demo-") as place:
        try:
            from craftkit.sandbox.server import serve

            server = serve()
        except CraftkitError as error:
            show(f"Without GitHub, for that part needs more: {error.hint}\n")
            facts = _story(_Stage(place, show), None)
        else:
            with server:
                stage = _Stage(place, show)
                stage.env |= server.environment()
                facts = _story(stage, server)
    facts["seconds"] = round(time.monotonic() - began, 2)
    facts["ok"] = (
        facts["done"] == facts["total"] == len(TITLES)
        and facts["completions"]
        and facts.get("issues_closed", len(TITLES)) == len(TITLES)
        and not facts.get("issues_twice")
    )
    verdict = "nothing was lost" if facts["ok"] else "SOMETHING WAS LOST"
    issues = ""
    if "issues_closed" in facts:
        issues = f", {facts['issues_closed']}/{facts['total']} Sub Issues closed, none made twice"
    show(f"\n{facts['done']}/{facts['total']} tasks done{issues}: {verdict}.")
    return facts


class _Stage:
    """A repository of its own and a shell that shows what it runs."""

    def __init__(self, place: str, show: Callable[[str], None]) -> None:
        self.place, self.show = place, show
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("CRAFTKIT_", "GIT_"))}
        self.env = keep | {"CRAFTKIT_SESSION": "first", "CRAFTKIT_AGENT": "demo", "NO_COLOR": "1"}

    def git(self, *words: str) -> None:
        try:
            subprocess.run(["git", *words], cwd=self.place, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CraftkitError("The demo needs git.", "install git and run it again") from error

    def run(self, *words: str, quiet: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "craftkit", *words],
            cwd=self.place,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CraftkitError(f"`craftkit {' '.join(words)}` failed: {done.stderr.strip()}")
        if not quiet:
            self.show(f"$ craftkit {' '.join(words)}")
            for line in (done.stdout + done.stderr).rstrip().splitlines():
                self.show(f"  {line}")
        return done.stdout

    def kill(self, *words: str) -> int:
        self.show(f"$ craftkit {' '.join(words)}")
        child = subprocess.run(
            [sys.executable, "-c", KILLED_CHILD, *words],
            cwd=self.place,
            env=self.env,
            capture_output=True,
            check=False,
        )
        return child.returncode

    def spec(self, text: str | None = None) -> str:
        """The text of the spec file; with `text`, that is what it holds from now on."""
        path = os.path.join(self.place, "specs", "a-small-record-store.md")
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        with open(path, encoding="utf-8") as file:
            return file.read()

    def data(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json", quiet=True))["data"]


def _story(stage: _Stage, server: Server | None) -> dict[str, Any]:
    stage.show("A repository, and a spec with 13 tasks:")
    stage.git("init", "-q", "-b", "main")
    stage.git("remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")
    stage.run("init", "--yes", quiet=True)  # an agent may be what runs the demo
    options = [word for title in TITLES for word in ("--task", title)]
    stage.run("spec", "new", "A small record store", *options, quiet=True)
    stage.run("status")
    if server is not None:
        stage.show(f"\nA parent issue and 13 Sub Issues in {REPOSITORY}, a sandbox here:")
        stage.run("spec", "link", "--yes")
    stage.show("\nAn agent works; each `done` says what is next:")
    for key in ("T001", "T002", "T003"):
        stage.run("task", "start", key, quiet=True)
        stage.run("task", "done", key)
    if server is None:
        code = _kill(stage, "T004")
        _tick_by_hand(stage)
    else:
        stage.show("\nGitHub is out of reach; the work goes on:")
        with server.unreachable():
            stage.run("task", "start", "T004", quiet=True)
            stage.run("task", "done", "T004")
            code = _kill(stage, "T005")
            _tick_by_hand(stage)
        stage.show("\nGitHub is back.")
        _colleague(stage, server)
    stage.show("\nA new session, which remembers nothing, resumes:")
    stage.env["CRAFTKIT_SESSION"] = "second"
    stage.run("session-resume")
    stage.show("\nIt goes on from what it was told, to the end:")
    _work_to_the_end(stage)
    stage.run("status")
    if server is not None:
        stage.show("\nA last look at both sides:")
        stage.run("reconcile")
        if _next(stage) is not None:  # a session waits two seconds for GitHub, and no longer
            stage.show("\nThe session began before GitHub had answered; it goes on:")
            _work_to_the_end(stage)
            stage.run("reconcile")
    return _facts(stage, server) | {"killed": code == -signal.SIGKILL}


def _next(stage: _Stage) -> dict[str, Any] | None:
    following: dict[str, Any] | None = stage.data("task", "next")["next"]
    return following


def _work_to_the_end(stage: _Stage) -> None:
    for _ in range(2 * len(TITLES)):
        following = _next(stage)
        if following is None:
            break
        stage.run("task", "start", following["key"], quiet=True)
        stage.run("task", "done", following["key"], quiet=True)


def _kill(stage: _Stage, key: str) -> int:
    stage.show(
        f"\nIn the middle of {key} its process is killed (SIGKILL), before the box is ticked:"
    )
    stage.run("task", "start", key, quiet=True)
    code = stage.kill("task", "done", key)
    stage.show(f"  killed by signal {-code}" if code < 0 else f"  ended with {code}")
    stage.show("  in the file:  " + next(x for x in stage.spec().splitlines() if key in x))
    return code


def _tick_by_hand(stage: _Stage) -> None:
    stage.show("\nMeanwhile somebody ticks T006 by hand, and tells nobody.")
    stage.spec(stage.spec().replace("- [ ] T006", "- [x] T006"))


def _colleague(stage: _Stage, server: Server) -> None:
    stage.show("There a colleague closes the issue of T009, and re-opens that of T002.")
    numbers = dict(re.findall(r"(?m)^- \[.\] (T[0-9]+) .*\(#([0-9]+)\)$", stage.spec()))
    _as_colleague(server, numbers["T009"], "closed")
    _as_colleague(server, numbers["T002"], "open")


def _as_colleague(server: Server, number: str, state: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - the sandbox on this machine
        f"{server.url}/repos/{REPOSITORY}/issues/{number}",
        data=json.dumps({"state": state}).encode(),
        headers={"Authorization": "token sandbox-reviewer", "Content-Type": "application/json"},
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass


def _facts(stage: _Stage, server: Server | None) -> dict[str, Any]:
    progress = stage.data("task", "list")["progress"]
    events = stage.data("history", "--limit", "500")["events"]
    finished = [e["task_id"] for e in events if e["event"] == "task.done"]
    opened = [e["task_id"] for e in events if e["event"] == "task.reopened"]
    # Each task was completed once, and once more for each time that somebody re-opened it.
    once = all(finished.count(t) == 1 + opened.count(t) for t in set(finished))
    facts = {
        "done": progress["done"],
        "total": progress["total"],
        "completions": once and len(set(finished)) == len(TITLES),
    }
    if server is None:
        return facts
    world = server.state.world
    issues = [issue for issue in world.issues.values() if issue.parent is not None]
    titles = [issue.title for issue in issues]
    return facts | {
        "issues_closed": sum(issue.state == "closed" for issue in issues),
        "issues_twice": len(titles) - len(set(titles)),
    }
