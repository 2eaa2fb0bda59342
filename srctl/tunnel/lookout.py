"""Follows what the engine tells about one container, so that a tunnel hears of it without asking again and again.

A stream that breaks is opened again, at growing intervals, as long as the way to the engine is there. What happened
before a stream was open is not told by it, so each opening is news too.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from srctl.errors import SrctlError

OPENED = "opened"
"""The news that a stream has been opened."""

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a stream is opened again, growing while it does not last."""

_LASTING = 5.0


class Stream(Protocol):
    """Words that come as things happen."""

    def __iter__(self) -> Iterator[str]:
        """Return itself."""

    def __next__(self) -> str:
        """Wait for the next one."""

    def close(self) -> None:
        """End it; another thread may wait for it."""


class Lookout:
    """Follows while `allow` has said that it may, until `close`; each time anew, on a thread of its own.

    `events` opens a stream of words (`start`, `die`, `destroy`); `tell` is called with each, and with `OPENED`.
    """

    def __init__(self, events: Callable[[], Stream], tell: Callable[[str], None]) -> None:
        self._events = events
        self._tell = tell
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._over.set()
        self._closed = False
        self._stream: Stream | None = None

    def allow(self, allowed: bool) -> None:
        """Say whether the engine may be asked; a stream that is open ends when it may not."""
        with self._lock:
            if self._closed or allowed != self._over.is_set():
                return
            if allowed:
                self._over = threading.Event()
                threading.Thread(target=self._follow, args=(self._over,), name="srctl-lookout", daemon=True).start()
            else:
                self._stop()

    def close(self) -> None:
        """Tell nothing more."""
        with self._lock:
            self._closed = True
            self._stop()

    def _stop(self) -> None:
        self._over.set()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _follow(self, over: threading.Event) -> None:
        failures = 0
        while not over.is_set():
            begun = time.monotonic()
            try:
                self._listen(over)
            except SrctlError:
                pass  # the engine is away; whoever looks at the session will say so
            except Exception:
                if not over.is_set():  # else its connection was closed under it
                    raise
            failures = 0 if time.monotonic() - begun > _LASTING else failures + 1
            over.wait(PAUSES[min(max(failures, 1), len(PAUSES)) - 1])

    def _listen(self, over: threading.Event) -> None:
        stream = self._events()
        with self._lock:
            if over.is_set():
                stream.close()
                return
            self._stream = stream
        word: str | None = OPENED
        while word is not None and not over.is_set():
            self._tell(word)
            word = next(stream, None)
