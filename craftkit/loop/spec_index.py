"""Which specs this worktree has, which one a command means, and what the database knows of it."""

import os
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from craftkit.clock import iso_utc
from craftkit.errors import (
    AmbiguousSpec,
    CannotRead,
    CraftkitError,
    SpecNeedsAttention,
    UnknownSpec,
    UnsafePath,
)
from craftkit.loop import choice, conflicts, identity, spec_identity, task_status
from craftkit.model import IN_METADATA, MERGE_CONFLICT, Spec
from craftkit.runtime.context import Context
from craftkit.specs import discovery, edit, files, parse
from craftkit.store import claims, decisions, lines, sessions, specs, tasks
from craftkit.text import shell_word

REMEMBERED = 90 * 86400.0  # seconds for which a task without a line and an issue is kept
# Why a spec was chosen, where somebody chose it.
NAMED = "named on the command line"
ASK = "ask which one is meant; then `craftkit spec use SPEC`, or name it with `--spec SPEC`"


class Chosen(NamedTuple):
    """The spec that a command acts on, and why it is this one."""

    spec: Spec
    why: str


def load(context: Context, path: str) -> Spec:
    """The spec as its file is now: read each time, parsed again only if it has changed."""
    return remember(context, path, files.read(context.worktree, path))


def remember(context: Context, path: str, data: bytes) -> Spec:
    """The spec that a file with these bytes holds; this command knows it from now on."""
    known = context.specs_read.get(path)
    if known is not None and known[0] == data:
        return known[1]
    spec = _parse(context, path, data)
    context.specs_read[path] = (data, spec)
    return spec


def _parse(context: Context, path: str, data: bytes) -> Spec:
    sections = context.config["specs.task_sections"]
    spec = parse(data, path, task_sections=sections)
    if context.store.readable:
        spec = spec_identity.distinguish(context, spec)
    return identity.assign(context, spec)


def parsed(context: Context, path: str, text: str) -> Spec:
    """The spec that a file with this text would hold."""
    return _parse(context, path, edit.encode(text))


def is_known(context: Context, path: str) -> bool:
    """Whether this command has read the file."""
    return path in context.specs_read


def known(context: Context, path: str) -> Spec:
    """The spec as this command read it, or wrote it, last."""
    return context.specs_read[path][1] if is_known(context, path) else load(context, path)


def load_all(context: Context) -> list[Spec]:
    """Every readable spec of this worktree; an unreadable one becomes a diagnostic."""
    found = []
    for path in discovery.discover(context.worktree):
        try:
            spec = load(context, path)
            if not spec.is_document:
                found.append(spec)
        except (CannotRead, UnsafePath) as error:
            context.note("warning", error.code, error.message, error.hint, path)
    return found


def phase_of(context: Context, spec: Spec) -> str:
    """The phase: from the file where its dialect says one, else from the database."""
    if spec.phase:
        return spec.phase
    return specs.phase(context.store, spec.id) or "implementation"


def choose_spec(context: Context, wanted: str | None) -> Chosen:
    """The spec that is meant: named, else active, else the only one.

    Raises UnknownSpec or AmbiguousSpec.
    """
    if wanted:
        named = _named(context, wanted)
        context.flag = _flag(context, named)
        return Chosen(named, NAMED)
    saved = sessions.saved(context.store, context.session)
    if saved is None:
        return _default_spec(context)
    spec = by_id(context, saved.spec_id)
    if spec is not None and phase_of(context, spec) != "completed":
        return Chosen(spec, "this session is at work on it")
    gone = spec is None and saved.task_key is not None
    if gone:
        from craftkit.loop import archived  # once in a while

        gone = archived.path_of(context, saved.spec_id) is None
    if gone:
        context.note(
            "warning",
            "spec_gone",
            f"The spec {saved.spec_id}, whose {saved.task_key} is in progress here, is not in"
            " this worktree now.",
            "nothing is lost: it is there again when its file is",
        )
    return _default_spec(context, saved.spec_id if gone else "")


def _flag(context: Context, spec: Spec) -> str:
    """What a command has to say for this spec, where it would mean another one without."""
    try:
        same = choose_spec(context, None).spec.path == spec.path
    except CraftkitError:
        same = False
    return "" if same else f" --spec {shell_word(name_of(spec, load_all(context)))}"


def by_id(context: Context, spec_id: str) -> Spec | None:
    """The spec with this id: where it was seen last, else where it was moved to."""
    for path in specs.paths(context.store, context.worktree, spec_id):
        if os.path.lexists(os.path.join(context.worktree, path)):
            spec = load(context, path)
            if spec.id == spec_id:
                return spec
    return next((s for s in load_all(context) if s.id == spec_id), None)


def at_current_path(
    context: Context, spec_id: str, path: str, act: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    """`act` on the file of a recorded operation, or where its spec was moved to since.

    Raises CannotRead where it is nowhere: its absence says nothing about what was decided.
    """
    try:
        return act(path)
    except (CannotRead, SpecNeedsAttention):
        spec = by_id(context, spec_id)
        if spec is not None and spec.path != path:
            return act(spec.path)
        if spec is not None:
            raise
    raise CannotRead(
        f"The spec {spec_id} ({path}) is not in this worktree now.",
        "nothing is lost: the first command that finds it again finishes this",
        path,
    )


def _named(context: Context, wanted: str) -> Spec:
    inside = os.path.relpath(os.path.abspath(wanted), context.worktree).replace(os.sep, "/")
    inside = discovery.behind_symlinks(context.worktree, inside)
    if not inside.startswith("..") and os.path.isfile(os.path.join(context.worktree, inside)):
        return load(context, inside)
    try:
        return find_listed(context, wanted)
    except UnknownSpec:
        if inside.endswith(".md") and os.path.lexists(os.path.join(context.worktree, inside)):
            return load(context, inside)  # it says why a directory or a FIFO cannot be a spec
        raise


def find_listed(context: Context, wanted: str) -> Spec:
    """The spec of this worktree with that id, issue, name or listed path; no other file."""
    path = wanted.replace(os.sep, "/")
    specs = load_all(context)
    number = wanted.lstrip("#")
    exact = [s for s in specs if wanted == s.id or path == s.path]
    if not exact and number.isdecimal():
        exact = [s for s in specs if s.issue == int(number)]
    if not exact:
        exact = [s for s in specs if s.id.startswith(wanted) or s.name == wanted]
    if len(exact) == 1:
        return exact[0]
    if exact:
        listed = ", ".join(s.path for s in exact[:5])
        raise AmbiguousSpec(
            f"{wanted} could be any of {listed}.", f"give the path: {exact[0].path}"
        )
    import difflib

    near = difflib.get_close_matches(wanted, [s.id for s in specs], n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else "`craftkit spec list` shows them"
    raise UnknownSpec(f"There is no spec {wanted} in this worktree.", hint)


def _default_spec(context: Context, gone: str = "") -> Chosen:
    specs = load_all(context)
    if gone and not choice.on_branch(context, specs):
        # To go on with another spec could finish a task that only has the same key.
        raise UnknownSpec(
            f"The spec {gone} that this session is at work on is not in this worktree any more.",
            "bring it back, or go on with another:"
            f" `craftkit session-resume --spec {shell_word(name_of(specs[0], specs))}`"
            if specs
            else 'bring its file back, or begin anew: `craftkit spec new "What to build"`',
        )
    if not specs:
        raise UnknownSpec(
            "There is no spec in this worktree.", 'make one: `craftkit spec new "What to build"`'
        )
    if len(specs) == 1:
        return Chosen(specs[0], "it is the only one")
    unfinished = [s for s in specs if phase_of(context, s) != "completed" and _is_open(context, s)]
    used = choice.used(context)
    picked = [s for s in specs if used and s.id == used and phase_of(context, s) != "completed"]
    if len(picked) == 1:
        return Chosen(picked[0], "`craftkit spec use` chose it here")
    on_branch = choice.on_branch(context, unfinished)
    if len(on_branch) == 1:
        return Chosen(on_branch[0], f"the branch {context.session.branch} is its own")
    left = _specs_in_progress_here(context)
    working = [s for s in unfinished if s.id in left]
    if len(working) == 1:
        return Chosen(working[0], "an earlier session in this worktree left a task in progress")
    if len(unfinished) == 1:
        return Chosen(unfinished[0], "it is the only unfinished one")
    many = choice.in_order(context, unfinished or specs)
    names = [name_of(s, specs) for s in many]
    listed = ", ".join(names[:5]) + (", …" if len(many) > 5 else "")
    state = "unfinished" if unfinished else "finished"
    raise AmbiguousSpec(f"{len(many)} specs are {state}, and none is active: {listed}.", ASK)


def name_of(spec: Spec, specs: list[Spec]) -> str:
    """What names a spec among others: its id, or its path where the id is not its own."""
    if spec.twin_of:
        return spec.path
    return spec.id if sum(other.id == spec.id for other in specs) == 1 else spec.path


def _is_open(context: Context, spec: Spec) -> bool:
    return bool(spec.unmerged or task_status.open_required(task_statuses(context, spec)))


def _specs_in_progress_here(context: Context) -> set[str]:
    return {claim.spec_id for claim in claims.of_worktree(context.store, context.worktree)}


def task_statuses(context: Context, spec: Spec) -> list[task_status.TaskStatus]:
    gone, done = tasks.settled(context.store, spec.id)
    return task_status.derive_statuses(
        spec,
        finished=decisions.unapplied(context.store, spec.id, "done"),
        dropped=gone,
        claims={c.task_id: c.session for c in claims.of_spec(context.store, spec.id)},
        recorded=done,
        duplicates=conflicts.duplicates(context, spec),
    )


def record_snapshot(context: Context, spec: Spec, *, again: bool = False) -> None:
    """Remember what the file says.  New tasks take their box as base; known ones keep theirs.

    With `again`, also where the file has not changed since.
    """
    if not again and specs.is_as_seen(context.store, context.worktree, spec):
        return
    before = lines.of_file(context.store, context.worktree, spec.path)
    changed = lines.differ(before, spec)
    with context.store.write() as tx:
        save_snapshot(context, tx, spec)
        if changed:
            tasks.forget_gone(tx, spec.id, iso_utc(context.clock() - REMEMBERED))
    if changed:
        from craftkit.loop import line_changes  # not while only boxes are ticked

        line_changes.announce(context, spec, before)


def save_snapshot(context: Context, tx: sqlite3.Connection, spec: Spec) -> None:
    """Remember what the file says, as part of a transaction."""
    now = context.now()
    specs.save(tx, spec, context.worktree, now)
    tasks.save_lines(tx, spec.id, spec.tasks, now)


def dropped(context: Context, spec: Spec) -> set[str]:
    """Ids of the tasks that do not count any more."""
    return tasks.settled(context.store, spec.id)[0]


def refuse_another(spec: Spec, spec_id: str) -> None:
    """Raise SpecNeedsAttention when the file of a recorded operation holds another spec by now."""
    if spec.id != spec_id:
        raise SpecNeedsAttention(
            f"{spec.path} held the spec {spec_id}, and now holds {spec.id}.",
            "settle which of the two is meant",
            spec.path,
        )


def unread_boxes(spec: Spec) -> dict[str, str] | None:
    """What is said of open boxes that are not read as tasks: one count for all of them."""
    left = spec.unread_open
    if not left:
        return None
    lines = ", ".join(str(one.line) for one in left[:5]) + (", …" if len(left) > 5 else "")
    where = f"line {lines}" if len(left) == 1 else f"lines {lines}"
    are = "open box is" if len(left) == 1 else "open boxes are"
    return {
        "code": "unread_boxes",
        "message": f"{len(left)} {are} not read as {'a task' if len(left) == 1 else 'tasks'}"
        f" ({where} of {spec.path})",
        "hint": f"`craftkit spec check {shell_word(spec.path)}` says why",
    }


def note_unread(context: Context, spec: Spec) -> None:
    """Say how many open boxes of the file are not read as tasks."""
    found = unread_boxes(spec)
    if found is not None:
        context.note("warning", found["code"], found["message"], found["hint"], spec.path)


def note_conflicts(context: Context, spec: Spec) -> None:
    """Say which lines of the file are a merge conflict, and what to do."""
    for note in spec.diagnostics:
        if note.code in (MERGE_CONFLICT, IN_METADATA):
            context.note(*note)
