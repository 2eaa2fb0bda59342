"""Reads the accounting database for the panes: once at a time, and again where it has changed meanwhile."""

from collections.abc import Callable
from typing import Any

from srctl.context import Context
from srctl.errors import SrctlError
from srctl.tui.state import Books, State
from srctl.tui.work import Work


class Bookkeeping:
    """Keeps the books of the state; `do` has work done, `shown` is called when they are others."""

    def __init__(self, state: State, do: Callable[[Work[Any]], object], shown: Callable[[], object]) -> None:
        self._state = state
        self._do = do
        self._shown = shown
        self._reading = self._again = False

    def begin(self, admit: Callable[[bool], object]) -> None:
        """Find out whether the person administers a database of this machine, and whether that is a gateway's."""

        def told(audited: bool | None) -> None:
            if audited is not None:
                admit(audited)

        if self._state.office_host is None and not self._state.admin:
            self._do(Work("", None, _office, told, True))

    def read(self) -> None:
        """Read it: once again where that goes on, however often it is wanted."""
        if self._reading:
            self._again = True
            return
        self._reading = True
        self._do(Work("Reading", self._state.office_host, _books, self._read, True, failed=self._lost))

    def outdate(self) -> None:
        """Read it once more if it is being read."""
        self._again = self._reading

    def change(self) -> None:
        """Read it again if it has been shown."""
        self._state.edition += 1
        self._shown()
        if self._state.books is not None or self._state.books_error is not None:
            self.read()

    def _read(self, books: Books) -> None:
        self._state.books, self._state.books_error = books, None
        self._over()

    def _lost(self, error: SrctlError) -> None:
        self._state.books_error = error
        self._over()

    def _over(self) -> None:
        self._reading = False
        self._shown()
        if self._again:
            self._again = False
            self.read()


def _books(context: Context, _tell: Callable[..., None]) -> Books:
    from srctl.tui.office import read

    return read(context)


def _office(context: Context, _tell: Callable[..., None]) -> bool | None:
    """Return whether the accounting database is that of a gateway on this machine; `None` where there is none."""
    try:
        context.store  # noqa: B018 - opened at the first look, or it raises
        return context.gateway is not None
    except SrctlError:
        return None
