"""Make, list, show and check specs, and move them from phase to phase."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from typing import Any

from craftkit.errors import (
    CannotRead,
    DatabaseUnwritable,
    UsageProblem,
)
from craftkit.loop import (
    choice,
    phases,
    sessions,
    spec_index,
    task_status,
    work_status,
)
from craftkit.model import Spec
from craftkit.runtime.context import Context, here
from craftkit.specs import files, parse
from craftkit.store import history as events
from craftkit.store import tasks
from craftkit.sync import connection

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
            events.record(tx, context.now(), "spec.created", context.session, spec.id, path=path)
            sessions.touch(context, tx)
            sessions.save_state(context, tx, spec.id, None, "start")
    except DatabaseUnwritable as error:  # the file is there, and a second run would be refused
        context.note("warning", error.code, error.message, error.hint)
    return spec


def use(context: Context, wanted: str) -> tuple[Spec, str]:
    """Choose a spec for this session and worktree; it with the next command."""
    spec = spec_index.find_listed(context, wanted)
    spec_index.record_snapshot(context, spec)
    choice.use(context, spec)
    stand = work_status.describe(context, spec_index.Chosen(spec, "it was chosen"))
    return spec, stand.next_command


def shown_path(context: Context, spec: Spec) -> str:
    """The path of a spec as it holds in the folder that the user is in."""
    return os.path.relpath(os.path.join(context.worktree, spec.path), os.path.realpath(here()))


def _was_used(context: Context, spec_id: str) -> bool:
    """Whether a spec that is not there any more had this id: what is known of it still counts."""
    return tasks.any_of(context.store, spec_id) and not _is_there(context, spec_id)


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
        shown = os.path.relpath(top, worktree) if worktree else path
        shown = (path if shown.startswith("..") else shown).replace(os.sep, "/")
        found.append(parse(data, shown, task_sections=sections))
    return found


def phase(
    context: Context, wanted_spec: str | None, target: str, *, force: bool, reason: str
) -> tuple[Spec, str, str]:
    """Move a spec along a legal edge and tell GitHub; it with the old and the new phase."""
    moved = phases.move(context, wanted_spec, target, force=force, reason=reason)
    if moved.queued:
        connection.deliver(context)
    return moved.spec, moved.old, moved.new
