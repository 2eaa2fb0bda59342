"""Tells that a list of sessions may differ from the one before: by the engine's events, or by the clock.

A gateway has no call for the events of all of a person's sessions, so behind one a list is due from time to time.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from srctl.errors import SrctlError
from srctl.sessions import Sessions
from srctl.tunnel.lookout import Lookout, Stream

BEAT = 5.0
"""Seconds between two lists behind a gateway."""


class News(Protocol):
    """What tells, on a thread of its own, until it is closed."""

    def close(self) -> None:
        """Tell nothing more."""


class Beat:
    """Tells every `BEAT` seconds."""

    def __init__(self, tell: Callable[[], None], seconds: float = BEAT) -> None:
        self._tell = tell
        self._seconds = seconds
        self._over = threading.Event()
        threading.Thread(target=self._run, name="srctl-beat", daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._tell()

    def close(self) -> None:
        """Tell nothing more."""
        self._over.set()


def of_engine(sessions: Sessions, tell: Callable[[], None], lost: Callable[[SrctlError], None]) -> News:
    """Tell at each event, and when the stream of them has been opened; `lost` hears why it can't be."""

    def stream() -> Stream:
        try:
            return sessions.changes()
        except SrctlError as error:
            lost(error)
            raise

    lookout = Lookout(stream, lambda _: tell())
    lookout.allow(True)
    return lookout
