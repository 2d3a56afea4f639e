"""What one command costs besides time: SQL statements, transactions, file reads, requests.

    python benchmarks/statements.py [--list COMMAND] [--against REV] [--agent]

A spec of 100 tasks is linked to a GitHub of the sandbox on this machine.  Each command runs in a
child that counts what SQLite is told, and how often the spec file is opened for reading.
`--list "task done"` prints every statement of that command, `--against` counts a revision, too.
With `--agent`, the commands are those of a coding agent, whose hooks are kept up to date.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from measure import AGENT, ROOT, checked_out, environment

# Runs in the child.  All is in place before craftkit is imported.
CHILD = """
import json, os, sqlite3, sys

report, spec, *words = sys.argv[1:]
statements, reads = [], []
connect = sqlite3.connect

def watched(*args, **options):
    connection = connect(*args, **options)
    connection.set_trace_callback(statements.append)
    return connection

def hear(event, args):
    if event != "open" or not isinstance(args[0], (str, bytes)):
        return
    # A name below an open directory has no path of its own: its last part has to do.
    path, flags = os.fsdecode(args[0]), args[2]
    same = path == os.path.basename(spec) or os.path.realpath(path) == spec
    if same and flags & os.O_ACCMODE != os.O_WRONLY:
        reads.append(path)

sqlite3.connect = watched
sys.addaudithook(hear)
sys.argv = ["craftkit", *words]
import craftkit
from craftkit.cli import main

code = main(words)
sys.stdout.flush()
with open(report, "w") as file:
    json.dump({"code": code, "from": craftkit.__file__, "sql": statements, "reads": reads}, file)
os._exit(code)
"""
REPOSITORY = "octo-dev/demo"
COMMANDS = ("task next", "status", "task start T001", "task done T001")


class Cost(NamedTuple):
    statements: list[str]
    reads: int
    requests: int

    @property
    def writes(self) -> int:
        return sum(s.upper().startswith("BEGIN IMMEDIATE") for s in self.statements)


class Desk(NamedTuple):
    """A repository with a linked spec, and the tree whose craftkit works in it."""

    tree: Path
    repo: Path
    environment: dict[str, str]

    @property
    def spec(self) -> Path:
        return self.repo / "specs" / "bench.md"

    def run(self, command: str) -> tuple[list[str], int]:
        """The statements of one command, and how often it opened the spec."""
        report = self.repo.parent / "report.json"
        report.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(report), str(self.spec), *command.split()],
            cwd=self.repo,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"craftkit {command}: exit {done.returncode}: {done.stderr}")
        found = json.loads(report.read_text(encoding="utf-8"))
        # An installed craftkit must not be counted in the place of the tree that was asked for.
        assert Path(found["from"]).is_relative_to(self.tree), found["from"]
        return found["sql"], len(found["reads"])


def linked(tree: Path, place: Path, github: dict[str, str]) -> Desk:
    """A new repository whose spec of 100 tasks is linked, and has been read."""
    desk = Desk(tree, place / "repo", environment(tree, place) | github)
    desk.repo.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=desk.repo, check=True)
    desk.run("init")
    boxes = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, 101))
    front = "---\nid: bench\nname: Bench\nphase: implementation\n---\n\n## Tasks\n\n"
    desk.spec.parent.mkdir(exist_ok=True)
    desk.spec.write_text(front + boxes, encoding="utf-8")
    desk.run("spec link --yes")
    desk.run("session-resume")
    return desk


def costs(tree: Path, more: dict[str, str]) -> dict[str, Cost]:
    """What each command costs with the craftkit of a tree.  GitHub is always the one of today."""
    from craftkit.sandbox.server import serve

    found = {}
    with tempfile.TemporaryDirectory() as name, serve() as server:
        github = server.environment("sandbox-token", REPOSITORY)
        github |= {"CRAFTKIT_GITHUB_REPO": REPOSITORY, **more}
        desk = linked(tree, Path(name).resolve(), github)
        for command in COMMANDS:
            before = server.state.count
            statements, reads = desk.run(command)
            found[command] = Cost(statements, reads, server.state.count - before)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", metavar="COMMAND", help="print every statement of a command")
    parser.add_argument("--against", metavar="REV", help="count this revision as well")
    parser.add_argument("--agent", action="store_true", help="run as a coding agent does")
    options = parser.parse_args()
    with ExitStack() as stack:
        trees = {"this tree": ROOT}
        if options.against:
            trees = {options.against: stack.enter_context(checked_out(options.against)), **trees}
        for title, tree in trees.items():
            print(f"{title:<17} statements  write transactions  reads of the spec  requests")
            for command, cost in costs(tree, AGENT if options.agent else {}).items():
                figures = f"{len(cost.statements):>10} {cost.writes:>19} {cost.reads:>18}"
                print(f"{command:<17} {figures} {cost.requests:>9}")
                if options.list and command.startswith(options.list):
                    for statement in cost.statements:
                        print("   ", " ".join(statement.split())[:140])
            print()


if __name__ == "__main__":
    main()
