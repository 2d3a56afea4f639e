"""Carry plans out: one agent after the other, each whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from craftkit import __version__
from craftkit.agents import detection, install_plan, manifest, targets
from craftkit.agents.detection import Scope
from craftkit.agents.fragments import Fragment
from craftkit.agents.install_plan import InstallOutcome, InstallPlan
from craftkit.agents.manifest import Manifest
from craftkit.agents.target import USER
from craftkit.errors import CannotWrite, CraftkitError, FileChanged
from craftkit.runtime import locks
from craftkit.store import db, private


class InstallJob(NamedTuple):
    """What is to be done, for all agents alike."""

    scope: Scope
    env: Mapping[str, str]
    force: bool = False
    dry_run: bool = False
    language: str = ""


class FileChange(NamedTuple):
    """A file before and after; None where there is none."""

    path: str
    before: bytes | None
    after: bytes | None


class InstallResult(NamedTuple):
    agent: str
    outcomes: tuple[InstallOutcome, ...] = ()
    changes: tuple[FileChange, ...] = ()
    plugin: bool = False  # the agent's plugin brings the hooks
    links: tuple[str, ...] = ()  # the person's own symlinks, through which nothing was written
    error: CraftkitError | None = None


def wanted(work: InstallJob, agent: str, language: str) -> tuple[list[Fragment], bool]:
    """The pieces of an agent, and whether its plugin brings the hooks."""
    target = targets.TARGETS[agent]
    facts = detection.facts(work.scope, target, work.env, language or "en")
    return target.pieces(facts), facts.plugin


def own_links(scope: Scope, pieces: list[Fragment], known: Manifest) -> dict[str, str]:
    """Path -> the person's own symlink that it is behind, for those that are not followed."""
    found = {}
    for path in {piece.path for piece in pieces} | {place[0] for place in known.records}:
        link = detection.link_of(scope, path)
        own = link is not None and detection.is_own_link(scope, link)
        if link is not None and own and link not in scope.follow:
            found[path] = link
    return found


def links_of(work: InstallJob, agents: list[str]) -> list[str]:
    """The person's own symlinks that the files of these agents are behind."""
    found: dict[str, None] = {}
    for agent in agents:
        with contextlib.suppress(CraftkitError):
            old = load(work.scope)
            pieces, _ = wanted(work, agent, work.language or old.language)
            found |= dict.fromkeys(own_links(work.scope, pieces, old).values())
    return sorted(found)


def load(scope: Scope) -> Manifest:
    return manifest.load(detection.read(scope, scope.manifest), scope.manifest)


def install_all(work: InstallJob, agents: list[str], restore: bool = True) -> list[InstallResult]:
    """Install or update; what cannot be done for one agent is told and does not stop the others."""
    with _locked(work) as folders:
        return [_one(work, agent, restore, folders) for agent in agents]


def _one(work: InstallJob, agent: str, restore: bool, folders: list[str]) -> InstallResult:
    plugin = False
    try:
        old = load(work.scope)
        language = work.language or old.language or "en"
        pieces, plugin = wanted(work, agent, language)
        old = old._replace(language=language)
        links = own_links(work.scope, pieces, old)
        plan = install_plan.install(
            agent, pieces, old, _reader(work), force=work.force, restore=restore, skip=links
        )
        changes = _carry_out(work, plan, folders, False)
        skipped = tuple(dict.fromkeys(links.values()))
        return InstallResult(agent, plan.outcomes, changes, plugin, skipped)
    except CraftkitError as error:
        return InstallResult(agent, plugin=plugin, error=error)


def remove_all(work: InstallJob, agents: list[str]) -> list[InstallResult]:
    found = []
    with _locked(work) as folders:
        for agent in agents:
            try:
                old = load(work.scope)
                pieces, _ = wanted(work, agent, old.language)
                links = own_links(work.scope, pieces, old)
                plan = install_plan.remove(
                    agent, pieces, old, _reader(work), force=work.force, skip=links
                )
                changes = _carry_out(work, plan, folders, True)
                skipped = tuple(dict.fromkeys(links.values()))
                found.append(InstallResult(agent, plan.outcomes, changes, links=skipped))
            except CraftkitError as error:
                found.append(InstallResult(agent, error=error))
    return found


def states(work: InstallJob, agent: str) -> InstallResult:
    """How each piece of an agent is found; a piece that it has no more use for is outdated."""
    try:
        known = load(work.scope)
        pieces, plugin = wanted(work, agent, known.language)
        links = own_links(work.scope, pieces, known)
        plan = install_plan.install(agent, pieces, known, _reader(work), restore=False, skip=links)
        rows = [o for o in plan.outcomes if o.action == install_plan.REMOVED]
        rows = [row._replace(state=install_plan.OUTDATED) for row in rows]
        for piece in pieces:
            if piece.path in links:
                continue
            state, _ = install_plan.state_of(piece, known, _reader(work))
            rows.append(InstallOutcome(piece.path, piece.what, piece.at, state, install_plan.SAME))
        return InstallResult(agent, tuple(rows), (), plugin, tuple(dict.fromkeys(links.values())))
    except CraftkitError as error:
        return InstallResult(agent, error=error)


def summary(work: InstallJob, done: InstallResult) -> str:
    """One word for an agent; pieces that others share are not a sign of it."""
    if done.error is not None:
        return "unreadable"
    found = {outcome.state for outcome in done.outcomes}
    known = done.agent in load(work.scope).agents
    if not known and found & {install_plan.ABSENT, install_plan.MISSING}:
        return install_plan.ABSENT
    for state in (install_plan.CHANGED, install_plan.OUTDATED):
        if state in found:
            return state
    return (
        install_plan.MISSING
        if found & {install_plan.ABSENT, install_plan.MISSING}
        else install_plan.INSTALLED
    )


def _reader(work: InstallJob) -> install_plan.Read:
    return lambda path: detection.read(work.scope, path)


def _carry_out(
    work: InstallJob, plan: InstallPlan, folders: list[str], manifest_last: bool
) -> tuple[FileChange, ...]:
    """Write what a plan says; where that fails, what was written is taken back.

    `folders` are those that were made for the lock; at the end, those that may go with it.
    """
    scope = work.scope
    changes = [FileChange(p, detection.read(scope, p), data) for p, data in plan.writes.items()]
    if work.dry_run:
        return tuple(changes)
    new = plan.manifest
    made = [folder for change in changes for folder in _missing_folders(scope, change)]
    new = new._replace(folders=list(dict.fromkeys((*folders, *new.folders, *made))))
    record = _record(scope, new)
    deeds = [*changes, record] if manifest_last else [record, *changes]
    undo: list[FileChange] = []
    for change in deeds:
        try:
            if _write(scope, change):
                undo.append(change)
        except (OSError, CraftkitError) as error:
            _take_back(scope, undo)
            _drop_folders(scope, new)
            if isinstance(error, CraftkitError):
                raise
            raise CannotWrite(
                f"{scope.place(change.path)} cannot be written ({error.strerror}).",
                "check the permissions; nothing was written for this agent",
                change.path,
            ) from error
    kept = folders[:] = _drop_folders(scope, new)
    if kept != new.folders:
        with contextlib.suppress(OSError):
            _write(scope, _record(scope, new._replace(folders=kept)))
    return tuple(changes)


def _record(scope: Scope, new: Manifest) -> FileChange:
    before = detection.read(scope, scope.manifest)
    after = manifest.dump(new, __version__) if new.records else None
    old = manifest.load(before, scope.manifest)
    if before is not None and old._replace(version="") == new._replace(version=""):
        after = before if old.version == __version__ or not new.records else after
    return FileChange(scope.manifest, before, after)


def _missing_folders(scope: Scope, change: FileChange) -> list[str]:
    """The folders that have to be made for a file, outer ones first."""
    found: list[str] = []
    folder = change.path.rpartition("/")[0]
    while change.after is not None and folder and not os.path.isdir(scope.place(folder)):
        found.insert(0, folder)
        folder = folder.rpartition("/")[0]
    return found


def _drop_folders(scope: Scope, known: Manifest) -> list[str]:
    """Remove the folders that were made for us and are empty; the others."""
    kept = list(known.folders)
    for folder in sorted(known.folders, key=len, reverse=True):
        try:
            os.rmdir(scope.place(folder))
        except FileNotFoundError:
            pass
        except OSError:
            continue
        kept.remove(folder)
    return kept


def _write(scope: Scope, change: FileChange) -> bool:
    """Whether anything had to be written.  Raises OSError, FileChanged or UnsafePath."""
    if change.before == change.after:
        return False
    if detection.read(scope, change.path) != change.before:
        raise FileChanged(
            f"{change.path} was changed in this moment.", "run the command again", change.path
        )
    root, rest = detection.locate(scope, change.path)
    parts = rest.split(os.sep)
    if change.after is None:
        private.unlink_below(root, parts)
        return True
    if change.path == scope.manifest:
        db.prepare_state_dir(scope.state)
        private.write_whole(scope.manifest, change.after)
        return True
    place = os.path.join(root, rest)
    if os.path.exists(place) and not os.access(place, os.W_OK):
        raise PermissionError(13, "the file is read-only")  # replacing it would not ask for this
    private.write_below(root, parts, change.after, 0o644)
    return True


def _take_back(scope: Scope, written: list[FileChange]) -> None:
    for change in reversed(written):
        with contextlib.suppress(OSError, CraftkitError):
            _write(scope, FileChange(change.path, change.after, change.before))


@contextlib.contextmanager
def _locked(work: InstallJob) -> Iterator[list[str]]:
    """One install at a time: each reads files that the other changes.  Raises CannotWrite.

    Yields the folders that had to be made for the lock.
    """
    if work.dry_run:
        yield []
        return
    scope = work.scope
    path = os.path.join(scope.state, "agents.lock")
    made = _missing_folders(scope, FileChange(path, None, b"")) if scope.name == USER else []
    try:
        os.makedirs(os.path.dirname(scope.state), exist_ok=True)
        db.prepare_state_dir(scope.state)
        descriptor = _lock(path)
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written ({error.strerror}).", "check the permissions"
        ) from error
    try:
        yield made
    finally:
        if not os.path.exists(scope.manifest):  # nothing is installed, so nothing stays
            with contextlib.suppress(OSError):
                os.unlink(path)
                for folder in sorted(made, key=len, reverse=True):
                    os.rmdir(scope.place(folder))
        os.close(descriptor)


def _lock(path: str) -> int:
    """A descriptor that holds the lock.  Raises OSError."""
    while True:
        descriptor = locks.acquire(path, wait=True)
        if descriptor is None:
            continue
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)  # who held it has deleted it
