"""Make, list, show and check specs, and move them from phase to phase."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import unicodedata
from typing import Any

from craftkit.errors import (
    CannotRead,
    CraftkitError,
    DatabaseUnwritable,
    IllegalPhase,
    SpecNeedsAttention,
    UsageProblem,
)
from craftkit.loop import (
    github_writes,
    process_runner,
    sessions,
    spec_index,
    spec_writer,
    task_status,
)
from craftkit.model import PHASE_EDGES, PHASES, Spec
from craftkit.runtime.context import Context, here
from craftkit.specs import edit, files, parse
from craftkit.specs.meta import INVALID
from craftkit.store import journal, outbox
from craftkit.text import count, typed

# What a shell makes of `<(command)`, and a pipe: read to their end.
OPEN_FILES = ("/dev/fd/", "/dev/stdin", "/proc/")

TEMPLATE = """\
---
id: {id}
name: {name}
phase: requirements
issue: null
branch: {branch}
pr: null
created: {now}
updated: {now}
---

# {title}

## Background

Why is this wanted, and for whom?

## Acceptance criteria

- [ ] What must hold when it is finished

## Tasks

{tasks}"""


def summary(context: Context, spec: Spec) -> dict[str, Any]:
    rows = spec_index.task_statuses(context, spec)
    return {
        "id": spec.id,
        "name": spec.name,
        "phase": spec_index.phase_of(context, spec),
        "issue": spec.issue,
        "branch": spec.branch,
        "path": spec.path,
        "dialect": spec.dialect,
        "progress": task_status.progress(rows),
        "criteria": {"done": spec.criteria_done, "total": spec.criteria_total},
    }


def slug_of(name: str, fallback: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-")
    return slug or f"spec-{fallback[:6]}"


def _is_one_line(text: str) -> bool:
    return bool(text.strip()) and not any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def new(context: Context, name: str, slug: str | None, titles: list[str]) -> Spec:
    """Write `specs/<slug>.md`.  Raises UsageProblem where the name cannot be one or is taken."""
    title = " ".join(name.split())
    if not _is_one_line(title):
        raise UsageProblem("A spec needs a name of one line.", 'craftkit spec new "What to build"')
    if not all(map(_is_one_line, titles)):
        raise UsageProblem("A task needs a title of one line.", 'write `--task "What to do"`')
    chosen = slug or slug_of(title, context.ids())
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", chosen):
        raise UsageProblem(f"{chosen} cannot be a file name.", "use letters, digits, `-`, `_`, `.`")
    if _was_used(context, chosen):
        chosen = _unused(context, chosen, slug is not None)
    path = f"specs/{chosen}.md"
    branch = context.session.branch
    text = TEMPLATE.format(
        id=chosen,
        name=_quoted(title),
        branch=_quoted(branch) if branch and _is_one_line(branch) else "null",
        now=context.now()[:19] + "Z",
        title=title,
        tasks="\n".join(f"- [ ] T{n:03d} {' '.join(t.split())}" for n, t in enumerate(titles, 1))
        + ("\n" if titles else ""),
    )
    files.create(context.worktree, path, text.encode())
    spec = spec_index.load(context, path)
    try:
        spec_index.record_snapshot(context, spec)
        with context.store.write() as tx:
            journal.record(tx, context.now(), "spec.created", context.session, spec.id, path=path)
            sessions.touch(context, tx)
            sessions.save_state(context, tx, spec.id, None, "start")
    except DatabaseUnwritable as error:  # the file is there, and a second run would be refused
        context.note("warning", error.code, error.message, error.hint)
    return spec


def _was_used(context: Context, spec_id: str) -> bool:
    """Whether a spec that is not there any more had this id: what is known of it still counts."""
    known = context.store.value("select 1 from tasks where spec_id = ? limit 1", spec_id)
    return bool(known) and not _is_there(context, spec_id)


def _unused(context: Context, spec_id: str, chosen: bool) -> str:
    words = f"There was a spec with the id {spec_id}, and its issues may still be there"
    if chosen:
        raise UsageProblem(f"{words}.", "choose another `--slug`, or bring its file back")
    names = (f"{spec_id}-{number}" for number in range(2, 1000))
    free = next(n for n in names if not _was_used(context, n) and not _is_there(context, n))
    context.note("info", "id_used", f"{words}: this one is {free}.", "`--slug` chooses another")
    return free


def _is_there(context: Context, spec_id: str) -> bool:
    return os.path.exists(os.path.join(context.worktree, f"specs/{spec_id}.md"))


def check(paths: list[str], worktree: str | None, sections: list[str]) -> list[Spec]:
    """Read files wherever they lie; needs no set-up.  Raises CannotRead."""
    found = []
    for path in paths:
        top = os.path.normpath(os.path.join(here(), path))
        try:
            if stat.S_ISFIFO(os.stat(top).st_mode) and not top.startswith(OPEN_FILES):
                raise CannotRead(f"{path} is a FIFO.", "give a regular file")  # it would block
            with open(top, "rb") as file:
                data = file.read(files.MAX_BYTES + 1)
            if len(data) > files.MAX_BYTES:
                size = files.MAX_BYTES >> 20
                raise CannotRead(f"{path} is larger than {size} MB.", "split it into several specs")
        except OSError as error:
            raise CannotRead(
                f"{path} cannot be read ({error.strerror}).", "check the path"
            ) from error
        shown = os.path.relpath(top, worktree).replace(os.sep, "/") if worktree else path
        found.append(parse(data, path if shown.startswith("..") else shown, task_sections=sections))
    return found


def phase(
    context: Context, wanted_spec: str | None, target: str, *, force: bool, reason: str
) -> tuple[Spec, str, str]:
    """Move a spec along a legal edge; return it with the old and the new phase."""
    if target not in PHASES:
        raise UsageProblem(f"There is no phase {target}.", f"one of {', '.join(PHASES)}")
    spec = spec_index.choose_spec(context, wanted_spec).spec
    spec_index.refuse_if_blocked(spec)
    broken = next((d for d in spec.diagnostics if d.code == INVALID), None)
    if broken is not None:  # the phase in it may not be what it says
        raise SpecNeedsAttention(broken.message, broken.hint, broken.target)
    spec_index.record_snapshot(context, spec)
    old = spec_index.phase_of(context, spec)
    if old == target:
        return spec, old, target
    if force and not reason:
        raise UsageProblem("--force needs a reason.", 'add `--reason "why"`')
    if not force:
        _gate(context, spec, old, target)
    if spec.phase is not None:
        edit.set_meta(spec, phase=target)  # raises now, not when the decision is on disk
    moved = {"spec": spec.id, "path": spec.path, "from": old, "to": target}
    parents = {n: github_writes.claim(context, spec, None, n) for n in _parents(context, spec)}

    def record(tx: sqlite3.Connection, process_id: int) -> None:
        sessions.touch(context, tx)
        now = context.now()
        journal.record(tx, now, "spec.phase", context.session, spec.id, reason=reason, **moved)
        for number, asked in parents.items():
            payload = {"from": old, "to": target, **asked}
            outbox.queue(tx, now, spec.id, None, number, "phase", payload=payload)

    data = {**moved, "sends": bool(parents)}
    process_id = process_runner.start(context, "spec phase", data, record)
    try:
        process_runner.run(context, process_id)
    except CraftkitError as error:
        if not context.store.durable:
            raise
        process_runner.report_unapplied(context, spec.path, error)
    return spec_index.load(context, spec.path), old, target


def _gate(context: Context, spec: Spec, old: str, target: str) -> None:
    if target not in PHASE_EDGES[old]:
        raise IllegalPhase(
            f"{spec.id} is in {old}, and from there goes only to {' or '.join(PHASE_EDGES[old])}.",
            f"`craftkit spec phase {PHASE_EDGES[old][0]}`, or `--force --reason …`",
        )
    if target != "completed":
        return
    left = task_status.open_required(spec_index.task_statuses(context, spec))
    if left:
        names = ", ".join(row.task.ref for row in left[:5]) + (", …" if len(left) > 5 else "")
        raise IllegalPhase(
            f"{spec.id} cannot be completed:"
            f" {count(len(left), 'task is', 'tasks are')} open ({names}).",
            f"finish or drop them, as in `craftkit task done {typed(left[0].task.ref)}`",
        )
    waiting = context.store.value(
        "select count(*) from outbox where spec_id = ? and state <> 'delivered'", spec.id
    )
    if waiting:
        raise IllegalPhase(
            f"{spec.id} cannot be completed:"
            f" {count(waiting, 'GitHub write is', 'GitHub writes are')} not delivered yet.",
            "or `--force --reason …`",
        )


def _parents(context: Context, spec: Spec) -> list[int]:
    """The parent issues whose label follows the phase; none where no repository is configured."""
    repo = str(context.config["github.repo"]).lower()
    if not repo or not context.store.durable:
        return []
    known = outbox.issues_of(context.store, repo, spec.id)
    numbers = {k.number for k in known if k.task_id is None}
    return sorted(numbers | ({spec.issue} if spec.issue is not None else set()))


def _build(
    context: Context, process_id: int, data: dict[str, Any]
) -> tuple[process_runner.ProcessStep, ...]:
    steps = (
        process_runner.ProcessStep(
            "write_phase",
            do=lambda: spec_index.at_current_path(
                context, data["spec"], data["path"], lambda path: _write_phase(context, data, path)
            ),
        ),
        process_runner.ProcessStep("settle", save=lambda tx, _: _settle(context, tx, data)),
    )
    if not data.get("sends"):
        return steps
    return (*steps, process_runner.ProcessStep("label_parent", do=lambda: _send(context)))


def _send(context: Context) -> dict[str, Any]:
    """Tell GitHub now, if it can be reached; else the outbox keeps it (see `decisions`)."""
    if context.repairing:
        return {"queued": True}
    from craftkit.sync import connection

    sent = connection.send(context)
    connection.report_pending(context, sent)
    return sent.as_dict()


process_runner.KINDS["spec phase"] = _build


def _write_phase(context: Context, data: dict[str, Any], path: str) -> dict[str, Any]:
    def change(spec: Spec) -> str:
        spec_index.refuse_another(spec, data["spec"])
        if spec.phase is None or spec.phase == data["to"]:
            return spec.text
        return edit.set_meta(spec, phase=data["to"], updated=context.now()[:19] + "Z")

    with spec_writer.edit_lock(context, path):
        _, written = spec_writer.rewrite(context, path, change)
    return {"changed": int(written)}


def _settle(context: Context, tx: sqlite3.Connection, data: dict[str, Any]) -> None:
    tx.execute(
        "update specs set phase = ?, updated_at = ? where id = ?",
        (data["to"], context.now(), data["spec"]),
    )
