"""The thread that looks at the tunnels on this machine: each is another process, which writes its state to a file."""

import threading
from collections.abc import Callable, Sequence

from textual.message import Message

from srctl.context import Context
from srctl.crash import report
from srctl.errors import SrctlError
from srctl.models import Tunnel
from srctl.tui.messages import TunnelsListed

LOOK = 1.0
"""Seconds between two looks; their holders write no oftener."""


class TunnelsThread:
    """Posts the tunnels when they have changed."""

    def __init__(self, context: Context, post: Callable[[Message], object]) -> None:
        self._context = context
        self._post = post
        self._wanted = threading.Event()
        self._closed = False
        threading.Thread(target=self._run, name="srctl-tunnels", daemon=True).start()

    def look(self) -> None:
        """Look now."""
        self._wanted.set()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wanted.set()

    def _run(self) -> None:
        said: tuple[Sequence[Tunnel], str] | None = None
        while not self._closed:
            self._wanted.clear()
            found, error = self._read()
            saying = (found, error.message if error else "")
            if saying != said:
                said = saying
                self._post(TunnelsListed(found, error))
            self._wanted.wait(LOOK)

    def _read(self) -> tuple[list[Tunnel], SrctlError | None]:
        try:
            return [record.row() for record in self._context.registry.records()], None
        except SrctlError as error:
            return [], error
        except Exception as error:  # the edge of the screen: it stays, whatever happens behind it
            return [], report(error)
