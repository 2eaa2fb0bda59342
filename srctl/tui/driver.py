"""Textual's driver on a terminal that may vanish: closed, or its connection lost.

Textual writes from a thread that ends with the first error, and waits for it for ever after. Here nothing more is
written once that has failed, and the screen ends.
"""

import signal
import threading
from collections.abc import Callable
from typing import Any, TextIO

from textual.app import App
from textual.driver import Driver


def lasting(driver: type[Driver], lost: Callable[[], object]) -> type[Driver]:
    """Return the driver as it should be; `lost` is called on a thread of its own when the terminal has gone."""

    class Lasting(driver):  # type: ignore[misc, valid-type]
        def __init__(self, app: App[Any], **options: Any) -> None:
            super().__init__(app, **options)
            file: TextIO | None = getattr(self, "_file", None)  # a driver of Windows, or of tests, has none
            if file is not None:
                self._file: Any = _Terminal(file, lost)

    return Lasting


def put_to_rest(driver: Driver | None) -> None:
    """Let nothing of a driver outlive the screen.

    A terminal that is closed sends SIGCONT with SIGHUP, and Textual then begins anew, even while it ends: with threads
    that nothing would end, and for which the process would wait.
    """
    for name in ("SIGTSTP", "SIGCONT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    over: threading.Event | None = getattr(driver, "exit_event", None)
    if driver is not None and over is not None:
        over.set()
        driver.close()


class _Terminal:
    """A file that takes what can't be written."""

    def __init__(self, file: TextIO, lost: Callable[[], object]) -> None:
        self._file = file
        self._lost: Callable[[], object] | None = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write it, if anybody can still read it."""
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Have it written."""
        self._try(self._file.flush)

    def _try(self, call: Callable[[], object]) -> None:
        if self._lost is None:
            return
        try:
            call()
        except OSError:
            lost, self._lost = self._lost, None
            lost()
