"""Decide what to write where, given what is there.  Pure: see `executor` for the deeds.

Nothing that somebody changed is touched, save with `force`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import NamedTuple

from craftkit.agents import fragments
from craftkit.agents.fragments import FILE, Fragment, Match
from craftkit.agents.manifest import Manifest, Place, Record

INSTALLED, OUTDATED, CHANGED, MISSING, ABSENT = (
    "installed",
    "outdated",
    "changed",
    "missing",
    "absent",
)
ADDED, REPLACED, REMOVED, KEPT, SAME, LEFT = (
    "added",
    "replaced",
    "removed",
    "kept",  # changed by somebody, so it was not touched
    "unchanged",
    "left",  # another agent needs it too
)

Read = Callable[[str], bytes | None]


class InstallOutcome(NamedTuple):
    path: str
    what: str
    at: tuple[str, ...]
    state: str  # as it was found
    action: str


class InstallPlan(NamedTuple):
    """The files that change (None: deleted), in order, and the manifest afterwards."""

    writes: dict[str, bytes | None]
    manifest: Manifest
    outcomes: tuple[InstallOutcome, ...]


class _Draft:
    """Files and manifest as they will be, while a plan grows."""

    def __init__(self, read: Read, manifest: Manifest) -> None:
        self.read, self.manifest = read, manifest.copy()
        self.files: dict[str, bytes | None] = {}
        self.before: dict[str, bytes | None] = {}
        self.outcomes: list[InstallOutcome] = []

    def data(self, path: str) -> bytes | None:
        if path not in self.files:
            self.files[path] = self.before[path] = self.read(path)
        return self.files[path]

    def text(self, path: str) -> str | None:
        data = self.data(path)
        return None if data is None else fragments.decode(path, data)

    def note(self, piece: Fragment, state: str, action: str) -> None:
        self.outcomes.append(InstallOutcome(piece.path, piece.what, piece.at, state, action))

    def plan(self) -> InstallPlan:
        writes = {p: data for p, data in self.files.items() if data != self.before[p]}
        return InstallPlan(writes, self.manifest, tuple(self.outcomes))


def state_of(piece: Fragment, manifest: Manifest, read: Read) -> tuple[str, Match | None]:
    """How a piece is found.  Raises BadFile."""
    record = manifest.records.get(piece.place)
    data = read(piece.path)
    found = None
    if data is not None:
        text = "" if piece.kind == FILE else fragments.decode(piece.path, data)
        known = record.digest if record else ""
        found = Match(_digest(data)) if piece.kind == FILE else fragments.look(piece, text, known)
    if found is None:
        return (MISSING if record else ABSENT), None
    if found.digest == piece.digest:
        return INSTALLED, found
    return (OUTDATED if record and found.digest == record.digest else CHANGED), found


def _digest(data: bytes) -> str:
    from craftkit.agents.manifest import digest

    return digest(data)


def install(
    agent: str,
    wanted: Sequence[Fragment],
    manifest: Manifest,
    read: Read,
    *,
    force: bool = False,
    restore: bool = True,
    skip: Container[str] = (),
) -> InstallPlan:
    """What makes `wanted` be there; without `restore` what somebody deleted stays away.

    What the manifest names for this agent and is not wanted any more is taken away.  The paths in
    `skip` stay as they are.
    """
    draft = _Draft(read, manifest)
    stale = _recorded(draft.manifest, agent, {piece.place for piece in wanted}, skip)
    for piece, record in reversed(stale):
        _release(draft, agent, piece, record, force)
    for piece in wanted:
        if piece.path not in skip:
            _want(draft, agent, piece, force, restore)
    return draft.plan()


def _want(draft: _Draft, agent: str, piece: Fragment, force: bool, restore: bool) -> None:
    state, found = state_of(piece, draft.manifest, draft.data)
    action = SAME
    if found is None:
        if state == MISSING and not restore:
            draft.note(piece, state, KEPT)
            return
        _add(draft, piece)
        action = ADDED
    elif state == OUTDATED or (state == CHANGED and force):
        text = "" if piece.kind == FILE else draft.text(piece.path) or ""
        draft.files[piece.path] = fragments.encode(fragments.swap(piece, text, found))
        action = REPLACED
    elif state == CHANGED:
        draft.note(piece, state, KEPT)
        return
    _record(draft.manifest, agent, piece)
    draft.note(piece, state, action)


def _add(draft: _Draft, piece: Fragment) -> None:
    manifest = draft.manifest
    data = draft.data(piece.path)
    if data is None and piece.path not in manifest.created:
        manifest.created.append(piece.path)
    if data is None:
        manifest.made.pop(piece.path, None)
    put = fragments.put(piece, None if data is None else fragments.decode(piece.path, data))
    draft.files[piece.path] = fragments.encode(put.text)
    new = {made.at for made in put.made}
    made = [item for item in manifest.made.get(piece.path, []) if item.at not in new]
    if made or put.made:
        manifest.made[piece.path] = [*made, *put.made]
    # The newest piece comes last: they are taken away in reverse.
    manifest.records.pop(piece.place, None)
    manifest.records[piece.place] = Record(piece.what, piece.digest, (), put.glue)


def _record(manifest: Manifest, agent: str, piece: Fragment) -> None:
    old = manifest.records.get(piece.place)
    agents = old.agents if old else ()
    glue = old.glue if old else None
    agents = agents if agent in agents else (*agents, agent)
    manifest.records[piece.place] = Record(piece.what, piece.digest, agents, glue)


def _recorded(
    manifest: Manifest, agent: str, without: Iterable[Place] = (), skip: Container[str] = ()
) -> list[tuple[Fragment, Record]]:
    """What the manifest names for an agent, oldest first; values are not known any more."""
    known = set(without)
    return [
        (Fragment(place[0], place[1], place[2], "", record.what), record)
        for place, record in manifest.records.items()
        if agent in record.agents and place not in known and place[0] not in skip
    ]


def remove(
    agent: str,
    wanted: Sequence[Fragment],
    manifest: Manifest,
    read: Read,
    *,
    force: bool = False,
    skip: Container[str] = (),
) -> InstallPlan:
    """What leaves nothing of an agent's pieces: those recorded, and those that are as `wanted`.

    The paths in `skip` stay as they are.
    """
    draft = _Draft(read, manifest)
    known = {piece.place for piece, _ in _recorded(draft.manifest, agent)}
    for piece in wanted:
        if piece.place in manifest.records or piece.path in skip:
            continue
        state, _ = state_of(piece, manifest, draft.data)
        if state == INSTALLED or (force and state == CHANGED):
            _record(draft.manifest, agent, piece)  # from a clone, or with a lost manifest
            known.add(piece.place)
        elif state == CHANGED:
            draft.note(piece, state, KEPT)
    values = {piece.place: piece for piece in wanted}
    for bare, record in reversed(_recorded(draft.manifest, agent, skip=skip)):
        _release(draft, agent, values.get(bare.place, bare), record, force)
    return draft.plan()


def _release(draft: _Draft, agent: str, piece: Fragment, record: Record, force: bool) -> None:
    """Take a piece away, unless another agent needs it or somebody changed it."""
    manifest = draft.manifest
    others = tuple(name for name in record.agents if name != agent)
    if others:
        manifest.records[piece.place] = record._replace(agents=others)
        draft.note(piece, INSTALLED, LEFT)
        return
    state, found = state_of(piece, manifest, draft.data)
    if state == CHANGED and not force:
        draft.note(piece, state, KEPT)
        return
    del manifest.records[piece.place]
    if found is not None:
        _take(draft, piece, found, record)
    draft.note(piece, state, REMOVED if found is not None else SAME)


def _take(draft: _Draft, piece: Fragment, found: Match, record: Record) -> None:
    manifest, path = draft.manifest, piece.path
    if piece.kind == FILE:
        draft.files[path] = None
    else:
        text = fragments.take(piece, draft.text(path) or "", found, record.glue)
        if piece.kind in (fragments.MEMBER, fragments.ELEMENT):
            text, kept = fragments.tidy(text, manifest.made.pop(path, []))
            if kept:
                manifest.made[path] = kept
        gone = path in manifest.created and fragments.is_bare(piece.kind, text)
        draft.files[path] = None if gone else fragments.encode(text)
    if draft.files[path] is None and path in manifest.created:
        manifest.created.remove(path)
