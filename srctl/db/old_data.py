"""Old data in a file: a SQLite database or CSV of SimPhoNy-Remote 2; the first bytes tell which."""

from srctl.db import csv_file, old_sqlite
from srctl.db.files import content_of, named
from srctl.legacy import OldData


def read(file: str) -> OldData:
    """Return what stands in a file. Raises NotFoundError, UsageError, ConflictError, SrctlError."""
    path = named(file)
    beginning = content_of(path, len(old_sqlite.HEADER))
    return old_sqlite.parse(path) if beginning == old_sqlite.HEADER else csv_file.parse(content_of(path))
