"""What was learnt of a server or a repository, and is not asked again: table `remembered`."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from craftkit.store.db import Store


class KeyValueCache(MutableMapping[str, str]):
    """A mapping of text in the database: what was learnt of one server or repository."""

    def __init__(self, store: Store, place: str, now: str) -> None:
        self.store, self.place, self.now = store, place, now

    def __getitem__(self, name: str) -> str:
        value = self.store.value(
            "select value from remembered where place = ? and name = ?", self.place, name
        )
        if value is None:
            raise KeyError(name)
        return str(value)

    def __setitem__(self, name: str, value: str) -> None:
        with self.store.write() as tx:
            tx.execute(
                "insert into remembered values (?, ?, ?, ?) on conflict (place, name) do update"
                " set value = excluded.value, at = excluded.at",
                (self.place, name, value, self.now),
            )

    def __delitem__(self, name: str) -> None:
        with self.store.write() as tx:
            tx.execute("delete from remembered where place = ? and name = ?", (self.place, name))

    def __iter__(self) -> Iterator[str]:
        rows = self.store.rows("select name from remembered where place = ?", self.place)
        return iter([str(row[0]) for row in rows])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def with_moment(store: Store, place: str, name: str) -> tuple[str, str] | None:
    """A value, and when it was remembered."""
    row = store.row("select value, at from remembered where place = ? and name = ?", place, name)
    return None if row is None else (row[0], row[1])
