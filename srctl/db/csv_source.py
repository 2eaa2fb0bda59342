"""A CSV file of SimPhoNy-Remote as the accounting database: read anew when it has changed, and never written.

Others write it, at any moment. What was read while they did is not used, and a file that changed a moment ago is looked
at again: clocks of file systems are coarse, and two changes may bear the same time.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from srctl import legacy
from srctl.contents import Changes, Contents, UserEntry
from srctl.db import csv_file
from srctl.db.files import content_of
from srctl.errors import ConflictError, SeveralErrors, SrctlError, UnsupportedError, UsageError
from srctl.models import Application

_SETTLED = 2.0
"""Seconds after which a change would bear another time."""

_TRIES = 20
_PAUSE = 0.02

_Mark = tuple[int, int, int, int]


class CsvSource:
    """What stands in a CSV file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: _Mark | None = None
        self._bytes = b""
        self._contents = Contents()

    def contents(self) -> Contents:
        """Return what is there. Raises NotFoundError, UsageError with line and column, and SrctlError."""
        if self._mark is None or self._mark != _mark(self._path):
            self._read()
        return self._contents

    def carry_out(self, changes: Changes) -> None:
        """Raise UnsupportedError."""
        del changes
        hint = f"Edit the file; or take it over: srctl --db NEW.db db init, srctl --db NEW.db db import {self._path}"
        raise UnsupportedError(f"The CSV file {self._path} is only read", hint)

    def close(self) -> None:
        """There is nothing to give back."""

    def _read(self) -> None:
        content, mark = self._settled()
        changed = datetime.fromtimestamp(mark[3] / 1e9, UTC)
        if self._mark is None or content != self._bytes:
            self._contents = self._parsed(content, changed)
        self._bytes = content
        self._mark = mark if time.time() - mark[3] / 1e9 > _SETTLED else (0, 0, 0, 0)

    def _settled(self) -> tuple[bytes, _Mark]:
        """Return the content of the file as it is while nobody writes it."""
        for _ in range(_TRIES):
            before = _mark(self._path)
            content = content_of(self._path)
            after = _mark(self._path)
            if before == after and after is not None and after[2] == len(content):
                return content, after
            time.sleep(_PAUSE)
        raise ConflictError(f"The CSV file {self._path} is being written all the time", "Try again")

    def _parsed(self, content: bytes, changed: datetime) -> Contents:
        try:
            found = legacy.resolve(csv_file.parse(content))
        except SeveralErrors as error:
            raise SeveralErrors([self._named(each) for each in error.errors]) from error
        except UsageError as error:
            raise self._named(error) from error
        return Contents(
            tuple(UserEntry(name) for name in found.users),
            applications=tuple(Application(image) for image in found.images),
            grants=tuple(each.grant for each in found.grants),
            as_of=changed,
        )

    def _named(self, error: SrctlError) -> SrctlError:
        return type(error)(f"{self._path}: {error.message}", error.hint)


def _mark(path: Path) -> _Mark | None:
    """Return what tells a change of a file; `None` where it can't be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
