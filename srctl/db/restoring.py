"""A database is put back from a copy: all rows in one transaction, so that a death in the middle leaves what was there.

Ids that were given since the copy was made are not given again: sessions, homes and addresses may still bear them.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from srctl.contents import NOTHING, Contents
from srctl.db import copying, drafts, setup
from srctl.db.archive import Revision
from srctl.db.backup import OURS, copy_file, draft_beside
from srctl.db.engine import Database, check_file, open_file
from srctl.db.failures import translated
from srctl.db.files import JOURNALS, content_of, named
from srctl.db.location import Location, parse
from srctl.db.old_sqlite import HEADER
from srctl.db.schema import closed_slots, shares, users
from srctl.db.standing import Standing, look, refusal
from srctl.errors import ConflictError, NotFoundError, SrctlError
from srctl.folders import make_private
from srctl.models import StoreStatus

MARGIN = 1_000
"""How far ids go on where nobody can tell which were given since the copy was made."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a database holds again, what it held before, and where a damaged one was put, if there was one."""

    status: StoreStatus
    before: Contents = NOTHING
    after: Contents = NOTHING
    set_aside: Path | None = None
    left_out: tuple[str, ...] = ()
    """What the copy had beside tables: nothing of srctl, and nothing that is to run here."""


def restore(location: str, file: str) -> Restored:
    """Put back what a copy holds in the place of all that a database holds; where there is none, it is made.

    A file that is too damaged to be written to is set aside. Raises as `setup.initialise`, and NotFoundError,
    ConflictError and SrctlError for a copy that is missing, none of ours, or damaged.
    """
    place = parse(location)
    with _sound_copy(place, named(file)) as (draft, left_out):
        return replace(_restored(place, draft), left_out=left_out)


def _restored(place: Location, draft: Location) -> Restored:
    if place.path is None:
        return _fill(place, draft)
    try:
        check_file(place.path)
    except NotFoundError:
        with _fresh(place, place.path, draft) as (fresh, status):
            _put(fresh, place.path)
        return Restored(status)
    try:
        return _fill(place, draft)
    except SrctlError as error:
        if not _is_damaged(error, place.path):
            raise
    with _fresh(place, place.path, draft) as (fresh, status):
        return Restored(status, set_aside=_set_aside(place.path, fresh))


def require_copy(file: str) -> None:
    """Raise `NotFoundError`, `ConflictError`, `UsageError` or `SrctlError` for a file that is certainly no copy."""
    path = named(file)
    if content_of(path, len(HEADER)) != HEADER:
        raise ConflictError(f"{path} is not a backup of srctl", "Name another file")


@contextmanager
def _sound_copy(place: Location, file: Path) -> Iterator[tuple[Location, tuple[str, ...]]]:
    """Lend a private copy of the copy, checked and brought to the schema of this program, and what was left out."""
    require_copy(str(file))
    with _beside(place) as draft:
        copy_file(file, Location(place.label, path=draft))
        left_out = _disarm(draft)
        with Database(Location(str(file), path=draft)) as database, database.reading() as connection:
            found = look(connection)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if found.standing not in OURS:
            raise refusal(found, str(file))
        if broken is not None:
            raise SrctlError(f"{file} is damaged: a row of {broken[0]} refers to nothing", "Take another backup")
        setup.upgrade(str(draft))
        yield Location(str(file), path=draft), left_out


def _disarm(draft: Path) -> tuple[str, ...]:
    """Remove what runs by itself when rows are read or written; return what that was."""
    with translated(Location(str(draft), path=draft)), closing(open_file(draft)) as connection:
        found = connection.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall()
        for kind, name in found:
            connection.execute(f'DROP {kind} IF EXISTS "{name.replace(chr(34), chr(34) * 2)}"')
    return tuple(f"{kind} {name}" for kind, name in found)


@contextmanager
def _beside(place: Location) -> Iterator[Path]:
    if place.path is None:
        with TemporaryDirectory(prefix="srctl-") as folder:
            draft = Path(folder) / "draft.db"
            draft.touch(0o600)
            yield draft
        return
    try:
        make_private(place.path.parent)
    except OSError as error:
        raise SrctlError(f"{place.label} can't be made: {error.strerror}", "Name another place") from error
    with draft_beside(place.path) as draft:
        yield draft


def _fill(place: Location, draft: Location) -> Restored:
    """Replace the rows of a database that is ready, or empty."""
    with Database(place) as database, Database(draft) as source:
        with database.reading() as connection:
            found = look(connection)
        if found.standing not in (Standing.READY, Standing.EMPTY):
            raise refusal(found, place.label)
        with setup.ready_to_write(database) as connection, source.reading() as copy:
            revision = Revision(connection)
            before, closed = revision.contents(), connection.execute(select(closed_slots)).all()
            _copy_rows(copy, connection)
            _forget_slots(connection, closed)
            after = revision.contents()
        return Restored(setup.status_of(database), before, after)


def _copy_rows(copy: Connection, target: Connection) -> None:
    """Put the rows of a copy in the place of all others. Raises SrctlError for values that no such row has."""
    try:
        copying.copy_rows(copy, target)
    except (ValueError, TypeError, AttributeError) as error:  # what SQLAlchemy can't read as the column's type
        raise SrctlError(f"The copy has a value that can't be: {error}", "Take another backup") from error


def _forget_slots(connection: Connection, closed: Sequence[Row[Any]]) -> None:
    """Let nobody into a session by a share of the past: other sessions are at those slots. What is closed stays so."""
    connection.execute(delete(shares))
    connection.execute(delete(closed_slots))
    there = set(connection.scalars(select(users.c.id)))
    kept = [row._asdict() for row in closed if row.owner_id in there]
    if kept:
        connection.execute(insert(closed_slots), kept)


@contextmanager
def _fresh(place: Location, path: Path, draft: Location) -> Iterator[tuple[Path, StoreStatus]]:
    """Lend a new database with the rows of the draft, which is to be at `path`, and its state.

    Its tables are ours, whatever those of the copy are. Nobody knows which ids were given there before.
    """
    with draft_beside(path) as fresh:
        setup.initialise(str(fresh))
        with Database(Location(place.label, path=fresh)) as database, Database(draft) as source:
            with database.writing() as connection, source.reading() as copy:
                _copy_rows(copy, connection)
                last = copying.counters(connection)
                copying.advance(connection, {name: number + MARGIN for name, number in last.items()})
                _forget_slots(connection, ())
            status = setup.status_of(database)
        yield fresh, status


def _put(fresh: Path, path: Path) -> None:
    try:
        drafts.put(fresh, path)
    except FileExistsError as error:
        raise ConflictError(f"Another process made {path} at this moment", "Look at it, then try again") from error


def _is_damaged(error: SrctlError, path: Path) -> bool:
    """Tell whether the file is a damaged database, and not something else of that name."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.Error):
        cause = getattr(cause, "orig", None) or cause.__cause__
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _DAMAGE and content_of(path, len(HEADER)) == HEADER


def _set_aside(path: Path, draft: Path) -> Path:
    """Put the draft in the place of a damaged database, which gets another name, as do the files beside it.

    Returns that name. At no moment is there no database.
    """
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    try:
        aside.hardlink_to(path)
    except OSError:  # a file system without hard links, or a second one in this second
        path.rename(aside)
    for suffix in (*JOURNALS, "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    draft.replace(path)
    return aside
