"""What a database is to this version of the program: ready, older, newer, empty, or somebody else's.

Alembic's table is read here without Alembic. One statement decides for a database that is ready; only others are
looked at more closely, so that whoever named the wrong file is told what it is.
"""

from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from srctl.db.failures import is_missing_table
from srctl.db.schema import HEAD, REVISION_PREFIX, REVISIONS
from srctl.errors import ConflictError, NotFoundError, SrctlError

_OLD_SYSTEM = {"user", "application", "application_policy", "accounting"}
_VERSION_TABLE = "alembic_version"
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND substr(name, 1, 7) != 'sqlite_'",
    "postgresql": (
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')"
    ),
}


class Standing(Enum):
    """What a database is to this version of the program."""

    READY = auto()
    OLDER = auto()
    NEWER = auto()
    EMPTY = auto()
    OLD_SYSTEM = auto()
    FOREIGN = auto()


@dataclass(frozen=True, slots=True)
class Found:
    """The standing of a database and its revision, `None` where it is not ours."""

    standing: Standing
    revision: str | None = None

    @property
    def pending(self) -> tuple[str, ...]:
        """The revisions that `db upgrade` would apply."""
        if self.standing is Standing.OLDER and self.revision is not None:
            return REVISIONS[REVISIONS.index(self.revision) + 1 :]
        return REVISIONS if self.standing is Standing.EMPTY else ()


def look(connection: Connection) -> Found:
    """Find out what the database is; rolls back, so not for use inside a transaction. Reads only."""
    try:
        revision = _revision(connection)
    except DBAPIError as error:
        connection.rollback()
        if is_missing_table(error):
            return _judge(None, _tables(connection))
        raise
    return Found(Standing.READY, revision) if revision == HEAD else _judge(revision, _tables(connection))


def look_within(connection: Connection) -> Found:
    """Find out what the database is without a statement that could fail and so end the transaction."""
    tables = _tables(connection)
    return _judge(_revision(connection) if _VERSION_TABLE in tables else None, tables)


def refusal(found: Found, label: str) -> SrctlError:
    """Give the error for a database that is not ready."""
    match found.standing:
        case Standing.OLDER:
            return ConflictError(
                f"The database {label} is older than this srctl ({found.revision}, needs {HEAD})",
                "Upgrade it with `srctl db upgrade`",
            )
        case Standing.NEWER:
            return ConflictError(
                f"The database {label} is newer than this srctl ({found.revision}, knows {HEAD})",
                "Upgrade srctl, e.g. with `pip install --upgrade srctl`",
            )
        case Standing.EMPTY:
            return NotFoundError(f"The database {label} is empty", "Make it ready with `srctl db init`")
        case Standing.OLD_SYSTEM:
            return ConflictError(
                f"{label} is a database of SimPhoNy-Remote, not of srctl",
                "Take its content over with `srctl db import`",
            )
    return ConflictError(f"{label} is a database of another program", "Name another one")


def _judge(revision: str | None, tables: set[str]) -> Found:
    if revision in REVISIONS:
        return Found(Standing.READY if revision == HEAD else Standing.OLDER, revision)
    if revision is not None and revision.startswith(REVISION_PREFIX):
        return Found(Standing.NEWER, revision)
    if revision is None and tables <= {_VERSION_TABLE}:
        return Found(Standing.EMPTY)
    return Found(Standing.OLD_SYSTEM if tables >= _OLD_SYSTEM else Standing.FOREIGN)


def _revision(connection: Connection) -> str | None:
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _tables(connection: Connection) -> set[str]:
    return set(connection.execute(text(_TABLES[connection.dialect.name])).scalars())
