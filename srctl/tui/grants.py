"""The pane of grants: groups and users by applications. What is granted is given, taken and changed where it stands."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input

from srctl.models import Application, Policy
from srctl.tui.cells import EXPIRED, LETTERS, NOTHING, legend, short_names
from srctl.tui.columns import Column, Row
from srctl.tui.giving import Giving, Wish
from srctl.tui.holders import Holders, Spot
from srctl.tui.keys import Key, bindings
from srctl.tui.matrix import Head, Matrix
from srctl.tui.messages import Said
from srctl.tui.office import OfficePane
from srctl.tui.pane import Fact
from srctl.tui.state import Books, State
from srctl.tui.words import counted, plainly


class GrantsPane(OfficePane):
    """The grants."""

    NAME = "Grants"
    EMPTY = "There is no user yet"
    COLUMNS = (Column("USER", flexible=True),)
    KEYS = (
        Key("enter", "choose", "edit", "Set all that the grant permits, in a form", changes=True),
        Key("space", "turn", "give/take", "Give with the default policy; take away, which asks", changes=True),
        Key("a", "another", "", "Give another grant with another policy", changes=True),
        Key("x,X", "take", "", "Take away, and stop sessions if wanted; asks", changes=True),
        Key("u", "undo", "undo", "Undo what was given, taken or changed last; asks if that takes away", changes=True),
        Key("w", "why", "why", "Say why the user may run the application, or may not; of a group: who may"),
        Key("W", "who_can", "", "List who may run the application now, and through what"),
        Key("backslash", "filter_columns", "app", "Show only applications with a text in them"),
    )
    MOVES = (
        Key("h,j,k,l", "", "", "To the next cell, as the arrows do"),
        Key("ctrl+f,ctrl+b", "", "", "Next page and page before, as pagedown and pageup do"),
        Key("H,L", "", "", "To the columns beside these, as Shift with an arrow does"),
        Key("g,G", "", "", "First and last user"),
        Key("circumflex_accent,dollar_sign", "", "", "First and last application, as home and end do"),
        Key("O", "turn_order", "", "Sort the users the other way round"),
    )
    LEGEND = (
        Key(NOTHING, "", "", "nothing is granted"),
        Key("✓", "", "", "it is granted; a digit tells that it is more than once"),
        Key("@", "", "", "the user has it by a group alone; the row of the group is where that is taken"),
        Key("&", "", "", "the user has it both by a group and without it"),
        Key(EXPIRED, "", "", "it is granted and has expired; before a name: the user is disabled"),
        *(Key(letter, "", "", f"{word}: {meaning}") for letter, word, meaning in LETTERS),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]
    table: Matrix

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._giving = Giving(self)
        self._books: Books | None = None
        self._holders: Holders | None = None

    def make_table(self) -> Matrix:
        """Return the matrix."""
        matrix = Matrix(self.COLUMNS, NOTHING)
        matrix.border_subtitle = Content(legend())
        return matrix

    # -- what is shown

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each group and each user."""
        if self._holders is None:
            return None if self.state.books_error is None else ()
        return self._holders.rows()

    def show(self) -> None:
        """Show what is known now. What is known already is not laid out again: it may be much."""
        books = self.state.books
        if books is None:
            super().show()
            return
        if books is not self._books:
            self._books, self._holders = books, Holders(books)
            self.table.empty = self.EMPTY
            names = short_names(books.applications)
            heads = [_head(each, names[each.image]) for each in books.applications]
            heads.sort(key=lambda head: head.text.lower())
            self.table.lay(self._holders.rows(), heads, self._holders.cells)
        self.show_row()

    def heading(self) -> str:
        """Return how much there is, and which part of it is shown."""
        if self._books is None:
            return self.NAME
        matrix, count = self.table, len(self._books.applications)
        first, last, shown = matrix.columns_shown
        groups = len(self._books.groups)
        who = [counted(groups, "group")] if groups else []
        who.append(counted(self.count - groups, "user"))
        parts = [self.NAME, *who, counted(count, "application")]
        if matrix.sought:
            parts[1:-1] = [f"{len(matrix.rows)} of {' and '.join(who)} /{matrix.sought}"]
        if matrix.sought_column:
            parts[-1] = f"{shown} of {parts[-1]} \\{matrix.sought_column}"
        if last - first + 1 < shown:
            parts.append(f"← {first}-{last} of {shown} →")
        return " · ".join(parts)

    @property
    def selected(self) -> Spot | None:
        """What is under the cursor."""
        user, image = self.table.key, self.table.column
        return None if self._holders is None or user is None or image is None else self._holders.spot(user, image)

    def facts(self) -> Sequence[Fact]:
        """Return what is granted to the user or group under the cursor for the application under it."""
        return () if self.selected is None else list(self.selected.facts())

    def command(self) -> str:
        """Return what Enter does with the cell under the cursor, and for an empty one what the space bar does."""
        if self.selected is None:
            return ""
        pair, granted = self.selected.pair, self.selected.own
        if not granted:
            return self._giving.command(pair, Policy())
        if len(granted) == 1:
            return self._giving.command_of(granted[0], Wish(granted[0].policy))
        return self.office_command("grant", "list", "--user", pair.user, "--app", pair.image)

    # -- the filter of the columns

    async def action_filter_columns(self) -> None:
        """Ask for a text that applications have in them."""
        await self.query(".filter").remove()
        field = Input(self.table.sought_column, placeholder="application", compact=True, classes="columns")
        await self.ask_filter("\\", field)
        self.screen.set_focus(field)

    def seek(self, field: Input, text: str) -> None:
        """Filter columns or rows."""
        if field.has_class("columns"):
            self.table.seek_column(text)
        else:
            super().seek(field, text)

    def end_filter(self, *, drop: bool = False) -> bool:
        """Go back to the matrix, and with `drop` to all users and applications."""
        had = bool(self.table.sought_column)
        if drop and had:
            self.table.seek_column("")
        return super().end_filter(drop=drop) or had

    # -- what the keys do

    def action_choose(self) -> None:
        """Set what the grant under the cursor permits, or what one that is to be given shall permit."""
        if self.selected is None:
            return
        pair, granted = self.selected.pair, self.selected.own
        if granted:
            question = "Which of the grants shall be changed?"
            self._giving.choose(question, granted, lambda found: self._giving.edit(pair, found[0]))
        else:
            self._giving.ask(pair)

    def action_another(self) -> None:
        """Give a grant with a policy of its own."""
        if self.selected is not None:
            pair, granted = self.selected.pair, self.selected.own
            self._giving.ask(pair, another=bool(granted))

    def action_turn(self) -> None:
        """Give what is not granted, with the default policy; take away what is."""
        if self.selected is None:
            return
        pair, granted = self.selected.pair, self.selected.own
        if granted:
            self.action_take()
        else:
            self._giving.give(pair, Policy())

    def action_take(self) -> None:
        """Take away what is granted."""
        if self.selected is None:
            return
        pair, granted = self.selected.pair, self.selected.own
        if granted:
            question = "Which of the grants shall be taken away?"
            self._giving.choose(question, granted, partial(self._giving.take, pair), every=True)
        elif shared := self.selected.shared:
            groups = " and ".join(sorted({each.holder for each in shared}))
            self.post_message(
                Said(
                    f"{pair.user} has {pair.title} by {groups} alone",
                    "x in the row of a group takes it from all its members; m in Users takes one out",
                )
            )

    def action_why(self) -> None:
        """Say why somebody may, or may not."""
        if self.selected is None:
            return
        from srctl.tui import reasons

        pair = self.selected.pair
        if pair.group is None:
            reasons.why(self, pair.user, pair.image)
        else:
            reasons.who_can(self, pair.image)

    def action_who_can(self) -> None:
        """List who may."""
        if self.selected is not None:
            from srctl.tui import reasons

            reasons.who_can(self, self.selected.pair.image)

    def action_undo(self) -> None:
        """Make the last change undone."""
        self._giving.undo()


def _head(each: Application, name: str) -> Head:
    return Head(each.image, name, f"{plainly(each.title or '')} {each.image}".lower())
