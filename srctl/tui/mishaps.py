"""What went wrong in this run, and what libraries wrote meanwhile: kept to be read, the oldest is forgotten first."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from textwrap import wrap

from srctl.errors import SeveralErrors, SrctlError
from srctl.tui.reading import Reader
from srctl.tui.words import plainly

KEPT = 200
"""Entries that are kept."""

LONGEST = 500
"""Characters that are kept of what a library writes at once."""

Clock = Callable[[], datetime]
Entry = tuple[str, list[str]]
"""When it was, and lines."""


class Mishaps:
    """The entries, as text."""

    def __init__(self, now: Clock = lambda: datetime.now().astimezone()) -> None:
        self._now = now
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._readers: list[tuple[Reader, int]] = []
        """Who reads, and how wide that is: another thread may not ask."""
        self._lock = threading.Lock()
        self._begun = ""

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, error: SrctlError, command: str = "", title: str = "") -> None:
        """Keep what went wrong, and the command line that does the same; where there is none, what was being done."""
        lines = []
        for each in error.errors if isinstance(error, SeveralErrors) else (error,):
            lines.append(f"✗ {plainly(each.message)}")
            lines += [f"  hint: {plainly(each.hint)}"] if each.hint else []
        lines += [f"  $ {command}"] if command else [f"  {plainly(title)}"] if title else []
        self._keep(lines)

    def overhear(self, text: str) -> None:
        """Keep what was written for a terminal that shows the screen, line by line; for any thread."""
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            self._begun = self._begun[:LONGEST]
        for line in lines:
            if line.strip():
                self._keep([f"· {plainly(line[:LONGEST])}"])

    def _keep(self, lines: list[str]) -> None:
        entry = (f"{self._now():%H:%M:%S}", lines)
        with self._lock:
            self._entries.append(entry)
            readers = list(self._readers)
        for reader, width in readers:
            reader.post_message(Reader.Came(_text(entry, width)))

    def screen(self) -> Reader:
        """Return a screen that shows them, and those that are to come."""

        def start(reader: Reader) -> None:
            width = reader.app.size.width
            with self._lock:
                entries = list(self._entries)
                self._readers.append((reader, width))
            said = "".join(_text(entry, width) for entry in entries)
            reader.post_message(Reader.Came(said or "Nothing went wrong so far\n"))
            reader.when_closed(lambda: self._readers.remove((reader, width)))

        return Reader("What went wrong in this run", "", start)


def _text(entry: Entry, width: int) -> str:
    """Return an entry in lines that fit."""
    time, lines = entry
    room, found = max(20, width - len(time) - 5), []
    for line in lines:
        found += wrap(line, room, subsequent_indent="  ", break_on_hyphens=False) or [""]
    return "".join(f"{'' if index else time:<{len(time)}} {line}\n" for index, line in enumerate(found))
