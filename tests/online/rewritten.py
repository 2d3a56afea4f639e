"""Rewritten spec files under real commands, judged by somebody who knows which task each line is.

    python tests/online/rewritten.py [REWRITES] [SEED]        prints the rates, replays a seed

The rows of `rewriting` carry the truth; craftkit sees a file in a git repository, its database and
a GitHub.  After each command everything that it changed is held against the truth.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / name) for name in ("", "specs", "crash", "online", "hooks")]

import places  # noqa: E402
import rewriting  # type: ignore[import-not-found]  # noqa: E402
import simulated  # type: ignore[import-not-found]  # noqa: E402
from rewriting import KINDS, Row, Rows  # noqa: E402

from craftkit.specs.matching import close, normal  # noqa: E402

Desk = Any
TURNS = 4  # rewrites of one story, in a row
FRONT = "---\nid: demo\nname: Demo\nphase: implementation\n---\n"
ITEM = re.compile(r"(?m)^- \[(.)\] (.*(?:\n(?=[^\n-]).*)*)")
LINK = re.compile(r"\s*\(#(\d+)\)$")
TITLES = (
    "Set the project up",
    "Write the parser of the dates part 1",
    "Write the parser of the times part 2",
    "Ship the first version",
    "Ship the first version",  # a twin
    "Tell the users of it",
)


class Wrong(NamedTuple):
    """What a command did to the wrong task, or did not do to the right one."""

    what: str
    words: str


def render(row: Row) -> str:
    parts = [row.key or "", row.title.replace("  \n", "\n      "), ""]
    if row.issue is not None:
        parts[2] = f"(#{row.issue})"
    return f"- [{'x' if row.ticked else ' '}] {' '.join(part for part in parts if part)}\n"


class Story:
    """One spec from a linked, half-linked or unlinked beginning."""

    def __init__(self, desk: Desk, rng: random.Random, counts: Counter[str]) -> None:
        self.desk, self.rng, self.counts = desk, rng, counts
        self.rows: Rows = []
        self.owners: dict[int, str] = {}  # issue -> true id
        self.asked: set[str] = set()  # tasks that somebody finished, or closed on GitHub
        self.twins: dict[str, str] = {}
        self.born = 0
        self.last = ""
        self.shown: set[tuple[str, int]] = set()  # what lines said when somebody saved them
        self.doubled: list[str] = []
        self.keys: dict[int, str | None] = {}  # issue -> the key beside it before the last rewrite
        self.seen: dict[int, tuple[str, str]] = {}

    def begin(self, keyed: bool, linked: int) -> None:
        """A list of which the first `linked` have issues; made once for each kind of list."""
        name = f"begun-{keyed}-{linked}"
        kept = self.desk.kept.get(name)
        rows = [
            Row(f"id{n}", f"T{n:03d}" if keyed else None, title, None)
            for n, title in enumerate(TITLES, 1)
        ]
        self.twins = {str(row.id): normal(row.title) for row in rows}
        if kept is None:
            self.desk.back(self.desk.kept["empty"])
            self.rows = rows[:linked]
            if linked:
                self.save()
                self.desk.ok("spec", "link", "--yes")
                self.read([])
            self.rows += rows[linked:]
            self.save()
            self.git("add", "-A")
            self.git("commit", "-qm", "Begin")
            kept = self.desk.kept[name] = (self.desk.keep(name), list(self.rows), self.desk.text)
        self.desk.back(kept[0])
        self.rows = list(kept[1])
        self.owners = {row.issue: str(row.id) for row in self.rows if row.issue is not None}
        self.versions = [list(self.rows)]
        self.git("tag", "v0")
        self.seen = self.issues()

    # The file

    def save(self) -> None:
        front = self.desk.text.partition("\n## Tasks\n")[0] if self.rows else FRONT
        self.desk.write("".join(render(row) for row in self.rows), front)

    def read(self, wrongs: list[Wrong], may_tick: str = "") -> None:
        """Take what a command wrote into the file, and judge it."""
        items = ITEM.findall(self.desk.text)
        if len(items) != len(self.rows):
            wrongs.append(Wrong("lines", f"{len(items)} for {len(self.rows)}"))
            return
        for n, (mark, text) in enumerate(items):
            row, link = self.rows[n], LINK.search(text)
            number = int(link[1]) if link else None
            ticked = mark.lower() == "x"
            mine = str(row.id)
            if number != row.issue and number is not None:
                owner = self.owners.setdefault(number, mine)
                if not self.same(owner, mine) and (mine, number) not in self.shown:
                    wrongs.append(Wrong("link", f"#{number} is of {owner}, not of {row}"))
            if ticked and not row.ticked and not (mine == may_tick or self.is_done(mine)):
                wrongs.append(Wrong("tick", f"{row} was finished by nobody"))
            if row.ticked and not ticked:
                wrongs.append(Wrong("untick", f"{row} was opened again by nobody"))
            self.rows[n] = row._replace(issue=number, ticked=ticked)

    def same(self, one: str, other: str) -> bool:
        """Whether two tasks are one, or cannot be told apart."""
        title = self.twins.get(one)
        return one == other or (title is not None and title == self.twins.get(other))

    def twin_of(self, new: Row) -> str:
        """What it has in common with the line that it was copied from, however that began."""
        title = normal(new.title)
        rows = (str(row.id) for row in self.rows if row.id is not None and row is not new)
        old = (row for row in rows if normal(self.title_of(row)) == title)
        return next((self.twins[row] for row in old if row in self.twins), f"new {title}")

    def title_of(self, task: str) -> str:
        return next((row.title for row in self.rows if str(row.id) == task), "")

    def is_done(self, task: str) -> bool:
        return any(self.same(one, task) for one in self.asked)

    # Git and GitHub

    def git(self, *words: str) -> None:
        who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who |= {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in PARTS}
        subprocess.run(
            ["git", "-C", str(self.desk.repo), *words],
            check=True,
            capture_output=True,
            env=os.environ | who,
        )

    def issues(self) -> dict[int, tuple[str, str]]:
        return {
            n: (i["title"], i["state"].lower())
            for n, i in self.desk.issues().items()
            if i["parent"]
        }

    # Commands

    def ck(self, *words: str, of: str = "") -> tuple[int, str, list[Wrong]]:
        """Run a command, and what it did wrong; `of` is the task that it was given."""
        said = self.desk.ck(*words, prepare=lambda: None)
        if TRACE:
            print(said.words)
        return said.code, said.words, self.judge(" ".join(words), of)

    def judge(self, words: str, of: str) -> list[Wrong]:
        self.last = words
        wrongs: list[Wrong] = []
        if TRACE:
            print(f"--- {words}\n{self.desk.text.partition('## Tasks')[2]}", self.issues())
        self.read(wrongs, of)
        after = self.issues()
        for number, (title, state) in after.items():
            before = self.seen.get(number)
            owner = self.owners.get(number)
            if before is None:
                self.made(number, title)
                continue
            if owner is None or before == (title, state):
                continue
            closed = state == "closed" and before[1] == "open"
            if closed and not self.is_done(owner) and not self.is_evident(number, before[0]):
                wrongs.append(Wrong("close", f"#{number} of {owner} after {words}"))
            if state == "open" and before[1] == "closed":
                wrongs.append(Wrong("re-open", f"#{number} of {owner} after {words}"))
            if title != before[0] and not self.is_evident(number, before[0]):
                mine = [row for row in self.rows if self.same(str(row.id), owner)]
                if not any(normal(row.title) in normal(title) for row in mine):
                    wrongs.append(Wrong("rename", f"#{number} of {owner} is {title!r} now"))
        self.seen = after
        return wrongs

    def is_evident(self, number: int, title: str) -> bool:
        """Whether a line shows the number, and nearly the words or the key that it had before.

        Templated siblings are alike.  Of other words a command says first that it has seen them.
        """
        words = normal(re.sub(r"^(T\d+|\d+\.\d+) ", "", title))
        rows = [row for row in self.rows if row.issue == number]
        kept = any(row.key is not None and row.key == self.keys.get(number) for row in rows)
        found = kept or any(close(normal(row.title), words) for row in rows)
        self.counts["by number, with the key or nearly the words"] += found
        return found

    def made(self, number: int, title: str) -> None:
        """A new issue is the task's in whose line it stands, or whose words it has."""
        row = next((row for row in self.rows if row.issue == number), None)
        row = row or next((row for row in self.rows if normal(row.title) in normal(title)), None)
        mine = str(row.id) if row is not None else f"of nobody {number}"
        if any(owner == mine and other != number for other, owner in self.owners.items()):
            self.counts["second issue"] += 1
            self.doubled.append(f"#{number} {title!r} of {mine} after {self.last}")
        self.owners[number] = mine

    def done(self) -> list[Wrong]:
        """Finish the task of a line: its issue is closed, or the command is refused."""
        code, out, wrongs = self.listed()
        keys = [task["key"] for task in out]
        if wrongs or code or len(keys) != len(self.rows):
            return wrongs
        at = self.rng.randrange(len(self.rows))
        row = self.rows[at]
        mine, was = str(row.id), set(self.asked)
        self.asked.add(mine)
        code, words, wrongs = self.ck("task", "done", keys[at], of=mine)
        self.counts["done"] += 1
        if code not in (0, 5):
            self.counts["done refused otherwise"] += 1
            self.words = words
        if code:
            self.counts["done refused"] += 1
            self.asked = was
            return wrongs
        if not self.rows[at].ticked:
            wrongs.append(Wrong("box", f"{row} is done, and its box is open"))
        return wrongs or self.closed(row, words)

    def closed(self, row: Row, words: str) -> list[Wrong]:
        """What is done is closed: at once, or by a `reconcile` if the command has said so."""
        mine = str(row.id)
        own = {n for n, owner in self.owners.items() if owner == mine}
        twin = {n for n, owner in self.owners.items() if self.same(owner, mine)} & set(self.seen)
        if not own or any(self.seen[n][1] == "closed" for n in twin):
            return []
        if any(self.same(str(other.id), mine) and not other.ticked for other in self.rows):
            return []  # the open issue may be the other one's
        if "was given up" in words and row.issue not in own:
            return []  # its number is nobody's, and the command has said so
        self.counts["done, and waits"] += 1
        code, words, wrongs = self.ck("reconcile")
        if wrongs or any(self.seen[n][1] == "closed" for n in twin if n in self.seen):
            return wrongs
        named = {f"#{n}" for n in {*own, row.issue}} | {row.key or f"gh{row.issue}", "stopped"}
        if code == 5 and any(re.search(rf"{name}\b", words) for name in named):
            self.counts["done, and a person is asked"] += 1
            return []
        return [Wrong("not closed", f"{row} is done, and {sorted(own)} is open: {words}")]

    def listed(self) -> tuple[int, list[dict[str, Any]], list[Wrong]]:
        said = self.desk.ck("task", "list", "--json", prepare=lambda: None)
        wrongs = self.judge("task list", "")
        return said.code, [] if said.code else said.answer["data"]["tasks"], wrongs

    def edited(self) -> list[Wrong]:
        path = str(self.desk.repo / "specs/demo.md")
        data = {"session_id": "s1", "cwd": str(self.desk.repo), "tool_name": "Edit"}
        simulated.hook(self.desk, "post-edit", {**data, "tool_input": {"file_path": path}}, "s1")
        return self.judge("hook post-edit", "")

    def command(self) -> list[Wrong]:
        which = self.rng.randrange(8)
        if which < 3:
            return self.done()
        if which < 5:
            return self.edited()
        words = [("status",), ("reconcile", "--create"), ("session-resume",)][which - 5]
        return self.ck(*words)[2]

    # One turn

    def turn(self, kinds: list[str]) -> list[Wrong]:
        if TRACE:
            print("===", kinds, *self.rows, sep="\n    ")
        self.keys = {row.issue: row.key for row in self.rows if row.issue is not None}
        for kind in kinds:
            self.rows = KINDS[kind](self.rng, self.rows)
        for n, row in enumerate(self.rows):
            if row.id is None:
                self.born += 1
                self.rows[n] = row._replace(id=f"true{self.born}")
                self.twins[f"true{self.born}"] = self.twin_of(row)
            elif not row.ticked and self.rng.random() < 0.08:  # by hand
                self.rows[n] = row._replace(ticked=True)
        for row in self.rows:
            if row.ticked:
                self.asked.add(str(row.id))
        self.save()
        self.shown |= {(str(row.id), row.issue) for row in self.rows if row.issue is not None}
        return self.commands(self.rng.randint(1, 2)) or self.trusting()

    def commands(self, number: int) -> list[Wrong]:
        for _ in range(number):
            if wrongs := self.command():
                return wrongs
        return []

    def trusting(self) -> list[Wrong]:
        """A person looks at what is contradicted, and trusts the texts."""
        if self.rng.random() < 0.3:
            return self.ck("spec", "update", "--trust", "titles")[2]
        return []

    def close_on_github(self) -> None:
        left = [n for n, (_, state) in self.seen.items() if state == "open" and n in self.owners]
        if left:
            number = self.rng.choice(left)
            self.asked.add(self.owners[number])
            self.desk.close(number)
            self.seen = self.issues()

    def lose_the_database(self) -> None:
        for path in places.state_of(self.desk.repo).glob("*.db*"):
            path.unlink()

    def visit_an_earlier_version(self) -> list[Wrong]:
        """Somebody checks an old commit out, works there, and comes back."""
        self.commit()
        now, place = list(self.rows), self.rng.randrange(len(self.versions))
        self.rows = list(self.versions[place])
        self.git("checkout", "-q", f"v{place}")
        wrongs = self.commands(1)
        self.git("checkout", "-qf", "main")
        self.rows = now
        return wrongs or self.ck("status")[2]

    def commit(self) -> None:
        self.git("commit", "-qam", "Work", "--allow-empty")
        self.git("tag", f"v{len(self.versions)}")
        self.versions.append(list(self.rows))


PARTS = ("NAME", "EMAIL")
BEGINNINGS = ((True, 6), (True, 4), (True, 0), (False, 6), (False, 4))
LEFT_OUT: tuple[str, ...] = ()
SHOW_DOUBLES = "CRAFTKIT_SHOW_DOUBLES" in os.environ
SHOW = "CRAFTKIT_SHOW" in os.environ
TRACE = "CRAFTKIT_TRACE" in os.environ


class Found(NamedTuple):
    """A wrong, and how to see it again."""

    seed: int
    by_evidence: bool  # another text under a kept key or number was among it
    steps: tuple[str, ...]
    wrong: Wrong


def tell(desk: Desk, number: int, counts: Counter[str], turns: int = TURNS) -> list[Found]:
    """One story; it ends at the first thing that is done to the wrong task."""
    rng = random.Random(number)
    story = Story(desk, rng, counts)
    story.begin(*rng.choice(BEGINNINGS))
    steps: list[str] = []
    for _ in range(turns):
        chance, wrongs = rng.random(), []
        if chance < 0.1:
            story.lose_the_database()
            steps.append("database lost")
        elif chance < 0.3:
            steps.append("an earlier version and back")
            wrongs = story.visit_an_earlier_version()
        elif chance < 0.4:
            story.close_on_github()
            steps.append("closed on GitHub")
        kinds = rng.sample([k for k in KINDS if k not in LEFT_OUT], rng.choice((1, 1, 2)))
        if not wrongs:
            steps += kinds
            counts["rewrites"] += 1
            wrongs = story.turn(kinds)
        if SHOW_DOUBLES and story.doubled:
            print(number, steps, story.doubled)
            story.doubled = []
        if wrongs:
            evidence = any(step in rewriting.BY_EVIDENCE for step in steps)
            for wrong in wrongs:
                counts[("by evidence: " if evidence else "") + wrong.what] += 1
            return [Found(number, evidence, (*steps, story.last), w) for w in wrongs]
        if not story.rows:
            break
    return []


def prepare(desk: Desk) -> None:
    """The repository that all stories begin with."""
    desk.begin("", FRONT)
    desk.kept = {"empty": desk.keep("empty")}


def measure(desk: Desk, rewrites: int, seed: int = 0) -> tuple[Counter[str], list[Found]]:
    prepare(desk)
    counts: Counter[str] = Counter()
    found: list[Found] = []
    number = seed
    while counts["rewrites"] < rewrites:
        wrong = tell(desk, number, counts)
        if wrong and SHOW:
            print(*wrong, sep="\n", flush=True)
        found += wrong
        number += 1
    counts["stories"] = number - seed
    return counts, found


def main() -> None:
    import tempfile

    import loopback  # type: ignore[import-not-found]

    from craftkit.sandbox.server import serve

    rewrites, seed = (
        (*(int(word) for word in sys.argv[1:]), 200, 0)[:2]
        if sys.argv[2:]
        else (
            int(sys.argv[1]) if sys.argv[1:] else 200,
            0,
        )
    )
    with tempfile.TemporaryDirectory() as place, serve() as server:
        counts, found = measure(loopback.Desk(Path(place).resolve(), server), rewrites, seed)
    for one in found:
        print(one)
    print(dict(counts))


if __name__ == "__main__":
    main()
