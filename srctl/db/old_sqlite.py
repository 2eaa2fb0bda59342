"""The SQLite database of SimPhoNy-Remote 2, in both shapes: read in one transaction, and never written to.

Rows that lead nowhere are skipped with their place; whatever is no text, no flag or no row of that system is refused.
"""

import reprlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from srctl.contents import Skipped
from srctl.db.engine import open_file
from srctl.db.failures import translated
from srctl.db.location import Location
from srctl.errors import ConflictError, SrctlError, UsageError
from srctl.legacy import Named, OldData, OldGrant, OldPolicy

HEADER = b"SQLite format 3\0"
"""What a SQLite file begins with."""

_FLAGS = ("allow_home", "allow_view", "allow_startup_data")
_TEXTS = ("app_license", "volume_source", "volume_target", "volume_mode")
_SHAPE = {
    "user": ("id", "name"),
    "application": ("id", "image"),
    "application_policy": ("id", "allow_home", "allow_view", "volume_source", "volume_target", "volume_mode"),
    "accounting": ("id", "user_id", "application_id", "application_policy_id"),
}
_ADDED = ("app_license", "allow_startup_data")
"""Columns of `application_policy` since version 2.1."""


_LONG = 64
"""Characters of an id that are told as they are."""

_MOST_TOLD = 2**31 - 1
_REAL_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
"""Those with rows of their own: what others run at each look is no data of that system."""

_IN_USE = "id IN (SELECT application_policy_id FROM accounting)"


class _Table(NamedTuple):
    """Values in the order of their rows, and their numbers by the id of the row."""

    values: tuple[Any, ...]
    numbers: Mapping[object, int]


def parse(path: Path) -> OldData:
    """Read a database. Raises ConflictError for one of another program, UsageError for what makes no sense in it."""
    with translated(Location(str(path), path=path)), closing(_opened(path)) as connection:
        connection.text_factory = _text
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("BEGIN")
        _check_pages(connection, path)
        columns = _columns(connection, path)
        return _Reader(connection, columns).read()


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return open_file(path, mode="ro")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        hint = "Copy it and the file beside it that ends in -journal, open the copy with sqlite3 once, and import that"
        raise ConflictError(f"{path} was left in the middle of a change", hint) from error


def _text(raw: bytes) -> str:
    """Decode a text; what is not UTF-8 becomes what no name and no path may have."""
    return raw.decode("utf-8", "surrogateescape")


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Raise SrctlError for a damaged file: some damage only makes rows disappear. What rows say is looked at later."""
    connection.execute("PRAGMA ignore_check_constraints=ON")
    for (said,) in connection.execute(f"PRAGMA quick_check({_MOST_TOLD})"):
        if said != "ok" and not said.startswith("NULL value in "):
            problem = " ".join(said.split())
            raise SrctlError(f"The database {path} is damaged: {problem}", "Take another copy of it, or a backup")


def _columns(connection: sqlite3.Connection, path: Path) -> frozenset[str]:
    """Return the columns of `application_policy`. Raises for what is no database of SimPhoNy-Remote 2."""
    tables = {name for (name,) in connection.execute(_REAL_TABLES)}
    if "alembic_version" in tables or not tables >= _SHAPE.keys():
        hint = "If it is one of srctl: srctl --db FILE uses it as it is"
        raise ConflictError(f"{path} is not a database of SimPhoNy-Remote", hint)
    columns: dict[str, frozenset[str]] = {}
    for table, wanted in _SHAPE.items():
        columns[table] = frozenset(row[1] for row in connection.execute(f'PRAGMA table_info("{table}")'))
        if missing := [name for name in wanted if name not in columns[table]]:
            hint = "Databases from before version 2.0 can't be taken over"
            raise UsageError(f"{path} has no column {', '.join(missing)} in the table {table}", hint)
    return columns["application_policy"]


class _Reader:
    """Reads the four tables, and collects what is wrong."""

    def __init__(self, connection: sqlite3.Connection, columns: frozenset[str]) -> None:
        self._connection = connection
        self._columns = columns
        self._problems: list[str] = []
        self._skipped: list[Skipped] = []

    def read(self) -> OldData:
        users = self._named("user", "name")
        images = self._named("application", "image")
        policies = self._policies()
        grants = tuple(self._grants(users, images, policies))
        version = "2.1" if self._columns >= set(_ADDED) else "2.0"
        return OldData(
            f"database of SimPhoNy-Remote {version}",
            "accounting row",
            users.values,
            images.values,
            policies.values,
            grants,
            tuple(self._skipped),
            tuple(self._problems),
        )

    def _rows(self, table: str, columns: Iterable[str], condition: str = "true") -> sqlite3.Cursor:
        """Return the rows of a table in their order, each after its number."""
        query = f'SELECT rowid, {", ".join(columns)} FROM "{table}" WHERE {condition} ORDER BY rowid'  # noqa: S608
        return self._connection.execute(query)

    def _named(self, table: str, column: str) -> _Table:
        values: list[Named] = []
        numbers: dict[object, int] = {}
        for row, own, value in self._rows(table, ("id", column)):
            place = f"{table} row {row}"
            if value is None:
                self._skipped.append(Skipped(place, f"it has no {column}"))
                continue
            self._number(numbers, own, len(values), place)
            values.append(Named(f"{place}, column {column}", self._as_text(value, f"{place}, column {column}") or ""))
        return _Table(tuple(values), numbers)

    def _policies(self) -> _Table:
        """Read the policies that are in use: what is wrong with the others hinders nobody."""
        columns = [name for name in (*_FLAGS, *_TEXTS) if name in self._columns]
        values: list[OldPolicy] = []
        numbers: dict[object, int] = {}
        for row, own, *cells in self._rows("application_policy", ("id", *columns), _IN_USE):
            place = f"application_policy row {row}, column "
            found = dict(zip(columns, cells, strict=True))
            self._number(numbers, own, len(values), place.partition(",")[0])
            given: dict[str, Any] = {name: self._as_flag(found.get(name), place + name) for name in _FLAGS}
            given |= {name: self._as_text(found.get(name), place + name) or None for name in _TEXTS}
            values.append(OldPolicy(place, **given))
        return _Table(tuple(values), numbers)

    def _grants(self, users: _Table, images: _Table, policies: _Table) -> Iterator[OldGrant]:
        for row, own, user, image, policy in self._rows("accounting", _SHAPE["accounting"]):
            links = (("user", users, user), ("application", images, image), ("policy", policies, policy))
            gone = [f"no {name} {_shown(value)}" for name, table, value in links if value not in table.numbers]
            if gone:
                self._skipped.append(
                    Skipped(f"accounting row {row}", f"grant {_shown(own)}: there is {', '.join(gone)}")
                )
                continue
            numbers = (table.numbers[value] for _, table, value in links)
            yield OldGrant(row, self._as_text(own, f"accounting row {row}, column id") or "", *numbers)

    def _number(self, numbers: dict[object, int], own: object, number: int, place: str) -> None:
        """Note which entry an id stands for; nothing refers to none, and what two rows have is nobody's."""
        if own is not None and numbers.setdefault(own, number) != number:
            self._problems.append(f"{place}, column id: {_shown(own)} is that of another row already")

    def _as_text(self, value: object, place: str) -> str | None:
        if value is not None and not isinstance(value, str):
            self._problems.append(f"{place}: {reprlib.repr(value)} is not a text")
            return None
        return value

    def _as_flag(self, value: object, place: str) -> bool:
        if value not in (None, 0, 1):
            self._problems.append(f"{place}: {reprlib.repr(value)} is neither 0 nor 1")
        return value == 1


def _shown(value: object) -> str:
    """Return a cell for a message; it may be as large as the file."""
    return value if isinstance(value, str) and len(value) <= _LONG else reprlib.repr(value)
