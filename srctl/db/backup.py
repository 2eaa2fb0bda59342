"""A copy of the whole database in a SQLite file, made while others write: as it was at one moment.

It takes the place of an older copy in one step, once it is complete and found sound. The way back is in `restoring`.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from srctl.db import copying, drafts, setup
from srctl.db.engine import Database, open_file
from srctl.db.failures import translated
from srctl.db.files import content_of, named, require_no_journal
from srctl.db.location import Location, parse
from srctl.db.standing import Standing, look, refusal
from srctl.errors import ConflictError, SrctlError, UsageError
from srctl.models import StoreStatus

OURS = (Standing.READY, Standing.OLDER)
"""What can be copied, and come back."""

_VERSIONS, _WAL = slice(18, 20), b"\2\2"
"""Where the header of a SQLite file says who may write and read it, and what it says of one in WAL mode."""


def backup(location: str, file: str) -> StoreStatus:
    """Copy a database to a file, in the place of an older copy; return the state of the copy.

    Raises as `store.open_store`, UsageError for a place that can't be, ConflictError for a file that is no copy.
    """
    place, target = parse(location), named(file).resolve()
    with Database(place) as database:
        with database.reading() as connection:
            found = look(connection)
        if found.standing not in (OURS if place.path is not None else OURS[:1]):
            raise refusal(found, place.label)
        _check_target(target, place)
        with draft_beside(target) as draft:
            if place.path is None:
                _copy_server(database, draft, target)
            else:
                copy_file(place.path, Location(str(target), path=draft))
            status = setup.status(str(draft))
            _replace(draft, target)
    return replace(status, url=str(target))


@contextmanager
def draft_beside(target: Path) -> Iterator[Path]:
    """Lend the path of a private file in a folder beside its later place; the folder goes at the end."""
    try:
        with drafts.draft(target) as draft:
            yield draft
    except OSError as error:
        raise SrctlError(f"{target} can't be written: {error.strerror}", "Name another place") from error


def copy_file(path: Path, draft: Location) -> None:
    """Copy a SQLite file as it is at one moment into an empty one, without files beside it; the copy must be sound.

    Raises as a database that fails.
    """
    source = Location(str(path), path=path)
    with translated(source), closing(open_file(path)) as connection, closing(sqlite3.connect(str(draft.path))) as copy:
        with translated(draft):
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        problems = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
        if problems != ["ok"]:
            raise SrctlError(f"The database {path} is damaged: {problems[0]}", "Restore it from a backup")


def _copy_server(database: Database, draft: Path, target: Path) -> None:
    setup.initialise(str(draft))
    place = Location(str(target), path=draft)
    with Database(place) as private, private.writing() as copy, database.reading() as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        copying.copy_rows(connection, copy)
    with translated(place), closing(open_file(draft)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _check_target(target: Path, place: Location) -> None:
    """Refuse the database itself, and whatever is no copy of one."""
    if not target.exists():
        require_no_journal(target)
        return
    if not target.is_file():
        raise UsageError(f"{target} is not a regular file", "Name a file")
    if place.path is not None and target.samefile(place.path):
        raise UsageError(f"{target} is the database itself", "Name another file")
    if not target.stat().st_size:
        return
    if _is_in_use(target):
        raise ConflictError(
            f"{target} is a database to work with, and no backup",
            "Name another file; `srctl --db DATABASE db restore BACKUP` is the way back",
        )
    try:
        with Database(Location(str(target), path=target)) as other, other.reading() as connection:
            ours = look(connection).standing in (*OURS, Standing.NEWER)
    except SrctlError:
        ours = False
    if ours:
        require_no_journal(target)
    else:
        raise ConflictError(f"{target} is there, and no backup of srctl", "Name another file, or move this one away")


def _is_in_use(target: Path) -> bool:
    """Tell whether a file is a database whose writers keep a journal beside it, which a copy never has.

    Its journal would be taken for that of the copy in its place.
    """
    return content_of(target, _VERSIONS.stop)[_VERSIONS] == _WAL


def _replace(draft: Path, target: Path) -> None:
    """Give the draft the name of the target in one step that outlasts a crash."""
    for path in (draft, draft.parent.parent):
        if path is not draft:
            os.replace(draft, target)
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
