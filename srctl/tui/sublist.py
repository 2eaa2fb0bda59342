"""A list that belongs to one row of another: it stands in front of that, with the lines below it as there."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from srctl.tui import keys
from srctl.tui.dialogs import Overlay
from srctl.tui.keys import Key
from srctl.tui.messages import Copied
from srctl.tui.pane import HEIGHTS, SHARED_KEYS, WIDTHS, Pane

KEYS = (
    Key("r", "again", "", "Ask again"),
    Key("question_mark", "help", "help", "Show this help"),
    Key("escape", "back", "", "End the filter, or go back"),
    Key("q", "back", "back", "Go back"),
)


class SubList(Overlay[None]):
    """Shows a pane until the person goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings((*KEYS, *SHARED_KEYS))]

    def __init__(self, pane: Pane) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS = WIDTHS, HEIGHTS
        self.pane = pane
        pane.shown = self._show_lines
        self._command = Static("", classes="command", markup=False)
        self._keys = Static("", classes="keys", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the pane and the lines below it."""
        yield self.pane
        yield self._command
        yield self._keys

    def on_mount(self) -> None:
        """Begin with the keyboard in the table."""
        self.pane.table.focus()

    def on_resize(self, _event: Resize) -> None:
        """Fill the lines that depend on the width."""
        self._show_lines()

    def _show_lines(self) -> None:
        width = self.app.size.width
        self._command.update(Content(keys.command_line(self.pane.command(), width)))
        shown = [*self.pane.keys, *(key for key in KEYS if key.label)]
        self._keys.update(Content(keys.line(shown, width - 1)))

    # -- what the keys do

    def action_back(self) -> None:
        """End the filter; where there is none, go back."""
        if not self.pane.end_filter(drop=True):
            self.dismiss()

    async def action_filter(self) -> None:
        """Ask for a text that rows have in them."""
        await self.pane.action_filter()

    def action_copy_command(self) -> None:
        """Copy the command line."""
        if command := self.pane.command():
            self.post_message(Copied(command))

    def action_again(self) -> None:
        """Ask again."""
        self.pane.again()

    def action_help(self) -> None:
        """Show all keys."""
        from srctl.tui.help import Help

        own = keys.permitted(self.pane.KEYS, self.pane.state.readonly)
        self.app.push_screen(Help([(self.pane.NAME, own), ("Everywhere", [*self.pane.MOVES, *SHARED_KEYS, *KEYS])]))
