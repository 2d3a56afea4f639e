"""Print the speed figures: ratios to a bare interpreter, measured side by side in one run.

    python benchmarks/run.py [--quick]

A ratio says more than a time: it is nearly the same on a slow and on a fast machine.  Nothing is
asserted; the bars are what the figures are meant to stay below (or, where marked, above).
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BARE = [sys.executable, "-c", "pass"]
CRAFTKIT = [sys.executable, "-m", "craftkit"]
HOOK = [sys.executable, "-c", "from craftkit.agent_hook import run; run()", "post-edit"]
EDIT = b'{"session_id": "bench", "tool_input": {"file_path": "src/app.py"}}'
BOXES = re.compile(r"^[ \t]*[-*+] \[([ xX])\] (.*)$", re.M)
LINES = re.compile(r"^(?:(#{1,6}) (.*)|[ \t]*[-*+] \[([ xX])\] (.*)|[ \t]*(```).*)$", re.M)

# An installed craftkit has its bytecode: without it each run would compile the sources again.
LEFT_OUT = ("CRAFTKIT_", "GIT_", "PYTHONDONTWRITEBYTECODE")
ENV = {k: v for k, v in os.environ.items() if not k.startswith(LEFT_OUT)}
ENV |= {"CRAFTKIT_SESSION": "bench", "NO_COLOR": "1"}


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


def make_repo(place: Path, tasks: int) -> Path:
    """A repository with one spec of so many tasks, already seen by craftkit."""
    place.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=place, check=True, capture_output=True)
    (place / "specs").mkdir()
    (place / "specs" / "bench.md").write_text(spec_text(tasks), encoding="utf-8")
    timed([*CRAFTKIT, "init"], place)
    timed([*CRAFTKIT, "session-resume", "--offline"], place)
    return place


def timed(command: list[str], place: Path, stdin: bytes = b"") -> float:
    """Seconds that one real process takes; raises where it fails."""
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=place, env=ENV, input=stdin, capture_output=True, check=False
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
    return took


def interleave(jobs: dict[str, Callable[[int], float]], rounds: int) -> dict[str, float]:
    """The median of each job, all of them taken in turn, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            took = job(number)
            if number:
                times[name].append(took)
    return {name: statistics.median(taken) for name, taken in times.items()}


HOOK_BARS = {
    "post-edit, another file": 2.5,
    "post-edit, a box was ticked": 6.0,
    "prompt, nothing new": 2.5,
    "stop, without network": 8.0,
    "session-start, offline": 10.0,
}


def hooks(place: Path, rounds: int) -> None:
    """What an agent's user waits for."""
    repo = make_repo(place / "hooked", 100)
    spec = repo / "specs/bench.md"

    def hook(event: str, payload: bytes = b'{"session_id": "bench"}') -> float:
        return timed([*HOOK[:-1], event], repo, payload)

    def ticked(number: int) -> float:
        key = f"T{number + 1:03d}"
        text = spec.read_text(encoding="utf-8")
        spec.write_text(text.replace(f"[ ] {key}", f"[x] {key}"), encoding="utf-8")
        return hook("post-edit", b'{"session_id": "bench", "tool_input": {"file_path": "s.md"}}')

    medians = interleave(
        {
            "bare": lambda number: timed(BARE, repo),
            "post-edit, another file": lambda number: hook("post-edit", EDIT),
            "post-edit, a box was ticked": ticked,
            "prompt, nothing new": lambda number: hook("prompt"),
            "stop, without network": lambda number: hook("stop"),
            "session-start, offline": lambda number: hook("session-start"),
        },
        rounds,
    )
    bare = medians.pop("bare")
    print("Hooks, as multiples of `python -c pass`")
    for name, median in medians.items():
        line(f"craftkit-hook {name}", median / bare, f"bar {HOOK_BARS[name]:g}")
    print()


def line(name: str, figure: float, bar: str, extra: str = "") -> None:
    print(f"  {name:<44} {figure:8.2f}   {bar:<12} {extra}".rstrip(), flush=True)


def commands(place: Path, rounds: int) -> None:
    repo = make_repo(place / "small", 100)

    def run(*words: str) -> Callable[[int], float]:
        return lambda number: timed([*CRAFTKIT, *words], repo)

    medians = interleave(
        {
            "bare": lambda number: timed(BARE, repo),
            "task next": run("task", "next"),
            "task done": lambda number: timed(
                [*CRAFTKIT, "task", "done", f"T{number + 1:03d}"], repo
            ),
            "session-resume --offline": run("session-resume", "--offline"),
        },
        rounds,
    )
    bare = medians.pop("bare")
    print(f"100 tasks, as multiples of `python -c pass` ({bare * 1000:.1f} ms, {rounds} rounds)")
    for name, median in medians.items():
        line(name, median / bare, "bar 10", f"{median * 1000:.1f} ms")


def growth(place: Path, rounds: int) -> None:
    small, large = make_repo(place / "k1", 1_000), make_repo(place / "k10", 10_000)
    for words in (["task", "list"], ["status"], ["session-resume", "--offline"]):
        medians = interleave(
            {
                "small": lambda number, words=words: timed([*CRAFTKIT, *words], small),
                "large": lambda number, words=words: timed([*CRAFTKIT, *words], large),
            },
            rounds,
        )
        extra = f"{medians['small'] * 1000:.0f} -> {medians['large'] * 1000:.0f} ms"
        line(" ".join(words), medians["large"] / medians["small"], "bar 12", extra)


def parsing(name: str, text: str, rounds: int) -> None:
    from markdown_it import MarkdownIt

    from craftkit.specs.reader import parse

    data = text.encode()
    markdown = MarkdownIt("commonmark")

    def clock(job: Callable[[], object]) -> Callable[[int], float]:
        def once(number: int) -> float:
            began = time.perf_counter()
            job()
            return time.perf_counter() - began

        return once

    medians = interleave(
        {
            "craftkit": clock(lambda: parse(data, "specs/bench.md")),
            "re, headings, fences and boxes": clock(lambda: LINES.findall(text)),
            "re, boxes alone": clock(lambda: BOXES.findall(text)),
            "markdown-it-py": clock(lambda: markdown.parse(text)),
        },
        rounds,
    )
    speed = {other: len(data) / median / 1e6 for other, median in medians.items()}
    own = speed.pop("craftkit")
    print(f"Reading {name}, {len(data) // 1000} kB, {own:.1f} MB/s: share of the other's speed")
    for other, theirs in speed.items():
        line(f"parse / {other}", own / theirs, "bar > 0.2", f"{theirs:.1f} MB/s")


def planning() -> None:
    """The merge alone: tasks in a second, nothing to do."""
    from craftkit.sync.merge_model import Base, MergePlan, RemoteIssue, SpecSnapshot, SpecTask
    from craftkit.sync.planner import plan_merge

    count = 10_000
    lines = [SpecTask(f"T{n}", f"T{n}", "t", n % 2 == 0, n) for n in range(1, count + 1)]
    base = {line.id: Base(line.checked, line.issue, "t") for line in lines}
    issues = {n: RemoteIssue(n, n % 2 == 0, True, "t", f"T{n}") for n in range(1, count + 1)}
    view = SpecSnapshot(lines, base, issues, {}, {}, True)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        assert plan_merge(view) == MergePlan()
        seconds.append(time.perf_counter() - began)
    line("planner, thousand tasks in a second", count / min(seconds) / 1000, "bar > 100")


def syncing(place: Path, specs: int, tasks: int) -> None:
    """Reconcile linked specs where nothing has changed, against the sandbox."""
    from craftkit.sandbox.server import serve

    repo = place / "linked"
    (repo / "specs").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=repo, check=True, capture_output=True)
    remote = ["git", "remote", "add", "origin", "https://github.com/octo-dev/demo.git"]
    subprocess.run(remote, cwd=repo, check=True, capture_output=True)
    issues: list[dict[str, object]] = []
    for spec in range(specs):
        parent = len(issues) + 1
        issues.append({"title": f"Spec {spec}"})
        head = f"---\nid: s{spec}\nphase: implementation\nissue: {parent}\n---\n\n## Tasks\n\n"
        rows = []
        for n in range(1, tasks + 1):
            issues.append({"title": f"T{n:03d} Piece {n}", "parent": parent})
            rows.append(f"- [ ] T{n:03d} Piece {n} (#{len(issues)})\n")
        (repo / "specs" / f"s{spec}.md").write_text(head + "".join(rows), encoding="utf-8")
    with serve() as server:
        server.add_issues("octo-dev/demo", issues)
        ENV.update(server.environment())
        timed([*CRAFTKIT, "init"], repo)
        timed([*CRAFTKIT, "reconcile", "--all"], repo)
        sent = len(server.state.log)
        took = timed([*CRAFTKIT, "reconcile", "--all"], repo)
        requests = len(server.state.log) - sent
    name = f"reconcile of {specs * tasks:,} tasks in {specs} specs, requests"
    line(name, requests, "bar 20", f"{took:.1f} s, the server's part included")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s [--quick]")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="craftkit-bench-") as name:
        commands(Path(name), 5 if quick else 15)
        hooks(Path(name), 5 if quick else 15)
        print("10,000 tasks, as multiples of 1,000 tasks")
        growth(Path(name), 2 if quick else 5)
        print("GitHub sync, nothing changed")
        planning()
        syncing(Path(name), 10 if quick else 100, 100)
    parsing("a spec with its design", prose_text(200), 5 if quick else 15)
    parsing("nothing but tasks", spec_text(1_000), 5 if quick else 15)


if __name__ == "__main__":
    main()
