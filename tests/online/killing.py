"""Kill a command at a call, or copy what a kill would leave at every call of one run.

A killed process leaves what is on the disk and what GitHub was told, and nothing else.  So one
watched run shows all that its kills can leave, and where two of them leave the same, one recovery
speaks for both.  That makes all ordered pairs of kills affordable: they end in a few hundred
different states where there are thousands of pairs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from loopback import forked  # type: ignore[import-not-found]
from places import state_of

Desk = Any
Point = tuple[str, int]  # "before" or "after", and the call, counted from 1
ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"
EPOCH = r"\b\d{10}\.\d+\b"
NAMED = r"\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{16}\b|\b[\w.-]+:\d+:\d+\b|\.craftkit-[\w-]+"
VOLATILE = re.compile(f"(?P<iso>{ISO})|(?P<epoch>{EPOCH})|{NAMED}")


class Killer(forked.Killer):  # type: ignore[misc]
    """Counts requests too."""

    def install(self) -> None:
        super().install()
        from craftkit.github.wire import Wire

        real = Wire.send_with_timeout

        def carry(wire: Any, request: Any, seconds: float) -> Any:
            found = re.search(r"(?:mutation|query) (\w+)", request.body or "")
            name = found[1] if found else request.url.rpartition("/")[2]
            return self.at(f"{request.verb} {name}", lambda: real(wire, request, seconds))

        Wire.send_with_timeout = carry  # type: ignore[method-assign]


class Watcher(Killer):
    """Tells of each point at which a Killer would kill, and waits until it may go on."""

    def __init__(self, repo: Path, tell: Callable[[str, int], None]) -> None:
        super().__init__(repo)
        self.tell = tell

    def at(self, name: str, call: Callable[[], Any]) -> Any:
        self.trace.append(name)
        if name.startswith(forked.READ):
            return call()
        stop = len(self.trace)
        self.tell("before", stop)
        try:
            return call()
        finally:
            self.tell("after", stop)


class State(NamedTuple):
    """What a row of kills left."""

    points: tuple[Point, ...]
    kept: tuple[Path, Any]  # the copied repository, and GitHub's world


class States:
    """The different states seen so far; they are told apart by all that a command could read."""

    def __init__(self, desk: Desk, spare: Callable[[list[State]], list[State]]) -> None:
        self.desk, self.spare = desk, spare
        self.known: set[str] = set()
        self.seen = 0  # points
        self.last: Any = None

    def of(self, args: tuple[str, ...], points: tuple[Point, ...] = ()) -> tuple[Any, list[State]]:
        """Run a command; what it said, and the new states that killing it would have left."""
        found: list[State] = []

        def look(side: str, stop: int) -> None:
            self.seen += 1
            state = self.copy((*points, (side, stop)))
            if state is not None:
                found.append(state)

        with watching(self.desk.repo, look) as prepare:
            said = self.desk.ck(*args, prepare=prepare)
        kept = self.spare(found)
        for state in found:
            if state not in kept:
                shutil.rmtree(state.kept[0])
        return said, kept

    def copy(self, points: tuple[Point, ...]) -> State | None:
        world = self.desk.state.world
        now = world, signature(self.desk.repo)
        if now == self.last:
            return None
        self.last = now
        place = self.desk.where / f"state{self.seen}"
        shutil.copytree(self.desk.repo, place, symlinks=True)
        hashed = hashlib.sha256(description(place, world).encode()).hexdigest()
        if hashed in self.known:
            shutil.rmtree(place)
            return None
        self.known.add(hashed)
        return State(points, (place, world))


@contextlib.contextmanager
def watching(repo: Path, look: Callable[[str, int], None]) -> Iterator[Callable[[], None]]:
    """What a child has to run first, so that `look` is called here at each of its points."""
    asked, told = os.pipe()
    waiting, go_on = os.pipe()
    read, write = os.read, os.write  # the child replaces its own
    raised: list[BaseException] = []

    def listen() -> None:
        while line := read(asked, 64).decode():
            side, _, stop = line.partition(" ")
            try:
                look(side, int(stop))
            except BaseException as error:
                raised.append(error)
            write(go_on, b".")

    def tell(side: str, stop: int) -> None:
        write(told, f"{side} {stop}".encode())
        read(waiting, 1)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield lambda: Watcher(repo, tell).install()
    finally:
        os.close(told)
        thread.join()
        for end in (asked, waiting, go_on):
            os.close(end)
    if raised:
        raise raised[0]


def signature(repo: Path) -> list[tuple[str, int, int]]:
    """Changes with every change on the disk; cheaper than a copy."""
    found = []
    for path in sorted(repo.rglob("*")):
        status = path.lstat()
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return found


def description(place: Path, world: Any) -> str:
    """All that a command can read here and on GitHub.

    Times count as past or future, and random names by the order in which they come.  Left out is
    what nothing reads: the log, and git's own files.
    """
    parts = [repr(world)]
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if not name.startswith(".git/"):
            parts.append(f"{name}\n{path.read_text(encoding='utf-8') if path.is_file() else ''}")
    now, names = time.time(), dict[str, int]()
    today = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))

    def settled(found: re.Match[str]) -> str:
        if found["iso"]:
            return "past" if found["iso"][:19].replace(" ", "T") <= today else "future"
        if found["epoch"]:
            return "past" if float(found["epoch"]) <= now else "future"
        return f"name {names.setdefault(found[0], len(names))}"

    return VOLATILE.sub(settled, "\n".join([*parts, *database(place)]))


def database(place: Path) -> list[str]:
    """The database as SQLite recovers it; of a copy, because recovering writes."""
    scratch = place.with_name("scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for path in state_of(place).glob("*.db*"):
        if not path.name.endswith("-shm"):
            shutil.copy2(path, scratch / path.name)
    with contextlib.closing(sqlite3.connect(scratch / "sandbox.db")) as connection:
        # What is left out has the inode of a folder, which is another one in a copy.
        return [row for row in connection.iterdump() if 'INTO "worktrees"' not in row]
