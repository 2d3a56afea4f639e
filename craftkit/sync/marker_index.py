"""Which issue is whose by its marker: duplicates, and what no line names.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from craftkit.sync.merge_model import (
    CLOSE_DUPLICATE,
    NEVER,
    Action,
    RemoteIssue,
    SpecSnapshot,
    SpecTask,
)


class MarkerIndex(NamedTuple):
    """Which sub-issues carry the marker of which task."""

    of: Mapping[
        str, Sequence[RemoteIssue]
    ]  # task id -> issues by number, without what was unlinked
    named: frozenset[int | None]  # issues that task lines name
    alive: frozenset[str]  # ids of the task lines

    def free(self, line: SpecTask) -> list[RemoteIssue]:
        """The issues with a line's marker that no line names."""
        return [seen for seen in self.of.get(line.id, ()) if seen.number not in self.named]

    def has(self, line: SpecTask, seen: RemoteIssue | None) -> bool:
        """Whether an issue carries a line's marker; one without a key had another id once."""
        if seen is None or seen.marker is None:
            return False
        return seen.marker == line.id or seen.marker not in self.alive

    def is_alone(self, seen: RemoteIssue) -> bool:
        """Whether nothing else carries an issue's marker, as nearly always."""
        return self.of.get(seen.marker or "") == [seen]


def index_markers(snapshot: SpecSnapshot) -> MarkerIndex:
    lines = (*(snapshot.lines or ()), *snapshot.unmerged)
    named = frozenset(line.issue for line in lines)
    found: dict[str, list[RemoteIssue]] = {}
    for number, seen in sorted(snapshot.issues.items()):
        known = number in named or number not in snapshot.unlinked
        if seen.marker is not None and seen.child and known:
            found.setdefault(seen.marker, []).append(seen)
    return MarkerIndex(found, named, frozenset(line.id for line in lines))


def issue_of(snapshot: SpecSnapshot, index: MarkerIndex, line: SpecTask) -> int | None:
    """What the line names, else what the base names, else the issue with the marker."""
    if line.issue is not None:
        return line.issue
    number = snapshot.base.get(line.id, NEVER).issue
    if number is not None:
        own = snapshot.issues.get(number)
        if (
            own is None
            or own.completed
            or not index.has(line, own)
            or line.id in snapshot.undelivered
        ):
            return number
        stays = kept(index, own)
        return number if stays is None or stays in index.named else stays
    mine = index.free(line)
    left = [seen for seen in mine if not seen.duplicate]
    return next((seen.number for seen in left or mine), None)


def same(index: MarkerIndex, own: RemoteIssue) -> list[RemoteIssue]:
    """All issues of one task, by number: those of the origin of `own`.

    A key that was used again has issues of different origins.
    """
    others = (seen for seen in index.of.get(own.marker or "", ()) if seen.origin == own.origin)
    return sorted({own, *(seen for seen in others if seen.number not in index.named)})


def kept(index: MarkerIndex, own: RemoteIssue) -> int | None:
    """Which issue of a task stays: the lowest that was not closed as a duplicate.

    It is so whichever a file names: each clone closes only what is higher than another one, so
    that no two of them close each other's.
    """
    group = same(index, own)
    if all(seen.duplicate for seen in group):  # the one that stayed has got another title
        group = list(index.of.get(own.marker or "", ()))
    return next((seen.number for seen in group if not seen.duplicate), None)


def duplicates(
    snapshot: SpecSnapshot, index: MarkerIndex, links: Mapping[str, int]
) -> dict[int, Action]:
    """The open issues that give way to a lower one of the same task."""
    found: dict[int, Action] = {}
    lines = Counter(links.values())
    for line in snapshot.lines or ():
        own = snapshot.issues.get(links.get(line.id, 0))
        if own is None or index.is_alone(own) or not index.has(line, own):
            continue
        if lines[own.number] > 1:
            continue
        stays = kept(index, own)
        for seen in same(index, own):
            if stays is None or seen.number <= stays or seen.closed:
                continue
            if lines[seen.number] and (seen != own or line.id in snapshot.undelivered):
                continue  # another line's, or the one that a command was given for
            why = f"#{seen.number} carries the marker of {line.ref} as #{stays} does"
            found[seen.number] = Action(CLOSE_DUPLICATE, line.id, line.ref, seen.number, why)
    return found


Unclaimed = Mapping[str, Sequence[RemoteIssue]]  # marker -> open issues with it that no line has


def unclaimed(index: MarkerIndex, taken: Collection[int]) -> Unclaimed:
    """Which open issues carry a marker, and are not `taken` by a line."""
    found: dict[str, list[RemoteIssue]] = {}
    for marker, issues in index.of.items():
        for seen in issues:
            if not seen.closed and seen.number not in taken:
                found.setdefault(marker, []).append(seen)
    return found


def elsewhere(
    snapshot: SpecSnapshot, index: MarkerIndex, line: SpecTask, number: int, unclaimed: Unclaimed
) -> int | None:
    """An open issue with a line's marker, if the line names another."""
    own = snapshot.issues.get(number)
    mine = own if index.has(line, own) else None
    others = unclaimed.get((mine.marker if mine is not None else line.id) or "", ())
    if not others:
        return None
    if own is None and not (number in snapshot.gone and snapshot.base.get(line.id, NEVER).dropped):
        return None  # no evidence, or a conflict of its own
    if mine is None:
        return others[0].number
    if mine.closed:
        return None  # its key was used again
    return next((seen.number for seen in others if seen.origin != mine.origin), None)
