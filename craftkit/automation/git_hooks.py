"""What the hooks of git run: settle ticked boxes, send what waits, name the task in a commit.

Nothing here may stop or slow git.  What takes time is done by a process of its own, and no spec
file is edited for what happened on GitHub: the next git command would meet changes of its worktree
that nobody made.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence

from craftkit import disk
from craftkit import repo as git
from craftkit.errors import CraftkitError
from craftkit.loop import spec_index, ticked_boxes
from craftkit.runtime import background, clone, log
from craftkit.runtime.context import Context, open_context
from craftkit.store import claims, outbox
from craftkit.sync import connection
from craftkit.text import one_line

OFF = "CRAFTKIT_NO_GIT_HOOKS"  # set by whoever commits for craftkit
SEND_SECONDS = 60.0  # nobody waits for it
PUSH_SECONDS = 3.0  # that a push waits
LIMIT = 1 << 20  # bytes of a commit message
KEY = "Task"
WRITTEN = ("message", "commit")  # sources of a message, as git names them
FIXES = ("fixup! ", "squash! ", "amend! ")


def run(event: str, words: Sequence[str]) -> None:
    """Do what belongs to one event of git; nothing outside of a repository of craftkit."""
    if os.environ.get(OFF):
        return
    found = git.find(os.getcwd())
    if found is None or not clone.is_on(found):
        return
    if git.is_in_between(found):
        return
    if event == "post-commit":
        _begin(found)
    elif event == "pre-push":
        with contextlib.suppress(subprocess.TimeoutExpired):  # it goes on by itself
            _begin(found).wait(PUSH_SECONDS)
    elif event == "prepare-commit-msg" and words:
        name_task(open_context(), words[0], words[1] if len(words) > 1 else "")
    elif event == "work":
        deliver(open_context())


def _begin(found: git.Repo) -> subprocess.Popen[bytes]:
    return background.start_detached(found.worktree, ("git-hook", "work"))


def deliver(context: Context) -> None:
    """Record the boxes that were ticked by hand, and send what waits for GitHub."""
    if not context.store.durable:
        return
    try:
        settled = record_boxes(context)
        if outbox.counts(context.store).queued:
            sent = connection.send(context, SEND_SECONDS)
            settled += [f"{sent.delivered} delivered, {sent.queued} wait {sent.why}".rstrip()]
        if settled:
            log.write(context, "info", "git-hook", "; ".join(settled), {})
    except CraftkitError as error:
        log.write(context, "error", "git-hook", error.message, {"code": error.code})


def record_boxes(context: Context) -> list[str]:
    """Record ticked boxes of every changed spec of the worktree; what was recorded."""
    said: list[str] = []
    if ticked_boxes.only_reminds(context):
        return said
    for spec in ticked_boxes.changed_specs(context):
        if spec.blocked_by is not None:
            continue
        try:
            said += [
                f"{spec.id}: {n['message']}"
                for n in ticked_boxes.record_ticked_boxes(context, spec)
            ]
        except CraftkitError as error:
            log.write(context, "error", "git-hook", error.message, {"spec": spec.id})
    return said


# The trailer


def name_task(context: Context, path: str, source: str) -> None:
    """Add `Task: SPEC/KEY` to a commit message, where one task is in progress in this worktree.

    Only to one that is written already (-m, -F, -c, --amend): git gives a commit up whose message
    stays empty, or as its template is, and must find it so.
    """
    if source in WRITTEN and _is_own(path):
        name = task_in_progress(context)
        if name:
            git.add_trailer(context.repo, os.path.abspath(path), f"{KEY}: {name}")


def task_in_progress(context: Context) -> str:
    """`SPEC/KEY` of the only task that sessions of this worktree have in progress, else ""."""
    names = []
    for claim in claims.of_worktree(context.store, context.worktree):
        spec = spec_index.by_id(context, claim.spec_id)
        task = next((t for t in spec.tasks if t.id == claim.task_id), None) if spec else None
        if spec is not None and task is not None:
            names.append(f"{spec.id}/{task.ref}")
    whole = len(names) == 1 and names[0] == one_line(names[0], 300)
    return names[0] if whole else ""


def _is_own(path: str) -> bool:
    """Whether a regular file holds a message, and not one that becomes part of another commit."""
    try:
        text = os.fsdecode(disk.read_regular(path, LIMIT)).lstrip()
    except OSError:
        return False
    return bool(text) and not text.startswith(("#", *FIXES))
