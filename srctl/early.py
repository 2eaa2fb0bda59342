"""Work that is begun before its outcome is needed, such as a login that takes several round trips."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Errands:
    """Calls that early work has made for it by the thread that waits for the outcome, such as asking a person.

    Ctrl-C reaches the main thread only, which then puts the terminal in order; elsewhere it would stay as it was.
    """

    def __init__(self) -> None:
        self._pending: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False

    def make(self, call: Callable[[], T]) -> T:
        """Have a call made, and return what it returned. Raises `CancelledError` when nobody waits any more."""
        outcome: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise CancelledError
            self._pending.put((call, outcome))
        return outcome.result()

    def serve(self) -> None:
        """Make the calls that are asked for, until they are closed."""
        while (errand := self._pending.get()) is not None:
            call, outcome = errand
            try:
                outcome.set_result(call())
            except Exception as error:
                outcome.set_exception(error)
            except BaseException:
                outcome.cancel()
                raise
        self._pending.put(None)

    def close(self) -> None:
        """Ask for no more calls, and cancel those that nobody has made."""
        with self._lock:
            self._closed = True
        with suppress(Empty):
            while errand := self._pending.get_nowait():
                errand[1].cancel()
        self._pending.put(None)


class Early(Generic[T]):
    """A call that runs in a thread from construction on; `undo` disposes of an outcome that nobody takes any more.

    The call may have `errands` made by whoever waits for it.
    """

    def __init__(self, call: Callable[[], T], undo: Callable[[T], None], errands: Errands | None = None) -> None:
        self._call = call
        self._undo = undo
        self._errands = errands or Errands()
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
        finally:
            self._errands.close()
        with self._lock:
            self._outcome.append(outcome)
            if self._abandoned:
                self._undo(self._outcome.pop())

    def result(self) -> T:
        """Wait for the outcome and return it, making errands meanwhile; raises what the call raised."""
        self._errands.serve()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def abandon(self) -> None:
        """Dispose of the outcome, now or when it comes; without effect on one that was disposed of already."""
        self._errands.close()
        with self._lock:
            self._abandoned = True
            if self._outcome:
                self._undo(self._outcome.pop())
