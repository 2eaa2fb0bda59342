"""The pane of users: who is known to the accounting database, and what is granted to them."""

from collections.abc import Sequence

from srctl.accounting import UserDetails
from srctl.tui.columns import Column, Row
from srctl.tui.office import OfficePane
from srctl.tui.pane import Fact
from srctl.tui.words import plainly


class UsersPane(OfficePane):
    """The users."""

    NAME = "Users"
    EMPTY = "There is no user yet"
    COLUMNS = (
        Column("USER", flexible=True),
        Column("ROLE", drop=1),
        Column("STATE", toned=True),
        Column("GRANTS", drop=2, right=True),
    )
    KEYS = ()

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each user."""
        books = self.state.books
        return None if books is None else [_row(each) for each in books.users]

    @property
    def selected(self) -> UserDetails | None:
        """The user under the cursor."""
        users = self.state.books.users if self.state.books else ()
        return next((each for each in users if each.user.name == self.table.key), None)

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the user under the cursor."""
        if (found := self.selected) is None:
            return ()
        facts = [("", found.user.name), ("state", "disabled" if found.user.disabled else "active")]
        return [*facts, *(("grant", each.application.image) for each in found.grants or ())]

    def command(self) -> str:
        """Return what shows the user under the cursor."""
        return "" if self.selected is None else self.state.command("user", "show", self.selected.user.name)

    def action_choose(self) -> None:
        """Nothing is obvious."""


def _row(each: UserDetails) -> Row:
    user = each.user
    count = len(each.grants or ())
    cells = (
        plainly(user.name),
        "administrator" if user.admin else "user",
        "✗ disabled" if user.disabled else "● active",
        str(count),
    )
    return Row(user.name, cells, (*(cell.lower() for cell in cells[:3]), count), "bad" if user.disabled else "good")
