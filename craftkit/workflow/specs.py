"""Make, list, show and check specs, and move them from phase to phase."""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata
from typing import Any

from craftkit.errors import CannotRead, IllegalPhase, UsageProblem
from craftkit.model import PHASE_EDGES, PHASES, Spec
from craftkit.specs import edit, files, parse
from craftkit.store import journal
from craftkit.workflow import catalog, choose, editing, runner, sessions
from craftkit.workflow.context import Context

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
    rows = catalog.task_views(context, spec)
    return {
        "id": spec.id,
        "name": spec.name,
        "phase": catalog.phase_of(context, spec),
        "issue": spec.issue,
        "branch": spec.branch,
        "path": spec.path,
        "dialect": spec.dialect,
        "progress": choose.progress(rows),
        "criteria": {"done": spec.criteria_done, "total": spec.criteria_total},
    }


def slug_of(name: str, fallback: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-")
    return slug if len(slug) >= 3 else f"spec-{fallback[:6]}"


def new(context: Context, name: str, slug: str | None, titles: list[str]) -> Spec:
    """Write `specs/<slug>.md`.  Raises UsageProblem where the name cannot be one or is taken."""
    title = " ".join(name.split())
    if not title or any(unicodedata.category(c) == "Cc" for c in title):
        raise UsageProblem("A spec needs a name of one line.", 'craftkit spec new "What to build"')
    chosen = slug or slug_of(title, context.ids())
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", chosen):
        raise UsageProblem(f"{chosen} cannot be a file name.", "use letters, digits, `-`, `_`, `.`")
    path = f"specs/{chosen}.md"
    quoted = '"' + title.replace("\\", "\\\\").replace('"', '\\"') + '"'
    branch = context.session.branch
    text = TEMPLATE.format(
        id=chosen,
        name=quoted,
        branch=f'"{branch}"' if branch else "null",
        now=context.now()[:19] + "Z",
        title=title,
        tasks="\n".join(f"- [ ] T{n:03d} {' '.join(t.split())}" for n, t in enumerate(titles, 1))
        + ("\n" if titles else ""),
    )
    files.create(context.worktree, path, text.encode())
    spec = catalog.load(context, path)
    catalog.observe(context, spec)
    with context.store.write() as tx:
        journal.record(tx, context.now(), "spec.created", context.session, spec.id, path=path)
        sessions.touch(context, tx)
        sessions.save_state(context, tx, spec.id, None, "start")
    return spec


def check(paths: list[str], worktree: str | None, sections: list[str]) -> list[Spec]:
    """Read files wherever they lie; needs no set-up.  Raises CannotRead."""
    found = []
    for path in paths:
        top = os.path.abspath(path)
        try:
            with open(top, "rb") as file:
                data = file.read()
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
    spec = catalog.choose_spec(context, wanted_spec).spec
    catalog.refuse_if_blocked(spec)
    catalog.observe(context, spec)
    old = catalog.phase_of(context, spec)
    if old == target:
        return spec, old, target
    if force and not reason:
        raise UsageProblem("--force needs a reason.", 'add `--reason "why"`')
    if not force:
        _gate(context, spec, old, target)
    data = {"spec": spec.id, "path": spec.path, "from": old, "to": target}

    def record(tx: sqlite3.Connection, process_id: int) -> None:
        sessions.touch(context, tx)
        journal.record(
            tx, context.now(), "spec.phase", context.session, spec.id, reason=reason, **data
        )

    runner.run(context, runner.start(context, "spec phase", data, record))
    return catalog.load(context, spec.path), old, target


def _gate(context: Context, spec: Spec, old: str, target: str) -> None:
    if target not in PHASE_EDGES[old]:
        raise IllegalPhase(
            f"{spec.id} is in {old}, and from there goes only to {' or '.join(PHASE_EDGES[old])}.",
            f"`craftkit spec phase {PHASE_EDGES[old][0]}`, or `--force --reason …`",
        )
    if target != "completed":
        return
    left = choose.open_required(catalog.task_views(context, spec))
    if left:
        names = ", ".join(row.task.ref for row in left[:5]) + (", …" if len(left) > 5 else "")
        raise IllegalPhase(
            f"{spec.id} cannot be completed: {len(left)} tasks are open ({names}).",
            f"finish or drop them, as in `craftkit task done {left[0].task.ref}`",
        )
    waiting = context.store.value(
        "select count(*) from outbox where spec_id = ? and state <> 'delivered'", spec.id
    )
    if waiting:
        raise IllegalPhase(
            f"{spec.id} cannot be completed: {waiting} GitHub writes are not delivered yet.",
            "or `--force --reason …`",
        )


def _build(context: Context, process_id: int, data: dict[str, Any]) -> tuple[runner.Step, ...]:
    return (
        runner.Step("write_phase", do=lambda: _write_phase(context, data)),
        runner.Step("settle", save=lambda tx, _: _settle(context, tx, data)),
    )


runner.KINDS["spec phase"] = _build


def _write_phase(context: Context, data: dict[str, Any]) -> dict[str, Any]:
    def change(spec: Spec) -> str:
        if spec.phase is None or spec.phase == data["to"]:
            return spec.text
        return edit.set_meta(spec, phase=data["to"], updated=context.now()[:19] + "Z")

    with editing.one_writer(context, data["path"]):
        _, written = editing.rewrite(context, data["path"], change)
    return {"changed": int(written)}


def _settle(context: Context, tx: sqlite3.Connection, data: dict[str, Any]) -> None:
    tx.execute(
        "update specs set phase = ?, updated_at = ? where id = ?",
        (data["to"], context.now(), data["spec"]),
    )
