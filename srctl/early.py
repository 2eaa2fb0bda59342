"""Work that is begun before its outcome is needed, such as a login that takes several round trips."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Early(Generic[T]):
    """A call that runs in a thread from construction on; `undo` disposes of an outcome that nobody takes any more."""

    def __init__(self, call: Callable[[], T], undo: Callable[[T], None]) -> None:
        self._call = call
        self._undo = undo
        self._lock = threading.Lock()
        self._abandoned = False
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="srctl-early", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            outcome = self._call()
        except BaseException as error:
            self._error = error
            return
        with self._lock:
            self._outcome.append(outcome)
            if self._abandoned:
                self._undo(self._outcome.pop())

    def result(self) -> T:
        """Wait for the outcome and return it; raises what the call raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def abandon(self) -> None:
        """Dispose of the outcome, now or when it comes; without effect on one that was disposed of already."""
        with self._lock:
            self._abandoned = True
            if self._outcome:
                self._undo(self._outcome.pop())
