"""Remarks on the tasks of a spec: what is there twice, what waits for what, and how many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..model import Diagnostic, Task

LIMIT = 20  # of one code


def check_tasks(tasks: Sequence[Task], path: str) -> list[Diagnostic]:
    """Duplicates, unknown dependencies and cycles, and words that look like a dependency."""
    return [
        *_duplicates(tasks, path),
        *_dependencies(tasks, path),
        *_near_misses(tasks, path),
        *_several_numbers(tasks, path),
        *_struck(tasks, path),
    ]


def _several_numbers(tasks: Sequence[Task], path: str) -> list[Diagnostic]:
    """Numbers in a task's words, if it is not certain which of them is its link."""
    return [
        Diagnostic(
            "warning",
            "several_numbers",
            f"{_list([f'#{n}' for n in dict.fromkeys(other.number for other in task.others)])}"
            " stand in this task, so none of them is read as its link",
            "put the number of its issue at the end of its words",
            f"{path}:{task.line}",
        )
        for task in tasks
        if task.others and task.issue is None
    ]


def _struck(tasks: Sequence[Task], path: str) -> list[Diagnostic]:
    words = "{0} is struck out, but its box is open: it is not offered as the next task"
    hint = "tick its box, or drop it: `craftkit task drop {0}`"
    return [
        Diagnostic(
            "warning",
            "struck_out",
            words.format(task.ref or task.key or "this task"),
            hint.format(task.ref or task.key or "KEY"),
            f"{path}:{task.line}",
        )
        for task in tasks
        if task.struck and not task.checked
    ]


def _list(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}"


# Code -> severity, message (of the value and of the line that had it first), hint.
_TWICE = {
    "duplicate_key": (
        "warning",
        "{0} is also the key of line {1}",
        "give one of the two another key",
    ),
    "duplicate_link": (
        "warning",
        "#{0} is also linked from line {1}",
        "remove one of the two links",
    ),
    "duplicate_text": (
        "info",
        "the same words as in line {1}",
        "the two are told apart by their order",
    ),
}


def _duplicates(tasks: Sequence[Task], path: str) -> list[Diagnostic]:
    out: list[Diagnostic] = []
    firsts: dict[tuple[str, object], Task] = {}
    for task in tasks:
        for code, value in _identities(task):
            first = firsts.setdefault((code, value), task)
            if first is not task:
                severity, words, hint = _TWICE[code]
                message = words.format(value, first.line)
                out.append(Diagnostic(severity, code, message, hint, f"{path}:{task.line}"))
    return out


def _identities(task: Task) -> Iterator[tuple[str, object]]:
    if task.key is not None:
        yield "duplicate_key", task.key
    if task.issue is not None:
        yield "duplicate_link", task.issue
    elif task.key is None:
        yield "duplicate_text", task.id.rpartition(".")[0]  # the digest, without its occurrence


# `(after T003)` and the like: meant as a dependency, read as a part of the title.
_NEAR_MISS = (
    r"(?i)[(\[](?:depends?(?:[ _-]on)?|after|requires?|needs|blocked by)\b[^)\]]{0,60}[)\]]"
)


def _near_misses(tasks: Sequence[Task], path: str) -> list[Diagnostic]:
    keys = {task.key for task in tasks if task.key is not None}
    out: list[Diagnostic] = []
    for task in tasks:
        if "(" not in task.title and "[" not in task.title:
            continue
        for found in re.findall(_NEAR_MISS, task.title):
            words_of = re.split(r"[^\w.]+", found)
            named = [word for word in words_of if word in keys and not word.isdecimal()]
            if named:
                hint = f"write `(depends on {', '.join(named)})`"
                words = f"`{found}` is read as words, not as a dependency"
                at = f"{path}:{task.line}"
                out.append(Diagnostic("warning", "dependency_words", words, hint, at))
    return out


def _dependencies(tasks: Sequence[Task], path: str) -> list[Diagnostic]:
    if not any(task.depends_on for task in tasks):
        return []
    out: list[Diagnostic] = []
    place: dict[str, int] = {}
    for i, task in enumerate(tasks):
        if task.key is not None:
            place.setdefault(task.key, i)
    edges: list[list[int]] = []
    for task in tasks:
        row: list[int] = []
        for key in task.depends_on:
            if key in place:
                row.append(place[key])
            else:
                out.append(
                    Diagnostic(
                        "warning",
                        "unknown_dependency",
                        f"{task.ref} depends on {key}, which is not a task of this spec",
                        "",
                        f"{path}:{task.line}",
                    )
                )
        edges.append(row)
    if all(before < i for i, row in enumerate(edges) for before in row):
        return out  # each waits only for what stands above it: no way around
    for ring in find_cycles(edges):
        names = [tasks[i].ref for i in (*ring, ring[0])]
        if len(names) > LIMIT:
            names[LIMIT // 2 : -LIMIT // 2] = ["…"]
        out.append(
            Diagnostic(
                "error",
                "dependency_cycle",
                " → ".join(names),
                "remove one of these dependencies",
                f"{path}:{tasks[ring[0]].line}",
            )
        )
    return out


def off_cycles(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the pairs (task, the task that it waits for) that are part of no cycle."""
    place = {name: i for i, name in enumerate(dict.fromkeys(n for pair in pairs for n in pair))}
    edges: list[list[int]] = [[] for _ in place]
    for task, other in pairs:
        edges[place[task]].append(place[other])
    together = {i: n for n, members in enumerate(_components(edges)) for i in members}
    return [(a, b) for a, b in pairs if together[place[a]] != together[place[b]]]


def find_cycles(edges: Sequence[Sequence[int]]) -> list[list[int]]:
    """One cycle for every set of nodes that can all reach each other; linear, no recursion."""
    out: list[list[int]] = []
    for members in _components(edges):
        inside = set(members)
        start = min(members)
        if len(members) == 1 and start not in edges[start]:
            continue
        # Every member has a successor inside, so walking on must come back to a node seen.
        seen: dict[int, int] = {}
        walk: list[int] = []
        node = start
        while node not in seen:
            seen[node] = len(walk)
            walk.append(node)
            node = next(n for n in edges[node] if n in inside)
        ring = walk[seen[node] :]
        turn = ring.index(min(ring))
        out.append(ring[turn:] + ring[:turn])
    out.sort()
    return out


def _components(edges: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components (Tarjan, iterative)."""
    count = len(edges)
    index = [-1] * count
    low = [0] * count
    on_stack = [False] * count
    stack: list[int] = []
    out: list[list[int]] = []
    clock = 0
    for root in range(count):
        if index[root] >= 0:
            continue
        work = [(root, 0)]
        while work:
            node, step = work.pop()
            if step == 0:
                index[node] = low[node] = clock
                clock += 1
                stack.append(node)
                on_stack[node] = True
            else:
                low[node] = min(low[node], low[edges[node][step - 1]])
            while step < len(edges[node]):
                nxt = edges[node][step]
                step += 1
                if index[nxt] < 0:
                    work += [(node, step), (nxt, 0)]
                    break
                if on_stack[nxt]:
                    low[node] = min(low[node], index[nxt])
            else:
                if low[node] == index[node]:
                    members = [stack.pop()]
                    while members[-1] != node:
                        members.append(stack.pop())
                    for member in members:
                        on_stack[member] = False
                    out.append(members)
    return out


def capped(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """At most LIMIT of one code, and then one that says how many more there are."""
    out: list[Diagnostic] = []
    seen: Counter[str] = Counter()
    last: dict[str, Diagnostic] = {}
    for d in diagnostics:
        seen[d.code] += 1
        last[d.code] = d
        if seen[d.code] <= LIMIT:
            out.append(d)
    for code, count in seen.items():
        if count > LIMIT:
            d = last[code]
            out.append(
                Diagnostic(d.severity, code, f"and {count - LIMIT} more of this kind", d.hint, "")
            )
    return tuple(out)
