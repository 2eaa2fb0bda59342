"""Which kind of database a location names: SQLite, PostgreSQL, or a source of another kind such as CSV.

Nothing is imported but what the location needs: SQLAlchemy is not for CSV.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from srctl.contents import Archive, Changes, Contents, Revision, Source
from srctl.errors import UnsupportedError, UsageError
from srctl.models import StoreStatus
from srctl.needs import Store
from srctl.outcome import Finding

if TYPE_CHECKING:
    from srctl.db.book import Book
    from srctl.db.source_store import SourceStore

CSV = "csv"
SQL = ("sqlite", "postgres", "postgresql")
"""Schemes that no other package can take over, beside that of CSV."""


def open_backend(location: str) -> Store:
    """Open a database that is ready; nothing is created. Raises as `store.open_store`, and what a source raises."""
    found = open_source(location)
    if found is not None:
        return found
    from srctl.db.store import open_store

    return open_store(location)


def status(location: str) -> StoreStatus:
    """Tell the state of a database, also of one that is older than the program. Raises as `setup.status`."""
    found = open_source(location)
    if found is not None:
        return found.status()
    from srctl.db import setup

    return setup.status(location)


def open_source(location: str) -> "SourceStore | None":
    """Open a source of another kind; `None` for what is a file or a server of SQL. Raises what the source raises."""
    scheme, sign, place = location.partition("://")
    if not sign or scheme.partition("+")[0] in SQL:
        return None
    source, label = _csv(location, place) if scheme == CSV else _plugged(location)
    if source is None:
        return None
    from srctl.db.source_store import SourceStore

    source.contents()
    return SourceStore(source, label)


def require_own(location: str) -> None:
    """Raise UnsupportedError for a source: what is kept elsewhere is made, copied and put back there."""
    if open_source(location) is not None:
        raise UnsupportedError("This database is kept by something else than srctl", "Use what its keeper has for that")


def _csv(location: str, place: str) -> tuple[Source, str]:
    if not place:
        raise UsageError(f"{location!r} names no CSV file", "Write it as csv:///PATH")
    from srctl.db.csv_source import CsvSource
    from srctl.db.files import named

    path = named(place)
    return CsvSource(path), f"csv://{path}"


def _plugged(location: str) -> tuple[Source | None, str]:
    from srctl.db.plugged import plugged

    found = plugged(location)
    return found, found.label if found is not None else ""


def archive_of(store: Store) -> Archive:
    """Return a database as a whole."""
    archive: Archive | None = getattr(store, "archive", None)
    source: Source | None = getattr(store, "source", None)
    if archive is not None:
        return archive
    if source is not None:
        return SourceArchive(source)
    raise UnsupportedError("This database can't be read as a whole")


def book_of(store: Store) -> "Book":
    """Return what a gateway keeps in a database. Raises UnsupportedError where none can."""
    book: Book | None = getattr(store, "book", None)
    if book is None:
        raise UnsupportedError("Only a SQLite database has an audit, which a gateway writes", "Name it with --db")
    return book


class SourceArchive:
    """A source as a whole."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def contents(self) -> Contents:
        """Return what is there."""
        return self._source.contents()

    def require_writable(self) -> None:
        """Raise UnsupportedError for a source that is only read."""
        self._source.carry_out(Changes())

    def findings(self) -> list[Finding]:
        """Return nothing: what a source gives is looked at when it is read."""
        return []

    @contextmanager
    def revision(self) -> Iterator[Revision]:
        """Begin a change: what a source does at once it does or leaves by itself."""
        yield self._source
