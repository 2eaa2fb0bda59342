"""Connections: how a location is opened for reading and for writing, on SQLite and on PostgreSQL.

Opening never creates a file; only `srctl.db.setup` does. SQLite writers take the lock at the start of their
transaction, so none fails half-way because another one was faster.
"""

import os
import random
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from srctl.db.failures import BUSY_SECONDS, translated
from srctl.db.location import Location
from srctl.errors import NoDatabaseError, SrctlError, UsageError

_WRITES, _MIGRATES, _FILE = "srctl_writes", "srctl_migrates", "srctl_file"
_PAUSE = (0.001, 0.01)
_PATIENCE = {
    "connect_timeout": "10",
    "tcp_user_timeout": "20000",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
"""How long libpq waits for a server, unless the URL says otherwise; by itself it does so for hours once connected."""
_NEEDS_SIDE_FILES = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_INIT_HINT = "Create it with `srctl db init`"


class Database:
    """The connections to one location. A context manager; `close` gives all of them back.

    A file that was removed, or replaced by another one, is no longer read.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._engine = _engine(location)
        self._writer = self._engine.execution_options(**{_WRITES: True})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection for reading; errors come out as ours."""
        with translated(self.location), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a connection with a transaction that is committed at the end, rolled back on any error."""
        with translated(self.location), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Lend a connection as `writing` does, to change tables: SQLite's rows outlive the row they refer to.

        What is left without the row it refers to at the end is an error, and all is rolled back.
        """
        try:
            with translated(self.location), self._writer.execution_options(**{_MIGRATES: True}).begin() as connection:
                yield connection
                if self.location.path is not None and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise SrctlError("The database has rows that refer to nothing", "Restore it from a backup")
        finally:
            self._engine.dispose()  # the connection's settings are not for others

    def close(self) -> None:
        """Close all connections; SQLite's last one removes the files beside the database."""
        self._engine.dispose()


def _engine(location: Location) -> Engine:
    if location.path is not None:
        return _sqlite(location.path)
    if location.url is None:
        raise UsageError("No database is named", "Give a path or a URL")
    return _server(location.url)


def _sqlite(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        return open_file(path)

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def opened(_raw: object, record: ConnectionPoolEntry) -> None:
        record.info[_FILE] = _identity(path)

    @event.listens_for(engine, "checkout")
    def lent(_raw: object, record: ConnectionPoolEntry, _lent: object) -> None:
        if _identity(path) != record.info[_FILE]:  # it was removed, or replaced by another one
            raise DisconnectionError

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        raw = connection.connection.dbapi_connection
        options = connection.get_execution_options()
        if options.get(_WRITES) and isinstance(raw, sqlite3.Connection):
            if options.get(_MIGRATES):  # within a transaction it would do nothing
                raw.execute("PRAGMA foreign_keys=OFF")
            _take_lock(raw)

    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _take_lock(connection: sqlite3.Connection) -> None:
    """Begin to write. Asks every few milliseconds: SQLite itself asks ever less often, and newcomers would overtake."""
    deadline = time.monotonic() + BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - not a secret
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")


def _server(url: URL) -> Engine:
    driver = url.get_driver_name()
    if driver == "psycopg":
        url = url.update_query_dict({name: value for name, value in _PATIENCE.items() if name not in url.query})
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (NoSuchModuleError, ArgumentError) as error:
        raise UsageError(f"srctl knows no driver {url.drivername}://", "Write the URL as postgresql://...") from error
    except ImportError as error:
        hint = "pip install 'srctl[postgres]'" if driver == "psycopg" else "Write the URL as postgresql://..."
        raise UsageError(f"The driver {driver} for PostgreSQL is not installed", hint) from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")

    return engine


def open_file(path: Path, *, mode: str = "rw") -> sqlite3.Connection:
    """Open an existing SQLite file: foreign keys on, transactions begun by us. Raises as `check_file` and the driver.

    Where the folder cannot be written and nobody writes (no journal with content), it is read as unchanging,
    since reading in WAL mode needs files beside the database otherwise.
    """
    check_file(path)
    connection = _connect(path, f"mode={mode}")
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in _NEEDS_SIDE_FILES or not _nobody_writes(path):
            raise
        connection = _connect(path, "mode=ro&immutable=1")
    return connection


def _nobody_writes(path: Path) -> bool:
    journals = (Path(f"{path}{suffix}") for suffix in ("-wal", "-journal"))
    return not os.access(path.parent, os.W_OK) and not any(each.exists() and each.stat().st_size for each in journals)


def check_file(path: Path) -> None:
    """Raise NoDatabaseError for a missing file, UsageError for a folder or device, SrctlError for no access."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoDatabaseError(f"There is no database at {path}", _INIT_HINT) from error
    except OSError as error:
        raise SrctlError(f"The database {path} cannot be opened: {error.strerror}", "Check its permissions") from error
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a folder, not a database", "Name the file in it")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is not a regular file", "Name a file")


def _connect(path: Path, options: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{options}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA foreign_keys=ON")
    return connection
