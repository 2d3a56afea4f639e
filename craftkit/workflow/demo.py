"""`demo`: thirteen tasks, a real kill in the middle of one, and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from craftkit.errors import CraftkitError

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
        stage = _Stage(place, show)
        facts = _story(stage)
    facts["seconds"] = round(time.monotonic() - began, 2)
    facts["ok"] = facts["done"] == facts["total"] == len(TITLES) and facts["completions"] == 13
    verdict = "nothing was lost" if facts["ok"] else "SOMETHING WAS LOST"
    show(f"\n{facts['done']}/{facts['total']} tasks done, each recorded exactly once: {verdict}.")
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
            for line in done.stdout.rstrip().splitlines():
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

    def data(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json", quiet=True))["data"]


def _story(stage: _Stage) -> dict[str, Any]:
    stage.show("A repository, and a spec with 13 tasks:")
    stage.git("init", "-q")
    stage.run("init", quiet=True)
    options = [word for title in TITLES for word in ("--task", title)]
    stage.run("spec", "new", "A small record store", *options, quiet=True)
    stage.run("status")
    stage.show("\nAn agent works; each `done` says what is next:")
    for key in ("T001", "T002", "T003"):
        stage.run("task", "start", key, quiet=True)
        stage.run("task", "done", key)
    stage.show("\nIn the middle of T004 its process is killed (SIGKILL), before the box is ticked:")
    stage.run("task", "start", "T004", quiet=True)
    code = stage.kill("task", "done", "T004")
    stage.show(f"  killed by signal {-code}" if code < 0 else f"  ended with {code}")
    path = os.path.join(stage.place, "specs", "a-small-record-store.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    stage.show("  in the file:  " + next(x for x in text.splitlines() if "T004" in x))
    stage.show("\nMeanwhile somebody ticks T006 by hand, and tells nobody.")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("- [ ] T006", "- [x] T006"))
    stage.show("\nA new session, which remembers nothing, resumes:")
    stage.env["CRAFTKIT_SESSION"] = "second"
    stage.run("session-resume")
    stage.show("\nIt goes on from what it was told, to the end:")
    for _ in TITLES:
        following = stage.data("task", "next")["next"]
        if following is None:
            break
        stage.run("task", "start", following["key"], quiet=True)
        stage.run("task", "done", quiet=True)
    stage.run("status")
    events = stage.data("history", "--limit", "500")["events"]
    finished = [e["task_id"] for e in events if e["event"] == "task.done"]
    progress = stage.data("task", "list")["progress"]
    return {
        "done": progress["done"],
        "total": progress["total"],
        "completions": len(finished) if len(set(finished)) == len(finished) else -1,
        "killed": code == -signal.SIGKILL,
    }
