"""Which spec a file is, if two files of a worktree say that they are the same one.

A spec is copied as a template, or two dialects name a folder alike.  The file that was known first
at its path keeps the id; if that path is gone, the other takes over.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from craftkit.errors import CannotRead, UnsafePath
from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.specs import edit, files, parse
from craftkit.store import specs
from craftkit.text import shell_word


def distinguish(context: Context, spec: Spec) -> Spec:
    """The spec under an id that no other file of this worktree has.

    An id that comes from the path gets more of the path.  An id that the file states is the
    first file's: what the copy says of issues is not its own, and nothing of it is sent.
    """
    seen = specs.seen_as(context.store, context.worktree, spec.path, spec.id)
    own = seen.pop(spec.path, None)
    if own is not None and own[0] != spec.id and not spec.says_id and own[0] == _from_path(spec):
        return spec._replace(id=own[0])  # once given, it stays
    rivals = [
        path
        for path, (spec_id, at) in seen.items()
        if spec_id == spec.id and (own is None or own[0] != spec.id or at < own[1])
    ]
    if own is None:
        rivals += [
            other.path
            for _, other in context.specs_read.values()
            if other.id == spec.id and other.path != spec.path
        ]
    first = next((path for path in rivals if _has_id(context, path, spec.id)), None)
    if first is None:
        return spec
    if not spec.says_id:
        return spec._replace(id=_from_path(spec))
    bare = edit.with_mentions(spec, lambda task: True)
    return bare._replace(id=f"{spec.id}!{spec.path}", issue=None, twin_of=first)


def _has_id(context: Context, path: str, spec_id: str) -> bool:
    """Whether another file is there and still says this id."""
    if not os.path.lexists(os.path.join(context.worktree, path)):
        return False
    try:
        return parse(files.read(context.worktree, path), path).id == spec_id
    except (CannotRead, UnsafePath):
        return False


def _from_path(spec: Spec) -> str:
    """An id of more of the path than the last folder: the same in every clone."""
    common = {"specs", "changes", "tasks.md", spec.id, f"{spec.id}.md"}
    parts = [part.strip(".") for part in spec.path.split("/") if part not in common]
    return "-".join([spec.id, *(part for part in parts if part)] if parts else [spec.id, "specs"])


class Twin(NamedTuple):
    """What is said of a file whose id is another's: a clause, and the way out."""

    words: str
    hint: str


def twin(spec: Spec) -> Twin | None:
    """None for a spec with an id of its own."""
    if not spec.twin_of:
        return None
    stated = spec.id.partition("!")[0]
    return Twin(
        f"{spec.path} has the id {stated} of {spec.twin_of}, so nothing of it is sent",
        f"`craftkit spec update {shell_word(spec.path)} --new-id` gives it its own",
    )
