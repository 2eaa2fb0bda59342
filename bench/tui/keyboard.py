"""A program on a terminal of our own: what it draws, and how long it takes to answer a key."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SIZE = (40, 120)
QUIET = 0.06
"""Seconds without output after which a picture is taken for complete."""


class Keyboard:
    """The other end of the terminal; times are in seconds of `time.perf_counter`."""

    def __init__(self, child: int, handle: int, begun: float) -> None:
        self.begun = begun
        self.ended = False
        self._child = child
        self._handle = handle
        self._drawn = bytearray()

    def until(self, text: bytes, limit: float = 30.0) -> float:
        """Return how long after the start a text was drawn."""
        while text not in self._drawn:
            left = self.begun + limit - time.perf_counter()
            if not self._read(left):
                raise AssertionError(f"{text!r} was not drawn within {limit:g} s: {self._drawn[-2000:]!r}")
        return time.perf_counter() - self.begun

    def calm(self) -> None:
        """Wait until nothing more is drawn."""
        while self._read(0.3):
            pass

    def look(self, seconds: float) -> None:
        """Let it draw for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(left)

    def next(self, pattern: bytes, limit: float = 10.0) -> float:
        """Return how long it takes from now until something is drawn that the pattern matches."""
        start, self._drawn = time.perf_counter(), bytearray()
        while not re.search(pattern, self._drawn):
            if not self._read(start + limit - time.perf_counter()):
                raise AssertionError(f"{pattern!r} was not drawn within {limit:g} s")
        return time.perf_counter() - start

    def end(self, key: bytes, limit: float = 30.0) -> float:
        """Press the key that ends it; return how long that takes."""
        start = time.perf_counter()
        os.write(self._handle, key)
        while os.waitpid(self._child, os.WNOHANG) == (0, 0):
            self._read(0.005)
            if time.perf_counter() > start + limit:
                raise AssertionError(f"It did not end within {limit:g} s")
        self.ended = True
        return time.perf_counter() - start

    @property
    def memory(self) -> float:
        """The megabytes that it and its children have in memory; what they share counts once."""
        return sum(map(_memory, (self._child, *_children(self._child)))) / 1024

    def press(self, key: bytes) -> float:
        """Press a key; return how long it took until the last of what it draws."""
        start = time.perf_counter()
        os.write(self._handle, key)
        last, patience = start, 2.0
        while self._read(patience):
            last, patience = time.perf_counter(), QUIET
        return last - start

    @property
    def processor(self) -> float:
        """The seconds of processor that the program and its children have had; others on the machine change little."""
        return _processor(self._child)

    def _read(self, patience: float) -> bool:
        ready, _, _ = select.select([self._handle], [], [], max(0.0, patience))
        if not ready:
            return False
        try:
            self._drawn += os.read(self._handle, 1 << 16)
        except OSError:
            return False
        return True


def _processor(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(_processor, _children(process)))


def _memory(process: int) -> int:
    """Return kilobytes; pages that several processes share count for each with its part."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@contextmanager
def on_terminal(command: Sequence[str], env: Mapping[str, str]) -> Iterator[Keyboard]:
    """Run a program on a terminal; it is killed at the end, and its terminal thrown away."""
    begun = time.perf_counter()
    child, handle = pty.fork()
    if child == 0:
        rows, columns = SIZE
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvpe(command[0], list(command), {**env, "TERM": "xterm-256color", "COLORTERM": "truecolor"})  # noqa: S606
    keyboard = Keyboard(child, handle, begun)
    try:
        yield keyboard
    finally:
        if not keyboard.ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(handle)
