"""What is measured: specs, repositories, and the commands and hooks that run in them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from measure import AGENT, Job, Spent, environment, timed

BARE = [sys.executable, "-c", "pass"]
EDIT = b'{"session_id": "bench", "tool_input": {"file_path": "src/app.py"}}'
TICK = b'{"session_id": "bench", "tool_input": {"file_path": "s.md"}}'
REPOSITORY = "octo-dev/demo"


def spec_text(tasks: int) -> str:
    """A spec as people write them: prose, criteria, code, phases, steps, dependencies."""
    lines = ["---", "id: bench", 'name: "Bench"', "phase: implementation", "---", "", "# Bench", ""]
    lines += ["## Background", "", "Why this is wanted, in a paragraph of prose. " * 6, ""]
    lines += ["## Acceptance criteria", "", *(f"- [ ] Rule {n} holds" for n in range(20)), ""]
    lines += ["```python", "- [ ] not a task", "```", "", "## Tasks", ""]
    for n in range(1, tasks + 1):
        if n % 20 == 1:
            lines += ["", f"### Part {n // 20 + 1}", "", "What this part is about. " * 4, ""]
        after = f" (depends on T{n - 1:03d})" if n % 5 == 0 else ""
        lines.append(f"- [ ] T{n:03d} Write piece {n} in `src/piece_{n}.py`{after}")
        if n % 4 == 0:
            lines += ["  - [ ] with its test", "  - [x] with its name"]
    return "\n".join(lines) + "\n"


def prose_text(tasks: int) -> str:
    """A spec with its requirements and design: some 650 bytes of text for each box."""
    part = ["", "### Decision", "", "What was weighed, and why this way was taken. " * 9, ""]
    part += ["- a point that follows from it", "- another one, with `code` in it", ""]
    part += ["```python", "def example(value):", "    return value + 1", "```", ""]
    head = ["---", "id: bench", 'name: "Bench"', "phase: implementation", "---", "", "# Bench", ""]
    boxes = [f"- [ ] T{n:03d} Write piece {n}" for n in range(1, tasks + 1)]
    return "\n".join([*head, "## Design", *(part * tasks), "## Tasks", "", *boxes, ""])


class Desk(NamedTuple):
    """A repository, and the tree whose craftkit works in it."""

    repo: Path
    tree: Path
    env: dict[str, str]

    @property
    def spec(self) -> Path:
        return self.repo / "specs" / "bench.md"

    def craftkit(self, *words: str) -> Spent:
        return timed([sys.executable, "-m", "craftkit", *words], self.repo, self.env)

    def hook(self, event: str, payload: bytes = b'{"session_id": "bench"}') -> Spent:
        """A hook as its installed program runs, which has not always been in this module."""
        project = tomllib.loads((self.tree / "pyproject.toml").read_text(encoding="utf-8"))
        module, _, function = project["project"]["scripts"]["craftkit-hook"].partition(":")
        start = f"from {module} import {function}; {function}()"
        env = self.env | {"CRAFTKIT_DEBUG": "1"}  # an error is printed
        return timed([sys.executable, "-c", start, event], self.repo, env, payload)

    def bare(self, number: int) -> Spent:
        return timed(BARE, self.repo, self.env)


def make_desk(place: Path, tree: Path, specs: Mapping[str, str], more: dict[str, str]) -> Desk:
    """A repository with these specs, which craftkit has not seen yet."""
    desk = Desk(place / "repo", tree, environment(tree, place) | more)
    (desk.repo / "specs").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=desk.repo, env=desk.env, check=True)
    for name, text in specs.items():
        (desk.repo / "specs" / name).write_text(text, encoding="utf-8")
    # The person who switches it on has no agent beside, and agrees to the repository.
    as_person = {name: value for name, value in desk.env.items() if name not in AGENT}
    desk._replace(env=as_person).craftkit("init")
    return desk


def local_desk(place: Path, tree: Path, tasks: int, more: dict[str, str] | None = None) -> Desk:
    """A repository with one spec of so many tasks, already seen by craftkit."""
    desk = make_desk(place, tree, {"bench.md": spec_text(tasks)}, more or {})
    desk.craftkit("session-resume", "--offline")
    return desk


def command_jobs(place: Path, tree: Path) -> dict[str, Job]:
    """What somebody at a keyboard waits for, and an agent; each `done` completes another task."""
    desk = local_desk(place / "small", tree, 100)
    led = local_desk(place / "led", tree, 100, AGENT)
    return {
        "task next": lambda number: desk.craftkit("task", "next"),
        "task done": lambda number: desk.craftkit("task", "done", f"T{number + 1:03d}"),
        "task done, with an agent": lambda number: led.craftkit(
            "task", "done", f"T{number + 1:03d}"
        ),
        "session-resume --offline": lambda number: desk.craftkit("session-resume", "--offline"),
    }


def hook_jobs(place: Path, tree: Path) -> dict[str, Job]:
    """What an agent's user waits for."""
    desk = local_desk(place / "hooked", tree, 100)
    off = Desk(place / "off/repo", tree, desk.env)
    subprocess.run(["git", "init", "-q", str(off.repo)], env=off.env, check=True)

    def ticked(number: int) -> Spent:
        key = f"T{number + 1:03d}"
        text = desk.spec.read_text(encoding="utf-8")
        desk.spec.write_text(text.replace(f"[ ] {key}", f"[x] {key}"), encoding="utf-8")
        return desk.hook("post-edit", TICK)

    return {
        "post-edit, another file": lambda number: desk.hook("post-edit", EDIT),
        "post-edit, a box was ticked": ticked,
        "prompt, nothing new": lambda number: desk.hook("prompt"),
        "stop, without network": lambda number: desk.hook("stop"),
        "session-start, offline": lambda number: desk.hook("session-start"),
        "stop, in a clone that is off": lambda number: off.hook("stop"),
    }


def listing_jobs(place: Path, tree: Path, tasks: int) -> dict[str, Job]:
    """What grows with the number of tasks."""
    desk = local_desk(place / str(tasks), tree, tasks)
    return {
        "task list": lambda number: desk.craftkit("task", "list"),
        "status": lambda number: desk.craftkit("status"),
        "session-resume --offline": lambda number: desk.craftkit("session-resume", "--offline"),
    }


def linked_specs(specs: int, tasks: int) -> tuple[dict[str, str], list[dict[str, object]]]:
    """The texts of linked specs, and their issues, which GitHub is to have."""
    texts: dict[str, str] = {}
    issues: list[dict[str, object]] = []
    for spec in range(specs):
        issues.append({"title": f"Spec {spec}"})
        parent = len(issues)
        rows = []
        for n in range(1, tasks + 1):
            issues.append({"title": f"T{n:03d} Piece {n}", "parent": parent})
            rows.append(f"- [ ] T{n:03d} Piece {n} (#{len(issues)})\n")
        head = f"---\nid: s{spec}\nphase: implementation\nissue: {parent}\n---\n\n## Tasks\n\n"
        texts[f"s{spec}.md"] = head + "".join(rows)
    return texts, issues


def linked_desk(place: Path, tree: Path, texts: Mapping[str, str], github: dict[str, str]) -> Desk:
    """A repository whose specs and GitHub agree."""
    desk = make_desk(place, tree, texts, github | {"CRAFTKIT_GITHUB_REPO": REPOSITORY})
    desk.craftkit("reconcile", "--all")
    return desk


def linked_jobs(desk: Desk) -> dict[str, Job]:
    """What asks GitHub.  The wall time has the server's part in it, the CPU time has not."""

    def done(number: int) -> Spent:
        return desk.craftkit("task", "done", f"T{number + 1:03d}", "--spec", "s0")

    return {
        "reconcile --all, nothing changed": lambda number: desk.craftkit("reconcile", "--all"),
        "task done, closes an issue": done,
    }
