"""Follows what the engine tells about one container, so that a tunnel hears of it without asking again and again.

A stream that breaks is opened again, at growing intervals, as long as the way to the engine is there. What happened
before a stream was open is not told by it, so each opening is news too.
"""

import threading
import time
from collections.abc import Callable, Iterator

from srctl.errors import SrctlError

OPENED = "opened"
"""The news that a stream has been opened."""

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a stream is opened again, growing while it does not last."""

_LASTING = 5.0


class Lookout:
    """Follows from construction until `close`, on a thread of its own, while `allow` has said that it may.

    `events` opens a stream of words (`start`, `die`, `destroy`); `tell` is called with each, and with `OPENED`.
    """

    def __init__(self, events: Callable[[], Iterator[str]], tell: Callable[[str], None]) -> None:
        self._events = events
        self._tell = tell
        self._allowed = threading.Event()
        self._closed = threading.Event()
        self.problem: str | None = None
        """Why nothing is heard at present, in words."""
        threading.Thread(target=self._follow, name="srctl-lookout", daemon=True).start()

    def allow(self, allowed: bool) -> None:
        """Say whether the way to the engine is there; a stream that is open goes on."""
        if allowed:
            self._allowed.set()
        else:
            self._allowed.clear()

    def close(self) -> None:
        """Tell nothing more. A stream that is open ends with its connection."""
        self._closed.set()
        self._allowed.set()

    def _follow(self) -> None:
        failures = 0
        while True:
            self._allowed.wait()
            if self._closed.is_set():
                return
            begun = time.monotonic()
            try:
                self._listen()
                self.problem = "the engine has ended its stream of events"
            except SrctlError as error:
                self.problem = error.message
            except Exception:
                if not self._closed.is_set():  # else its connection was closed under it
                    raise
            failures = 0 if time.monotonic() - begun > _LASTING else failures + 1
            self._closed.wait(PAUSES[min(failures, len(PAUSES)) - 1] if failures else PAUSES[0])

    def _listen(self) -> None:
        stream = self._events()
        self.problem = None
        self._told(OPENED)
        for word in stream:
            if self._closed.is_set():
                return
            self._told(word)

    def _told(self, word: str) -> None:
        if not self._closed.is_set():
            self._tell(word)
