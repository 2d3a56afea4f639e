"""Spec files and GitHub agree in the end, whatever people, networks and kills do in between.

Two clones work on one spec, each with its own copy of the file and its own database.  Rules are
what people and craftkit do; after every command, and whenever all is quiet, I1 to I6 are checked.

    CRAFTKIT_THOROUGH=1 pytest tests/sync/test_machine.py     10,000 stories in place of 1,000
    CRAFTKIT_NEW_WALKS=1 pytest tests/sync/test_machine.py    others than those of last time
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest
import rewrites
import sampling
from hypothesis import HealthCheck, Phase, currently_in_test_context, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from places import database_of, state_of, switch_on
from rewrites import INSERTIONS, REWRITES, WORD, WORDS, Line, Lines, lines_of
from world import FAULTS, Crash, Door, Record, World, dump, iso

from craftkit.commands import reconcile, recovery, session, spec_update
from craftkit.commands import task as commands
from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.loop import process_runner, spec_index, transitions
from craftkit.runtime.context import Context, open_context
from craftkit.store import db
from craftkit.sync import linking, merge_model, outbox_sender, reconcile_report

PATH = "specs/demo.md"
FRONT = "---\nid: demo\nname: Demo\nphase: implementation\n---\n\n## Tasks\n\n"
FIRST = 4  # tasks to begin with

CLONES = ("a", "b")
CLONE = st.sampled_from(CLONES)
REASONS = (gh.COMPLETED, gh.NOT_PLANNED, gh.DUPLICATE)
PLACE = st.integers(0, 7)  # which of the tasks or issues, counted round
THOROUGH = os.environ.get("CRAFTKIT_THOROUGH") == "1"


# Changes that the merge made, re-openings that were interrupted, issues whose base is done.
FACTS = """select (select count(*) from history where event like 'merge.%'),
    (select count(*) from processes where kind = 'task reopen' and status <> 'completed'),
    (select group_concat(number) from (
        select issue as number from tasks where synced_done = 1
        union select i.number from issues i join tasks t using (spec_id, task_id)
        where t.synced_done = 1))"""


class Wire(db.Connection):
    """A connection that can be cut before or after a commit, and stays cut."""

    world: World
    cut: tuple[int, bool] | None = None  # commit from now on, after it was written

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cls = type(self)
        if sql == "ROLLBACK":
            return super().execute(sql, parameters)
        if sql == "PRAGMA synchronous = FULL":  # nothing here pulls the plug
            sql = "PRAGMA synchronous = OFF"
        if sql == "PRAGMA journal_mode":  # a journal in memory rolls back as well, and is fast
            super().execute("PRAGMA journal_mode = MEMORY")
            sql = "select 'wal'"
        if cls.world.dead:
            raise Crash
        if sql != "COMMIT" or cls.cut is None:
            return super().execute(sql, parameters)
        at, after = cls.cut
        cls.cut = (at - 1, after) if at > 1 else None
        if at > 1:
            return super().execute(sql, parameters)
        cls.world.dead = True
        if after:
            super().execute(sql, parameters)
        raise Crash

    def executemany(self, sql: str, rows: Any, /) -> sqlite3.Cursor:
        if type(self).world.dead:
            raise Crash
        return super().executemany(sql, rows)


# A new database costs more than all the rest of a short example: it is made once.
_EMPTY: dict[str, bytes] = {}


def empty_database() -> bytes:
    if not _EMPTY:
        with tempfile.TemporaryDirectory() as place:
            store = db.open_store(place)
            store.connection.execute("PRAGMA journal_mode = DELETE")
            store.connection.close()
            _EMPTY["bytes"] = Path(place, db.DATABASE).read_bytes()
    return _EMPTY["bytes"]


class Sync(RuleBasedStateMachine):
    """Commands run as a process runs them: a context of its own, recovery first."""

    settled = 0  # how often all was quiet and compared, over all examples
    traces: ClassVar[list[str]] = []  # how each story ended

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        Wire.world, Wire.cut = self.world, None
        self.root = Path(tempfile.mkdtemp(prefix="craftkit-sync-"))
        self.ids = itertools.count(1)
        self.away: dict[str, bytes | None] = {}  # clone -> what its file was on its own branch
        self.finished: set[str] = set()  # `task done` returned
        self.said: set[str] = set()  # somebody said, in whichever way, that it is done
        self.opened: set[str] = set()  # a box was opened by a pull, a branch or an editor
        self.only_local: set[str] = set()  # done, and nothing but a box says so
        self.reworded: set[str] = set()
        self.closed_by_people: set[str] = set()
        self.displaced: set[str] = set()  # an edit has taken its number from it
        self.may_reopen: set[str] = set()  # somebody asked for it by a command
        self.retitled: set[int] = set()  # issues to which a person gave a title
        self.human_labels: set[tuple[int, str]] = set()
        self.reports: dict[str, reconcile_report.ReconcileReport] = {}
        # A killed process is not there any more, though this one is.
        self.patches = [
            mock.patch.object(
                process_runner, "owner", lambda: f"{process_runner._host()}:{os.getpid()}:killed"
            ),
            mock.patch.object(db, "Connection", Wire),
            mock.patch.object(os, "fsync", lambda descriptor: None),
        ]
        for patch in self.patches:
            patch.start()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and hasattr(self, "keyed"):
                self.all_is_quiet(0)
                type(self).traces.append(self.trace())
        finally:
            for patch in self.patches:
                patch.stop()
            shutil.rmtree(self.root, ignore_errors=True)

    @initialize(keyed=st.booleans(), linked=st.integers(0, 9))
    def begin(self, keyed: bool, linked: int) -> None:
        self.keyed = keyed
        self.unused = list(WORDS[FIRST:])
        begun: list[Line] = []
        for word in WORDS[:FIRST]:
            begun.append(rewrites.fresh(word, keyed, begun))
        text = FRONT + "".join(line.written() for line in begun)
        for clone in CLONES:
            (self.root / clone / "specs").mkdir(parents=True)
            (self.root / clone / ".craftkit").mkdir()
            (self.root / clone / ".craftkit/config.yaml").write_text("github:\n  repo: o/r\n")
            switch_on(self.root / clone, repo="o/r")
            self.fresh_database(clone)
            self.file(clone).write_text(text)
        if linked:
            self.run("a", self.link_all)
            assert all(line.issue for line in self.lines("a")), "a quiet link links all"
            self.file("b").write_bytes(self.file("a").read_bytes())
        self.versions = [text.encode(), self.file("a").read_bytes()]

    # What is there

    def fresh_database(self, clone: str) -> None:
        for path in state_of(self.root / clone).glob("craftkit.db*"):
            path.unlink()
        path = database_of(self.root / clone)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(empty_database())
        path.chmod(0o600)

    def file(self, clone: str) -> Path:
        return self.root / clone / PATH

    def text(self, clone: str) -> str:
        return self.file(clone).read_text() if self.file(clone).exists() else ""

    def lines(self, clone: str) -> list[Line]:
        return lines_of(self.text(clone))

    def ticked(self, clone: str) -> set[str]:
        return {line.word for line in self.lines(clone) if line.ticked}

    def ask(self, clone: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        path = database_of(self.root / clone)
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(sql, values).fetchall()

    def pick(self, clone: str, place: int) -> Line | None:
        lines = self.lines(clone)
        return lines[place % len(lines)] if lines else None

    def children(self) -> list[Record]:
        return [r for r in self.world.open() if WORD.search(r.first)]

    def child(self, place: int) -> Record | None:
        found = self.children()
        return found[place % len(found)] if found else None

    def word_of(self, record: Record) -> str:
        found = WORD.search(record.first)
        return found[1] if found else ""

    def issue_states(self, word: str) -> set[str]:
        return {r.state for r in self.children() if self.word_of(r) == word}

    def edit(self, clone: str, change: Callable[[Lines], Lines]) -> None:
        """Save the file as an editor does."""
        if self.file(clone).exists():
            before = self.ticked(clone)
            front = self.text(clone).partition("- [")[0]
            numbers = {line.word: line.issue for line in self.lines(clone) if line.issue}
            lines = change(self.lines(clone))
            self.displaced |= {n.word for n in lines if numbers.get(n.word, n.issue) != n.issue}
            self.file(clone).write_text(front + "".join(line.written() for line in lines))
            self.opened |= before - self.ticked(clone)

    def replace(self, clone: str, data: bytes | None) -> None:
        """Another version of the file, as git leaves it."""
        before = self.ticked(clone)
        if data is None:
            self.file(clone).unlink(missing_ok=True)
            return
        self.file(clone).write_bytes(data)
        # Also a line that goes with its branch: where it comes back, its box may be open.
        self.opened |= before - self.ticked(clone)

    # Commands

    def run(self, clone: str, work: Callable[[Context], Any]) -> Any:
        """What `work` returns; the error that it raised; None where it was killed."""
        world = self.world
        world.now += 1
        world.settle_late()
        world.dead = False
        was_here, ticked, sent = self.file(clone).exists(), self.ticked(clone), len(world.sent)
        (before,) = self.ask(clone, FACTS)
        context = open_context(str(self.root / clone), {}, clone)
        context.clock = lambda: world.now
        context.ids = lambda: f"id{next(self.ids)}"
        context.connect = lambda _context, _seconds: Door(world)
        result: Any = None
        try:
            result = work(context)
        except CraftkitError as error:
            result = error
        except Crash:
            say(f"    killed in {clone}")
        finally:
            if context._store is not None:
                context._store.connection.close()
        world.dead = False
        for change in world.sent[sent:]:  # I5
            if change.kind == "reopen" and change.effective:
                word = self.word_of(world.records[change.number])
                assert word in self.may_reopen, f"I5: #{change.number} was re-opened unasked"
        self.nothing_was_done_to_another_task(clone, sent, ticked)
        (after,) = self.ask(clone, FACTS)
        if was_here and not before[1]:
            for word in ticked - self.ticked(clone) - self.may_reopen:
                assert gh.OPEN in self.issue_states(word), f"I5: {word} unticked, issue closed"
                numbers = {str(line.issue) for line in self.lines(clone) if line.word == word}
                assert numbers & set((before[2] or "").split(",")), f"I5: {word}: base not done"
        if not was_here:  # I6
            assert not self.file(clone).exists()
            assert after[0] == before[0], "I6: an absent file is not evidence"
        return result

    def nothing_was_done_to_another_task(self, clone: str, sent: int, ticked: set[str]) -> None:
        """I18: of what was closed or ticked somebody has said that it is done."""
        for change in self.world.sent[sent:]:
            word = self.word_of(self.world.records[change.number])
            if change.kind == "close" and change.effective and change.value == gh.COMPLETED:
                assert word in self.said, f"I18: #{change.number} of {word} was closed"
            if change.kind == "title" and change.effective:
                assert word in change.value, f"I18: #{change.number} of {word}: {change.value!r}"
        more = self.ticked(clone) - ticked - self.said
        assert not more, f"I18: {more} was ticked"

    def task(self, clone: str, place: int, act: Callable[[Context, str], Any]) -> Any:
        line = self.pick(clone, place)
        if line is None:
            return None, None
        at = self.lines(clone).index(line)

        def work(context: Context) -> Any:
            recovery.repair(context)
            tasks = spec_index.choose_spec(context, None).spec.tasks
            return act(context, tasks[at].ref)

        return line.word, self.run(clone, work)

    @staticmethod
    def link_all(context: Context) -> Any:
        recovery.repair(context)
        return linking.link(context, linking.propose(context, None))

    def knows_parent(self, clone: str) -> bool:
        """Where neither the file nor the database names a parent, making one is a first link."""
        if "\nissue: " in self.text(clone):
            return True
        known = self.ask(clone, "select 1 from issues where task_id is null")
        queued = self.ask(clone, "select 1 from outbox where action = 'create' and task_id is null")
        return bool(known or queued)

    @rule(clone=CLONE)
    def link(self, clone: str) -> None:
        first = clone == "a" and not self.children() and not self.world.created
        if self.knows_parent(clone) or (first and not self.world.late):
            self.run(clone, self.link_all)
            self.remember(clone)

    @rule(clone=CLONE, place=PLACE)
    def start(self, clone: str, place: int) -> None:
        self.task(
            clone,
            place,
            lambda c, name: commands.start(c, None, name, take_over=True, switch=True),
        )

    @rule(clone=CLONE, place=PLACE)
    def done(self, clone: str, place: int) -> None:
        line = self.pick(clone, place)
        self.said |= {line.word} if line is not None else set()
        word, answer = self.task(clone, place, lambda c, name: commands.done(c, None, name))
        if isinstance(answer, transitions.TaskOutcome):
            assert answer.applied and word in self.ticked(clone)
            # A contrary decision of this moment may be sent later by the other clone.
            other = CLONES[1 - CLONES.index(clone)]
            waits = self.ask(
                other,
                "select 1 from outbox where state <> 'delivered' and action in ('reopen', 'drop')"
                " and created_at > ?",
                iso(self.world.now - outbox_sender.PROMPT - 5),
            )
            known = self.ask(clone, "select 1 from issues where task_id = ?", answer.task.id)
            if answer.task.issue is None and not known:
                self.only_local.add(word)
            if answer.changed and not waits:
                self.finished.add(word)
                self.opened.discard(word)

    @rule(clone=CLONE, place=PLACE)
    def done_anyway(self, clone: str, place: int) -> None:
        line = self.pick(clone, place)
        if line is None:
            return
        self.may_reopen.add(line.word)
        self.said.add(line.word)
        self.task(clone, place, lambda c, name: commands.done(c, None, name, anyway=True))

    @rule(clone=CLONE, place=PLACE)
    def reopen(self, clone: str, place: int) -> None:
        line = self.pick(clone, place)
        if line is None:
            return
        self.may_reopen.add(line.word)
        self.finished.discard(line.word)
        self.task(clone, place, lambda c, name: commands.reopen(c, None, name))

    @rule(clone=CLONE, place=PLACE)
    def drop(self, clone: str, place: int) -> None:
        word, answer = self.task(clone, place, lambda c, name: commands.drop(c, None, name, "why"))
        if word is not None and not isinstance(answer, CraftkitError):
            self.finished.discard(word)

    @rule(clone=CLONE, create=st.booleans(), adopt=st.booleans(), yes=st.booleans())
    def reconcile(self, clone: str, create: bool, adopt: bool, yes: bool) -> None:
        policy = merge_model.Policy(create and self.knows_parent(clone), adopt, yes)
        self.run(clone, lambda c: reconcile_now(c, policy))
        self.remember(clone)

    @rule(clone=CLONE)
    def session_resume(self, clone: str) -> None:
        self.run(clone, lambda c: session.resume(c, None))

    # People at work on files

    def remember(self, clone: str) -> None:
        if self.file(clone).exists() and len(self.versions) < 6:
            self.versions.append(self.file(clone).read_bytes())

    def change_line(self, clone: str, place: int, change: Callable[[Line], Line | None]) -> None:
        lines = self.lines(clone)
        if lines:
            at = place % len(lines)
            new = change(lines[at])
            here = [] if new is None else [new]
            self.edit(clone, lambda lines: [*lines[:at], *here, *lines[at + 1 :]])

    @rule(clone=CLONE, place=PLACE)
    def tick_by_hand(self, clone: str, place: int) -> None:
        self.change_line(clone, place, lambda line: line._replace(ticked=True))
        self.said |= self.ticked(clone)

    @rule(clone=CLONE, place=PLACE)
    def untick_by_hand(self, clone: str, place: int) -> None:
        line = self.pick(clone, place)
        if line is not None:
            self.finished.discard(line.word)
            self.change_line(clone, place, lambda line: line._replace(ticked=False))

    @rule(clone=CLONE, place=PLACE)
    def retitle(self, clone: str, place: int) -> None:
        line = self.pick(clone, place)
        # The words of a line with neither key nor link are its identity.
        if line is not None and (line.issue or line.key):
            self.reworded.add(line.word)
            new = f"{line.text} now" if not line.text.endswith("now") else line.text[:-4]
            self.change_line(clone, place, lambda line: line._replace(text=new))

    @rule(clone=CLONE)
    def add_line(self, clone: str) -> None:
        if self.unused and self.file(clone).exists():
            word = self.unused.pop(0)
            self.edit(clone, lambda lines: [*lines, rewrites.fresh(word, self.keyed, lines)])

    @rule(clone=CLONE, place=PLACE)
    def remove_line(self, clone: str, place: int) -> None:
        line = self.pick(clone, place)
        if line is not None and len(self.lines(clone)) > 2:
            self.finished.discard(line.word)
            self.change_line(clone, place, lambda line: None)

    @rule(clone=CLONE, how=st.sampled_from(sorted(REWRITES)), at=PLACE, to=PLACE)
    def rewrite(self, clone: str, how: str, at: int, to: int) -> None:
        """An agent writes the list anew."""
        size = len(self.lines(clone))
        if size:
            self.edit(clone, lambda lines: REWRITES[how](lines, at % size, to % size))

    @rule(clone=CLONE, how=st.sampled_from(sorted(INSERTIONS)), at=PLACE)
    def rewrite_with_a_new_task(self, clone: str, how: str, at: int) -> None:
        size = len(self.lines(clone))
        if size and self.unused:
            word = self.unused.pop(0)

            def change(lines: Lines) -> Lines:
                return INSERTIONS[how](lines, at % size, rewrites.fresh(word, self.keyed, lines))

            self.edit(clone, change)

    @rule(clone=CLONE)
    def trust_the_titles(self, clone: str) -> None:
        """A person has looked at what is contradicted, and says that the texts count."""
        self.run(clone, lambda c: spec_update.update(c, None, "titles"))

    @rule(clone=CLONE, old=st.none() | st.integers(0, 5))
    def switch_branch(self, clone: str, old: int | None) -> None:
        if clone in self.away:
            self.come_back(clone)
        elif self.file(clone).exists():
            self.away[clone] = self.file(clone).read_bytes()
            data = None if old is None else self.versions[old % len(self.versions)]
            self.replace(clone, data)

    def come_back(self, clone: str) -> None:
        if clone in self.away:
            self.replace(clone, self.away.pop(clone))

    @rule(clone=CLONE)
    def pull(self, clone: str) -> None:
        """Take the other clone's file, whatever was in ours."""
        other = CLONES[1 - CLONES.index(clone)]
        if self.file(other).exists() and self.file(clone).exists():
            self.replace(clone, self.file(other).read_bytes())

    # People at work on GitHub

    @rule(place=PLACE, reason=st.sampled_from(REASONS))
    def human_closes(self, place: int, reason: str) -> None:
        record = self.child(place)
        if record is not None:
            self.world.human_close(record, reason)
            self.said.add(self.word_of(record))
            self.closed_by_people.add(self.word_of(record))

    @rule(place=PLACE)
    def human_reopens(self, place: int) -> None:
        record = self.child(place)
        # Who opens a duplicate again has two issues of one task, and wants them.
        if record is not None and record.reason != gh.DUPLICATE:
            self.world.human_reopen(record)
            self.finished.discard(self.word_of(record))

    @rule(place=PLACE)
    def human_deletes(self, place: int) -> None:
        record = self.child(place)
        if record is not None:
            record.deleted = True

    @rule(place=PLACE, label=st.sampled_from(["bug", "mine"]))
    def human_labels_it(self, place: int, label: str) -> None:
        record = self.child(place)
        if record is not None:
            record.labels.add(label)
            self.human_labels.add((record.number, label))

    @rule(place=PLACE)
    def human_retitles(self, place: int) -> None:
        record = self.child(place)
        if record is not None:
            record.title = "A title that a person gave"
            self.retitled.add(record.number)

    # What goes wrong

    @rule(down=st.booleans())
    def outage(self, down: bool) -> None:
        self.world.down = down

    @rule(at=st.integers(1, 6), fault=st.sampled_from(FAULTS))
    def fault(self, at: int, fault: str) -> None:
        self.world.faults[at] = fault

    @rule(stale=st.booleans())
    def stale_lists(self, stale: bool) -> None:
        self.world.stale = stale

    @rule(at=st.integers(1, 6), after=st.booleans())
    def crash_at_a_request(self, at: int, after: bool) -> None:
        self.world.crash_at = (at, after)

    @rule(at=st.integers(1, 12), after=st.booleans())
    def crash_at_a_commit(self, at: int, after: bool) -> None:
        Wire.cut = (at, after)

    @rule(seconds=st.sampled_from([5, 30, 90, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += seconds
        self.world.settle_late()

    @rule(clone=CLONE)
    def lose_the_database(self, clone: str) -> None:
        # What was decided and not sent is in the boxes; where those were replaced, it is lost.
        self.finished -= self.opened
        self.only_local |= {w for w in self.finished if gh.OPEN in self.issue_states(w)}
        stash = self.away.get(clone)
        if stash is not None:
            kept = {line.word for line in lines_of(stash.decode()) if line.ticked}
            self.finished -= self.ticked(clone) - kept
        self.fresh_database(clone)

    # When all is quiet

    @precondition(lambda self: hasattr(self, "keyed"))
    @rule(winner=st.integers(0, 1))
    def all_is_quiet(self, winner: int) -> None:
        """No more edits and faults: after two reconciles per clone all agree, for good."""
        self.world.calm()
        Wire.cut = None
        for clone in CLONES:
            self.come_back(clone)
        loser = CLONES[1 - winner]
        self.replace(loser, self.file(CLONES[winner]).read_bytes())
        for _ in range(2):
            for clone in CLONES:
                self.world.now += 700  # longer than any row waits
                self.reports[clone] = self.must_reconcile(clone)
        try:
            for clone in CLONES:
                self.agrees(clone)
            self.one_open_issue_for_each_task()
            self.done_is_done()
            self.nothing_is_left_to_write()
        except AssertionError:
            say(f"github: {dump(self.world)}")
            for clone in CLONES:
                rows = self.ask(clone, "select task_id, issue, local_done, synced_done from tasks")
                left = self.ask(
                    clone,
                    "select task_id, issue, action, state, error from outbox"
                    " where state <> 'delivered'",
                )
                say(f"{clone}: {self.text(clone)}\ntasks: {rows}\noutbox: {left}")
                say(f"{[r.plan for r in self.reports[clone].specs]}")
            raise
        for number, label in self.human_labels:
            assert label in self.world.records[number].labels, "a person's label is not ours"
        type(self).settled += 1

    def trace(self) -> str:
        """All that a story leaves behind: files, databases, what GitHub has and was asked for."""
        parts = [dump(self.world), repr(self.world.sent)]
        for clone in CLONES:
            parts.append(self.text(clone))
            with closing(sqlite3.connect(database_of(self.root / clone))) as c:
                parts += [row for row in c.iterdump() if 'INTO "worktrees"' not in row]  # inodes
        return "\n".join(parts).replace(str(self.root), "ROOT")

    def must_reconcile(self, clone: str) -> reconcile_report.ReconcileReport:
        report = self.run(clone, lambda c: reconcile_now(c, merge_model.Policy()))
        if isinstance(report, CraftkitError):
            raise AssertionError(f"reconcile failed though all is well: {report.message}")
        assert isinstance(report, reconcile_report.ReconcileReport)
        # Liveness: once all is well, what is asked grows with what there is, and with nothing else.
        most = 12 + 4 * len(self.world.records)
        assert report.requests <= most, f"{report.requests} requests for {most} at most"
        return report

    def doubts(self, clone: str) -> set[int | None]:
        """Issues that a person is asked about."""
        found: set[int | None] = set()
        for item in self.reports[clone].specs:
            found |= {doubt.issue for doubt in item.plan.conflicts}
            if item.plan.stopped:
                found |= {line.issue for line in self.lines(clone)}
        return found

    def agrees(self, clone: str) -> None:
        """I1: spec, GitHub and base say the same of every linked task, or a person is asked."""
        doubts = self.doubts(clone)
        for line in self.lines(clone):
            shown = {int(number) for number in re.findall(r"#(\d+)", line.text)}
            if line.issue is None or ({line.issue} | shown) & doubts:
                continue
            record = self.world.records[line.issue]
            rows = self.ask(
                clone, "select synced_done, dropped from tasks where issue = ?", line.issue
            )
            assert rows, f"I1 {clone}: {line.word} is not known"
            agreed, dropped = rows[0]
            closed = record.state == gh.CLOSED or record.deleted
            if dropped and closed and not line.ticked:
                continue
            assert not record.deleted, f"I1 {clone}: {line.word} has no issue, and nobody is told"
            said = (line.ticked, closed, bool(agreed))
            assert len(set(said)) == 1, f"I1 {clone}: {line.word} box, issue, base {said}"
        waiting = self.ask(
            clone,
            "select issue, action, state, error from outbox where state in"
            " ('queued', 'sent', 'unknown') and (issue is null or issue not in"
            " (select issue from outbox where state = 'dead' and issue is not null))"
            " and ifnull(task_id, '') not in"
            " (select ifnull(task_id, '') from outbox where state = 'dead')",
        )
        assert not waiting, f"I1 {clone}: still waiting: {waiting}"

    def one_open_issue_for_each_task(self) -> None:
        """I4."""
        by_word: dict[str, list[Record]] = {}
        for record in self.children():
            by_word.setdefault(self.word_of(record), []).append(record)
        alive = {
            line.word
            for clone in CLONES
            for line in self.lines(clone)
            if line.issue not in self.doubts(clone)
        }
        for word, records in by_word.items():
            left = [r.number for r in records if r.state == gh.OPEN]
            if word in self.reworded & self.displaced and len({r.first for r in records}) > 1:
                continue  # for all that a clone without memory can know, it is another task
            asked = set().union(*(self.doubts(clone) for clone in CLONES))
            if word in self.displaced and word in self.closed_by_people and asked & set(left):
                continue  # it was closed when its number went astray, and opened again since
            assert len(left) <= 1 or word not in alive, f"I4: {word} has {left}"

    def done_is_done(self) -> None:
        """I3."""
        for clone in CLONES:
            doubts = self.doubts(clone)
            for line in self.lines(clone):
                if line.word not in self.finished or line.issue in doubts - {None}:
                    continue
                if line.word in self.only_local & self.opened:
                    continue  # nothing but a box said so, and a pull has opened it
                if line.issue is None and line.word in self.displaced & self.opened:
                    continue  # neither box nor number is left of it
                if line.issue is None and not self.knows_parent(clone):
                    continue  # a file from before the links, where nobody could know of them
                record = self.world.records.get(line.issue or 0)
                if record is not None and record.reason in (gh.NOT_PLANNED, gh.DUPLICATE):
                    continue  # a person declined it: who did it is asked, others have dropped it
                assert line.ticked, f"I3 {clone}: {line.word} was done"
                states = self.issue_states(line.word)
                assert line.issue is None or states <= {gh.CLOSED}, f"I3: {line.word} is {states}"

    def nothing_is_left_to_write(self) -> None:
        """I2: once more changes no file and sends nothing."""
        files = [self.file(clone).read_bytes() for clone in CLONES]
        writes = self.world.writes
        for clone in CLONES:
            self.must_reconcile(clone)
            self.run(clone, lambda c: session.resume(c, None))
        assert [self.file(clone).read_bytes() for clone in CLONES] == files, "I2: a file"
        last = self.world.sent[-3:]
        assert self.world.writes == writes, f"I2: a request, and these changes were last: {last}"


def say(text: str) -> None:
    (note if currently_in_test_context() else print)(text)


def reconcile_now(context: Context, policy: merge_model.Policy) -> reconcile_report.ReconcileReport:
    return reconcile.reconcile(context, None, False, policy, change=True, max_writes=None)


WALKS = 4  # tests that several workers can share


@pytest.mark.parametrize("walk", range(WALKS))
def test_i1_to_i6_whatever_happens(walk: int) -> None:
    """40 stories of up to 50 steps; all tests walk 1,000, and `make machine` 10,000."""
    number = int.from_bytes(os.urandom(4)) if "CRAFTKIT_NEW_WALKS" in os.environ else walk
    machine = type(f"Sync{walk}", (Sync,), {})
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=(10_000 if THOROUGH else sampling.examples(40, 1000)) // WALKS,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Shrinking takes minutes; the line that is printed replays the failure as it was found.
            phases=[Phase.generate],
            print_blob=True,
        ),
    )


def test_one_seed_leaves_one_trace() -> None:
    """The same walks, twice: the same bytes in the end.  Nobody has a clock of its own."""
    ends = []
    for _ in range(2):
        machine = type("Twice", (Sync,), {"traces": []})
        run_state_machine_as_test(
            seed(7)(machine),
            settings=settings(
                max_examples=4,
                stateful_step_count=25,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            ),
        )
        ends.append(machine.traces)
    assert len(ends[0]) == len(ends[1]) >= 4
    for one, other in zip(*ends, strict=True):
        assert one.encode() == other.encode()


@contextmanager
def linked_clones() -> Iterator[Sync]:
    """The machine, driven by hand: sequences that once went wrong."""
    state = Sync()
    try:
        state.begin(True, 1)
        yield state
        state.all_is_quiet(0)
    finally:
        state.teardown()


def test_a_clone_that_did_not_link_makes_sub_issues_too() -> None:
    with linked_clones() as state:
        state.add_line("b")
        state.reconcile("b", create=True, adopt=False, yes=False)
        assert [state.word_of(r) for r in state.children()] == list(WORDS[: FIRST + 1])


def test_i4_two_clones_make_one_task_at_once() -> None:
    with linked_clones() as state:
        state.add_line("a")
        state.pull("b")
        state.reconcile("a", create=True, adopt=False, yes=False)
        state.world.stale = True
        state.reconcile("b", create=True, adopt=False, yes=False)
        state.world.stale = False
        state.world.now += 100
        state.reconcile("a", create=False, adopt=False, yes=False)
        state.reconcile("b", create=False, adopt=False, yes=False)
        both = [r for r in state.children() if state.word_of(r) == WORDS[FIRST]]
        assert sorted((r.state, r.reason) for r in both) == [("closed", "duplicate"), ("open", "")]


def test_i3_done_on_an_old_branch_whose_file_has_no_links() -> None:
    with linked_clones() as state:
        state.switch_branch("a", 0)
        assert not any(line.issue for line in state.lines("a"))
        state.done("a", 1)
        assert state.issue_states(WORDS[1]) == {gh.CLOSED}


def test_i4_linking_an_old_file_without_keys_and_links_makes_nothing_twice() -> None:
    state = Sync()
    try:
        state.begin(False, 1)
        made = state.world.created
        state.switch_branch("a", 0)
        state.link("a")
        assert state.world.created == made
        assert all(line.issue for line in state.lines("a"))
        state.all_is_quiet(0)
    finally:
        state.teardown()


def test_i3_a_reopening_that_comes_late_does_not_undo_what_was_done_since() -> None:
    with linked_clones() as state:
        state.done("a", 1)
        state.pull("b")
        state.session_resume("b")
        state.outage(True)
        state.reopen("b", 1)
        state.outage(False)
        state.world.now += 100
        state.human_reopens(1)
        state.done("a", 1)
        state.world.now += 100
        state.reconcile("b", create=False, adopt=False, yes=False)
        assert state.issue_states(WORDS[1]) == {gh.CLOSED}


def test_i3_done_before_it_had_an_issue_and_then_lost_in_a_pull() -> None:
    with linked_clones() as state:
        state.add_line("a")
        state.pull("b")
        state.done("b", FIRST)
        state.link("a")
        state.pull("b")
        report = state.run("b", lambda c: reconcile_now(c, merge_model.Policy()))
        (doubt,) = report.specs[0].plan.conflicts
        assert doubt.ref == f"T{FIRST + 1:03d}" and "was not closed" in doubt.message


def test_i2_a_templated_sibling_that_is_edited_alike_is_not_contradicted_twice() -> None:
    """T004 gets the words of T003: its key and its number still say which task it is."""
    with linked_clones() as state:
        state.retitle("a", 2)
        state.session_resume("a")
        state.retitle("a", 3)
        state.tick_by_hand("a", 3)
        state.session_resume("a")
        assert state.issue_states(WORDS[3]) == {gh.CLOSED}
