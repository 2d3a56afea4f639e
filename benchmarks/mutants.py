"""Injected defects: put one in, run the harness that should catch it, take it out again.

    python benchmarks/mutants.py [--only NAME] [--write]      --write writes docs/mutants.md

The sources are changed in place and always restored; nobody else may change them meanwhile.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
QUIET = ("-p", "no:cacheprovider", "-p", "no:randomly")
PAGE = ROOT / "docs/mutants.md"


class Mutant(NamedTuple):
    name: str
    file: str  # below craftkit/
    old: str
    new: str
    harness: str  # what pytest is given


DURABLE = "tests/specs/test_durable.py"
PLANNER, ONE = "tests/sync/test_planner.py", "tests/sync/test_one_issue.py"
SYNC, OWNED = "tests/online/test_online_sync.py", "tests/online/test_online_ownership.py"
CREATE, SCHEMA = "tests/online/test_online_creations.py", "tests/unit/test_schema.py"
MATCHING, FOLLOWS = "tests/specs/test_matching.py", "tests/specs/test_consequences.py"
SAID, IDENTITY = "tests/cli/test_identity.py", "tests/online/test_online_identity.py"
MUTANTS = (
    Mutant("a dropped fsync of a file", "specs/files.py", "os.fsync(fd)", "pass", DURABLE),
    Mutant("a dropped fsync of a folder", "specs/files.py", "os.fsync(folder.fd)", "pass", DURABLE),
    Mutant("commits that do not wait", "store/db.py", "synchronous = FULL", "synchronous = OFF", DURABLE),
    Mutant("an editor's save is thrown away", "specs/files.py", "if displaced is not None and sha256(displaced) == expected:", "if displaced is not None:", "tests/specs/test_files.py"),
    Mutant("a file with another name is replaced", "specs/files.py", "if info.st_nlink > 1:", "if False:", "tests/specs/test_files.py"),
    Mutant("`sent` is not committed before a creation", "sync/issue_creation.py", 'outbox.mark(tx, [row.id], "sent", sync.now(), high_water=high)', "pass", CREATE),
    Mutant("a 500 read as an answer", "github/api_requests.py", "if status == 408 or status >= 500:", "if status == 408:", "tests/github"),
    Mutant("a forgotten marker", "sync/link_plan.py", "markers.marker(spec.id, task.read_as, of)", '""', CREATE),
    Mutant("a queue in the wrong order", "sync/outbox_sender.py", "sorted(rows, key=_in_order)", "sorted(rows, key=_in_order, reverse=True)", SYNC),
    Mutant("a hopeless write is tried for ever", "sync/retry_policy.py", 'return Verdict("dead", True)', 'return Verdict("queued")', SYNC),
    Mutant("a lost creation is not looked for", "sync/issue_creation.py", 'if row.state in ("sent", "unknown") else None', "if False else None", CREATE),
    Mutant("unticking without a base", "sync/planner.py", "return (UNTICK,) if base.synced_done else (CLOSE,)", "return (UNTICK,)", PLANNER),
    Mutant("creating from a list that fell short", "sync/planner.py", "if policy.create and snapshot.complete:", "if policy.create:", PLANNER),
    Mutant("no stop where much is in conflict", "sync/planner.py", "doubtful > LIMIT_COUNT and", "False and", PLANNER),
    Mutant("a not-planned issue ticks its box", "sync/planner.py", "if seen.completed:\n        if box:", "if seen.closed:\n        if box:", "tests/sync/test_merge_table.py"),
    Mutant("the lower of two issues is closed", "sync/marker_index.py", "seen.number <= stays", "seen.number >= stays", ONE),
    Mutant("a decision on what is not now", "loop/transitions.py", "version != expected_version:", "False:", "tests/loop"),
    Mutant("a recorded step runs again", "loop/process_runner.py", 'for s in recorded if s.status in ENDED}', "for s in recorded if False}", "tests/loop"),
    Mutant("a dead owner counts as alive", "loop/process_runner.py", "return _started(int(pid)) == started", "return True", "tests/unit/test_owner.py"),
    Mutant("a decision that is not sent", "commands/task.py", "if not outcome.queued:", "if True:", SYNC),
    Mutant("a decision that is not queued", "loop/github_writes.py", 'write(task, "close", {"anyway": True} if mine or (anyway and first) else {})', "pass", SYNC),
    Mutant("somebody else's issue is changed", "sync/ownership.py", "return issue.parent in parents or", "return True or", OWNED),
    Mutant("writes go to another repository", "sync/outbox_sender.py", "[row for row in rows if row.spec_id not in elsewhere], error", "list(rows), error", OWNED),
    Mutant("a spool file that git tracks is believed", "loop/spool_import.py", "git.is_tracked(context.repo, path)", "False", "tests/cli/test_spool.py"),
    Mutant("a token in a message", "text.py", "text = re.sub(_GITHUB_TOKEN, MASK, text)", "pass", "tests/unit/test_redact.py"),
    Mutant("retry-after is not heard", "github/pacing.py", "def _retry_after(", "def _retry_after(*_):\n    return None\n\n\ndef _not_called(", "tests/github/test_pacing.py"),
    Mutant("a newer database is opened", "store/db.py", "if version > SCHEMA_VERSION:", "if False:", SCHEMA),
    Mutant("a migration in several commits", "store/schema.py", 'connection.execute("BEGIN IMMEDIATE")', "pass", SCHEMA),
    Mutant("a task is ready before what it waits for", "loop/task_status.py", "and not (waits or reopened", "and not (reopened", "tests/cli/test_loop.py"),
    Mutant("a session is never live", "loop/sessions.py", "return table.was_seen_since(context.store, session, worktree, cutoff)", "return False", "tests/cli/test_loop.py"),
    Mutant("notes before the answer", "cli/output.py", "sys.stdout.flush()", "pass", "tests/cli/test_streams.py"),
    Mutant("no look for double issues", "sync/issue_creation.py", "            _queue_look(tx, sync, row)\n", "            pass\n", "tests/online/test_double_issues.py"),
    Mutant("a list that fell short closes issues", "sync/double_issues.py", "and not tree.complete:", "and False:", "tests/sync/test_doubles.py"),
    Mutant("identity: a number is believed whatever stands beside it", "specs/matching.py", "            self._contradict(i)\n", "            pass\n", MATCHING),
    Mutant("identity: a number needs neither key nor text", "specs/matching.py", "return close(one, other) or (same_key and", "return True or (same_key and", MATCHING),
    Mutant("identity: a key speaks for a number that has moved", "specs/matching.py", "strict = bool(self.doubted or self.contradicted)", "strict = False", MATCHING),
    Mutant("identity: a number twice is the first line's", "specs/matching.py", "if len(found) == 1 and not (", "if found and not (", MATCHING),
    Mutant("identity: a key is enough", "specs/matching.py", "return similar(one, other) and not tasks[one] and not lines[other]", "return True", FOLLOWS),
    Mutant("identity: half of the words are enough without a key", "specs/matching.py", "SIMILAR, CLOSE = 1 / 2, 2 / 3", "SIMILAR, CLOSE = 1 / 2, 1 / 4", MATCHING),
    Mutant("identity: the first of many lines with one text", "specs/matching.py", "if value is None or more or len(these) != 1:", "if value is None or len(these) != 1:", MATCHING),
    Mutant("identity: case and emphasis tell texts apart", "specs/matching.py", 'unicodedata.normalize("NFKC", title)).casefold()', 'unicodedata.normalize("NFKC", title))', MATCHING),
    Mutant("identity: what another branch had is matched by text alone", "specs/matching.py", "    second.by_key_and_title()\n    known", "    second.by_key_and_title()\n    second.by_title()\n    known", MATCHING),
    Mutant("identity: a text that went to another line is forgotten", "specs/matching.py", "if title != own_title and self._stands_elsewhere(own_title, title):", "if False:", MATCHING),
    Mutant("identity: a place speaks in a file that contradicts itself", "specs/matching.py", "if self.contradicted:\n            return", "if False:\n            return", MATCHING),
    Mutant("identity: the number of another branch's task is not heard", "specs/matching.py", "if line.issue in self.elsewhere and line.issue != task.issue:", "if False:", MATCHING),
    Mutant("identity: the lines of the last snapshot are the answer", "loop/identity.py", "if specs.is_as_seen(store, context.worktree, spec):", "if True:", IDENTITY),
    Mutant("identity: new keys and texts are taken for ticked boxes", "loop/identity.py", "(one.read_as, one.key, one.title) == (task.read_as, task.key, task.title)", "True", IDENTITY),
    Mutant("identity: a contradicted line is a task of its own", "loop/identity.py", "if verdict.kind == CONTRADICTED:", "if False:", SAID),
    Mutant("identity: a line is asked for its number, not the memory", "loop/identity.py", "Remembered(one.task_id, one.key, one.title, own.get(one.task_id, record.issue))", "Remembered(one.task_id, one.key, one.title, None)", IDENTITY),
    Mutant("identity: a new task gets the name of a gone one", "loop/identity.py", "    if wanted not in taken:\n        return wanted", "    if wanted:\n        return wanted", IDENTITY),
    Mutant("identity: a person who trusts texts gets numbers", "loop/identity.py", "    if what == NUMBERS:", "    if what != KEYS:", SAID),
    Mutant("identity: a marker speaks for whoever has the key now", "sync/marker_owners.py", "matching.match((), lines, strangers).matches", "matching.match(strangers, lines).matches", "tests/sync/test_owners.py"),
    Mutant("identity: a marker is asked before the memory", "sync/marker_owners.py", "issue.number: known.get(issue.number) or owners", "issue.number: owners", "tests/sync/test_owners.py"),
    Mutant("identity: a title that a person gave is written over", "sync/planner.py", " or seen.title != base.title:", ":", PLANNER),
    Mutant("identity: an issue of something else is settled", "sync/ownership.py", "        if ours:\n", "        if True:\n", "tests/online/test_online_links.py"),
    Mutant("identity: two lines with one issue are both settled", "sync/planner.py", "if number in shared:", "if False:", "tests/sync/test_owners.py"),
    Mutant("identity: a line that contradicts itself is said to be gone", "sync/planner.py", "gone = seen.marker not in alive and not snapshot.doubts", "gone = seen.marker not in alive", "tests/sync/test_owners.py"),
    Mutant("two senders at once", "runtime/locks.py", "yield descriptor is not None", "yield True", "tests/unit/test_locks.py"),
)  # fmt: skip


@contextmanager
def injected(mutant: Mutant) -> Iterator[None]:
    """The defect, as long as this lasts.  Raises SystemExit if its place is not there once."""
    path = ROOT / "craftkit" / mutant.file
    text = path.read_text(encoding="utf-8")
    if mutant.old not in text:
        raise SystemExit(f"{mutant.name}: {mutant.file} has no {mutant.old!r} any more")
    try:
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def is_caught(mutant: Mutant) -> bool:
    """Whether the harness fails while the defect is in."""
    with injected(mutant):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "2", "-q", "-x", *QUIET, mutant.harness],
            cwd=ROOT,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    # A harness that cannot even be collected catches nothing.
    return bool(done.returncode) and re.search(r"\d+ failed", done.stdout) is not None


def table(rows: list[tuple[str, str, str]]) -> str:
    lines = ["# Injected defects", ""]
    lines += [
        "`make mutants` puts each of these in, and runs the harness that is named for it.",
        "",
    ]
    lines += ["| defect | in | caught by |", "|---|---|---|"]
    lines += [f"| {name} | `craftkit/{file}` | `{harness}` |" for name, file, harness in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="those whose name has these words")
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.only or options.only in m.name]
    missed = 0
    for mutant in chosen:
        began = time.monotonic()
        caught = is_caught(mutant)
        missed += not caught
        word = "caught" if caught else "MISSED"
        print(f"{word}  {mutant.name:<46} {mutant.harness}  {time.monotonic() - began:.0f} s")
        sys.stdout.flush()
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    if options.write and not missed and not options.only:
        PAGE.write_text(table([(m.name, m.file, m.harness) for m in MUTANTS]), encoding="utf-8")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
