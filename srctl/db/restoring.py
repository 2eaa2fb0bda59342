"""A database is put back from a copy: all rows in one transaction, so that a death in the middle leaves what was there.

Ids that were given since the copy was made are not given again: sessions, homes and addresses may still bear them.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from srctl.contents import NOTHING, Contents
from srctl.db import copying, drafts, setup
from srctl.db.archive import Revision
from srctl.db.backup import OURS, copy_file, draft_beside
from srctl.db.engine import Database, check_file
from srctl.db.files import content_of, named
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


def restore(location: str, file: str) -> Restored:
    """Put back what a copy holds in the place of all that a database holds; where there is none, it is made.

    A file that is too damaged to be written to is set aside. Raises as `setup.initialise`, and NotFoundError,
    ConflictError and SrctlError for a copy that is missing, none of ours, or damaged.
    """
    place = parse(location)
    with _sound_copy(place, named(file)) as draft:
        if place.path is None:
            return _fill(place, draft)
        try:
            check_file(place.path)
        except NotFoundError:
            status = _made_ready(place, draft)
            _put(draft, place.path)
            return Restored(status)
        try:
            return _fill(place, draft)
        except SrctlError as error:
            if not _is_damaged(error, place.path):
                raise
        status = _made_ready(place, draft)
        return Restored(status, set_aside=_set_aside(place.path, draft))


@contextmanager
def _sound_copy(place: Location, file: Path) -> Iterator[Path]:
    """Lend a private copy of the copy, checked and brought to the schema of this program."""
    if content_of(file, len(HEADER)) != HEADER:
        raise ConflictError(f"{file} is not a backup of srctl", "Name another file")
    with _beside(place) as draft:
        copy_file(file, Location(place.label, path=draft))
        with Database(Location(str(file), path=draft)) as database, database.reading() as connection:
            found = look(connection)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if found.standing not in OURS:
            raise refusal(found, str(file))
        if broken is not None:
            raise SrctlError(f"{file} is damaged: a row of {broken[0]} refers to nothing", "Take another backup")
        setup.upgrade(str(draft))
        yield draft


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


def _fill(place: Location, draft: Path) -> Restored:
    """Replace the rows of a database that is ready, or empty."""
    with Database(place) as database, Database(Location(str(draft), path=draft)) as source:
        with database.reading() as connection:
            found = look(connection)
        if found.standing not in (Standing.READY, Standing.EMPTY):
            raise refusal(found, place.label)
        with setup.ready_to_write(database) as connection, source.reading() as copy:
            revision = Revision(connection)
            before, closed = revision.contents(), connection.execute(select(closed_slots)).all()
            copying.copy_rows(copy, connection)
            _forget_slots(connection, closed)
            after = revision.contents()
        return Restored(setup.status_of(database), before, after)


def _forget_slots(connection: Connection, closed: Sequence[Row[Any]]) -> None:
    """Let nobody into a session by a share of the past: other sessions are at those slots. What is closed stays so."""
    connection.execute(delete(shares))
    connection.execute(delete(closed_slots))
    there = set(connection.scalars(select(users.c.id)))
    kept = [row._asdict() for row in closed if row.owner_id in there]
    if kept:
        connection.execute(insert(closed_slots), kept)


def _made_ready(place: Location, draft: Path) -> StoreStatus:
    """Let the draft be a database of its own; nobody knows which ids were given in the one before."""
    with Database(Location(place.label, path=draft)) as database:
        with database.writing() as connection:
            last = copying.counters(connection)
            copying.advance(connection, {name: number + MARGIN for name, number in last.items()})
            _forget_slots(connection, ())
        status = setup.status_of(database)
    setup.prepare_file(draft)
    return status


def _put(draft: Path, path: Path) -> None:
    try:
        drafts.put(draft, path)
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
    for suffix in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    draft.replace(path)
    return aside
