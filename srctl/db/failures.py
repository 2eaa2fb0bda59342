"""Every way in which a database fails, in the user's words: the one place where drivers' errors become ours.

A statement may fail long after the database was opened (locked, full, gone), so all of them run inside `translated`.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from srctl.db.location import Location
from srctl.errors import ConflictError, NotFoundError, SrctlError, UnreachableError, UsageError

BUSY_SECONDS = 5

_SERVER_GONE = ("08", "57P", "53300", "28")
"""SQLSTATE prefixes: connection failures, shut-downs, too many connections, refused logins."""

_Answer = tuple[type[SrctlError], str, str]

_OTHER: _Answer = (SrctlError, "The database {database} failed: {error}", "")
_REFUSED: _Answer = (ConflictError, "The database {database} refused it: {error}", "Look again, then try again")
_FULL: _Answer = (SrctlError, "The disk of the database {database} is full", "Make room; nothing was changed")
_LOCKED: _Answer = (
    ConflictError,
    "The database {database} is locked by another program",
    "See who holds it in the server's view pg_stat_activity, then try again",
)

_SQLITE: dict[int, _Answer] = {
    sqlite3.SQLITE_BUSY: (
        ConflictError,
        f"The database {{database}} is locked by another program, for more than {BUSY_SECONDS} seconds",
        "See who holds it with `fuser {database}`, then try again",
    ),
    sqlite3.SQLITE_NOTADB: (
        ConflictError,
        "{database} is not a database",
        "Name another file, or move this one away",
    ),
    sqlite3.SQLITE_CORRUPT: (SrctlError, "The database {database} is damaged", "Restore it from a backup"),
    sqlite3.SQLITE_READONLY: (
        SrctlError,
        "The database {database} is read-only",
        "Check the permissions of the file, its folder and its disk",
    ),
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,
    sqlite3.SQLITE_IOERR: (
        SrctlError,
        "The disk of the database {database} failed: {error}",
        "Check the disk and its free space",
    ),
    sqlite3.SQLITE_CONSTRAINT: _REFUSED,
}

_POSTGRES: dict[str, _Answer] = {
    "55P03": _LOCKED,
    "40": _LOCKED,
    "57": _LOCKED,
    "25006": (SrctlError, "The database {database} is read-only", "Connect to the primary server"),
    "53": (SrctlError, "The server of {database} is out of room: {error}", "Make room; nothing was changed"),
    "23": _REFUSED,
    "42501": (SrctlError, "The database {database} refused this login: {error}", "Ask who runs the server"),
}
"""By SQLSTATE, else by its class."""


@contextmanager
def translated(location: Location) -> Iterator[None]:
    """Turn the errors of SQLAlchemy and of the drivers into ours."""
    try:
        yield
    except DataError as error:
        raise UsageError(f"The database cannot hold that: {_first_line(error.orig or error)}") from error
    except DBAPIError as error:
        original = error.orig if isinstance(error.orig, Exception) else error
        raise _from_driver(original, location) from error
    except sqlite3.Error as error:
        raise _from_driver(error, location) from error
    except UnicodeError as error:
        raise UsageError("A text is not valid UTF-8", "The database takes Unicode text only") from error
    except SQLAlchemyError as error:
        raise SrctlError(f"The database {location.label} failed: {_first_line(error)}") from error


def is_missing_table(error: DBAPIError) -> bool:
    """Tell whether the statement failed because the database has no such table or column."""
    state = getattr(error.orig, "sqlstate", None)
    return state in ("42P01", "42703") or str(error.orig).startswith(("no such table", "no such column"))


def _from_driver(error: Exception, location: Location) -> SrctlError:
    if isinstance(error, sqlite3.Error):
        return _from_sqlite(error, location)
    return _from_postgres(error, location)


def _from_sqlite(error: sqlite3.Error, location: Location) -> SrctlError:
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & 0xFF
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return _not_opened(location)
    kind, message, hint = _SQLITE.get(extended) or _SQLITE.get(code, _OTHER)
    return kind(message.format(database=location.label, error=_first_line(error)), hint.format(database=location.label))


def _not_opened(location: Location) -> SrctlError:
    if location.path is not None and not os.access(location.path, os.R_OK):
        return SrctlError(f"The database {location.label} is not readable", "Check its permissions")
    return SrctlError(
        f"The database {location.label} cannot be opened",
        "Check the permissions of its folder and of the files beside it that end in -wal and -shm",
    )


def _from_postgres(error: Exception, location: Location) -> SrctlError:
    state: str | None = getattr(error, "sqlstate", None)
    text = _clean(error, location)
    if state is None and type(error).__name__ == "ProgrammingError":
        return UsageError(f"The database URL {location.label} is wrong: {text}", "See libpq's connection parameters")
    if state is None or state.startswith(_SERVER_GONE):
        return _not_connected(text, location)
    kind, message, hint = _POSTGRES.get(state) or _POSTGRES.get(state[:2], _OTHER)
    return kind(message.format(database=location.label, error=text), hint)


def _not_connected(text: str, location: Location) -> SrctlError:
    if re.search(r'database ".*" does not exist', text):
        return NotFoundError(
            f"The server has no such database: {location.label}", "Create it (`createdb`), then run `srctl db init`"
        )
    return UnreachableError(
        f"The database {location.label} cannot be reached: {text}", "Check server, port, user and password of the URL"
    )


def _clean(error: Exception, location: Location) -> str:
    text = _first_line(error)
    secret = location.url.password if location.url is not None else None
    return text.replace(str(secret), "***") if secret else text


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
