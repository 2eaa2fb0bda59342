"""What every command through a gateway reads and writes: whose key it is, and the audit. SQLite, standard library only.

It is asked before each request of a live connection and writes for each command, so it is small and starts in a
millisecond; nothing here needs SQLAlchemy. Only files that are there are opened.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from srctl.entry import AuditEntry
from srctl.errors import NotAllowedError, SrctlError

BUSY = 5.0
"""Seconds to wait for another writer."""

_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
"""What a full disk does to writers, and to readers, who need a small file beside the database."""

_IDENTITY = (
    "SELECT users.id, users.name, users.admin, users.disabled FROM user_keys JOIN users ON users.id = user_keys.user_id"
    " WHERE user_keys.fingerprint = ? AND user_keys.type = ? AND user_keys.blob = ?"
)
_ENTRY = 'INSERT INTO audit (time, "user", fingerprint, address, action, detail, result) VALUES (?, ?, ?, ?, ?, ?, ?)'


@dataclass(frozen=True, slots=True)
class Person:
    """A user who is not disabled."""

    id: int
    name: str
    admin: bool


class _FullError(SrctlError):
    """There is no room on the disk."""


class Ledger:
    """The accounting database as a gateway's commands see it. Any method raises `SrctlError` where it can't be used.

    It keeps one connection, for one thread, and asks the file that bears the name now: one that was put in its place,
    such as a backup, is opened in turn.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def person(self, kind: str, blob: str, fingerprint: str) -> Person:
        """Return whose key this is. Raises `NotAllowedError` for an unknown key and for a disabled user."""
        rows = self._read(_IDENTITY, (fingerprint, kind, blob))
        if not rows:
            raise NotAllowedError("Your key is not registered here", "Send its .pub file to the administrator")
        user_id, name, admin, disabled = rows[0]
        if disabled:
            raise NotAllowedError(f"User {name!r} is disabled", "Ask the administrator")
        return Person(int(user_id), str(name), bool(admin))

    def note(self, entry: AuditEntry) -> None:
        """Add a row to the audit."""
        said = (entry.user, entry.fingerprint, entry.address, entry.action, entry.detail, entry.result)
        self._run(_ENTRY, (_text(entry.time), *said))

    def note_use(self, fingerprint: str) -> None:
        """Note that a key is used now; a full disk keeps nobody out."""
        when = _text(datetime.now(UTC))
        with suppress(_FullError):
            self._run("UPDATE user_keys SET last_used = ? WHERE fingerprint = ?", (when, fingerprint))

    def count(self, user: str, actions: tuple[str, ...], since: datetime) -> int:
        """Return how often somebody has done one of these since then; without any, anything."""
        query = 'SELECT count(*) FROM audit WHERE "user" = ? AND time >= ?'
        if actions:
            query += f" AND action IN ({', '.join('?' * len(actions))})"
        return int(self._read(query, (user, _text(since), *actions))[0][0])

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._file = None

    def _read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._run(statement, values)
        except _FullError:
            before = self._unchanging()
            if before is None:
                raise
            found = self._read_as_it_lies(statement, values)
            if self._unchanging() != before:
                raise
            return found

    def _read_as_it_lies(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"{self._url}?mode=ro&immutable=1", uri=True)) as connection:
            return connection.execute(statement, values).fetchall()

    def _unchanging(self) -> Sequence[int] | None:
        """Return what tells a change of the file; `None` while part of the database is elsewhere."""
        journal = Path(f"{self._path}-wal")
        if journal.exists() and journal.stat().st_size:
            return None
        found = self._path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _run(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._opened().execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self.close()
            if getattr(error, "sqlite_errorcode", None) in _NO_ROOM:
                raise _FullError("The disk of the accounting database is full", "Tell the administrator") from error
            reason = error.strerror if isinstance(error, OSError) else error
            raise SrctlError(f"The accounting database can't be used: {reason}", "Tell the administrator") from error

    @property
    def _url(self) -> str:
        return f"file:{quote(str(self._path))}"

    def _opened(self) -> sqlite3.Connection:
        found = self._path.stat()
        file = (found.st_dev, found.st_ino)
        if self._connection is None or file != self._file:
            self.close()
            self._connection = sqlite3.connect(f"{self._url}?mode=rw", uri=True, timeout=BUSY, isolation_level=None)
            self._connection.execute("PRAGMA synchronous=NORMAL")  # closing writes through to the disk once, for all
            self._file = file
        return self._connection


def _text(moment: datetime) -> str:
    """Return a time as SQLAlchemy keeps it in SQLite: naive, in UTC, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
