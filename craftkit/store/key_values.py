"""What was learnt of a server or a repository, and is not asked again: table `remembered`."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from craftkit.store.db import Store


class KeyValueCache(MutableMapping[str, str]):
    """A mapping of text in the database: what was learnt of one server or repository.

    It is read at once, when it is first asked; what others remember later is not seen.
    """

    def __init__(self, store: Store, place: str, now: str) -> None:
        self.store, self.place, self.now = store, place, now
        self._values: dict[str, str] | None = None

    @property
    def _known(self) -> dict[str, str]:
        if self._values is None:
            rows = self.store.rows("select name, value from remembered where place = ?", self.place)
            self._values = {str(row[0]): str(row[1]) for row in rows}
        return self._values

    def __getitem__(self, name: str) -> str:
        return self._known[name]

    def __setitem__(self, name: str, value: str) -> None:
        with self.store.write() as tx:
            tx.execute(
                "insert into remembered values (?, ?, ?, ?) on conflict (place, name) do update"
                " set value = excluded.value, at = excluded.at",
                (self.place, name, value, self.now),
            )
        self._known[name] = value

    def __delitem__(self, name: str) -> None:
        with self.store.write() as tx:
            tx.execute("delete from remembered where place = ? and name = ?", (self.place, name))
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._known))

    def __len__(self) -> int:
        return len(self._known)


def with_moment(store: Store, place: str, name: str) -> tuple[str, str] | None:
    """A value, and when it was remembered."""
    row = store.row("select value, at from remembered where place = ? and name = ?", place, name)
    return None if row is None else (row[0], row[1])
