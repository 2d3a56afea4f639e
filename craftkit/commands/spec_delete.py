"""`spec delete`: remove the file of a spec, where git can bring it back; GitHub stays as it is."""

from __future__ import annotations

import os
import shlex
from typing import Any, NamedTuple

from craftkit import repo as git
from craftkit.commands import process
from craftkit.errors import DatabaseUnwritable, SpecNeedsAttention, TaskClaimed, UsageProblem
from craftkit.loop import sessions, spec_index, spec_writer, task_lookup
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.specs import files
from craftkit.store import claims, outbox, processes, specs
from craftkit.store import history as events
from craftkit.store import sessions as session_rows
from craftkit.store.processes import Process
from craftkit.text import count

SHOWN = 20  # files of a folder


class DeletionProposal(NamedTuple):
    """What is about to be deleted, for a person to agree to."""

    spec: Spec
    commit: str  # that has the file
    stays: tuple[str, ...]  # what else is in the spec's folder
    unsent: tuple[int, ...]  # ids of writes that GitHub has not got
    unfinished: tuple[Process, ...]  # its processes
    claimed: tuple[str, ...]  # tasks in progress

    @property
    def restore(self) -> str:
        return shlex.join(["git", "checkout", self.commit[:12], "--", self.spec.path])


def propose(context: Context, wanted_spec: str | None, force: bool) -> DeletionProposal:
    """Look before anything is deleted.  Raises UsageProblem, TaskClaimed, SpecNeedsAttention."""
    spec = spec_index.choose_spec(context, wanted_spec).spec
    if not context.store.durable:
        raise DatabaseUnwritable(
            "The database cannot be written here, and `spec delete` needs it.",
            f"run it where {context.state_dir} is writable",
        )
    tracked = git.is_tracked(context.repo, spec.path)
    if not tracked or not git.is_as_committed(context.repo, spec.path):
        raise UsageProblem(
            f"git could not bring {spec.path} back: it is not tracked, or differs from HEAD.",
            "commit it first, or delete the file yourself",
        )
    waiting = [r for r in outbox.waiting(context.store) if r.spec_id == spec.id]
    unfinished = [row for row in processes.unfinished(context.store) if row.spec_id == spec.id]
    if not force:
        _refuse_live(context, spec)
        _refuse_unsent(spec, waiting, unfinished)
    return DeletionProposal(
        spec,
        context.session.head or "HEAD",
        _beside(context, spec),
        tuple(row.id for row in waiting),
        tuple(unfinished),
        tuple(_claimed(context, spec)),
    )


def _claimed(context: Context, spec: Spec) -> list[str]:
    name = task_lookup.namer(context)
    return [name(spec.id, claim.task_id) for claim in claims.of_spec(context.store, spec.id)]


def _refuse_live(context: Context, spec: Spec) -> None:
    for row in claims.of_spec(context.store, spec.id):
        other = row.session != context.session.id
        if other and sessions.is_live(context, row.session, row.worktree):
            task = task_lookup.namer(context)(spec.id, row.task_id)
            raise TaskClaimed(
                f"{task} of {spec.id} is held by session {row.session}"
                f" ({row.agent}) in {row.worktree}.",
                "wait until it is finished, or `--force`",
            )


def _refuse_unsent(spec: Spec, waiting: list[outbox.Row], unfinished: list[Process]) -> None:
    if waiting:
        raise SpecNeedsAttention(
            f"GitHub has not got {count(len(waiting), 'write')} of {spec.id} yet.",
            "`craftkit reconcile` sends them; or `--force`, which forgets them",
        )
    if unfinished:
        number = unfinished[0].id
        raise SpecNeedsAttention(
            f"Process {number} ({unfinished[0].kind}) of {spec.id} is not finished.",
            f"`craftkit process resume {number}`, `craftkit process drop {number}`, or `--force`",
        )


def _beside(context: Context, spec: Spec) -> tuple[str, ...]:
    """What else lies in the folder of a spec that has one to itself."""
    folder, _, name = spec.path.rpartition("/")
    if name != "tasks.md":
        return ()
    try:
        names = sorted(os.listdir(os.path.join(context.worktree, folder)))
    except OSError:
        return ()
    return tuple(f"{folder}/{other}" for other in names if other != name)[:SHOWN]


def question(found: DeletionProposal) -> str:
    """What a person agrees to."""
    spec, words = found.spec, []
    if found.claimed:
        words.append(f"In progress: {', '.join(found.claimed[:5])}.")
    if found.unsent:
        words.append(f"{count(len(found.unsent), 'unsent GitHub write')} will be forgotten.")
    if found.unfinished:
        words.append(f"{count(len(found.unfinished), 'unfinished operation')} will be given up.")
    about = f"{spec.path} ({spec.done}/{len(spec.tasks)} tasks done) will be deleted."
    return " ".join([about, *words])


def delete(context: Context, found: DeletionProposal) -> dict[str, Any]:
    """Delete the file as it was looked at, and forget who is at work on it.

    What was agreed with GitHub stays known: a file that comes back is the same spec, and gets no
    second issues.
    """
    spec = found.spec
    with spec_writer.edit_lock(context, spec.path):
        files.remove(context.worktree, spec.path, spec.digest)
    with context.store.write() as tx:
        claims.release_spec(tx, spec.id)
        session_rows.forget_spec(tx, context.worktree, spec.id)
        specs.forget_file(tx, context.worktree, spec.id)
        outbox.forget(tx, found.unsent)
        for row in found.unfinished:
            process.abandon(context, tx, row)
        events.record(
            tx,
            context.now(),
            "spec.deleted",
            context.session,
            spec.id,
            path=spec.path,
            commit=found.commit,
            unsent=len(found.unsent),
        )
    return {
        "spec": spec.id,
        "path": spec.path,
        "restore": found.restore,
        "stays": list(found.stays),
        "issue": spec.issue,
        "forgotten_writes": len(found.unsent),
        "abandoned": [row.id for row in found.unfinished],
    }


def remarks(data: dict[str, Any]) -> list[str]:
    stays = [f"stays: {', '.join(data['stays'])}"] if data["stays"] else []
    issues = f", #{data['issue']} and its Sub Issues included" if data["issue"] else ""
    return [*stays, f"GitHub is as it was{issues}; commit the deletion when you mean it"]
