"""Changing a spec file: read, decide, swap; again when somebody else saved in between."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from craftkit.errors import FileChanged
from craftkit.loop import spec_index
from craftkit.model import Spec
from craftkit.runtime import locks
from craftkit.runtime.context import Context
from craftkit.specs import edit, files

TRIES = 50


class Rewritten(NamedTuple):
    before: Spec  # what `change` saw
    after: Spec  # the same if nothing was to be changed

    @property
    def changed(self) -> bool:
        return self.after is not self.before


def rewrite(context: Context, path: str, change: Callable[[Spec], str]) -> Rewritten:
    """Apply `change` (spec to new text) to the file as it is.

    It is tried first on what this command has read: the swap refuses if the file is another by
    now, and so does a change that finds nothing to do.  Raises SpecNeedsAttention, or FileChanged
    if the file never stays still.
    """
    report = functools.partial(report_rescued_save, context)
    fresh = not spec_index.is_known(context, path)
    spec = spec_index.known(context, path)
    for _ in range(TRIES):
        edit.refuse_if_blocked(spec)
        text = change(spec)
        if text == spec.text and fresh:
            return Rewritten(spec, spec)
        if text != spec.text:
            data = edit.encode(text)
            try:
                files.replace(context.worktree, path, spec.digest, data, report)
            except FileChanged:
                pass
            else:
                return Rewritten(spec, spec_index.remember(context, path, data))
        spec, fresh = spec_index.load(context, path), True
    raise FileChanged(f"{path} keeps changing under the edit.", "run the command again")


@contextlib.contextmanager
def edit_lock(context: Context, path: str) -> Iterator[None]:
    """Let one craftkit at a time edit spec files, and tidy up after one that was killed.

    No edit rests on it for safety.  But a swap that has to be taken back shows its own text for
    an instant, and whoever reads the file again after a write must not meet that.
    """
    report = functools.partial(report_rescued_save, context)
    with locks.one_after_another(os.path.join(context.state_dir, "edit.lock")):
        files.sweep(context.worktree, os.path.dirname(path), report)
        yield


def remove_stale_temp_files(context: Context, specs: Iterable[Spec]) -> None:
    """Remove what a killed edit left beside these specs."""
    for path in {os.path.dirname(spec.path): spec.path for spec in specs}.values():
        with edit_lock(context, path):
            pass


def report_rescued_save(context: Context, rescued: str) -> None:
    """Say where a save is that was displaced by a swap and could not be put back."""
    context.note(
        "warning",
        "save_rescued",
        "Somebody saved a spec at the very moment that craftkit edited it, and craftkit was stopped"
        f" before it could put that save back.  Its text is in {rescued}.",
        "compare it with the spec beside it, take over what is missing there, then delete it",
        rescued,
    )
