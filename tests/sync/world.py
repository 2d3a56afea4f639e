"""A GitHub in memory behind the gateway protocol, with the faults that a network has.

`World` is the server: what people do there is a method of it.  `Door` is one command's way to it.
Its numbers, ids, states and errors are those of the real client: `apply` returns the error of
each change and raises nothing, all else raises.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from craftkit.errors import CraftkitError
from craftkit.github import gateway as gh
from craftkit.github.pacing import Limits
from craftkit.sync import markers

ID_BASE = 5_000_000_000  # beyond 2^31, so that a number in its place is noticed
LATE = 20.0  # seconds after which a late request is carried out; well inside the grace
STALE = 30.0  # seconds during which a stale list lacks what was made
LIMIT = 60.0
READS = ("trees", "issues", "find_above", "repository", "reopened_by")

# What may happen to one request.  `refused` never arrives; the others are an answer that was
# lost: nothing was done, all was done, half of it was, or a creation is done later.
FAULTS = ("refused", "limited", "lost", "applied", "half", "late", "stale", "short")


class Crash(BaseException):
    """The process was killed here."""


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Record:
    """One issue on the server."""

    def __init__(self, number: int, title: str, body: str, parent: int | None, now: float) -> None:
        self.number, self.title, self.body, self.parent = number, title, body, parent
        self.first = title  # as it was made
        self.made = self.updated = now
        self.state, self.reason = gh.OPEN, ""
        self.closed = 0.0
        self.labels: set[str] = set()
        self.deleted = False

    def issue(self) -> gh.Issue:
        return gh.Issue(
            self.number,
            ID_BASE + self.number * 7,
            f"I_{self.number}",
            self.title,
            self.state,
            self.reason or None,
            tuple(sorted(self.labels)),
            self.body,
            f"{self.updated:.0f}",
            True,
            self.parent,
            f"https://github.test/o/r/issues/{self.number}",
            iso(self.closed) if self.state == gh.CLOSED else None,
        )


class Sent(NamedTuple):
    """One change that craftkit made."""

    number: int
    kind: str
    value: str
    effective: bool


class World:
    """The server, its clock, and what is to go wrong next."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.records: dict[int, Record] = {}
        self.last = 523  # an issue tracker has a past
        self.sent: list[Sent] = []
        self.created = 0
        self.writes = 0  # requests that could have changed something
        self.requests = 0
        self.down = False
        self.limited_until = 0.0
        self.stale = False
        self.faults: dict[int, str] = {}  # number of the request, counted from now on -> fault
        self.crash_at: tuple[int, bool] | None = None  # request from now on, after carrying it out
        self.dead = False  # the process of the present command was killed
        self.late: list[tuple[float, Callable[[], object]]] = []
        self.reopener: dict[int, gh.Reopening] = {}

    # What people do

    def open(self) -> list[Record]:
        return [r for r in self.records.values() if not r.deleted]

    def human_close(self, record: Record, reason: str) -> None:
        if record.state == gh.OPEN:
            record.closed = self.now
        record.state, record.reason, record.updated = gh.CLOSED, reason, self.now

    def human_reopen(self, record: Record) -> None:
        record.state, record.reason, record.updated = gh.OPEN, "", self.now
        self.reopener[record.number] = gh.Reopening("someone", iso(self.now))

    def task_of(self, record: Record) -> str | None:
        found = markers.find(record.body)
        return found.task if found else None

    # What the server does

    def add(self, title: str, body: str, parent: int | None, labels: Sequence[str]) -> Record:
        self.last += 1
        record = Record(self.last, title, body, parent, self.now)
        record.labels = set(labels)
        self.records[self.last] = record
        self.created += 1
        return record

    def settle_late(self) -> None:
        due = [work for at, work in self.late if at <= self.now]
        self.late = [(at, work) for at, work in self.late if at > self.now]
        for work in due:
            work()

    def calm(self) -> None:
        """No fault, no outage, and everything late has happened."""
        self.faults, self.crash_at, self.down, self.stale = {}, None, False, False
        self.now += 1000
        self.settle_late()


class Door:
    """The gateway of one command."""

    def __init__(self, world: World) -> None:
        self.world, self.requests, self.skew = world, 0, 0.0
        # What `hub.keep` remembers of a client.
        self.access = SimpleNamespace(
            caller=SimpleNamespace(server=SimpleNamespace(api_url="https://api.github.test"))
        )
        self.known_capabilities = gh.Capabilities(True, True, True)
        self.rate_limiter = SimpleNamespace(limits=Limits())

    def _request(self, what: str) -> str:
        """Count one request; the fault that strikes it, or "".  Raises what never arrives."""
        world = self.world
        if world.dead:
            raise Crash
        world.now += 1
        world.settle_late()
        if world.now < world.limited_until:
            raise gh.RateLimited("GitHub's limit is used up.", until=world.limited_until)
        self.requests += 1
        world.requests += 1
        world.writes += what not in READS
        world.faults = {at - 1: fault for at, fault in world.faults.items() if at > 0}
        fault = world.faults.pop(0, "")
        if world.crash_at is not None:
            at, after = world.crash_at
            world.crash_at = (at - 1, after) if at > 1 else None
            if at <= 1:
                world.dead = True
                if not after or what in READS:
                    raise Crash
                return "crash"
        if world.down or fault == "refused":
            raise gh.Unreachable("api.github.test cannot be reached.", "check the network")
        if fault == "limited":
            world.limited_until = world.now + LIMIT
            raise gh.RateLimited("GitHub's limit is used up.", until=world.limited_until)
        if what in READS and fault in ("lost", "applied", "half", "late"):
            raise gh.NoAnswer("GitHub did not answer.")
        return fault

    def _lost(self, fault: str) -> None:
        """Raise what a request comes to that was carried out without an answer."""
        if fault == "crash":
            raise Crash
        if fault:
            raise gh.UnknownOutcome("GitHub did not say whether it was done.")

    def capabilities(self) -> gh.Capabilities:
        return self.known_capabilities

    def repository(self, newest: int = 1) -> gh.Repository:
        fault = self._request("repository")
        facts = ("o/r", "R_1", "me", "WRITE", False, False, True, self.world.last)
        listed = self._listed(sorted(self.world.open(), key=lambda r: -r.number), fault)
        seen = [gh.Glimpse(i.number, "2027-01-15T08:00:00Z", i.body) for i in listed[:newest]]
        return gh.Repository(*facts, tuple(seen), more=len(listed) > len(seen))

    def _listed(self, records: Sequence[Record], fault: str) -> list[gh.Issue]:
        """Issues as a list shows them; a stale one lacks what was made just now."""
        stale = self.world.stale or fault == "stale"
        newest = self.world.now - STALE if stale else self.world.now
        return [r.issue() for r in records if r.made <= newest]

    def trees(self, parents: Sequence[int]) -> dict[int, gh.Tree | gh.Gone]:
        fault = self._request("trees")
        found: dict[int, gh.Tree | gh.Gone] = {}
        for number in parents:
            record = self.world.records.get(number)
            if record is None or record.deleted:
                found[number] = gh.Gone(number, "deleted")
                continue
            inside = [r for r in self.world.open() if r.parent == number]
            children = self._listed(inside, fault)
            if fault == "short":
                children = children[: len(children) // 2]
            found[number] = gh.Tree(record.issue(), tuple(children), fault != "short")
        return found

    def issues(self, numbers: Sequence[int]) -> dict[int, gh.Issue | gh.Gone]:
        self._request("issues")
        found: dict[int, gh.Issue | gh.Gone] = {}
        for number in numbers:
            record = self.world.records.get(number)
            gone = record is None or record.deleted
            found[number] = gh.Gone(number, "deleted") if gone else record.issue()  # type: ignore[union-attr]
        return found

    def may_push(self, issue: gh.Issue) -> bool:
        return issue.trusted

    silent = False

    def has_comment(self, number: int, words: str) -> bool:
        self._request("has_comment")
        return False  # nothing here is said

    def find_above(self, number: int, since: str = "", pages: int = gh.PAGES) -> list[gh.Issue]:
        fault = self._request("find_above")
        above = [r for n, r in sorted(self.world.records.items()) if n > number and not r.deleted]
        return self._listed(above, fault)

    def create_parent(self, title: str, body: str, labels: Sequence[str]) -> gh.Issue:
        return self._create("create_parent", title, body, None, labels)

    def create_child(self, parent: gh.Issue, title: str, body: str) -> gh.Issue:
        return self._create("create_child", title, body, parent.number, ())

    def _create(
        self, what: str, title: str, body: str, parent: int | None, labels: Sequence[str]
    ) -> gh.Issue:
        fault = self._request(what)
        world = self.world
        if parent is not None:
            above = world.records.get(parent)
            if above is None or above.deleted:
                raise gh.IssueGone(f"#{parent} is not there any more.")
        if fault == "late":
            world.late.append((world.now + LATE, lambda: world.add(title, body, parent, labels)))
            self._lost(fault)
        if fault == "lost":
            self._lost(fault)
        # Half done: made, but not linked below its parent.
        record = world.add(title, body, None if fault == "half" else parent, labels)
        if fault in ("applied", "half", "crash"):
            self._lost(fault)
        return record.issue()

    def adopt(self, parent: gh.Issue, child: gh.Issue) -> None:
        fault = self._request("adopt")
        record = self.world.records[child.number]
        assert child.id == ID_BASE + child.number * 7, "a sub-issue is named by its id"
        if fault != "lost":
            record.parent = parent.number
        if fault in ("lost", "applied", "half", "late", "crash"):
            self._lost(fault)

    def apply(self, changes: Sequence[gh.IssueChange]) -> list[CraftkitError | None]:
        try:
            fault = self._request("apply")
        except CraftkitError as error:
            return [error for _ in changes]
        kept = {"lost": 0, "late": 0, "half": len(changes) // 2}.get(fault, len(changes))
        results: list[CraftkitError | None] = [self._change(c) for c in changes[:kept]]
        if fault in ("lost", "late", "half", "applied", "crash"):
            try:
                self._lost(fault)
            except gh.UnknownOutcome as error:
                return [error for _ in changes]
        return results

    def _change(self, change: gh.IssueChange) -> CraftkitError | None:
        world = self.world
        record = world.records.get(change.number)
        if record is None or record.deleted:
            return gh.IssueGone(f"#{change.number} is not there any more.")
        before = (record.state, record.reason, record.title, set(record.labels))
        if change.kind == "close" and record.state == gh.CLOSED and record.reason in change.leaves:
            return gh.ClosedOtherwise(record.reason)
        if change.kind == "close":
            record.closed = record.closed if record.state == gh.CLOSED else world.now
            record.state, record.reason = gh.CLOSED, change.value
        elif change.kind == "reopen":
            record.state, record.reason = gh.OPEN, ""
            world.reopener[record.number] = gh.Reopening("me", iso(world.now))
        elif change.kind == "label":
            record.labels.add(change.value)
        elif change.kind == "unlabel":
            record.labels.discard(change.value)
        elif change.kind == "title":
            record.title = change.value
        after = (record.state, record.reason, record.title, set(record.labels))
        if before != after:
            record.updated = world.now
        world.sent.append(Sent(change.number, change.kind, change.value, before != after))
        return None

    def set_body(self, issue: gh.Issue, body: str) -> None:
        self._lost(self._request("set_body"))
        self.world.records[issue.number].body = body

    def reopened_by(self, number: int) -> gh.Reopening | None:
        self._request("reopened_by")
        return self.world.reopener.get(number)


def dump(world: World) -> Any:
    """The issues, to be read in a failure."""
    return json.dumps(
        [
            [r.number, r.parent, r.state, r.reason, r.title, world.task_of(r), r.deleted]
            for r in world.records.values()
        ]
    )
