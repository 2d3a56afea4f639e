"""Tasks whose box is open though commits since the link name them: done perhaps, never reported.

A commit names a task by its trailer (`Task: SPEC/KEY`), or by its key or `#N` in the subject.
Nothing is ever done by it: it is said, with the command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from craftkit import repo as git
from craftkit.loop import sessions, spec_index, task_status
from craftkit.model import IN_PROGRESS, TODO, Spec, Task
from craftkit.runtime.context import Context
from craftkit.store import claims, history, hooks, specs
from craftkit.text import typed

CODE = "committed_not_reported"
COMMITS = 2000  # that are looked at
TRAILER = "Task"
_FIELD, _RECORD = "\x1f", "\x1e"
_FORMAT = f"--format=%cI%x1f%s%x1f%(trailers:key={TRAILER},valueonly,separator=%x1f)%x1e"
_REVERT = re.compile(r'Revert "(.*)"')
_NUMBER = re.compile(r"(?<![\w/#])#(\d+)\b")
KEPT = 60_000  # characters of git's answer that are remembered
_MOST = 40  # tasks that one remark names


class Commit(NamedTuple):
    """What a commit says of itself."""

    at: str
    subject: str
    trailers: tuple[str, ...]


def find(context: Context, spec: Spec, rows: Sequence[task_status.TaskStatus]) -> list[Task]:
    """The open tasks that commits name, in file order; not those that another session has."""
    left = [
        row.task
        for row in rows
        if row.state in (TODO, IN_PROGRESS) and not row.reopened and not row.task.doubt
    ]
    if not left or context.repo.git_dir is None or not context.session.head:
        return []
    since = _linked_at(context, spec)
    if since is None:
        return []
    held = {
        claim.task_id
        for claim in claims.of_spec(context.store, spec.id)
        if sessions.is_held_by_another(context, claim)
    }
    left = [task for task in left if task.id not in held]
    commits = _commits(context, since) if left else []
    if not commits:
        return []
    opened = history.last_of(context.store, spec.id, "task.reopened")

    def named(shared: frozenset[str]) -> list[Task]:
        return [
            task
            for task in left
            if any(
                names(commit, spec, task, shared) and commit.at > opened.get(task.id, "")
                for commit in commits
            )
        ]

    return named(_keys_elsewhere(context, spec)) if named(frozenset()) else []


def note(tasks: Sequence[Task], flag: str = "") -> dict[str, str]:
    """What is said of them, with one line that reports them all."""
    shown = tasks[:_MOST]
    refs = ", ".join(task.ref for task in shown)
    one = len(tasks) == 1
    verb, box = ("names", "its box is") if one else ("name", "their boxes are")
    commands = " && ".join(f"craftkit task done {typed(task.ref)}{flag}" for task in shown)
    what = "A commit" if one else "Commits"
    return {
        "code": CODE,
        "task": "",
        "message": f"{what} since the link {verb} {refs}, but {box} open",
        "hint": f"if finished: `{commands}`",
    }


def names(commit: Commit, spec: Spec, task: Task, shared: frozenset[str] = frozenset()) -> bool:
    """Whether a commit names this very task; a key that other specs have, too, is not enough."""
    if f"{spec.id}/{task.ref}" in commit.trailers:
        return True
    if task.issue is not None and str(task.issue) in _NUMBER.findall(commit.subject):
        return True
    key = task.key
    if key is None or not _has_word(commit.subject, key):
        return False
    return key.casefold() not in shared or _has_word(commit.subject, spec.id)


def _has_word(text: str, word: str) -> bool:
    """Whether a text has a word that is not a part of another one, as 1.2 is of 1.2.3."""
    if word.replace(".", "").isdecimal() and "." not in word:
        return False  # a bare number means anything
    return bool(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-]|\.\w)", text, re.IGNORECASE))


def _linked_at(context: Context, spec: Spec) -> str | None:
    """When the spec was linked, or was first seen here; None if nobody knows."""
    first = history.first_of(context.store, spec.id, "spec.linked")
    return first or specs.first_seen(context.store, spec.id)


def _commits(context: Context, since: str) -> list[Commit]:
    """The commits since a moment that nothing took back, oldest first.

    git is asked once for each commit that is checked out.
    """
    place = ("", context.worktree)
    stamp = f"{context.session.head}{_FIELD}{since}{_RECORD}"
    kept = hooks.value(context.store, place, "commits") or ""
    if kept.startswith(stamp):
        return list(parse(kept[len(stamp) :]))
    said = git.run_git(
        context.repo, "log", "--no-merges", f"--since={since}", f"-n{COMMITS}", _FORMAT
    )
    if said is None:
        return []
    if context.store.durable and len(said) < KEPT:
        with context.store.hasty(), context.store.write() as tx:
            hooks.remember(tx, place, "commits", stamp + said, context.now())
    return list(parse(said))


def parse(said: str) -> Iterator[Commit]:
    """The commits of git's answer, oldest first, without those that were reverted."""
    found: list[Commit] = []
    for record in reversed(said.split(_RECORD)):
        at, _, rest = record.strip("\n").partition(_FIELD)
        subject, _, trailers = rest.partition(_FIELD)
        if not at:
            continue
        undone = _REVERT.fullmatch(subject)
        if undone is not None:
            found = [one for one in found if one.subject != undone[1]]
            continue
        words = tuple(part.strip() for part in trailers.split(_FIELD) if part.strip())
        found.append(Commit(_in_utc(at), subject, words))
    yield from found


def _in_utc(moment: str) -> str:
    from datetime import datetime

    from craftkit.clock import iso_utc

    try:
        return iso_utc(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return ""


def _keys_elsewhere(context: Context, spec: Spec) -> frozenset[str]:
    """The keys that other specs of this worktree use."""
    return frozenset(_keys(other for other in spec_index.load_all(context) if other.id != spec.id))


def _keys(others: Iterable[Spec]) -> Iterator[str]:
    for other in others:
        for task in other.tasks:
            if task.key is not None:
                yield task.key.casefold()
