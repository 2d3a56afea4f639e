"""What follows from a matching: the merge of rewritten task lists, judged by who each line is.

    python tests/specs/consequences.py [REWRITES]

A story is one spec with its issues.  Its file is rewritten, boxes are ticked by hand, people close
and open issues, commands are given; then `match` says which line is which task, `plan_merge` what
follows, and each action is compared with the truth, which the rows carry and nothing reads.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from typing import NamedTuple

import rewriting  # type: ignore[import-not-found]
from rewriting import KINDS, Row, Rows

from craftkit.specs import matching
from craftkit.specs.matching import CONTRADICTED, NEW, Line, Matching, Remembered
from craftkit.sync import merge_model
from craftkit.sync.merge_model import Action, Base, Doubt, RemoteIssue, SpecSnapshot, SpecTask
from craftkit.sync.planner import plan_merge

# Stories with a turn of their own.
MIXED, LOST = "mixed", "mixed, database lost"
BACK, COPIED = "mixed, earlier versions come back", "file copied for another spec"
STORIES = (*KINDS, MIXED, BACK, LOST, COPIED)
EVIDENCE = (*rewriting.BY_EVIDENCE, BACK, LOST)
# What the merge may do to the wrong task -> the kinds of its actions.
WRONGS = {
    "close": ("close", "close_duplicate"),
    "rename": ("retitle",),
    "re-open": ("reopen",),
    "tick": ("tick", "untick", "undrop"),
    "link": ("link", "adopt"),
    "second issue": ("create",),
}


class Issue(NamedTuple):
    """An issue, and the true id of its task."""

    owner: str
    title: str
    closed: bool = False
    completed: bool = False


class Story:
    """A file, a database and a GitHub; `turn` is one rewrite with all that follows."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rows: Rows = [row._replace(ticked=rng.random() < 0.25) for row in rewriting.begin(rng)]
        self.records = {task.id: task for task in rewriting.remember(self.rows)}
        self.seen = list(self.records)  # ids of the last snapshot, in order
        self.issues: dict[int, Issue] = {}
        self.base: dict[str, Base] = {}
        self.certain = self.seen  # the same of the last snapshot without a doubt
        self.doubted: list[tuple[str | None, str]] = []  # lines that are contradicted
        for row in self.rows:
            self._link_at_first(row)
        self.versions = [list(self.rows)]
        self.born = 0
        self.roots: dict[str, str] = {}  # a name that craftkit gave needlessly -> whose it is
        self.counts: Counter[str] = Counter()

    def _link_at_first(self, row: Row) -> None:
        assert row.id is not None
        self.base[row.id] = Base(None if row.issue is None else row.ticked, row.issue, title(row))
        if row.issue is not None:
            self.issues[row.issue] = Issue(row.id, title(row), row.ticked, row.ticked)

    # One turn

    def turn(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.rows = KINDS[kind](self.rng, self.rows)
        self.rows = [self._true(row) for row in self.rows]
        self._work()
        found = self.look()
        lines = list(zip(self.rows, found.matches, strict=True))
        believed = [verdict.id or f"new{self.born}.{n}" for n, (_, verdict) in enumerate(lines)]
        plan = plan_merge(self.snapshot(found, believed), merge_model.Policy(True, False, True))
        self.counts["lines"] += len(lines)
        self.counts["contradicted"] += sum(v.kind == CONTRADICTED for _, v in lines)
        for action in plan.actions:
            at = believed.index(action.task)
            self.counts["actions"] += 1
            wrong = self.is_wrong(action, self.rows[at])
            if wrong:
                self.counts[next(w for w, kinds in WRONGS.items() if action.kind in kinds)] += 1
            self.carry_out(action, at)
        self.learn(found, believed)
        self.versions.append(list(self.rows))

    def _true(self, row: Row) -> Row:
        """A task that nobody has seen is one from now on, whatever craftkit believes of it."""
        if row.id is not None:
            return row
        self.born += 1
        return row._replace(id=f"true{self.born}")

    def _work(self) -> None:
        """Somebody ticks boxes, others close and open issues."""
        rng = self.rng
        self.rows = [row._replace(ticked=True) if rng.random() < 0.15 else row for row in self.rows]
        for number, issue in self.issues.items():
            chance = rng.random()
            if chance < 0.06:
                self.issues[number] = issue._replace(closed=True, completed=chance < 0.04)
            elif chance < 0.09:
                self.issues[number] = issue._replace(closed=False, completed=False)

    def look(self) -> Matching:
        here = dict.fromkeys((*self.seen, *(self.certain if self.doubted else ())))
        before = [self.records[task] for task in here if task in self.records]
        others = [task for task in self.records.values() if task.id not in here]
        lines = [Line(row.key, row.title, row.issue) for row in self.rows]
        others, before = (others, before) if before else ([], others)
        return matching.match(before, lines, others, doubted=self.doubted)

    def snapshot(self, found: Matching, believed: list[str]) -> SpecSnapshot:
        known = {task.issue: task.id for task in self.records.values() if task.issue}
        lines, doubts, foreign = [], [], set()
        for row, verdict, task in zip(self.rows, found.matches, believed, strict=True):
            if row.issue is not None and row.issue not in known:
                foreign.add(row.issue)
                self.issues.setdefault(row.issue, Issue(f"stranger{row.issue}", "Of others"))
            if verdict.kind == CONTRADICTED:
                doubts.append(Doubt(row.key or "", row.issue, verdict.why, ""))
            else:
                ref = row.key or task
                own = row.issue if row.issue not in foreign else None
                mention = row.issue if own is None else None
                lines.append(SpecTask(task, ref, title(row), row.ticked, own, mention=mention))
        issues = {
            n: RemoteIssue(n, i.closed, i.completed, i.title, known.get(n), n in known)
            for n, i in self.issues.items()
            if n in known or n in foreign
        }
        asked = {}
        if lines and self.rng.random() < 0.5:
            line = self.rng.choice(lines)
            asked[line.id] = self.rng.choice(("done", "done", "reopen"))
        return SpecSnapshot(
            lines,
            self.base,
            issues,
            {},
            asked,
            True,
            doubts=tuple(doubts),
        )

    def is_wrong(self, action: Action, row: Row) -> bool:
        """Whether an action is for another task than the line's own."""
        root = self._root(row.id)
        mine = {n for n, issue in self.issues.items() if self._root(issue.owner) == root}
        if action.kind == merge_model.CREATE:
            return bool(mine)
        if action.issue in mine:
            return False
        if action.kind not in {kind for kinds in WRONGS.values() for kind in kinds}:
            return False  # it changes what is remembered, and nothing else
        owner = self.issues[action.issue or 0].owner
        return not rewriting.twins(list(self.records.values()), owner, row.id)

    def carry_out(self, action: Action, at: int) -> None:
        row, number, base = self.rows[at], action.issue, self.base.get(action.task, Base(None))
        if action.kind == merge_model.CREATE:
            number = max(self.issues, default=100) + 1000
            assert row.id is not None
            self.issues[number] = Issue(row.id, title(row))
            base = base._replace(title=title(row), synced_done=False)
        assert number is not None
        issue = self.issues[number]
        if action.kind in ("close", "close_duplicate"):
            issue = issue._replace(closed=True, completed=action.kind == "close")
        elif action.kind == "reopen":
            issue = issue._replace(closed=False, completed=False)
        elif action.kind == "retitle":
            issue, base = issue._replace(title=title(row)), base._replace(title=title(row))
        elif action.kind in ("tick", "untick"):
            row = row._replace(ticked=action.kind == "tick")
        elif action.kind in ("link", "create"):
            row = row._replace(issue=number)
        done = {"close": True, "tick": True, "agree_done": True}
        done |= {"untick": False, "reopen": False, "agree_open": False}
        base = base._replace(issue=number, synced_done=done.get(action.kind, base.synced_done))
        self.rows[at], self.issues[number], self.base[action.task] = row, issue, base

    def learn(self, found: Matching, believed: list[str]) -> None:
        """Remember what the file says; from now on what was believed is the truth."""
        self.seen, self.doubted = [], []
        known = {task.issue: task.id for task in self.records.values() if task.issue}
        for at, verdict in enumerate(found.matches):
            row, task = self.rows[at], believed[at]
            if verdict.kind == CONTRADICTED:
                self.doubted.append((row.key, row.title))
                continue
            if verdict.kind == NEW:
                self._is_really(at, task)
            elif self._root(row.id) != self._root(task):
                self._exchange(at, task)
            number = self.base.get(task, Base(None)).issue
            number = number if known.get(number, task) == task else None
            self.records[task] = Remembered(task, row.key, row.title, number)
            self.base.setdefault(task, Base(None))
            self.seen.append(task)
        if not self.doubted:
            self.certain = self.seen

    def _is_really(self, at: int, task: str) -> None:
        """A line that is new to craftkit gets a name of its own, and may have had one."""
        self.roots[task] = self._root(self.rows[at].id)
        self.rows[at] = self.rows[at]._replace(id=task)

    def _root(self, task: str | None) -> str:
        return self.roots.get(task or "", task or "")

    def _exchange(self, at: int, task: str) -> None:
        """Twins, or a mistake that has been counted: it is not counted again."""
        old = self.rows[at].id
        for n, row in enumerate(self.rows):
            if row.id == task:
                self.rows[n] = row._replace(id=old)
        self.rows[at] = self.rows[at]._replace(id=task)

    # What happens to databases and files

    def lose_the_database(self) -> None:
        """What is left is GitHub's: the issues are the tasks that are remembered."""
        numbers = sorted(n for n in self.issues if n in {b.issue for b in self.base.values()})
        self.seen, self.base, self.records, self.doubted = [], {}, {}, []
        for number in numbers:
            issue = self.issues[number]
            key, _, words = issue.title.partition(" ")
            self.records[issue.owner] = Remembered(
                issue.owner, key if words and key[-1:].isdecimal() else None, words, number
            )

    def come_back(self) -> None:
        self.rows = list(self.rng.choice(self.versions))

    def copy_for_another_spec(self) -> None:
        """The same lines and numbers under another spec id: none of the tasks is ours."""
        self.seen, self.base, self.records = [], {}, {}
        self.rows = [row._replace(id=None) for row in self.rows]


def title(row: Row) -> str:
    return f"{row.key} {row.title}" if row.key else row.title


def tell(rng: random.Random, name: str) -> Counter[str]:
    """One story: what was done, and what of it to the wrong task."""
    story = Story(rng)
    if name in KINDS:
        story.turn([name])
        return story.counts
    for turn in range(4):
        if name == COPIED:
            story.copy_for_another_spec()
        elif name == LOST and turn:
            story.lose_the_database()
        elif name == BACK and turn:
            story.come_back()
        story.turn(rng.sample(list(KINDS), rng.randint(0 if name in (COPIED, BACK) else 1, 3)))
        if not story.rows or name == COPIED:
            break
    return story.counts


def measure(number: int, seed: int = 0) -> dict[str, Counter[str]]:
    """So many stories; the counts of each kind."""
    rng = random.Random(seed)
    totals: dict[str, Counter[str]] = {name: Counter() for name in STORIES}
    for _ in range(number):
        name = rng.choice(STORIES)
        totals[name].update(tell(rng, name))
    return totals


def table(rates: dict[str, Counter[str]]) -> list[str]:
    heads = ("rewrite", "lines", "actions", *WRONGS)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, found in rates.items():
        shares = [f"{round(10_000 * found[w] / max(found['lines'], 1), 1):g}" for w in WRONGS]
        lines.append(f"| {name} | {found['lines']} | {found['actions']} | {' | '.join(shares)} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(measure(int(sys.argv[1]) if sys.argv[1:] else 20_000))))
