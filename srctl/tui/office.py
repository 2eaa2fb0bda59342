"""What the panes of administrators share: the accounting database as it was read last, and its changes.

In direct mode it is the database of this machine; behind a gateway the gateway's, for its administrators.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from srctl.accounting import Accounting
from srctl.context import Context
from srctl.tui import ledger
from srctl.tui.messages import BooksWanted
from srctl.tui.pane import Pane
from srctl.tui.state import Books
from srctl.tui.work import Work


class OfficePane(Pane):
    """A pane that shows what is in the accounting database."""

    def on_mount(self) -> None:
        """Have it read."""
        super().on_mount()
        self.post_message(BooksWanted())

    def reasons(self) -> Sequence[str]:
        """Return why nothing is known."""
        error = self.state.books_error
        return [". ".join(filter(None, (error.message, error.hint)))] if error is not None else ()

    def administer(self, title: str, call: Callable[[Accounting], Any], done: Callable[[Any], object]) -> None:
        """Have something administered; the database is read again afterwards."""
        host = self.state.office_host
        self.want(Work(title, host, lambda context, _tell: call(context.accounting), partial(self._administered, done)))

    def _administered(self, done: Callable[[Any], object], result: Any) -> None:
        done(result)
        self.post_message(BooksWanted())


def read(context: Context) -> Books:
    """Read all that the panes of administrators show."""
    accounting = context.accounting
    with ledger.unnoticed():
        applications = accounting.applications()
        users = ledger.users(accounting, applications)
    return Books(context.parts.realm, users, applications)
