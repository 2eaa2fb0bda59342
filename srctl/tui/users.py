"""The pane of users and groups: who is known to the accounting database, what is granted to them, and their keys."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType

from srctl import policy
from srctl.accounting import UserDetails
from srctl.context import Context
from srctl.models import Grant, Group
from srctl.outcome import Outcome
from srctl.tui.columns import Column, Row
from srctl.tui.fields import Field, Form, Values
from srctl.tui.grouping import NAMES, Grouping, gives, groups_in, names_in
from srctl.tui.keys import Key, bindings
from srctl.tui.messages import Said
from srctl.tui.office import OfficePane, checked
from srctl.tui.pane import Fact
from srctl.tui.words import counted, day, listed, plainly

ROLES = ("user", "administrator", "group")
"""What can be added; a group is none, but stands in the same list."""


class UsersPane(OfficePane):
    """The groups and the users."""

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
        Key("enter", "choose", "keys", "Show the SSH keys of the user, or the members of the group"),
        Key("m", "groups", "groups", "Show the groups that the user is in, or the members of the group"),
        Key("n", "add", "add", "Add users or groups", changes=True),
        Key("d", "turn", "disable", "Disable the user, which asks, or enable again", changes=True),
        Key(
            "x",
            "remove",
            "remove",
            "Remove the user with grants and keys, or the group with its grants; asks",
            changes=True,
        ),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each group and each user."""
        books = self.state.books
        if books is None:
            return None
        return self.made_of((books,), lambda: [*map(_group_row, books.groups), *map(_row, books.users)])

    def heading(self) -> str:
        """Return how many users there are, and how many groups; where it is filtered, how many rows are left."""
        groups = len(self.state.books.groups) if self.state.books else 0
        if self.table.sought or not groups:
            return super().heading()
        return f"{self.NAME} {self.count - groups} · {counted(groups, 'group')}"

    @property
    def selected(self) -> UserDetails | None:
        """The user under the cursor."""
        users = self.state.books.users if self.state.books else ()
        return next((each for each in users if each.user.name == self.table.key), None)

    @property
    def group(self) -> Group | None:
        """The group under the cursor."""
        groups = self.state.books.groups if self.state.books else ()
        return next((each for each in groups if _key(each) == self.table.key), None)

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the user or group under the cursor."""
        if (group := self.group) is not None:
            return [
                ("", f"@{group.name}"),
                ("members", listed(group.members) or "none: m takes users in"),
                *gives(self.state, group.name),
            ]
        if (found := self.selected) is None:
            return ()
        user = found.user
        role = "administrator of the gateway" if user.admin else "user"
        facts = [("", user.name), ("state", f"{'disabled' if user.disabled else 'active'}, {role}")]
        facts.append(("keys", f"{counted(found.keys or 0, 'key')}, known since {day(user.created)}"))
        if found.groups:
            facts.append(("groups", listed([f"@{name}" for name in found.groups])))
        facts += map(_granted, found.grants or ())
        return [*facts, *(fact for name in found.groups or () for fact in self._by(name))]

    def _by(self, group: str) -> Iterator[Fact]:
        return map(_granted, self.state.books.shared.get(group, ()) if self.state.books else ())

    def command(self) -> str:
        """Return what shows the keys of the user under the cursor, or the members of the group."""
        if (group := self.group) is not None:
            return self.office_command("group", "show", group.name)
        return "" if self.selected is None else self.office_command("user", "key", "list", self.selected.user.name)

    # -- what the keys do

    def action_choose(self) -> None:
        """Show the user's keys, or the members of the group."""
        if self.group is not None:
            self.action_groups()
        if (found := self.selected) is None:
            return
        from srctl.tui.sublist import SubList
        from srctl.tui.user_keys import KeysPane

        self.app.push_screen(SubList(KeysPane(self.state, found.user.name)))

    def action_groups(self) -> None:
        """Show the members of the group, or the groups of the user."""
        from srctl.tui.members import GroupsPane, MembersPane
        from srctl.tui.sublist import SubList

        if (group := self.group) is not None:
            self.app.push_screen(SubList(MembersPane(self.state, group.name)))
        elif (found := self.selected) is not None:
            self.app.push_screen(SubList(GroupsPane(self.state, found.user.name)))

    def action_add(self) -> None:
        """Add users or groups."""
        fields = (Field(NAMES, hint="ann bob"), Field("role", choices=ROLES))
        self.administer_with(
            Form("Add users or groups", fields, "Add", self._adding),
            "Adding users or groups",
            lambda context, values: checked(_add(context, values)),
            lambda outcome: self.tell(
                "Added", outcome, lambda each: _key(each) if isinstance(each, Group) else each.name
            ),
        )

    def _adding(self, values: Values) -> str:
        if values.get("role") == "group":
            return self.office_command("group", "add", *groups_in(values))
        return self.office_command("user", "add", *names_in(values), *(["--admin"] if "role" in values else []))

    def action_turn(self) -> None:
        """Disable the user, or enable again."""
        if self.group is not None:
            self.post_message(Said("A group can't be disabled", "Take its grants away, or its members out"))
        if (found := self.selected) is None:
            return
        name = found.user.name
        if found.user.disabled:
            self.administer(
                f"Enabling {name}",
                lambda context: context.accounting.enable(name),
                lambda _user: self.post_message(Said(f"Enabled {name}")),
            )
            return
        self.ask(
            f"Disable {name}? Their connections end; grants and keys stay",
            self.office_command("user", "disable", name),
            lambda: self.administer(
                f"Disabling {name}",
                lambda context: context.accounting.disable(name),
                lambda _user: self.post_message(Said(f"Disabled {name}")),
            ),
        )

    def action_remove(self) -> None:
        """Remove the user or the group."""
        if (group := self.group) is not None:
            Grouping(self).remove(group)
        if (found := self.selected) is None:
            return
        name = found.user.name
        goes = f"{counted(len(found.grants or ()), 'grant')} and {counted(found.keys or 0, 'key')}"
        self.ask(
            f"Remove {name} with {goes}?",
            self.office_command("user", "remove", name),
            lambda: self.administer(
                f"Removing {name}",
                lambda context: checked(context.accounting.remove_users([name])),
                lambda outcome: self.tell("Removed", outcome),
            ),
        )


def _add(context: Context, values: Values) -> Outcome[Any]:
    """Add what was filled in."""
    if values.get("role") == "group":
        return context.parts.groups.add(groups_in(values))
    return context.accounting.add_users(names_in(values), admin="role" in values)


def _key(group: Group) -> str:
    return f"@{group.name}"


def _granted(grant: Grant) -> Fact:
    by = f"by {grant.holder}: " if grant.group else ""
    return "grant", f"{by}{grant.application.image}: {policy.in_words(grant.policy)}"


def _group_row(each: Group) -> Row:
    members = len(each.members)
    cells = (plainly(f"@{each.name}"), "group", counted(members, "member"), str(each.grants), "-", day(each.created))
    return Row(_key(each), cells, (f" {cells[0].lower()}", "group", cells[2], each.grants, None, each.created))


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
