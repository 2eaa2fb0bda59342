"""The pane of grants: users by applications. What is granted is given, taken and changed where it stands."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input

from srctl import policy
from srctl.accounting import UserDetails
from srctl.models import Application, Grant, Policy
from srctl.tui.cells import LETTERS, NOTHING, cells, legend, short_names
from srctl.tui.columns import Column, Row
from srctl.tui.giving import Giving, Pair, Wish
from srctl.tui.keys import Key, bindings
from srctl.tui.matrix import Head, Matrix
from srctl.tui.office import OfficePane
from srctl.tui.pane import Fact
from srctl.tui.state import Books, State
from srctl.tui.words import DIGITS, counted, plainly


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
        Key("backslash", "filter_columns", "application", "Show only applications with a text in them"),
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
        *(Key(letter, "", "", f"{word}: {meaning}") for letter, word, meaning in LETTERS),
        Key("✗", "", "", "before a name: the user is disabled"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]
    table: Matrix

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._giving = Giving(self)
        self._books: Books | None = None
        self._people: dict[str, UserDetails] = {}
        self._titles: dict[str, str] = {}

    def make_table(self) -> Matrix:
        """Return the matrix."""
        matrix = Matrix(self.COLUMNS, NOTHING)
        matrix.border_subtitle = Content(legend())
        return matrix

    # -- what is shown

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each user."""
        books = self.state.books
        if books is None:
            return None if self.state.books_error is None else ()
        return [_row(each) for each in books.users]

    def show(self) -> None:
        """Show what is known now. What is known already is not laid out again: it may be much."""
        books = self.state.books
        if books is None:
            super().show()
            return
        if books is not self._books:
            self._books = books
            self._people = {each.user.name: each for each in books.users}
            self._titles = {each.image: each.title or each.image for each in books.applications}
            self.table.empty = self.EMPTY
            names = short_names(books.applications)
            heads = [_head(each, names[each.image]) for each in books.applications]
            heads.sort(key=lambda head: head.text.lower())
            self.table.lay(self.rows() or (), heads, self._cells)
        self.show_row()

    def _cells(self, user: str) -> dict[str, str]:
        return cells(self._people[user].grants or ())

    def heading(self) -> str:
        """Return how much there is, and which part of it is shown."""
        if self._books is None:
            return self.NAME
        matrix, count = self.table, len(self._books.applications)
        first, last, shown = matrix.columns_shown
        parts = [self.NAME, counted(self.count, "user"), counted(count, "application")]
        if matrix.sought:
            parts[1] = f"{len(matrix.rows)} of {parts[1]} /{matrix.sought}"
        if matrix.sought_column:
            parts[2] = f"{shown} of {parts[2]} \\{matrix.sought_column}"
        if last - first + 1 < shown:
            parts.append(f"← {first}-{last} of {shown} →")
        return " · ".join(parts)

    @property
    def selected(self) -> tuple[Pair, UserDetails, tuple[Grant, ...]] | None:
        """What is under the cursor: who, what, and the grants."""
        user, image = self.table.key, self.table.column
        if self._books is None or user is None or image is None:
            return None
        person = self._people[user]
        granted = tuple(each for each in person.grants or () if each.application.image == image)
        return Pair(user, image, self._titles[image]), person, granted

    def facts(self) -> Sequence[Fact]:
        """Return what is granted to the user under the cursor for the application under it."""
        if self.selected is None:
            return ()
        pair, person, granted = self.selected
        facts = [("", f"{pair.title} for {pair.user}")]
        if person.user.disabled:
            facts.append(("! user", "disabled: nothing that is granted counts"))
        for each in granted:
            facts.append(("grant", policy.in_words(each.policy)))
            facts.append(("", f"{each.id[:DIGITS]}, since {each.created.astimezone():%Y-%m-%d}"))
        if not granted:
            facts.append(("grant", "none"))
        facts.append(("image", pair.image))
        return facts

    def command(self) -> str:
        """Return what Enter does with the cell under the cursor, and for an empty one what the space bar does."""
        if self.selected is None:
            return ""
        pair, _, granted = self.selected
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
        pair, _, granted = self.selected
        if granted:
            question = "Which of the grants shall be changed?"
            self._giving.choose(question, granted, lambda found: self._giving.edit(pair, found[0]))
        else:
            self._giving.ask(pair)

    def action_another(self) -> None:
        """Give a grant with a policy of its own."""
        if self.selected is not None:
            pair, _, granted = self.selected
            self._giving.ask(pair, another=bool(granted))

    def action_turn(self) -> None:
        """Give what is not granted, with the default policy; take away what is."""
        if self.selected is None:
            return
        pair, _, granted = self.selected
        if granted:
            self.action_take()
        else:
            self._giving.give(pair, Policy())

    def action_take(self) -> None:
        """Take away what is granted."""
        if self.selected is None:
            return
        pair, _, granted = self.selected
        if granted:
            question = "Which of the grants shall be taken away?"
            self._giving.choose(question, granted, partial(self._giving.take, pair), every=True)

    def action_undo(self) -> None:
        """Make the last change undone."""
        self._giving.undo()


def _row(each: UserDetails) -> Row:
    user = each.user
    name = plainly(user.name)
    cells = (name, "✗", "disabled") if user.disabled else (name, " ")
    return Row(user.name, cells, (name.lower(),), "dim" if user.disabled else "")


def _head(each: Application, name: str) -> Head:
    return Head(each.image, name, f"{plainly(each.title or '')} {each.image}".lower())
