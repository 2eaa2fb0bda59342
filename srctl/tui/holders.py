"""Who has grants: the rows of the matrix, groups before users, and what stands about a cell of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from srctl import limits, policy
from srctl.accounting import UserDetails
from srctl.models import Grant, Group
from srctl.tui.cells import cells, expired
from srctl.tui.columns import Row
from srctl.tui.facts import Fact
from srctl.tui.giving import Pair
from srctl.tui.state import Books
from srctl.tui.words import DIGITS, listed, plainly


@dataclass(frozen=True, slots=True)
class Spot:
    """A cell: what is granted there to the user or the group itself, and what to the user by groups."""

    pair: Pair
    holder: UserDetails | Group
    own: tuple[Grant, ...]
    shared: tuple[Grant, ...] = ()

    def facts(self) -> Iterator[Fact]:
        """Yield what is said about it; the first fact is its title."""
        yield "", f"{self.pair.title} for {self.pair.user}"
        if isinstance(self.holder, UserDetails) and self.holder.user.disabled:
            yield "! user", "disabled: nothing that is granted counts"
        for grant in (*self.own, *self.shared):
            by = f"by @{grant.group}: " if grant in self.shared else ""
            yield "! expired" if expired(grant) else "grant", by + policy.in_words(grant.policy)
            yield "", f"{grant.id[:DIGITS]}, since {grant.created.astimezone():%Y-%m-%d}"
        if not self.own and not self.shared:
            yield "grant", "none"
        elif words := limits.in_words(limits.in_force((*self.own, *self.shared)[0].application)):
            yield "limits", f"as every grant of it: {', '.join(words)}"
        if isinstance(self.holder, Group):
            yield "members", listed(self.holder.members) or "none"
        yield "image", self.pair.image


class Holders:
    """Users and groups by what is typed for them."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._users = {each.user.name: each for each in books.users}
        self._groups = {f"@{each.name}": each for each in books.groups if f"@{each.name}" not in self._users}
        self._titles = {each.image: each.title or each.image for each in books.applications}

    def rows(self) -> list[Row]:
        """Return a row for each."""
        return [*map(_group_row, self._groups.values()), *map(_user_row, self._books.users)]

    def cells(self, key: str) -> dict[str, str]:
        """Return the cells of a row by image."""
        return cells(*self._granted(key))

    def spot(self, key: str, image: str) -> Spot:
        """Return what a cell stands for."""
        own, shared = (tuple(g for g in part if g.application.image == image) for part in self._granted(key))
        group = self._groups.get(key)
        pair = Pair(key, image, self._titles[image], None if group is None else group.name)
        return Spot(pair, group or self._users[key], own, shared)

    def _granted(self, key: str) -> tuple[Sequence[Grant], Sequence[Grant]]:
        if key in self._groups:
            return self._books.shared.get(self._groups[key].name, ()), ()
        user = self._users[key]
        return user.grants or (), [g for name in user.groups or () for g in self._books.shared.get(name, ())]


def _group_row(each: Group) -> Row:
    name = plainly(f"@{each.name}")
    return Row(f"@{each.name}", (name, " ", "group"), (f" {name.lower()}",))


def _user_row(each: UserDetails) -> Row:
    user = each.user
    name = plainly(user.name)
    cells = (name, "✗", "disabled") if user.disabled else (name, " ")
    return Row(user.name, cells, (name.lower(),), "dim" if user.disabled else "")
