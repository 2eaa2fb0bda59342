"""What every command through a gateway reads and writes: whose key it is, and the audit. SQLite, standard library only.

It is asked before each request of a live connection and writes for each command, so it is small and starts in a
millisecond; nothing here needs SQLAlchemy. Only files that are there are opened.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from srctl.errors import NotAllowedError, SrctlError
from srctl.models import AuditEntry

BUSY = 5.0
"""Seconds to wait for another writer."""

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


class Ledger:
    """The accounting database as a gateway's commands see it. Any method raises `SrctlError` where it can't be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def person(self, kind: str, blob: str, fingerprint: str) -> Person:
        """Return whose key this is. Raises `NotAllowedError` for an unknown key and for a disabled user."""
        rows = self._run(_IDENTITY, (fingerprint, kind, blob))
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
        """Note that a key is used now."""
        when = _text(datetime.now(UTC))
        self._run("UPDATE user_keys SET last_used = ? WHERE fingerprint = ?", (when, fingerprint))

    def count(self, user: str, actions: tuple[str, ...], since: datetime) -> int:
        """Return how often somebody has done one of these since then; without any, anything."""
        query = 'SELECT count(*) FROM audit WHERE "user" = ? AND time >= ?'
        if actions:
            query += f" AND action IN ({', '.join('?' * len(actions))})"
        return int(self._run(query, (user, _text(since), *actions))[0][0])

    def _run(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            with closing(self._open()) as connection:
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise SrctlError(f"The accounting database can't be used: {error}", "Tell the administrator") from error

    def _open(self) -> sqlite3.Connection:
        url = f"file:{quote(str(self._path))}?mode=rw"
        return sqlite3.connect(url, uri=True, timeout=BUSY, isolation_level=None)


def _text(moment: datetime) -> str:
    """Return a time as SQLAlchemy keeps it in SQLite: naive, in UTC, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
