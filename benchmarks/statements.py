"""What one command costs besides time: SQL statements, transactions, file reads, requests.

    python benchmarks/statements.py [--list]      with --list, every statement of `task done`

A spec of 100 tasks is linked to a GitHub of the sandbox on this machine.  Each command runs in a
child that counts what SQLite is told, and how often the spec file is opened.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Counted in the child, before craftkit is imported.
CHILD = """
import json, os, sqlite3, sys
report, spec, words = sys.argv[1], sys.argv[2], sys.argv[3:]
seen, reads = [], []
connect = sqlite3.connect
def watched(*args, **more):
    connection = connect(*args, **more)
    connection.set_trace_callback(seen.append)
    return connection
sqlite3.connect = watched
def hear(event, args):
    if event == "open" and os.path.basename(str(args[0])) == spec and not args[2] & 3:
        reads.append(str(args[0]))
sys.addaudithook(hear)
sys.argv = ["craftkit", *words]
from craftkit.cli import main
code = main(words)
sys.stdout.flush()
with open(report, "w") as file:
    json.dump({"code": code, "sql": seen, "reads": len(reads)}, file)
os._exit(code)
"""
COMMANDS = (
    ("task", "next"),
    ("task", "list"),
    ("status",),
    ("task", "start", "T001"),
    ("task", "done", "T001"),
)


def measure(place: Path, env: dict[str, str], words: tuple[str, ...]) -> dict[str, Any]:
    report = place.parent / "report.json"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(report), "bench.md", *words],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: {done.stderr}")
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="every statement of `task done`")
    options = parser.parse_args()
    from craftkit.sandbox.server import serve

    with tempfile.TemporaryDirectory() as name, serve() as server:
        place = Path(name).resolve() / "repo"
        place.mkdir()
        hidden = ("CRAFTKIT_", "GIT_", "GITHUB_", "GH_")
        env = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        env |= server.environment("sandbox-token", "octo-dev/demo")
        env |= {"CRAFTKIT_SESSION": "bench", "CRAFTKIT_GITHUB_REPO": "octo-dev/demo"}
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=place, check=True)
        measure(place, env, ("init",))
        boxes = "".join(f"- [ ] T{n:03d} Task {n}\n" for n in range(1, 101))
        front = "---\nid: bench\nname: Bench\nphase: implementation\n---\n\n## Tasks\n\n"
        (place / "specs").mkdir(exist_ok=True)
        (place / "specs/bench.md").write_text(front + boxes)
        measure(place, env, ("spec", "link", "--yes"))
        measure(place, env, ("session-resume",))
        print(f"{'':<18} statements  write transactions  reads of the file  requests")
        for words in COMMANDS:
            before = server.state.count
            found = measure(place, env, words)
            writes = sum(s.upper().startswith("BEGIN IMMEDIATE") for s in found["sql"])
            asked = server.state.count - before
            figures = f"{len(found['sql']):>10} {writes:>19} {found['reads']:>18} {asked:>9}"
            print(f"{' '.join(words):<18} {figures}")
            if options.list and words[:2] == ("task", "done"):
                for statement in found["sql"]:
                    print("   ", " ".join(statement.split())[:140])


if __name__ == "__main__":
    main()
