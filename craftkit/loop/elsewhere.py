"""Whether another worktree or branch of this clone has a ticked box that is open here.

A merge brings such a box, so no command is shown that would tick it or open its issue.  It costs a
look at other files and at git's branches: only for tasks that were done and are open here.
"""

from collections.abc import Iterable, Sequence

from craftkit import unmerged
from craftkit.errors import CraftkitError
from craftkit.model import Spec, Task
from craftkit.runtime.context import Context
from craftkit.specs import files, parse
from craftkit.specs.matching import normal
from craftkit.store import specs


def holders(context: Context, spec: Spec, tasks: Sequence[Task]) -> dict[str, str]:
    """Task id -> where its ticked box is, as words; of tasks that a merge would tick here."""
    found: dict[str, str] = {}
    if not tasks or context.repo.common_dir is None:
        return found
    for worktree in unmerged.worktrees(context.repo):
        _note(found, context, spec, tasks, _texts(context, worktree, spec), f"in {worktree}")
    left = [task for task in tasks if task.id not in found]
    if left:
        for branch, data in unmerged.texts(context.repo, spec.path):
            _note(found, context, spec, left, [data], f"on {branch}")
    return found


def _texts(context: Context, worktree: str, spec: Spec) -> list[bytes]:
    """The spec's file in another worktree, unless it is part of this one's history already."""
    found = []
    paths = [spec.path, *specs.paths(context.store, worktree, spec.id)]
    for path in dict.fromkeys(paths):
        try:
            data = files.read(worktree, path)
        except CraftkitError:
            continue
        if unmerged.would_bring(context.repo, worktree, path):
            found.append(data)
    return found


def _note(
    found: dict[str, str],
    context: Context,
    spec: Spec,
    tasks: Iterable[Task],
    texts: Iterable[bytes],
    where: str,
) -> None:
    for data in texts:
        sections = context.config["specs.task_sections"]
        other = parse(data, spec.path, task_sections=sections)
        if other.id != spec.id:
            continue
        done = [line for line in other.tasks if line.checked]
        for task in tasks:
            if any(_is_of(line, task) for line in done):
                found.setdefault(task.id, where)


def _is_of(line: Task, task: Task) -> bool:
    """Whether a line of another version of the file is the task: its number, or key and text."""
    if line.issue is not None and task.issue is not None:
        return line.issue == task.issue
    return line.key == task.key and normal(line.title) == normal(task.title)
