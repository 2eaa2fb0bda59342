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

from srctl.tui import keys
from srctl.tui.keys import Key
from srctl.tui.messages import Copied
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
    Key("escape", "back", "", "End the filter"),
    Key("question_mark", "help", "help", "Show this help"),
    Key("q", "app.leave", "quit", "Leave; tunnels in the background can stay"),
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
        self.pane.shown = self._show_lines
        self._panes = {0: self.pane}
        self._working = Static("", id="working", markup=False)
        self._command = Static("", id="command", markup=False)
        self._keys = Static("", id="keys", markup=False)
        self._lines = ("", "")
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

    def show_work(self, working: Sequence[Work[Any]]) -> None:
        """Show what goes on."""
        self._working.display = bool(working)
        if working:
            last = working[-1]
            more = f"  (and {len(working) - 1} more)" if len(working) > 1 else ""
            step = f": {last.step}" if last.step else " ..."
            self._working.update(Content(f" ◐ {last.title}{step}{more}"))

    def _show_lines(self) -> None:
        width = self.app.size.width
        command = self.pane.command()
        room = width - len(" $ ") - len("  y copy ")
        text = f" $ {command:<{room}}  y copy" if command and len(command) <= room else f" $ {command}"
        shown = [*self.pane.keys, *(key for key in KEYS if key.label)]
        lines = (text if command else "", keys.line(shown, width - 1))
        for place, line, before in zip((self._command, self._keys), lines, self._lines, strict=True):
            if line != before:
                place.update(Content(line), layout=False)
        self._lines = lines

    def on_resize(self, _event: Resize) -> None:
        """Fill the lines that depend on the width."""
        self._show_lines()

    # -- what the keys do

    async def action_pane(self, index: int) -> None:
        """Show another pane."""
        if index >= len(self.kinds) or self._panes.get(index) is self.pane:
            return
        self.pane.end_filter()
        self.pane.display = False
        if index not in self._panes:
            self._panes[index] = self.kinds[index].load()(self.state)
            self._panes[index].shown = self._show_lines
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

    def action_help(self) -> None:
        """Show all keys."""
        from srctl.tui.help import Help

        sections = [(self.pane.NAME, keys.permitted(self.pane.KEYS, self.state.readonly))]
        if self.pane.LEGEND:
            sections.append(("What the signs say", list(self.pane.LEGEND)))
        self.app.push_screen(Help([*sections, ("Everywhere", [*self.pane.MOVES, *SHARED_KEYS, *KEYS])]))
