"""The main screen: one pane at a time, the tabs above it, and below it what goes on, a command line and the keys."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Static

from srctl.tui import keys, working
from srctl.tui.keys import Key
from srctl.tui.messages import BooksChanged, Copied, Said
from srctl.tui.pane import SHARED_KEYS, Pane
from srctl.tui.panes import seen_by
from srctl.tui.state import State
from srctl.tui.tabs import Tabs
from srctl.tui.work import Work

FLUSH = 0.05
"""Seconds in which news are collected before they are shown."""

OLD = 30
"""Seconds between two looks at ages that do not change every second."""

KEYS = (
    Key("1,2,3,4,5,6,7,8,9,0", "", "", "Go to the pane with that number"),
    Key("tab,right_square_bracket", "turn(1)", "", "Go to the next pane"),
    Key("shift+tab,left_square_bracket", "turn(-1)", "", "Go to the pane before"),
    Key("r", "again", "", "Ask the hosts again, also those that are away"),
    Key(working.KEY, "working", "", "Show what goes on, and give it up: what it has begun is undone"),
    Key("E", "mishaps", "", "Show all that went wrong in this run"),
    Key("escape", "back", "", "End the filter"),
    Key("question_mark", "help", "help", "Show this help"),
    Key("q", "app.leave", "quit", "Leave; tunnels in the background can stay"),
)
MOVES = (
    Key("j,down", "", "", "Next row"),
    Key("k,up", "", "", "Row before"),
    Key("g,home", "", "", "First row"),
    Key("G,end", "", "", "Last row"),
    Key("ctrl+f,pagedown", "", "", "Next page"),
    Key("ctrl+b,pageup", "", "", "Page before"),
    Key("o", "", "", "Sort by the next column; a click on its title sorts by it"),
    Key("O", "", "", "Sort the other way round"),
)


class MainScreen(Screen[None]):
    """What is to be seen most of the time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings(key for key in (*KEYS, *SHARED_KEYS) if key.action),
        *(Binding(str(number), f"pane({(number - 1) % 10})", show=False) for number in range(10)),
    ]

    def __init__(self, state: State) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide"), (160, "-huge")]
        self.VERTICAL_BREAKPOINTS = [(0, "-tiny"), (9, "-low"), (18, "-tall")]
        self.state = state
        self.kinds = seen_by(state.admin)
        self.tabs = Tabs([kind.name for kind in self.kinds], state)
        self.pane: Pane = self.kinds[0].load()(state)
        self._panes = {0: self.pane}
        self._working = Static("", id="working", markup=False)
        self._command = Static("", id="command", markup=False)
        self._keys = Static("", id="keys", markup=False)
        self._works: Sequence[Work[Any]] = ()
        self._pending = False
        self._flushed = 0.0
        self._ticks = 0

    def compose(self) -> ComposeResult:
        """Lay out the first pane only: the others are made when they are wanted."""
        yield self.tabs
        yield self.pane
        yield self._working
        yield self._command
        yield self._keys

    def on_mount(self) -> None:
        """Begin with the keyboard in the table."""
        self.pane.table.focus()
        self._show_lines()
        self.set_interval(1.0, self._tick)

    # -- what is shown

    def changed(self) -> None:
        """Show what is known now, soon: news that come together are shown together."""
        if self._pending:
            return
        self._pending = True
        self.set_timer(max(0.001, self._flushed + FLUSH - time.monotonic()), self._flush)

    def _flush(self) -> None:
        self._pending, self._flushed = False, time.monotonic()
        self.pane.show()
        self.tabs.tick()
        self._show_lines()

    def _tick(self) -> None:
        self._ticks += 1
        self.tabs.tick()
        if self.pane.young or self._ticks % OLD == 0:
            self.pane.show()

    def admit(self) -> None:
        """Show also what administrators see."""
        self.kinds = seen_by(self.state.admin)
        self.tabs.label([kind.name for kind in self.kinds])

    def show_work(self, works: Sequence[Work[Any]]) -> None:
        """Show what goes on."""
        self._works = works
        if isinstance(self.app.screen, working.WorkList):
            self.app.screen.look()
        self._working.display = bool(works)
        if works:
            self._working.update(Content(working.line(works, self.app.size.width)))

    def _show_lines(self) -> None:
        width = self.app.size.width
        command = self.pane.command()
        room = width - len(" $ ") - len("  y copy ")
        text = f" $ {command:<{room}}  y copy" if command and len(command) <= room else f" $ {command}"
        self._command.update(Content(text if command else ""))
        shown = [*self.pane.keys, *(key for key in KEYS if key.label)]
        self._keys.update(Content(keys.line(shown, width - 1)))

    def on_pane_shown(self, _event: Pane.Shown) -> None:
        """Show the command line that belongs to the row under the cursor."""
        self._show_lines()

    def on_resize(self, _event: Resize) -> None:
        """Fill the lines that depend on the width."""
        self._show_lines()
        self.show_work(self._works)

    # -- what the keys do

    async def action_pane(self, index: int) -> None:
        """Show another pane."""
        if index >= len(self.kinds) or self._panes.get(index) is self.pane:
            return
        self.pane.end_filter()
        self.pane.display = False
        if index not in self._panes:
            self._panes[index] = self.kinds[index].load()(self.state)
            await self.mount(self._panes[index], after=self.tabs)
        self.pane = self._panes[index]
        self.pane.display = True
        self.tabs.choose(index)
        self.pane.show()
        self.pane.table.focus()
        self._show_lines()

    async def action_turn(self, panes: int) -> None:
        """Show the pane so many further."""
        now = next(index for index, pane in self._panes.items() if pane is self.pane)
        await self.action_pane((now + panes) % len(self.kinds))

    async def on_tabs_clicked(self, event: Tabs.Clicked) -> None:
        """Show the pane that was clicked."""
        await self.action_pane(event.index)

    def action_again(self) -> None:
        """Ask all hosts again."""
        for view in self.state.hosts.values():
            if view.error is not None:
                view.thread.again()
            else:
                view.thread.look()
                view.thread.offer()
        self.post_message(BooksChanged())

    def action_back(self) -> None:
        """End the filter."""
        self.pane.end_filter(drop=True)

    def action_filter(self) -> None:
        """Ask for a text that rows have in them."""
        self.pane.action_filter()

    def action_copy_command(self) -> None:
        """Copy the command line."""
        if command := self.pane.command():
            self.post_message(Copied(command))

    def action_working(self) -> None:
        """Show what goes on."""
        if self._works:
            self.app.push_screen(working.WorkList(lambda: self._works))
        else:
            self.post_message(Said("Nothing goes on"))

    def action_mishaps(self) -> None:
        """Show what went wrong."""
        self.app.push_screen(self.state.mishaps.screen())

    def action_help(self) -> None:
        """Show all keys."""
        from srctl.tui.help import Help

        own = keys.permitted(self.pane.KEYS, self.state.readonly)
        self.app.push_screen(Help([(self.pane.NAME, own), ("Everywhere", [*MOVES, *SHARED_KEYS, *KEYS])]))
