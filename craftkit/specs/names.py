"""How a task is called: its key, its issue as `gh541`, or a short id such as `~k3f`.  Pure.

A short id is the beginning of a code of the task's opaque id.  It is long enough to fit no other
task that the spec has or had.  So it survives a new title or order, and is never reused.
Its second character is a digit: a shell takes `~bin` for somebody's home.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from craftkit.model import Task

from .. import digests

SHORTEST = 3  # characters of a short id, but for its `~`
_LONGEST = 20
_LETTERS, _DIGITS = b"abcdefghjkmnpqrstuvwxyz", b"0123456789"
_FIRST, _SECOND, _REST = (
    bytes(signs[n % len(signs)] for n in range(256))
    for signs in (_LETTERS, _DIGITS, _LETTERS + b"23456789")
)


def code(task_id: str) -> str:
    """Twenty characters that stand for a task's id; its short id is their beginning."""
    raw = bytes.fromhex(digests.sha256(task_id.encode("utf-8", "surrogateescape")))
    first, second = raw[:1].translate(_FIRST), raw[1:2].translate(_SECOND)
    return (first + second + raw[2:_LONGEST].translate(_REST)).decode("ascii")


def short_ids(task_ids: Iterable[str]) -> dict[str, str]:
    """Task id -> short id with its `~`: the shortest beginning that fits no other of them."""
    codes = sorted((code(one), one) for one in set(task_ids))
    found, before = {}, 0
    for (mine, one), (following, _) in zip(codes, [*codes[1:], ("", "")], strict=True):
        after = _common(mine, following)
        found[one] = "~" + mine[: max(SHORTEST, before + 1, after + 1)]
        before = after
    return found


def _common(one: str, other: str) -> int:
    """How many characters two codes begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def own_issues(tasks: Sequence[Task], known: Mapping[str, int]) -> dict[str, int]:
    """Task id -> the issue that names it and nothing else.

    `known` are the issues of tasks as they are remembered: a line does not take the issue of
    another task, and shows no other than the task's own.
    """
    taken = set(known.values())
    found = {}
    for task in tasks:
        if task.id in known:
            found[task.id] = known[task.id]
        elif task.issue is not None and not task.doubt and task.issue not in taken:
            found[task.id] = task.issue
    count = Counter(found.values())
    return {task_id: number for task_id, number in found.items() if count[number] == 1}


def with_refs(
    tasks: Sequence[Task], remembered: Collection[str] = (), known: Mapping[str, int] | None = None
) -> list[Task]:
    """The tasks with the words that name them; those that `ref` gives their key keep it.

    `remembered` are the ids that tasks of the spec have or had, `known` their issues.
    """
    own = own_issues(tasks, known or {})
    nameless = [t.id for t in tasks if t.ref != t.key and t.id not in own]
    short = short_ids([*remembered, *(t.id for t in tasks)]) if nameless else {}
    return [
        task
        if task.ref == task.key
        else task._replace(ref=f"gh{own[task.id]}" if task.id in own else short[task.id])
        for task in tasks
    ]
