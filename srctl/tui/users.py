"""The pane of users: who is known to the accounting database, what is granted to them, and their keys."""

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from srctl import policy
from srctl.accounting import UserDetails
from srctl.tui.columns import Column, Row
from srctl.tui.fields import Field, Form, Values
from srctl.tui.keys import Key, bindings
from srctl.tui.messages import Said
from srctl.tui.office import OfficePane, checked
from srctl.tui.pane import Fact
from srctl.tui.words import counted, day, plainly

ROLES = ("user", "administrator")


class UsersPane(OfficePane):
    """The users."""

    NAME = "Users"
    EMPTY = "There is no user yet: n adds some"
    COLUMNS = (
        Column("USER", flexible=True),
        Column("ROLE", drop=1),
        Column("STATE", toned=True),
        Column("GRANTS", drop=2, right=True),
        Column("KEYS", drop=3, right=True),
        Column("SINCE", drop=4),
    )
    KEYS = (
        Key("enter", "choose", "keys", "Show the SSH keys of the user"),
        Key("n", "add", "add", "Add users", changes=True),
        Key("d", "turn", "disable", "Disable the user, which asks, or enable again", changes=True),
        Key("x", "remove", "remove", "Remove the user with grants and keys; asks", changes=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each user."""
        books = self.state.books
        return None if books is None else self.made_of((books,), lambda: map(_row, books.users))

    @property
    def selected(self) -> UserDetails | None:
        """The user under the cursor."""
        users = self.state.books.users if self.state.books else ()
        return next((each for each in users if each.user.name == self.table.key), None)

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the user under the cursor."""
        if (found := self.selected) is None:
            return ()
        user = found.user
        role = "administrator of the gateway" if user.admin else "user"
        facts = [("", user.name), ("state", f"{'disabled' if user.disabled else 'active'}, {role}")]
        facts.append(("keys", f"{counted(found.keys or 0, 'key')}, known since {day(user.created)}"))
        facts += [("grant", f"{each.application.image}: {policy.in_words(each.policy)}") for each in found.grants or ()]
        return facts

    def command(self) -> str:
        """Return what shows the keys of the user under the cursor."""
        return "" if self.selected is None else self.office_command("user", "key", "list", self.selected.user.name)

    # -- what the keys do

    def action_choose(self) -> None:
        """Show the user's keys."""
        if (found := self.selected) is None:
            return
        from srctl.tui.sublist import SubList
        from srctl.tui.user_keys import KeysPane

        self.app.push_screen(SubList(KeysPane(self.state, found.user.name)))

    def action_add(self) -> None:
        """Add users."""
        form = Form("Add users", (Field("names", hint="ann bob"), Field("role", choices=ROLES)), "Add", self._adding)
        self.administer_with(
            form,
            "Adding users",
            lambda accounting, values: checked(accounting.add_users(_names(values), admin="role" in values)),
            lambda outcome: self.tell("Added", outcome, lambda user: str(user.name)),
        )

    def _adding(self, values: Values) -> str:
        return self.office_command("user", "add", *_names(values), *(["--admin"] if "role" in values else []))

    def action_turn(self) -> None:
        """Disable the user, or enable again."""
        if (found := self.selected) is None:
            return
        name = found.user.name
        if found.user.disabled:
            self.administer(
                f"Enabling {name}",
                lambda accounting: accounting.enable(name),
                lambda _user: self.post_message(Said(f"Enabled {name}")),
            )
            return
        self.ask(
            f"Disable {name}? Their connections end; grants and keys stay",
            self.office_command("user", "disable", name),
            lambda: self.administer(
                f"Disabling {name}",
                lambda accounting: accounting.disable(name),
                lambda _user: self.post_message(Said(f"Disabled {name}")),
            ),
        )

    def action_remove(self) -> None:
        """Remove the user."""
        if (found := self.selected) is None:
            return
        name = found.user.name
        goes = f"{counted(len(found.grants or ()), 'grant')} and {counted(found.keys or 0, 'key')}"
        self.ask(
            f"Remove {name} with {goes}?",
            self.office_command("user", "remove", name),
            lambda: self.administer(
                f"Removing {name}",
                lambda accounting: checked(accounting.remove_users([name])),
                lambda outcome: self.tell("Removed", outcome),
            ),
        )


def _names(values: Values) -> list[str]:
    return [name for name in re.split(r"[\s,]+", values.get("names", "")) if name]


def _row(each: UserDetails) -> Row:
    user = each.user
    grants, keys = len(each.grants or ()), each.keys or 0
    cells = (
        plainly(user.name),
        "administrator" if user.admin else "user",
        "✗ disabled" if user.disabled else "● active",
        str(grants),
        str(keys),
        day(user.created),
    )
    values = (*(cell.lower() for cell in cells[:3]), grants, keys, user.created)
    return Row(user.name, cells, values, "bad" if user.disabled else "good")
