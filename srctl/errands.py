"""Work that a person waits for, and may give up from another thread than the one that does it.

It ends where it tells how far it is and where it sleeps; what waits for somebody else meanwhile is closed. Whatever
then undoes the work rests by the same clock as long as it needs.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from srctl.clock import REAL, Clock
from srctl.errors import InterruptedByUserError
from srctl.models import Progress
from srctl.needs import ProgressCallback


class Errand:
    """One piece of work; it is itself what progress is told to, and `clock` what it waits by."""

    def __init__(self, tell: ProgressCallback = lambda _: None, why: str = "Given up") -> None:
        self.clock: Clock = replace(REAL, sleep=self.sleep, closing=self.closing, steady=REAL.sleep)
        self._tell = tell
        self._why = why
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._open: list[Callable[[], object]] = []

    def __call__(self, progress: Progress) -> None:
        """Tell how far it is. Raises `InterruptedByUserError`."""
        self.go_on()
        self._tell(progress)

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._over.is_set()

    def go_on(self) -> None:
        """Raise `InterruptedByUserError` where it was given up."""
        if self._over.is_set():
            raise InterruptedByUserError(self._why)

    def sleep(self, seconds: float) -> None:
        """Wait. Raises `InterruptedByUserError`."""
        self._over.wait(seconds)
        self.go_on()

    @contextmanager
    def closing(self, close: Callable[[], object]) -> Iterator[None]:
        """Have something closed when it is given up within the block, which then ends with `InterruptedByUserError`."""
        with self._lock:
            self.go_on()
            self._open.append(close)
        try:
            yield
        except Exception as error:
            if self._over.is_set():
                raise InterruptedByUserError(self._why) from error
            raise
        finally:
            with self._lock, suppress(ValueError):
                self._open.remove(close)

    def give_up(self) -> None:
        """Have it end, from any thread; what it waits for is closed."""
        with self._lock:
            self._over.set()
            waited_for, self._open = self._open, []
        for close in waited_for:
            with suppress(Exception):  # it may have ended in any way
                close()
