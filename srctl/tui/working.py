"""What goes on: one line of it below the panes, and a list of all of it, in which work can be given up."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from srctl.tui.columns import Column, Row, placed, width_of
from srctl.tui.dialogs import Dialog
from srctl.tui.table import Table
from srctl.tui.words import age, plainly
from srctl.tui.work import Work

KEY = "X"
"""Shows the list."""

BEAT = 0.5
"""Seconds between two looks at how far work is."""

Works = Sequence[Work[Any]]


def line(working: Works, width: int) -> str:
    """Return the line, in so many cells: the youngest work, how far it is, and the key that shows all of it."""
    last = working[-1]
    more = f"  and {len(working) - 1} more" if len(working) > 1 else ""
    label = "give up" if any(work.yielding for work in working) else "show"
    key = f"  {KEY} {label} "
    step = f": {last.step}" if last.step else " ..."
    room = max(0, width - width_of(key))
    text = placed(f" ◐ {plainly(last.title)}{step}", max(0, room - width_of(more))).rstrip() + more
    return placed(text, room) + key if room else ""


class WorkList(Dialog[None]):
    """Lists what goes on until nothing does, or until the person goes back."""

    FIRST = "Table"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(f"escape,q,{KEY}", "dismiss", show=False),
        Binding("enter,x", "give_up", show=False),
    ]

    def __init__(self, working: Callable[[], Works]) -> None:
        super().__init__()
        self._working = working
        self._table = Table((Column("WORK", flexible=True), Column("HOW FAR", drop=1, flexible=True), Column("FOR")))

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        with VerticalScroll(classes="dialog wide", can_focus=False):
            yield Static(Content("What goes on"), classes="question")
            yield self._table
            yield Static(Content("⏎ give up, and undo what it has begun   esc back"), classes="lines")

    def on_mount(self) -> None:
        """Keep it up to date."""
        self.look()
        self.set_interval(BEAT, self.look)

    def look(self) -> None:
        """Show how far it is now; where nothing goes on any more, go back."""
        working = self._working()
        if not working:
            self.dismiss()
            return
        self._table.styles.height = len(working) + 1
        self._table.fill(
            Row(str(id(work)), (plainly(work.title), work.step or "...", age(work.begun))) for work in working
        )

    def action_give_up(self) -> None:
        """Give up the work under the cursor."""
        for work in self._working():
            if str(id(work)) == self._table.key:
                if work.yielding:
                    work.give_up()
                else:
                    self.notify("That can't be given up: it is done as a whole or not at all", markup=False)
        self.look()

    def on_table_activated(self, _event: Table.Activated) -> None:
        """A double click is Enter."""
        self.action_give_up()
