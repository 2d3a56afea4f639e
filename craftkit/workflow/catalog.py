"""Which specs this worktree has, which one a command means, and what the database knows of it."""

from __future__ import annotations

import os
from typing import NamedTuple

from craftkit.errors import AmbiguousSpec, CannotRead, SpecNeedsAttention, UnknownSpec
from craftkit.model import Spec
from craftkit.specs import files, parse
from craftkit.workflow import choose
from craftkit.workflow.context import Context, cached_yaml


class Chosen(NamedTuple):
    """The spec that a command acts on, and why it is this one."""

    spec: Spec
    why: str


def load(context: Context, path: str) -> Spec:
    data = files.read(context.worktree, path)
    sections = context.config["specs.task_sections"]
    return parse(data, path, task_sections=sections, load_yaml=cached_yaml(context))


def load_all(context: Context) -> list[Spec]:
    """Every readable spec of this worktree; an unreadable one becomes a diagnostic."""
    found = []
    for path in files.discover(context.worktree):
        try:
            found.append(load(context, path))
        except CannotRead as error:
            context.note("warning", error.code, error.message, error.hint, path)
    return found


def phase_of(context: Context, spec: Spec) -> str:
    """The phase: from the file where its dialect says one, else from the database."""
    if spec.phase:
        return spec.phase
    known = context.store.value("select phase from specs where id = ?", spec.id)
    return str(known) if known else "implementation"


def choose_spec(context: Context, wanted: str | None) -> Chosen:
    """The spec that is meant: named, else active, else the only one.

    Raises UnknownSpec or AmbiguousSpec.
    """
    if wanted:
        return Chosen(_named(context, wanted), "named on the command line")
    saved = context.store.row(
        "select v.path, v.spec_id from workflow_state w join views v"
        " on v.worktree = w.worktree and v.spec_id = w.spec_id"
        " where w.worktree = ? and w.session = ?",
        context.worktree,
        context.session.id,
    )
    if saved is not None and os.path.exists(os.path.join(context.worktree, saved["path"])):
        spec = load(context, saved["path"])
        if spec.id == saved["spec_id"] and phase_of(context, spec) != "completed":
            return Chosen(spec, "this session is at work on it")
    return _unnamed(context)


def _named(context: Context, wanted: str) -> Spec:
    path = wanted.replace(os.sep, "/")
    inside = os.path.relpath(os.path.abspath(wanted), context.worktree).replace(os.sep, "/")
    if not inside.startswith("..") and os.path.isfile(os.path.join(context.worktree, inside)):
        return load(context, inside)
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
        raise AmbiguousSpec(f"{wanted} could be any of {listed}.", "give the path")
    import difflib

    near = difflib.get_close_matches(wanted, [s.id for s in specs], n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else "`craftkit spec list` shows them"
    raise UnknownSpec(f"There is no spec {wanted} in this worktree.", hint)


def _unnamed(context: Context) -> Chosen:
    specs = load_all(context)
    if not specs:
        raise UnknownSpec(
            "There is no spec in this worktree.", 'make one: `craftkit spec new "What to build"`'
        )
    if len(specs) == 1:
        return Chosen(specs[0], "it is the only one")
    unfinished = [s for s in specs if phase_of(context, s) != "completed" and _is_open(context, s)]
    branch = context.session.branch
    on_branch = [s for s in unfinished if branch and s.branch == branch]
    if len(on_branch) == 1:
        return Chosen(on_branch[0], f"its branch {branch} is checked out")
    left = _left_here(context)
    working = [s for s in unfinished if s.id in left]
    if len(working) == 1:
        return Chosen(working[0], "an earlier session in this worktree left a task in progress")
    if len(unfinished) == 1:
        return Chosen(unfinished[0], "it is the only unfinished one")
    many = unfinished or specs
    listed = ", ".join(s.id for s in many[:5]) + (", …" if len(many) > 5 else "")
    state = "unfinished" if unfinished else "finished"
    raise AmbiguousSpec(
        f"{len(many)} specs are {state}, and none is active: {listed}.",
        f"name one: `--spec {many[0].id}`",
    )


def _is_open(context: Context, spec: Spec) -> bool:
    return bool(choose.open_required(task_views(context, spec)))


def _left_here(context: Context) -> set[str]:
    rows = context.store.rows(
        "select distinct spec_id from claims where worktree = ?", context.worktree
    )
    return {row["spec_id"] for row in rows}


def task_views(context: Context, spec: Spec) -> list[choose.View]:
    store = context.store
    dropped = store.rows("select task_id from tasks where spec_id = ? and dropped", spec.id)
    claims = store.rows("select task_id, session from claims where spec_id = ?", spec.id)
    pending = store.rows(
        "select task_id from intents where spec_id = ? and kind = 'done' and state = 'recorded'",
        spec.id,
    )
    return choose.views(
        spec,
        finished=[row[0] for row in pending],
        dropped=[row[0] for row in dropped],
        claims={row[0]: row[1] for row in claims},
    )


def observe(context: Context, spec: Spec) -> None:
    """Remember what the file says.  New tasks take their box as base; known ones keep theirs."""
    store = context.store
    seen = store.value(
        "select digest from views where worktree = ? and path = ?", context.worktree, spec.path
    )
    known_spec = store.value("select 1 from specs where id = ?", spec.id)
    if seen == spec.digest and known_spec:
        return
    now = context.now()
    known = {
        row["task_id"]: (row["title"], row["issue"])
        for row in store.rows("select task_id, title, issue from tasks where spec_id = ?", spec.id)
    }
    changed = [t for t in spec.tasks if known.get(t.id) != (t.title, t.issue)]
    with store.write() as tx:
        tx.execute(
            "insert into specs (id, path, dialect, name, phase, issue, branch, created_at,"
            " updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do update set"
            " path = excluded.path, dialect = excluded.dialect, name = excluded.name,"
            " phase = coalesce(excluded.phase, specs.phase), issue = excluded.issue,"
            " branch = excluded.branch, updated_at = excluded.updated_at",
            (
                spec.id,
                spec.path,
                spec.dialect,
                spec.name,
                spec.phase,
                spec.issue,
                spec.branch,
                now,
                now,
            ),
        )
        tx.executemany(
            "insert into tasks (spec_id, task_id, key, title, issue, base_done, updated_at)"
            " values (?, ?, ?, ?, ?, ?, ?) on conflict (spec_id, task_id) do update set"
            " key = excluded.key, title = excluded.title, issue = excluded.issue,"
            " updated_at = excluded.updated_at",
            [(spec.id, t.id, t.key, t.title, t.issue, int(t.checked), now) for t in changed],
        )
        tx.execute(
            "insert into views values (?, ?, ?, ?, ?, ?, ?) on conflict (worktree, path) do update"
            " set spec_id = excluded.spec_id, digest = excluded.digest, done = excluded.done,"
            " total = excluded.total, seen_at = excluded.seen_at",
            (context.worktree, spec.path, spec.id, spec.digest, spec.done, len(spec.tasks), now),
        )


def refuse_if_blocked(spec: Spec) -> None:
    """Raise SpecNeedsAttention for a spec that only a person can put right."""
    blocker = spec.blocked_by
    if blocker is not None:
        raise SpecNeedsAttention(
            f"{spec.path} has merge-conflict markers, so nothing in it is touched.",
            "settle the conflict in the file, then run the command again",
            blocker.target,
        )
