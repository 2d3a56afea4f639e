"""Print the speed figures: ratios to a bare interpreter, measured side by side in one run.

    python benchmarks/run.py [--quick] [--against REV]

A ratio says more than a time: it is nearly the same on a slow and on a fast machine.  Nothing is
asserted; the bars are what the figures are meant to stay below (or, where marked, above).

With --against, the same work is done in turn by a revision of the past and by this tree, and the
ratios are new to old.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path

import jobs
from measure import ROOT, Job, Spent, checked_out, clocked, interleave

ALLOWED = 1.05  # new to old
BOXES = re.compile(r"^[ \t]*[-*+] \[([ xX])\] (.*)$", re.M)
LINES = re.compile(r"^(?:(#{1,6}) (.*)|[ \t]*[-*+] \[([ xX])\] (.*)|[ \t]*(```).*)$", re.M)
HOOK_BARS = {
    "post-edit, another file": 2.5,
    "post-edit, a box was ticked": 6.0,
    "prompt, nothing new": 2.5,
    "stop, without network": 8.0,
    "session-start, offline": 10.0,
}


def line(name: str, figure: float, bar: str, extra: str = "") -> None:
    print(f"  {name:<44} {figure:8.2f}   {bar:<12} {extra}".rstrip(), flush=True)


def beside_bare(title: str, found: dict[str, Spent], bars: dict[str, float]) -> None:
    """A table of multiples of the bare interpreter, which is among the figures."""
    bare = found.pop("bare")
    print(f"{title}, as multiples of `python -c pass` ({bare.wall * 1000:.1f} ms)")
    for name, spent in found.items():
        cpu = f"CPU {spent.cpu / bare.cpu:.2f}, {spent.wall * 1000:.1f} ms"
        line(name, spent.wall / bare.wall, f"bar {bars.get(name, 10):g}", cpu)


def commands(place: Path, rounds: int) -> None:
    bare = {"bare": jobs.local_desk(place / "bare", ROOT, 1).bare}
    found = interleave(bare | jobs.command_jobs(place, ROOT), rounds)
    beside_bare(f"100 tasks, {rounds} rounds", found, {})
    found = interleave(bare | jobs.hook_jobs(place, ROOT), rounds)
    beside_bare("craftkit-hook", found, HOOK_BARS)


def growth(place: Path, rounds: int) -> None:
    small, large = (jobs.listing_jobs(place, ROOT, tasks) for tasks in (1_000, 10_000))
    for name in small:
        found = interleave({"small": small[name], "large": large[name]}, rounds)
        walls = [found[size].wall for size in ("small", "large")]
        line(
            name,
            walls[1] / walls[0],
            "bar 12",
            "{:.0f} -> {:.0f} ms".format(*(wall * 1000 for wall in walls)),
        )


def parsing(name: str, text: str, rounds: int) -> None:
    from markdown_it import MarkdownIt

    from craftkit.specs.reader import parse

    data = text.encode()
    markdown = MarkdownIt("commonmark")
    found = interleave(
        {
            "craftkit": clocked(lambda: parse(data, "specs/bench.md")),
            "re, headings, fences and boxes": clocked(lambda: LINES.findall(text)),
            "re, boxes alone": clocked(lambda: BOXES.findall(text)),
            "markdown-it-py": clocked(lambda: markdown.parse(text)),
        },
        rounds,
    )
    speed = {other: len(data) / spent.wall / 1e6 for other, spent in found.items()}
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

    def plan() -> None:
        assert plan_merge(view) == MergePlan()

    seconds = min(clocked(plan)(number).wall for number in range(5))
    line("planner, thousand tasks in a second", count / seconds / 1000, "bar > 100")


def syncing(place: Path, specs: int, tasks: int) -> None:
    """Reconcile linked specs where nothing has changed, against the sandbox."""
    from craftkit.sandbox.server import serve

    texts, issues = jobs.linked_specs(specs, tasks)
    with serve() as server:
        server.add_issues(jobs.REPOSITORY, issues)
        desk = jobs.linked_desk(place / "linked", ROOT, texts, server.environment())
        sent = server.state.count
        spent = desk.craftkit("reconcile", "--all")
        requests = server.state.count - sent
    name = f"reconcile of {specs * tasks:,} tasks in {specs} specs, requests"
    line(name, requests, "bar 20", f"{spent.wall:.1f} s, the server's part included")


def in_turn(title: str, old: dict[str, Job], new: dict[str, Job], rounds: int) -> list[str]:
    """Print the ratios of new to old; which of them are above what is allowed."""
    print(f"{title}, {rounds} rounds")
    above = []
    for name in old:
        found = interleave({"old": old[name], "new": new[name]}, rounds)
        before, after = found["old"], found["new"]
        cpu, wall = after.cpu / before.cpu, after.wall / before.wall
        flag = "ABOVE" if cpu > ALLOWED else "wall above" if wall > ALLOWED else ""
        cells = (before.cpu * 1000, after.cpu * 1000, cpu, before.wall * 1000, after.wall * 1000)
        figures = "{:>8.1f} {:>8.1f} {:>6.2f}   {:>8.1f} {:>8.1f}".format(*cells)
        print(f"  {name:<32} {figures} {wall:>6.2f}  {flag}".rstrip(), flush=True)
        above += [f"{title}: {name}"] if flag == "ABOVE" else []
    return above


def against(revision: str, quick: bool) -> None:
    """Each line is measured by both trees in turn: old, new, old, new, ..."""
    from craftkit.sandbox.server import serve

    many, few = (7, 3) if quick else (41, 9)
    texts, issues = jobs.linked_specs(2, 100)
    with ExitStack() as stack:
        trees = (stack.enter_context(checked_out(revision)), ROOT)
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="craftkit-bench-")))
        places = (root / "old", root / "new")
        pairs = list(zip(places, trees, strict=True))
        print(f"{revision} and this tree: CPU ms of both and ratio, wall ms of both and ratio")
        bare = [{"python -c pass": jobs.local_desk(p / "bare", t, 1).bare} for p, t in pairs]
        above = in_turn("Control: nothing differs", *bare, many)
        above += in_turn("100 tasks", *(jobs.command_jobs(p, t) for p, t in pairs), many)
        above += in_turn("craftkit-hook", *(jobs.hook_jobs(p, t) for p, t in pairs), many)
        large = [jobs.listing_jobs(p, t, 10_000) for p, t in pairs]
        above += in_turn("10,000 tasks", *large, few)
        linked = []
        for place, tree in pairs:
            server = stack.enter_context(serve())
            server.add_issues(jobs.REPOSITORY, issues)
            desk = jobs.linked_desk(place / "linked", tree, texts, server.environment())
            linked.append(jobs.linked_jobs(desk))
        above += in_turn("GitHub sync, 2 specs of 100 tasks", *linked, many)
    print(f"CPU more than {ALLOWED - 1:.0%} above {revision}: {'; '.join(above) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("--against", metavar="REV", help="compare with this revision instead")
    options = parser.parse_args()
    if options.against:
        against(options.against, options.quick)
        return
    rounds, few = (5, 2) if options.quick else (15, 5)
    with tempfile.TemporaryDirectory(prefix="craftkit-bench-") as name:
        commands(Path(name), rounds)
        print("10,000 tasks, as multiples of 1,000 tasks")
        growth(Path(name), few)
        print("GitHub sync, nothing changed")
        planning()
        syncing(Path(name), 10 if options.quick else 100, 100)
    parsing("a spec with its design", jobs.prose_text(200), rounds)
    parsing("nothing but tasks", jobs.spec_text(1_000), rounds)


if __name__ == "__main__":
    main()
