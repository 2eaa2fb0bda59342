"""The line at the top: the panes by number, and how the hosts are."""

import time
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from srctl.tui.columns import placed, width_of
from srctl.tui.state import HostView, State
from srctl.tui.words import plainly

CHOSEN = Style(bold=True, reverse=True)
SLOW = 2.0
"""Seconds after which a host that has not answered is called slow."""


class Tabs(Widget):
    """One line. The pane that is shown stands in brackets."""

    class Clicked(Message):
        """The person has clicked on a pane's name."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, names: Sequence[str], state: State) -> None:
        super().__init__()
        self._names = names
        self._state = state
        self._current = 0
        self._said = ""

    def label(self, names: Sequence[str]) -> None:
        """Show other names."""
        self._names = names
        self.refresh()

    def choose(self, index: int) -> None:
        """Mark a pane as shown."""
        self._current = index
        self.refresh()

    def tick(self) -> None:
        """Draw again what has changed with time."""
        if self._standing() != self._said:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw it: names are cut to three letters where they do not fit."""
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        self._said = self._standing()
        parts = self._parts()
        style = self.rich_style
        segments = [
            Segment(text, style + CHOSEN if index == self._current else style) for index, text in enumerate(parts)
        ]
        room = width - sum(map(width_of, parts))
        if room > width_of(self._said):
            segments.append(Segment(placed(self._said + " ", room, right=True), style))
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def on_click(self, event: Click) -> None:
        """Say which pane is meant."""
        left = 0
        for index, text in enumerate(self._parts()):
            if left <= event.x < left + width_of(text):
                self.post_message(self.Clicked(index))
            left += width_of(text)

    def _parts(self) -> list[str]:
        full = [self._part(index, name) for index, name in enumerate(self._names)]
        if sum(map(width_of, full)) + width_of(self._standing()) < self.size.width:
            return full
        return [self._part(index, name[:3]) for index, name in enumerate(self._names)]

    def _part(self, index: int, name: str) -> str:
        number = (index + 1) % 10
        return f"[{number} {name}]" if index == self._current else f" {number} {name} "

    def _standing(self) -> str:
        views = self._state.hosts
        if len(views) == 1:
            [(name, view)] = views.items()
            who = f"{plainly(view.user)} on " if view.user else ""
            return f"{who}{_short(name)} {_word(view)}"
        troubled = [f"{_short(name)} {_word(view)}" for name, view in views.items() if _word(view) != UP]
        up = len(views) - len(troubled)
        return "  ".join([f"{up} of {len(views)} hosts up", *troubled[:2]])


UP = "● up"
LONGEST = 24
"""Cells that a host's name gets here; one without a name has a URL instead."""


def _short(name: str) -> str:
    text = plainly(name)
    return text if width_of(text) <= LONGEST else placed(text, LONGEST)


def _word(view: HostView) -> str:
    since = view.thread.busy_since
    waited = 0 if since is None else time.monotonic() - since
    if waited > SLOW:
        return f"? slow {waited:.0f}s"
    if view.error is not None:
        return "✗ away"
    return UP if view.sessions is not None else "… connecting"
