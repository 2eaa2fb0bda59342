"""The main screen: one pane at a time, the tabs above it, and below it what goes on, a command line and the keys."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.widgets import Static

from srctl.tui import demand, keys, working
from srctl.tui.jumping import Jumper
from srctl.tui.keys import Key
from srctl.tui.messages import Copied, Said
from srctl.tui.pane import HEIGHTS, SHARED_KEYS, WIDTHS, Pane
from srctl.tui.panes import PaneKind, seen_by
from srctl.tui.state import State
from srctl.tui.tabs import Tabs
from srctl.tui.work import Work

FLUSH = 0.05
"""Seconds in which news are collected before they are shown."""

SOON = 3.0
"""Seconds after the start within which a person who administers is still taken to the pane that was left last."""

OLD = 30
"""Seconds between two looks at ages that do not change every second."""

KEYS = (
    Key("1-9,0", "", "", "Go to the pane with that number"),
    Key("tab,right_square_bracket", "turn(1)", "", "Go to the next pane"),
    Key("shift+tab,left_square_bracket", "turn(-1)", "", "Go to the pane before"),
    Key("minus", "last", "", "Go back to the pane that was shown last"),
    Key("colon", "jump", "jump", "Go to a pane by its name, and filter it"),
    Key("ctrl+p", "palette", "", "Find what can be done by any letters of it"),
    Key("T", "themes", "", "Choose other colours"),
    Key("r", "again", "", "Ask the hosts again, also those that are away"),
    Key(working.KEY, "working", "", "Show what goes on, and give it up: what it has begun is undone"),
    Key("E", "mishaps", "", "Show all that went wrong in this run"),
    Key("escape", "back", "", "Show all rows again"),
    Key("question_mark", "help", "help", "Show this help"),
    Key("q", "app.leave", "quit", "Leave; tunnels in the background can stay"),
)


class MainScreen(Jumper):
    """What is to be seen most of the time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings(key for key in (*KEYS, *SHARED_KEYS) if key.action),
        *(Binding(str(number), f"pane({(number - 1) % 10})", show=False) for number in range(10)),
    ]

    def __init__(self, state: State) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS = WIDTHS, HEIGHTS
        self.state = state
        self.kinds = seen_by(state.admin, state.audited)
        self.tabs = Tabs([kind.name for kind in self.kinds], state)
        self._panes: dict[str, Pane] = {}
        self.pane = self._made(next((k for k in self.kinds if k.name == state.kept.pane), self.kinds[0]))
        self._before = self.pane.NAME
        """The pane that was shown before this one."""
        self.working = Static("", id="working", markup=False)
        self._command = Static("", id="command", markup=False)
        self._keys = Static("", id="keys", markup=False)
        self._works: Sequence[Work[Any]] = ()
        self._lines = ("", "")
        """The command line and the keys, as they are shown."""
        self._pending = False
        self._flushed = 0.0
        self._ticks = 0
        self._begun = time.monotonic()

    def compose(self) -> ComposeResult:
        """Lay out the first pane only: the others are made when they are wanted."""
        yield self.tabs
        yield self.pane
        yield self.working
        yield self._command
        yield self._keys

    def on_mount(self) -> None:
        """Begin with the keyboard in the table."""
        self.pane.table.focus()
        self._show_lines()
        self.set_interval(1.0, self._tick)

    @property
    def _index(self) -> int:
        """The number of the pane that is shown, from 0."""
        return next((index for index, kind in enumerate(self.kinds) if kind.name == self.pane.NAME), 0)

    def _made(self, kind: PaneKind) -> Pane:
        """Return a new pane, sorted as the person had it last."""
        pane = self._panes[kind.name] = kind.load()(self.state)
        pane.shown = self._show_lines
        pane.sort_as(self.state.kept.orders.get(kind.name))
        return pane

    def remember(self) -> None:
        """Note how the panes are sorted."""
        orders = {name: order for name, pane in self._panes.items() if (order := pane.order) is not None}
        self.state.kept.orders.update(orders)

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
        self._watch()

    def _tick(self) -> None:
        self._ticks += 1
        self.tabs.tick()
        if self.pane.young or self._ticks % OLD == 0:
            self.pane.show()
        else:
            self.pane.measure()
        self._watch()

    def _watch(self) -> None:
        demand.watch(self.state, self.pane, covered=getattr(self.app.screen, "COVERS", False))

    def admit(self) -> None:
        """Show also what administrators see; who left one of their panes comes back to it."""
        self.kinds = seen_by(self.state.admin, self.state.audited)
        self.tabs.label([kind.name for kind in self.kinds])
        self.tabs.choose(self._index)
        if time.monotonic() - self._begun < SOON:
            self.call_later(self.go, self.state.kept.pane)

    def show_work(self, works: Sequence[Work[Any]]) -> None:
        """Show what goes on."""
        self._works = works
        for screen in self.app.screen_stack:
            if isinstance(screen, working.WorkList):
                screen.look()
        self.working.display = bool(works)
        if works:
            self.working.update(Content(working.line(works, self.app.size.width)))

    def _show_lines(self) -> None:
        width = self.app.size.width
        line = keys.line([*self.pane.keys, *KEYS], width - 1)
        lines = (keys.command_line(self.pane.command(), width), f"{line:<{width}}")
        for place, text, before in zip((self._command, self._keys), lines, self._lines, strict=True):
            if text != before:
                place.update(Content(text), layout=False)
        self._lines = lines

    def on_resize(self, _event: Resize) -> None:
        """Fill the lines that depend on the width."""
        self._show_lines()
        self.show_work(self._works)

    async def on_click(self, event: Click) -> None:
        """A click on a key is as good as the key, and one on the command line copies it."""
        if event.widget is self._command:
            self.action_copy_command()
        elif event.widget is self._keys and (key := keys.at([*self.pane.keys, *KEYS], self._lines[1], event.x)):
            await self.app.run_action(key.action, self.pane if key in self.pane.KEYS else self)

    # -- what the keys do

    async def action_pane(self, index: int) -> None:
        """Show another pane."""
        if index < len(self.kinds):
            await self.go(self.kinds[index].name)

    async def go(self, name: str) -> None:
        """Show the pane of that name."""
        kind = next((kind for kind in self.kinds if kind.name == name), None)
        if kind is None or name == self.pane.NAME:
            return
        self.pane.end_filter()
        self.pane.display = False
        self._before = self.pane.NAME
        if name not in self._panes:
            await self.mount(self._made(kind), after=self.tabs)
        self.pane = self._panes[name]
        self.pane.display = True
        self.state.kept.pane = name
        self.tabs.choose(self._index)
        self.pane.show()
        self.pane.table.focus()
        self._show_lines()
        demand.need(self.state, self.pane)
        self._watch()

    async def action_turn(self, panes: int) -> None:
        """Show the pane so many further."""
        await self.action_pane((self._index + panes) % len(self.kinds))

    async def action_last(self) -> None:
        """Show the pane that was shown before."""
        await self.go(self._before)

    async def on_tabs_clicked(self, event: Tabs.Clicked) -> None:
        """Show the pane that was clicked."""
        await self.action_pane(event.index)

    def action_again(self) -> None:
        """Ask all hosts again, and for what only this pane shows."""
        self.pane.again()
        for view in self.state.hosts.values():
            if view.error is not None:
                view.thread.again()
            else:
                view.thread.look()
                view.thread.offer()

    def action_back(self) -> None:
        """Give up going elsewhere, or end the filter."""
        if not self.end_jump():
            self.pane.end_filter(drop=True)

    async def action_filter(self) -> None:
        """Ask for a text that rows have in them."""
        await self.pane.action_filter()

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

        sections = [(self.pane.NAME, keys.permitted(self.pane.KEYS, self.state.readonly))]
        if self.pane.LEGEND:
            sections.append(("What the signs say", list(self.pane.LEGEND)))
        self.app.push_screen(Help([*sections, ("Everywhere", [*self.pane.MOVES, *SHARED_KEYS, *KEYS])]))

    def action_palette(self) -> None:
        """Offer all that can be done here."""
        from srctl.tui.palette import Entry, entries, palette, themes

        found = entries(self.pane.keys, self.pane)
        found += [
            Entry(str((number + 1) % 10), f"Go to {kind.name}", f"pane({number})", self)
            for number, kind in enumerate(self.kinds)
        ]
        found += [*entries(self.pane.MOVES, self.pane.table), *entries(KEYS, self)]
        found += themes(self.state.themes, self.app)
        self.app.push_screen(palette(found, "What shall be done?"))

    def action_themes(self) -> None:
        """Offer other colours."""
        from srctl.tui.palette import palette, themes

        if found := themes(self.state.themes, self.app):
            self.app.push_screen(palette(found, "Which colours?"))
        else:
            self.post_message(Said("This terminal shows no colours", "It has none, or NO_COLOR is set"))
