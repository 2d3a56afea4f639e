"""Which of several specs is meant here, if no session says: chosen by hand, or by the branch."""

from __future__ import annotations

from collections.abc import Sequence

from craftkit.model import Spec
from craftkit.runtime.context import Context
from craftkit.store import hooks, sessions

USED = "spec.used"
BRANCHES = "craftkit/{spec}/*"  # those that craftkit makes itself
PLACE = "{spec}"


def used(context: Context) -> str:
    """The id of the spec that `spec use` chose in this worktree; "" if none."""
    return hooks.value(context.store, ("", context.worktree), USED) or ""


def use(context: Context, spec: Spec) -> None:
    """Choose a spec for this session, and for those that begin in this worktree."""
    now = context.now()
    with context.store.write() as tx:
        sessions.touch(tx, context.session, now)
        hooks.remember(tx, ("", context.worktree), USED, spec.id, now)
        sessions.save_state(tx, context.session, spec.id, None, "start", now)


def on_branch(context: Context, specs: Sequence[Spec]) -> list[Spec]:
    """The specs whose branch is checked out: as their file says it, else by its name."""
    branch = context.session.branch
    if not branch:
        return []
    written = [spec for spec in specs if spec.branch == branch]
    if written:
        return written
    named = {branch, *_names(branch, BRANCHES)}
    for pattern in context.config["specs.branches"]:
        named.update(_names(branch, pattern))
    named = {name.casefold() for name in named if name}
    return [spec for spec in specs if spec.id.casefold() in named]


def _names(branch: str, pattern: str) -> list[str]:
    """What stands for `{spec}` in a branch that has this pattern; a `*` is anything."""
    before, found, after = pattern.partition(PLACE)
    if not found or not branch.startswith(before):
        return []
    rest = branch[len(before) :]
    if after.endswith("*"):
        sign = after[:-1]
        at = rest.find(sign) if sign else len(rest)
        return [rest[:at]] if at > 0 else []
    if not rest.endswith(after):
        return []
    return [rest[: len(rest) - len(after)]]


def in_order(context: Context, specs: Sequence[Spec]) -> list[Spec]:
    """Those to choose from: of the branch first, then linked ones, then the latest work."""
    here = {spec.path for spec in on_branch(context, specs)}
    recent = sessions.latest_work(context.store, context.worktree)
    linked = {s.path for s in specs if s.issue or any(task.issue for task in s.tasks)}
    found = sorted(specs, key=lambda s: recent.get(s.id, ""), reverse=True)
    return sorted(found, key=lambda s: (s.path not in here, s.path not in linked))
