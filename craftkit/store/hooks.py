"""What the hooks of agents remember of a session: table `hooks`.

Imports next to nothing: an idle hook reads it before it loads anything else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from craftkit.store.db import Store

FRESH = 300  # seconds for which a heartbeat lasts
Place = tuple[str, str]  # session and worktree


def remember(tx: sqlite3.Connection, place: Place, name: str, value: str, now: str) -> bool:
    """Keep a value; whether it is another one than before."""
    old = tx.execute(
        "select value from hooks where session = ? and worktree = ? and name = ?", (*place, name)
    ).fetchone()
    tx.execute(
        "insert into hooks values (?, ?, ?, ?, ?) on conflict do update"
        " set value = excluded.value, at = excluded.at",
        (*place, name, value, now),
    )
    return old is None or old[0] != value


def is_known(store: Store, place: Place, name: str) -> bool:
    sql = "select 1 from hooks where session = ? and worktree = ? and name = ?"
    return bool(store.value(sql, *place, name))


def is_known_since(store: Store, place: Place, name: str, value: str, since: str) -> bool:
    sql = (
        "select 1 from hooks where session = ? and worktree = ? and name = ? and value = ?"
        " and at >= ?"
    )
    return bool(store.value(sql, *place, name, value, since))


def value(store: Store, place: Place, name: str) -> str | None:
    with store.read() as connection:
        return value_in(connection, place, name)


def value_in(connection: sqlite3.Connection, place: Place, name: str) -> str | None:
    sql = "select value from hooks where session = ? and worktree = ? and name = ?"
    row = connection.execute(sql, (*place, name)).fetchone()
    return None if row is None else str(row[0])


def successor(store: Store, session: str) -> str | None:
    """The session that went on with the work of this one, in whichever worktree."""
    sql = "select value from hooks where session = ? and name = 'successor' order by at desc"
    found = store.value(sql, session)
    return None if found is None else str(found)


def forget(tx: sqlite3.Connection, place: Place, name: str) -> bool:
    """Whether there was such a value."""
    done = tx.execute(
        "delete from hooks where session = ? and worktree = ? and name = ?", (*place, name)
    )
    return bool(done.rowcount > 0)


def beats(store: Store, place: Place | None, since: str) -> list[tuple[str, str, str]]:
    """(agent, event, moment) of the last sign of life of each agent, here or anywhere."""
    session, worktree = place or ("", "")
    rows = store.rows(
        "select value, name, max(at) from hooks where name like 'seen.%' and at > ?"
        " and (? or session = ? or worktree = ?) group by value order by 3 desc",
        since,
        place is None,
        session,
        worktree,
    )
    return [(row[0], str(row[1]).removeprefix("seen."), row[2]) for row in rows]


# The fast path of a hook has a connection of its own, and may not load `db`.


def schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma user_version").fetchone()[0])


def moments(connection: sqlite3.Connection, place: Place) -> dict[str, str]:
    """Name -> when it was remembered last."""
    return dict(
        connection.execute("select name, at from hooks where session = ? and worktree = ?", place)
    )


def seen_files(connection: sqlite3.Connection, worktree: str) -> list[tuple[str, str, str]]:
    """(path, digest, moment) of the spec files of a worktree as they were seen last."""
    return connection.execute(
        "select path, digest, seen_at from views where worktree = ?", (worktree,)
    ).fetchall()


def beat(connection: sqlite3.Connection, place: Place, event: str, agent: str, now: str) -> None:
    """Note that hooks run here, without waiting for the disk."""
    connection.execute("pragma synchronous = normal")
    connection.execute(
        "insert into hooks values (?, ?, ?, ?, ?) on conflict do update"
        " set value = excluded.value, at = excluded.at",
        (*place, f"seen.{event}", agent, now),
    )
