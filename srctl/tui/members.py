"""Who is in a group, and in which groups somebody is: lists in front of that of users."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import BindingType

from srctl.errors import SrctlError
from srctl.models import Group
from srctl.tui.columns import Column, Row
from srctl.tui.grouping import Grouping, gives
from srctl.tui.keys import Key, bindings
from srctl.tui.office import OfficePane
from srctl.tui.pane import Fact
from srctl.tui.state import State
from srctl.tui.words import day, failure, listed, plainly
from srctl.tui.work import Work


class InsidePane(OfficePane):
    """A list of who is in what. It asks by itself, so that it is new after each change."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._groups: Sequence[Group] | None = None
        self._error: SrctlError | None = None
        self.grouping = Grouping(self, self.again)

    @abstractmethod
    def belongs(self, group: Group) -> bool:
        """Tell whether a group has to do with this list."""

    def again(self) -> None:
        """Ask for the groups."""
        call: Any = lambda context, _tell: context.parts.groups.all()  # noqa: E731 - typed
        self.want(Work("Reading groups", self.state.office_host, call, self._read, quiet=True, failed=self._lost))

    def _read(self, found: Sequence[Group]) -> None:
        self._groups, self._error = [each for each in found if self.belongs(each)], None
        self.show()

    def _lost(self, error: SrctlError) -> None:
        self._groups, self._error = (), error
        self.show()

    def reasons(self) -> Sequence[str]:
        """Return why they are not known."""
        return () if self._error is None else (failure(self._error),)


class MembersPane(InsidePane):
    """The members of a group."""

    NAME = "Members"
    EMPTY = "Nobody is in it: n takes users in"
    COLUMNS = (Column("USER", flexible=True), Column("STATE", toned=True), Column("ALSO IN", drop=1, flexible=True))
    KEYS = (
        Key("enter,n", "choose", "take in", "Take users into the group", changes=True),
        Key("x", "leave", "take out", "Take the user out of the group; asks", changes=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def __init__(self, state: State, group: str) -> None:
        super().__init__(state)
        self._group = group
        users = state.books.users if state.books else ()
        self._users = {each.user.name: each for each in users}

    def belongs(self, group: Group) -> bool:
        """Tell whether it is the group."""
        return group.name == self._group

    def heading(self) -> str:
        """Return which group it is."""
        return plainly(f"{super().heading()} · @{self._group}")

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each member."""
        return None if self._groups is None else [self._row(name) for each in self._groups for name in each.members]

    def _row(self, name: str) -> Row:
        disabled = name in self._users and self._users[name].user.disabled
        state, tone = ("✗ disabled", "bad") if disabled else ("● active", "good")
        return Row(name, (plainly(name), state, listed(self._others(name)) or "-"), (), tone)

    def _others(self, name: str) -> list[str]:
        groups = self._users[name].groups or () if name in self._users else ()
        return [plainly(f"@{each}") for each in groups if each != self._group]

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the member under the cursor."""
        if (name := self.table.key) is None:
            return ()
        others = self._others(name)
        also = [("also in", listed(others))] if others else []
        return [("", f"{name} in @{self._group}"), *also, *gives(self.state, self._group)]

    def command(self) -> str:
        """Return what takes somebody in."""
        return self.office_command("group", "join", self._group, "USER")

    def action_choose(self) -> None:
        """Take users in."""
        self.grouping.join(self._group)

    def action_leave(self) -> None:
        """Take the user out."""
        if self.table.key is not None:
            self.grouping.leave(self._group, self.table.key)


class GroupsPane(InsidePane):
    """The groups that a user is in."""

    NAME = "Groups"
    EMPTY = "In no group: n takes the user into one"
    COLUMNS = (
        Column("GROUP", flexible=True),
        Column("MEMBERS", right=True),
        Column("GRANTS", drop=1, right=True),
        Column("SINCE", drop=2),
    )
    KEYS = (
        Key("enter,n", "choose", "take in", "Take the user into groups", changes=True),
        Key("x", "leave", "take out", "Take the user out of the group; asks", changes=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def __init__(self, state: State, user: str) -> None:
        super().__init__(state)
        self._user = user

    def belongs(self, group: Group) -> bool:
        """Tell whether the user is in it."""
        return self._user in group.members

    def heading(self) -> str:
        """Return whose groups they are."""
        return plainly(f"{super().heading()} · {self._user}")

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each group."""
        return None if self._groups is None else [_row(each) for each in self._groups]

    @property
    def selected(self) -> Group | None:
        """The group under the cursor."""
        return next((each for each in self._groups or () if each.name == self.table.key), None)

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the group under the cursor."""
        if (group := self.selected) is None:
            return ()
        members = ("members", listed(group.members))
        return [("", f"{self._user} in @{group.name}"), *gives(self.state, group.name), members]

    def command(self) -> str:
        """Return what takes the user into a group."""
        return self.office_command("group", "join", "GROUP", self._user)

    def action_choose(self) -> None:
        """Take the user into groups."""
        self.grouping.join_some(self._user)

    def action_leave(self) -> None:
        """Take the user out of the group."""
        if (group := self.selected) is not None:
            self.grouping.leave(group.name, self._user)


def _row(each: Group) -> Row:
    members = len(each.members)
    cells = (plainly(f"@{each.name}"), str(members), str(each.grants), day(each.created))
    return Row(each.name, cells, (cells[0].lower(), members, each.grants, each.created))
