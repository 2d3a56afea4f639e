"""Rewritten task lists, and who each line really is: for measuring `matching.match`.

    python tests/specs/rewriting.py [REWRITES]

prints wrong matches, needless new or gone tasks and contradictions per 10,000 lines, per kind.  A
row knows the id of its task; a rewrite changes rows as agents and editors do.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from craftkit.specs import matching
from craftkit.specs.matching import CONTRADICTED, NEW, Line, Matching, Remembered

VERBS = ("Add", "Write", "Move", "Test", "Fix", "Draw", "Send", "Read", "Parse", "Store", "Check")
THINGS = "parser,login form,token table,mail,schema,export,board,cache,page,queue,hook,report"
NEW_VERBS = ("Remove", "Rename", "Measure", "Explain", "Guard against", "Agree with Kim on")
NEW_THINGS = ("every leftover", "stale sessions", "our prices", "two clocks", "the old release")
PLACES = "for the API,in the web client,of the job,with tests,for admins,in src/a.py,at start-up"


class Row(NamedTuple):
    id: str | None  # who this is; None: a task that nobody has seen before
    key: str | None
    title: str
    issue: int | None
    ticked: bool = False


Rows = list[Row]
Rewrite = Callable[[random.Random, Rows], Rows]


def words(rng: random.Random) -> str:
    parts = (VERBS, THINGS.split(","), PLACES.split(","))
    return " ".join(rng.choice(part) for part in parts) + f" ({rng.randrange(1000)})"


def begin(rng: random.Random) -> Rows:
    """A task list: with keys or without, linked or not, with twins and templated siblings."""
    size, keyed = rng.randrange(3, 25), rng.random() < 0.8
    linked = rng.choice((0.0, 0.5, 1.0))
    rows = []
    for n in range(1, size + 1):
        title = words(rng)
        if rows and rng.random() < 0.1:
            title = rng.choice(rows).title  # a twin
        elif rows and rng.random() < 0.1:
            title = rows[-1].title.rsplit(" ", 1)[0] + f" part {n}"  # of one template
        issue = 100 + n if rng.random() < linked else None
        rows.append(Row(f"id{n}", f"T{n:03d}" if keyed else None, title, issue))
    return rows


def renumbered(rows: Rows) -> Rows:
    if not any(row.key for row in rows):
        return rows
    return [row._replace(key=f"T{n:03d}") for n, row in enumerate(rows, 1)]


def fresh(rng: random.Random, rows: Rows) -> Row:
    keys = [int(row.key.lstrip("T").partition(".")[0]) for row in rows if row.key]
    key = f"T{max(keys) + 1:03d}" if keys else None
    title = f"{rng.choice(NEW_VERBS)} {rng.choice(NEW_THINGS)} {rng.randrange(10_000)}"
    if rng.random() < 0.2:  # of the same template as another
        title = rng.choice(rows).title.rsplit(" ", 1)[0] + f" part {rng.randrange(1000, 10_000)}"
    return Row(None, key, title, None)


def change(rng: random.Random, rows: Rows, how: Callable[[Row], Row], share: float = 0.3) -> Rows:
    return [how(row) if rng.random() < share else row for row in rows]


def insert(rng: random.Random, rows: Rows) -> Rows:
    at = rng.randrange(len(rows) + 1)
    return [*rows[:at], fresh(rng, rows), *rows[at:]]


def delete(rng: random.Random, rows: Rows) -> Rows:
    at = rng.randrange(len(rows))
    return [*rows[:at], *rows[at + 1 :]] if len(rows) > 1 else rows


def shuffled(rng: random.Random, rows: Rows) -> Rows:
    return rng.sample(rows, len(rows))


def move(rng: random.Random, rows: Rows) -> Rows:
    rows = list(rows)
    row = rows.pop(rng.randrange(len(rows)))
    rows.insert(rng.randrange(len(rows) + 1), row)
    return rows


def copy(rng: random.Random, rows: Rows) -> Rows:
    """The same line twice, its number and key included: nobody can say which is meant."""
    row = rng.choice(rows)
    return [*rows, row._replace(id=None)]


def copy_as_template(rng: random.Random, rows: Rows) -> Rows:
    """A line copied, with a key and a text of its own; its number stayed behind it."""
    made = fresh(rng, rows)
    return [*rows, made._replace(issue=rng.choice(rows).issue)]


def edit_words(rng: random.Random, row: Row) -> Row:
    parts = row.title.split()
    parts[rng.randrange(len(parts))] = rng.choice(THINGS.split(",")).split()[0]
    return row._replace(title=" ".join(parts))


def other_text(rng: random.Random, rows: Rows) -> Rows:
    """A line gets a text that has nothing to do with it: another task under the old key."""
    at = rng.randrange(len(rows))
    made = rows[at]._replace(id=None, title=fresh(rng, rows).title, issue=None)
    return [*rows[:at], made, *rows[at + 1 :]]


def other_text_linked(rng: random.Random, rows: Rows) -> Rows:
    """The same, and the number stayed: the evidence says that it is the old task."""
    at = rng.randrange(len(rows))
    return [*rows[:at], rows[at]._replace(title=fresh(rng, rows).title), *rows[at + 1 :]]


def numbers_stay(rng: random.Random, rows: Rows) -> Rows:
    """A line is put in, and the numbers stay in their rows: they move against their texts."""
    made = insert(rng, rows)
    numbers = [row.issue for row in rows] + [None]
    return [row._replace(issue=number) for row, number in zip(made, numbers, strict=True)]


def swap_numbers(rng: random.Random, rows: Rows) -> Rows:
    rows = list(rows)
    a, b = rng.randrange(len(rows)), rng.randrange(len(rows))
    rows[a], rows[b] = (
        rows[a]._replace(issue=rows[b].issue),
        rows[b]._replace(issue=rows[a].issue),
    )
    return rows


def regenerated(rng: random.Random, rows: Rows) -> Rows:
    """Written anew without numbers, some texts changed, some tasks new, all keys new."""
    rows = [row._replace(issue=None) for row in rows]
    return renumbered(insert(rng, delete(rng, shuffled(rng, rows))))


def keys_dropped(rng: random.Random, rows: Rows) -> Rows:
    return [row._replace(key=None) for row in rows]


def merged(rng: random.Random, rows: Rows) -> Rows:
    """Both sides of a merge added a task under one key."""
    made = fresh(rng, rows)
    other = made._replace(title=fresh(rng, rows).title)
    return [*rows, made, other]


def joined(rng: random.Random, rows: Rows) -> Rows:
    """Two tasks become one line, which has the first one's key and number."""
    if len(rows) < 2:
        return rows
    at = rng.randrange(len(rows) - 1)
    one, two = rows[at : at + 2]
    return [*rows[:at], one._replace(title=f"{one.title} and {two.title}"), *rows[at + 2 :]]


def keys_of_another_form(rng: random.Random, rows: Rows) -> Rows:
    """`T012` becomes `3.2`, as another tool numbers its tasks."""
    part = rng.randrange(2, 6)
    return [
        row._replace(key=f"{n // part + 1}.{n % part + 1}") if row.key else row
        for n, row in enumerate(rows)
    ]


def texts_swapped(rng: random.Random, rows: Rows) -> Rows:
    """Two texts change places, and keys and numbers stay in their rows."""
    rows = list(rows)
    a, b = rng.randrange(len(rows)), rng.randrange(len(rows))
    one, two = rows[a], rows[b]
    rows[a] = two._replace(key=one.key, issue=one.issue)
    rows[b] = one._replace(key=two.key, issue=two.issue)
    return rows


def numbers_one_row_down(rng: random.Random, rows: Rows) -> Rows:
    numbers = [row.issue for row in rows]
    return [row._replace(issue=n) for row, n in zip(rows, numbers[-1:] + numbers, strict=False)]


def mistyped(rng: random.Random, rows: Rows) -> Rows:
    """A digit of a number is wrong: it is another task's, or a stranger's."""
    at = rng.randrange(len(rows))
    number = rows[at].issue
    made = rows[at]._replace(issue=number and number + rng.choice((-1, 1, 10, 100)))
    return [*rows[:at], made, *rows[at + 1 :]]


def half_moved(rng: random.Random, rows: Rows) -> Rows:
    """Half of the lines go to another file."""
    at = (len(rows) + 1) // 2
    return rows[:at] if rng.random() < 0.5 else rows[-at:]


def from_another_file(rng: random.Random, rows: Rows) -> Rows:
    """Lines of another spec are put in, with their numbers."""
    first = rng.randrange(700, 900)
    made = [fresh(rng, rows)._replace(issue=first + n) for n in range(rng.randint(1, 3))]
    at = rng.randrange(len(rows) + 1)
    return [*rows[:at], *made, *rows[at:]]


def branches_merged(rng: random.Random, rows: Rows) -> Rows:
    """One branch put a task in and renumbered, the other one appended; git saw no conflict."""
    one, other = renumbered(insert(rng, rows)), fresh(rng, rows)
    return [*one, other]


def split(rng: random.Random, rows: Rows) -> Rows:
    at = rng.randrange(len(rows))
    row = rows[at]
    made = fresh(rng, rows)._replace(title=f"{row.title}, second part")
    return [*rows[: at + 1], made, *rows[at + 1 :]]


KINDS: dict[str, Rewrite] = {
    "insert": insert,
    "insert and renumber": lambda rng, rows: renumbered(insert(rng, rows)),
    "delete": delete,
    "delete and renumber": lambda rng, rows: renumbered(delete(rng, rows)),
    "reorder": shuffled,
    "reorder and renumber": lambda rng, rows: renumbered(shuffled(rng, rows)),
    "move one": move,
    "move one and renumber": lambda rng, rows: renumbered(move(rng, rows)),
    "strike through": lambda rng, rows: change(
        rng, rows, lambda row: row._replace(title=f"~~{row.title}~~")
    ),
    "emphasis": lambda rng, rows: change(
        rng, rows, lambda row: row._replace(title=f"**{row.title}**")
    ),
    "case": lambda rng, rows: change(rng, rows, lambda row: row._replace(title=row.title.upper())),
    "re-wrap": lambda rng, rows: change(
        rng, rows, lambda row: row._replace(title=row.title.replace(" ", "  \n", 1))
    ),
    "edit words": lambda rng, rows: change(rng, rows, lambda row: edit_words(rng, row)),
    "lengthen": lambda rng, rows: change(
        rng, rows, lambda row: row._replace(title=f"{row.title} and note it in the docs")
    ),
    "cut": lambda rng, rows: change(
        rng, rows, lambda row: row._replace(title=row.title.rsplit(" ", 1)[0])
    ),
    "links lost": lambda rng, rows: [row._replace(issue=None) for row in rows],
    "numbers stay in their rows": numbers_stay,
    "two numbers swapped": swap_numbers,
    "line copied whole": copy,
    "line copied as a template": copy_as_template,
    "other text under the key": other_text,
    "other text under key and number": other_text_linked,
    "written anew": regenerated,
    "keys dropped": keys_dropped,
    "merge with one key twice": merged,
    "two lines joined": joined,
    "line split": split,
    "keys of another form": keys_of_another_form,
    "all texts edited": lambda rng, rows: change(rng, rows, lambda row: edit_words(rng, row), 1),
    "links of some lost, and renumbered": lambda rng, rows: renumbered(
        insert(rng, change(rng, rows, lambda row: row._replace(issue=None), 0.5))
    ),
    "two texts swapped": texts_swapped,
    "numbers one row down": numbers_one_row_down,
    "number mistyped": mistyped,
    "half moved to another file": half_moved,
    "lines from another file": from_another_file,
    "two branches merged": branches_merged,
}
# Another text under a kept key or number: what the line shows is all that anybody can know.
BY_EVIDENCE = (
    "other text under the key",
    "other text under key and number",
    "written anew",
    "mixed",
)


class Judged(NamedTuple):
    """How one match went, in lines."""

    lines: int = 0
    wrong: int = 0
    needless: int = 0  # a task that is there was not recognised
    contradicted: int = 0


def remember(rows: Sequence[Row]) -> list[Remembered]:
    return [Remembered(row.id or "", row.key, row.title, row.issue) for row in rows]


def look(before: Sequence[Remembered], rows: Sequence[Row]) -> Matching:
    return matching.match(before, [Line(row.key, row.title, row.issue) for row in rows])


def twins(before: Sequence[Remembered], one: str | None, other: str | None) -> bool:
    """Whether two tasks cannot be told apart by their texts."""
    titles = {task.id: matching.normal(task.title) for task in before}
    return one in titles and other in titles and titles[one] == titles[other]  # type: ignore[index]


def judge(before: Sequence[Remembered], rows: Sequence[Row], found: Matching) -> Judged:
    known = {task.id for task in before}
    wrong = needless = contradicted = 0
    for row, verdict in zip(rows, found.matches, strict=True):
        if verdict.kind == CONTRADICTED:
            contradicted += 1
        elif verdict.kind == NEW:
            needless += row.id in known
        elif verdict.id != row.id and not twins(before, verdict.id, row.id):
            wrong += 1
    return Judged(len(rows), wrong, needless, contradicted)


def settle(rows: Rows, found: Matching, count: int) -> Rows:
    """What is remembered after it: matched lines, and new ones under ids of their own."""
    made: Rows = []
    for n, (row, verdict) in enumerate(zip(rows, found.matches, strict=True)):
        if verdict.kind != CONTRADICTED:
            made.append(row._replace(id=verdict.id or row.id or f"new{count}.{n}"))
    return made


def measure(number: int, seed: int = 0, most: int = 3) -> dict[str, Judged]:
    """Rewrites of each kind alone, and of one to `most` kinds at once, four in a row."""
    rng = random.Random(seed)
    totals: dict[str, Counter[str]] = {name: Counter() for name in (*KINDS, "mixed")}
    for count in range(number):
        name = rng.choice((*KINDS, "mixed"))
        rows = begin(rng)
        for turn in range(4 if name == "mixed" else 1):
            names = [name] if name != "mixed" else rng.sample(list(KINDS), rng.randint(1, most))
            before = remember(rows)
            for one in names:
                rows = KINDS[one](rng, rows)
            found = look(before, rows)
            totals[name].update(judge(before, rows, found)._asdict())
            rows = settle(rows, found, 10 * count + turn) or begin(rng)
    return {name: Judged(**{f: total[f] for f in Judged._fields}) for name, total in totals.items()}


def table(rates: dict[str, Judged]) -> list[str]:
    lines = ["| rewrite | lines | wrong | needless new | contradicted |", "|---|---|---|---|---|"]
    for name, found in rates.items():
        shares = [round(10_000 * n / max(found.lines, 1), 1) for n in found[1:]]
        cells = " | ".join(f"{share:g}" for share in shares)
        lines.append(f"| {name} | {found.lines} | {cells} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(measure(int(sys.argv[1]) if sys.argv[1:] else 20_000))))
