"""The terminal while the screen is on it: the screen alone is drawn there, and it says how large it is.

What libraries, threads and child processes write to the standard streams meanwhile goes to whoever keeps it. That is
done where the streams are written to, at their descriptors, so that nothing is left out.
"""

import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from textual.driver import Driver

SIZE = (80, 24)
"""Columns and lines of a terminal that does not know."""

_STREAMS = (1, 2)
_LARGEST = 16384
"""Pixels: what says more is not to be believed."""


@contextmanager
def kept_quiet(overhear: Callable[[str], None]) -> Iterator[TextIO | None]:
    """Give the stream to draw on; `overhear` is told, by another thread, what else is written.

    Where that can't be done (Windows) the stream is `None`, and nothing is kept off the terminal.
    """
    if sys.platform == "win32":
        yield None
        return
    place = next((number for number in _STREAMS if os.isatty(number)), 2)
    before = [os.dup(number) for number in _STREAMS]
    _flush()
    reading, writing = os.pipe()
    for number in _STREAMS:
        os.dup2(writing, number)
    os.close(writing)
    listener = threading.Thread(target=_listen, args=(reading, overhear), name="srctl-overheard", daemon=True)
    listener.start()
    stream = os.fdopen(os.dup(before[_STREAMS.index(place)]), "w", encoding="utf-8", errors="replace")
    try:
        yield stream
    finally:
        with suppress(OSError):  # the terminal may be gone
            stream.close()
        _flush()
        for number, original in zip(_STREAMS, before, strict=True):
            os.dup2(original, number)
            os.close(original)
        listener.join(0.2)  # a child that lives on may hold the other end


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()


def _listen(reading: int, overhear: Callable[[str], None]) -> None:
    with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            overhear(line)


def driver(stream: TextIO | None) -> type[Driver] | None:
    """Return what draws on a stream; `None` for what the system has."""
    if stream is None or sys.platform == "win32":
        return None
    place: TextIO = stream
    from textual.drivers.linux_driver import LinuxDriver

    class OwnTerminal(LinuxDriver):
        """Draws on the stream, whatever becomes of the standard ones."""

        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[arg-type]  # as Textual gives them
            self._file = place  # type: ignore[assignment]  # it is written to, and flushed

        def _get_terminal_size(self) -> tuple[int, int]:
            columns, lines, _, _ = measured(place)
            return columns, lines

    return OwnTerminal


def window(stream: TextIO | None) -> tuple[int, int] | None:
    """Return width and height of the terminal's window in pixels, `None` where it does not tell."""
    if stream is None or sys.platform == "win32":
        return None
    _, _, width, height = measured(stream)
    return (width, height) if width else None


def measured(stream: TextIO) -> tuple[int, int, int, int]:
    """Return columns, lines, and width and height in pixels; these are 0 where the terminal does not tell."""
    import fcntl
    import termios

    try:
        told = fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, bytes(8))
        lines, columns, width, height = struct.unpack("HHHH", told)
    except (OSError, ValueError):
        lines = columns = width = height = 0
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        width = height = 0
    return columns or SIZE[0], lines or SIZE[1], width, height
