"""The two ends of a channel as sshd hands them over: lines that come in, and lines that go out, both within limits.

A client that stays silent at the start, that sends a line slowly or without end, or that reads nothing, is dropped:
no process waits for it. Lines that wait are few, since no more is read while they do.
"""

import errno
import io
import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from srctl.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PATIENCE = 30.0
"""Seconds for the first line, and for the rest of a line that has begun."""

STALLED = 60.0
"""Seconds after which a client that reads nothing is given up."""

WAITING = 32
"""Lines that wait to be done; more are left in the channel, whose window then closes."""

_CHUNK = 64 * 1024


class ClientGoneError(Exception):
    """Nobody reads what is said."""


def interrupt_when_gone(descriptor: int) -> None:
    """Interrupt the main thread, as Ctrl-C does, once nobody can read what is written here any more.

    What only waits for something to write would never notice.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def watch() -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # the other end's closing is always told
        poll.poll()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="srctl-reader", daemon=True).start()


class Lines:
    """Reads lines on a thread of its own, so that the end of the channel is noticed at any time.

    `on_end` is called by that thread when the client is gone.
    """

    def __init__(self, descriptor: int, longest: int, on_end: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._longest = longest
        self._on_end = on_end
        self._lines: queue.Queue[bytes | UsageError | None] = queue.Queue(WAITING)
        threading.Thread(target=self._read, name="srctl-lines", daemon=True).start()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines. Raises `UsageError` for one that is too long or comes too slowly."""
        while (line := self._lines.get()) is not None:
            if isinstance(line, UsageError):
                raise line
            yield line

    def _read(self) -> None:
        try:
            for line in self._whole():
                self._lines.put(line)
        except UsageError as error:
            self._lines.put(error)
        self._on_end()
        self._lines.put(None)

    def _whole(self) -> Iterator[bytes]:
        pending = b""
        deadline: float | None = time.monotonic() + PATIENCE
        while more := self._more(deadline):
            begun = not pending
            *lines, pending = (pending + more).split(b"\n")
            if any(len(line) > self._longest for line in (*lines, pending)):
                raise UsageError(f"A line has more than {self._longest} bytes")
            yield from lines
            if not pending:
                deadline = None
            elif lines or begun:
                deadline = time.monotonic() + PATIENCE

    def _more(self, deadline: float | None) -> bytes:
        while True:
            patience = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._descriptor], [], [], patience)[0]:
                raise UsageError(f"No whole line came within {PATIENCE:g} s")
            try:
                return os.read(self._descriptor, _CHUNK)
            except BlockingIOError:  # the descriptor is shared with one that does not block
                continue
            except OSError:
                return b""


class Writer:
    """Writes to a channel that nobody may be reading."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)

    def write(self, data: bytes) -> None:
        """Write everything. Raises `ClientGoneError`, also when nobody has read for `STALLED` seconds."""
        rest = memoryview(data)
        try:
            while rest:
                if not select.select([], [self._descriptor], [], STALLED)[1]:
                    raise ClientGoneError
                with suppress(BlockingIOError):
                    rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise ClientGoneError from error


class PatientStream(io.RawIOBase):
    """A stream to somebody who may not be reading: waits as `Writer` does, and is broken then."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writer = Writer(descriptor)

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write everything. Raises `BrokenPipeError` when nobody reads."""
        piece = bytes(data)
        try:
            self._writer.write(piece)
        except ClientGoneError as error:
            raise BrokenPipeError(errno.EPIPE, "nobody reads") from error
        return len(piece)


def patient(descriptor: int) -> io.TextIOWrapper:
    """Return a text stream over `PatientStream`."""
    raw = io.BufferedWriter(PatientStream(descriptor))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace")
