"""Making a database ready: create it, upgrade it, tell its state. The only module that needs Alembic.

A database that is not ours is never written to. All migrations run in one transaction that starts with a lock, so a
death in the middle leaves no database or the old one, and of two at once the second finds all done.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from srctl.db import drafts
from srctl.db.engine import Database, check_file, open_file
from srctl.db.failures import BUSY_SECONDS, translated
from srctl.db.location import Location, parse
from srctl.db.schema import HEAD
from srctl.db.standing import Standing, look, look_within, refusal
from srctl.db.store import SqlStore
from srctl.errors import ConflictError, NotFoundError, SrctlError
from srctl.folders import make_private
from srctl.models import StoreStatus

_ADVISORY_LOCK = 0x73726374  # "srct": one number for all of our migrations on a server


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome of `initialise` and `upgrade`: the migrations applied now (none: it was ready) and the state."""

    applied: tuple[str, ...]
    status: StoreStatus


def initialise(location: str) -> Prepared:
    """Make the database ready: create it (folders too) or upgrade one of ours; a ready one stays untouched.

    Raises ConflictError for a database that is newer or not ours, UsageError, UnreachableError, SrctlError.
    """
    place = parse(location)
    made = _create(place, place.path) if place.path is not None and _is_missing(place.path) else None
    return made or _migrate(place, (Standing.EMPTY, Standing.OLDER))


def upgrade(location: str) -> Prepared:
    """Apply the pending migrations of an existing database of ours. Raises as `initialise`, and NotFoundError."""
    return _migrate(parse(location), (Standing.OLDER,))


def status(location: str) -> StoreStatus:
    """Tell revision, pending migrations and counts, also of a database older than the program (counts `None`).

    Raises NotFoundError for a missing or empty database, ConflictError for one that is newer or not ours.
    """
    place = parse(location)
    with Database(place) as database:
        return status_of(database)


def status_of(database: Database) -> StoreStatus:
    """Tell the state of a database that is open. Raises as `status`."""
    label = database.location.label
    with database.reading() as connection:
        found = look(connection)
    if found.standing is Standing.READY:
        return SqlStore(database).status()
    if found.standing is Standing.OLDER:
        return StoreStatus(label, found.revision, HEAD, found.pending, None, None, None)
    raise refusal(found, label)


def _migrate(place: Location, wanted: tuple[Standing, ...]) -> Prepared:
    applied: tuple[str, ...] = ()
    with Database(place) as database:
        with database.reading() as connection:
            found = look(connection)
        if found.standing in wanted:
            if place.path is not None and found.standing is Standing.EMPTY:
                with translated(place):
                    prepare_file(place.path)
            applied = _apply(database, wanted)
        elif found.standing is not Standing.READY:
            raise refusal(found, place.label)
        return Prepared(applied, status_of(database))


def _apply(database: Database, wanted: tuple[Standing, ...]) -> tuple[str, ...]:
    with _locked(database) as connection:
        found = look_within(connection)
        if found.standing in wanted:
            _run_alembic(connection)
            return found.pending
        if found.standing is Standing.READY:
            return ()
        raise refusal(found, database.location.label)


@contextmanager
def ready_to_write(database: Database) -> Iterator[Connection]:
    """Lend a transaction on a database that is ready, or made so in the same one if it is empty."""
    path = database.location.path
    if path is not None and not path.stat().st_size:
        with translated(database.location):
            prepare_file(path)
    with _locked(database) as connection:
        found = look_within(connection)
        if found.standing is Standing.EMPTY:
            _run_alembic(connection)
        elif found.standing is not Standing.READY:
            raise refusal(found, database.location.label)
        yield connection


@contextmanager
def _locked(database: Database) -> Iterator[Connection]:
    """Lend a transaction beside which none of ours changes the schema."""
    with database.migrating() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        yield connection


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _is_missing(path: Path) -> bool:
    try:
        check_file(path)
    except NotFoundError:
        if path.is_symlink():
            raise ConflictError(f"{path} is a link to a file that is not there", "Remove the link") from None
        return True
    return False


def _create(place: Location, path: Path) -> Prepared | None:
    """Make a database in a folder beside its place and put it there once it is ready, so that nobody meets half of one.

    `None` where another process was faster. Missing folders are made with mode 0700, the file with 0600.
    """
    try:
        make_private(path.parent)
        with drafts.draft(path) as draft:
            prepared = _migrate(Location(place.label, path=draft), (Standing.EMPTY,))
            drafts.put(draft, path)
            return prepared
    except FileExistsError:
        return None
    except OSError as error:
        raise SrctlError(
            f"The database {path} cannot be created: {error.strerror}", "Name another place, or check its permissions"
        ) from error


def prepare_file(path: Path) -> None:
    """Give an empty database its mode and its journal; another process may be doing the same."""
    try:
        path.chmod(0o600)
    except OSError as error:
        raise SrctlError(f"{path} is not ours to set up: {error.strerror}", "Check who owns it") from error
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            with closing(open_file(path)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
