"""The thread that looks at what other processes of this machine write: the tunnels' states, the accounting database."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from srctl.context import Context
from srctl.crash import report
from srctl.errors import SrctlError
from srctl.models import Tunnel
from srctl.tui.messages import BooksChanged, TunnelsListed
from srctl.tui.rates import Rate, Rates

if TYPE_CHECKING:
    from srctl.tunnel.registry import Record

LOOK = 1.0
"""Seconds between two looks; holders of tunnels write no oftener."""

Standing = tuple[int, int, int]


class FilesThread:
    """Posts the tunnels when they have changed, and that the accounting database has."""

    def __init__(self, context: Context, post: Callable[[Message], object]) -> None:
        self._context = context
        self._post = post
        self._wanted = threading.Event()
        self._closed = False
        threading.Thread(target=self._run, name="srctl-files", daemon=True).start()

    def look(self) -> None:
        """Look now."""
        self._wanted.set()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wanted.set()

    def _run(self) -> None:
        said: tuple[Sequence[Tunnel], str, Mapping[str, Rate]] | None = None
        rates = Rates()
        database = self._database()
        before = _standing(database)
        while not self._closed:
            self._wanted.clear()
            records, error = self._read()
            found, moving = [record.row() for record in records], rates.look(records)
            saying = (found, error.message if error else "", moving)
            if saying != said:
                said = saying
                self._post(TunnelsListed(found, error, moving))
            now = _standing(database)
            if now != before:
                before = now
                self._post(BooksChanged())
            self._wanted.wait(LOOK)

    def _read(self) -> "tuple[list[Record], SrctlError | None]":
        try:
            return self._context.registry.records(), None
        except SrctlError as error:
            return [], error
        except Exception as error:  # the edge of the screen: it stays, whatever happens behind it
            return [], report(error)

    def _database(self) -> list[Path]:
        """Return the files of the accounting database; none for one that is on a server."""
        location = self._context.config.database
        if "://" in location or self._context.through_gateway:
            return []
        return [Path(location), Path(f"{location}-wal")]


def _standing(files: Sequence[Path]) -> list[Standing | None]:
    """Return what tells a change of files."""
    return [_stat(file) for file in files]


def _stat(file: Path) -> Standing | None:
    try:
        found = file.stat()
    except OSError:
        return None
    if not found.st_size:  # a journal comes with whoever reads, and says nothing
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
