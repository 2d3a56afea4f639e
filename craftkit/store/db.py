"""Opening the database: modes from birth, pragmas, schema check, short immediate transactions."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from craftkit.errors import DatabaseNewer, DatabaseUnusable, DatabaseUnwritable
from craftkit.store import private
from craftkit.store.version import SCHEMA_VERSION

BUSY_SECONDS = 30.0
DATABASE = "craftkit.db"
SANDBOX = "sandbox.db"  # what was tried on a sandbox is kept apart from what is real

_FULL = "free some space and run the command again; nothing was changed"


class Connection(sqlite3.Connection):
    """Stores and looks up text that is not Unicode (bytes of a file that is not UTF-8) as `?`.

    sqlite3 refuses such text, and no spec, name or session may stop a command for that.
    """

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except UnicodeEncodeError:
            return super().execute(sql, _storable(parameters))

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        return super().executemany(sql, [_storable(row) for row in rows])


def _storable(values: Any) -> Any:
    if isinstance(values, dict):
        return dict(zip(values, _storable(list(values.values())), strict=True))
    return [
        v.encode("utf-8", "replace").decode() if isinstance(v, str) and not v.isascii() else v
        for v in values
    ]


class Store(NamedTuple):
    """An open database.

    `durable` is False for the in-memory copy that stands in if the database cannot be written;
    decisions then go to the spool as well.  `readable` is False if the copy could not even be
    filled from the database.
    """

    connection: sqlite3.Connection
    path: str
    durable: bool = True
    readable: bool = True

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One BEGIN IMMEDIATE transaction.  Never keep it open across slow work.

        Raises DatabaseUnwritable (no space, read-only) or DatabaseUnusable (damaged file).
        """
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The connection, for readers of their own; what sqlite3 raises is translated."""
        try:
            yield self.connection
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    @contextmanager
    def hasty(self) -> Iterator[None]:
        """Writes in here survive a crash of the process, not always one of the machine."""
        self.connection.execute("pragma synchronous = normal")
        try:
            yield
        finally:
            self.connection.execute("pragma synchronous = full")

    def wait_at_most(self, milliseconds: int) -> None:
        """Wait no longer than that for another writer."""
        self.connection.execute(f"pragma busy_timeout = {milliseconds:d}")

    def problem(self) -> str:
        """What the database itself finds wrong with it; "" if it is whole.

        Raises DatabaseUnusable if it cannot even look.
        """
        result = str(self.value("pragma integrity_check"))
        orphans = len(self.rows("pragma foreign_key_check"))
        if result != "ok":
            return result
        return f"{orphans} orphaned rows" if orphans else ""

    def rows(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        try:
            return self.connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    def row(self, sql: str, *parameters: Any) -> sqlite3.Row | None:
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    def value(self, sql: str, *parameters: Any) -> Any:
        found = self.row(sql, *parameters)
        return found[0] if found is not None else None


def _permissions(path: str) -> str:
    return f"check the permissions of {os.path.dirname(path)}, then run `craftkit doctor`"


def translate(error: sqlite3.Error, path: str) -> Exception:
    """The craftkit error that says what this sqlite3 error means for a user."""
    text = str(error)
    if "full" in text:
        return DatabaseUnwritable(f"The disk is full, so {path} cannot be written.", _FULL)
    if "readonly" in text or "unable to open" in text or "disk I/O" in text:
        return DatabaseUnwritable(
            f"The database {path} cannot be written ({text}).",
            _permissions(path),
        )
    if "locked" in text or "busy" in text:
        return DatabaseUnwritable(
            f"The database {path} stayed locked for {BUSY_SECONDS:.0f} s.",
            "another craftkit may be stuck: see `craftkit doctor`",
        )
    if isinstance(error, sqlite3.IntegrityError):
        return error
    return DatabaseUnusable(
        f"The database {path} is damaged or is not a craftkit database ({text}).",
        "run `craftkit doctor --fix`: it sets the file aside and rebuilds it from the spec files",
    )


def open_store(state_dir: str, name: str = DATABASE) -> Store:
    """Open (or create) the database of `state_dir`.

    Raises DatabaseNewer, DatabaseUnusable or DatabaseUnwritable.
    """
    path = os.path.join(state_dir, name)
    try:
        prepare_state_dir(state_dir)
        os.close(private.open_file(path, os.O_RDWR))
    except OSError as error:
        raise DatabaseUnwritable(
            f"The database {path} cannot be written ({error.strerror}).", _permissions(path)
        ) from error
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, factory=Connection
        )
        _prepare(connection)
        _bring_up_to_date(connection, path)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    return Store(connection, path)


def prepare_state_dir(state_dir: str) -> None:
    """Make the state directory (0700) if it is missing.  Raises OSError."""
    above = os.path.dirname(state_dir)
    if not os.path.isdir(above):
        private.make_folder(above, 0o755)  # `.craftkit`, in a folder without git
    is_new = not os.path.isdir(state_dir)
    private.make_folder(state_dir)
    if is_new and os.path.basename(above) == ".craftkit":  # git, or jj, may come later
        private.write_whole(os.path.join(state_dir, ".gitignore"), b"*\n")


def open_nothing(state_dir: str, name: str = DATABASE) -> Store:
    """An empty in-memory stand-in for a database that must not even be read."""
    path = os.path.join(state_dir, name)
    memory = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
    memory.row_factory = sqlite3.Row
    _bring_up_to_date(memory, path)
    return Store(memory, path, durable=False, readable=False)


def open_copy(state_dir: str, name: str = DATABASE) -> Store:
    """An in-memory stand-in for a database that cannot be written, filled from it if readable.

    Never with `immutable`, which returns stale rows if somebody writes meanwhile.
    """
    path = os.path.join(state_dir, name)
    memory = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
    memory.row_factory = sqlite3.Row
    readable = True
    try:
        source = open_reading(path)
        try:
            source.backup(memory)
        finally:
            source.close()
    except sqlite3.Error:  # closed to us, or a transaction that only a writer can take back
        readable = False
    try:
        _bring_up_to_date(memory, path)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    return Store(memory, path, durable=False, readable=readable)


def open_reading(path: str) -> sqlite3.Connection:
    """A database that is only read.  Raises sqlite3.Error, also if it has to be recovered."""
    return sqlite3.connect(f"file:{_uri_path(path)}?mode=ro", uri=True, timeout=1)


def copy(source: str, target: str, change: Callable[[sqlite3.Connection], Any]) -> None:
    """Copy a database of any schema into an empty file, bring it up to date and change it.

    Nobody can write to the source meanwhile.  Raises DatabaseNewer, DatabaseUnusable or
    DatabaseUnwritable.
    """
    try:
        with closing(sqlite3.connect(source, timeout=BUSY_SECONDS, isolation_level=None)) as old:
            old.execute("BEGIN IMMEDIATE")
            reader = sqlite3.connect(source, timeout=BUSY_SECONDS)
            made = sqlite3.connect(target, isolation_level=None, factory=Connection)
            with closing(reader), closing(made):
                reader.backup(made)
                _prepare(made)
                _bring_up_to_date(made, source)
                with Store(made, target).write() as tx:
                    change(tx)
            old.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise translate(error, source) from error


def _uri_path(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _prepare(connection: sqlite3.Connection) -> None:
    """Durable by default: exit 0 has to imply that the commit reached the disk.

    A rollback journal, since a closed WAL database cannot be read where nothing may be written,
    nor be shared by two kernels.  TRUNCATE, since with FULL it syncs the emptied journal as well
    (https://sqlite.org/pragma.html#pragma_journal_mode).
    """
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # To leave WAL does not wait for the busy timeout when several first runs race.
    for attempt in range(50):
        try:
            connection.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 49:
                raise
            import time

            time.sleep(0.02)


def _bring_up_to_date(connection: sqlite3.Connection, path: str) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise DatabaseNewer(
            f"{path} was written by a newer craftkit (schema {version}, this one knows "
            f"{SCHEMA_VERSION}).",
            "upgrade craftkit from where you installed it",
        )
    from craftkit.store.schema import migrate

    migrate(connection)
    connection.row_factory = sqlite3.Row
