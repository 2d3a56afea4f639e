"""Every issue that is ours, the parents of specs and their sub-issues: table `issues`."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from craftkit.store.db import Store


class LinkedIssue(NamedTuple):
    """An issue that is ours."""

    number: int
    spec_id: str
    task_id: str | None
    part: str
    id: int
    node_id: str
    title: str


def remember(tx: sqlite3.Connection, repo: str, known: LinkedIssue) -> None:
    tx.execute(
        "insert into issues (repo, number, spec_id, task_id, part, id, node_id, title)"
        " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (repo, number) do update set"
        " spec_id = excluded.spec_id, task_id = excluded.task_id, part = excluded.part,"
        " id = excluded.id, node_id = excluded.node_id, title = excluded.title",
        (repo, known.number, known.spec_id, known.task_id, *known[3:]),
    )


def own(tx: sqlite3.Connection, spec_id: str, task_id: str, number: int) -> None:
    """A task is known to have this issue; its line may have said so long before."""
    tx.execute(
        "update tasks set issue = ? where spec_id = ? and task_id = ? and issue is null",
        (number, spec_id, task_id),
    )


def of_spec(store: Store, repo: str, spec_id: str) -> list[LinkedIssue]:
    """The parents and sub-issues of a spec, by number."""
    rows = store.rows(
        "select number, spec_id, task_id, part, id, node_id, title from issues"
        " where repo = ? and spec_id = ? order by number",
        repo,
        spec_id,
    )
    return [LinkedIssue(*row) for row in rows]


def forget(tx: sqlite3.Connection, spec_id: str, numbers: Iterable[int] | None) -> None:
    """Forget issues of a spec; with None all of them, in whichever repository they are."""
    if numbers is None:
        tx.execute("delete from issues where spec_id = ?", (spec_id,))
        return
    sql = "delete from issues where spec_id = ? and number = ?"
    tx.executemany(sql, [(spec_id, number) for number in numbers])


def of_task(store: Store, repo: str, spec_id: str, task_id: str) -> int | None:
    """The lowest number of a task's issues."""
    found = store.value(
        "select min(number) from issues where repo = ? and spec_id = ? and task_id = ?",
        repo,
        spec_id,
        task_id,
    )
    return None if found is None else int(found)


def is_of(store: Store, repo: str, number: int, spec_id: str) -> bool:
    """Whether an issue is known to be the spec's."""
    sql = "select 1 from issues where repo = ? and number = ? and spec_id = ?"
    return bool(store.value(sql, repo, number, spec_id))


def parts(connection: sqlite3.Connection, repo: str, spec_id: str) -> set[tuple[str | None, str]]:
    """(task id, part) of the issues of a spec."""
    rows = connection.execute(
        "select task_id, part from issues where repo = ? and spec_id = ?", (repo, spec_id)
    )
    return {(row[0], row[1]) for row in rows}


def set_title(tx: sqlite3.Connection, repo: str, number: int | None, title: str) -> None:
    tx.execute(
        "update issues set title = ? where repo = ? and number = ?",
        (title, repo, number),
    )


def forget_of_task(tx: sqlite3.Connection, repo: str, spec_id: str, task_id: str) -> None:
    tx.execute(
        "delete from issues where repo = ? and spec_id = ? and task_id = ?",
        (repo, spec_id, task_id),
    )


PROSE = "prose "  # begins the name under which the numbers of a spec are remembered


def prose(store: Store, repo: str, spec_id: str) -> frozenset[int]:
    """Numbers in lines of a spec that are not its issues: GitHub, or a person, has said so."""
    found = store.value(
        "select value from remembered where place = ? and name = ?", repo, PROSE + spec_id
    )
    return frozenset(int(number) for number in str(found or "").split())


def set_prose(
    tx: sqlite3.Connection, repo: str, spec_id: str, numbers: Iterable[int], now: str
) -> None:
    """Remember the numbers; what is known to be an issue of the spec is not among them."""
    sql = "select number from issues where repo = ? and spec_id = ?"
    wanted = sorted({*numbers} - {row[0] for row in tx.execute(sql, (repo, spec_id))})
    tx.execute(
        "insert into remembered values (?, ?, ?, ?) on conflict (place, name) do update"
        " set value = excluded.value, at = excluded.at",
        (repo, PROSE + spec_id, " ".join(map(str, wanted)), now),
    )


def disown(tx: sqlite3.Connection, spec_id: str, found: Iterable[tuple[str, int]]) -> None:
    """(task id, number) of lines with another's issue: not their base, and not written to."""
    pairs = [(spec_id, task_id, number) for task_id, number in found]
    tx.executemany(
        "update tasks set issue = null where spec_id = ? and task_id = ? and issue = ?", pairs
    )
    tx.executemany(
        "update outbox set state = 'delivered', error = 'the number was not its issue'"
        " where spec_id = ? and task_id = ? and issue = ?"
        " and state in ('queued', 'sent', 'unknown')",
        pairs,
    )


def linked_elsewhere(connection: sqlite3.Connection, repo: str) -> dict[str, str]:
    """The specs whose issues are in another repository, each with its name."""
    rows = connection.execute(
        "select spec_id, min(repo) from issues group by spec_id having sum(repo = ?) = 0", (repo,)
    )
    return {str(spec_id): str(other) for spec_id, other in rows}
