"""What is said about the row under the cursor, line by line; of the lines only those that differ are drawn again."""

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from rich.segment import Segment
from textual.content import Content
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from srctl.tui.columns import placed
from srctl.tui.words import plainly

Fact = tuple[str, str]
"""What is said: its name, and a text, which is made inert when it is shown."""

LABEL = 10
"""Cells for the names of facts."""


class Facts(Widget):
    """Facts about one thing; the first of them is its title."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"facts--name"}

    def __init__(self) -> None:
        super().__init__(classes="about")
        self._facts: Sequence[Fact] = ()
        self._title = ""
        self._titling = False
        self._lines: list[Fact] = []

    def say(self, facts: Sequence[Fact]) -> None:
        """Say other facts."""
        self._facts = facts
        title = plainly(facts[0][1]) if facts else ""
        if title != self._title:
            self._title = title
            self._titling = True
            self.border_title = Content(title)
            self._titling = False
        before, self._lines = self._lines, self._laid_out()
        for y in range(max(len(before), len(self._lines))):
            if before[y : y + 1] != self._lines[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> "Facts":
        """Have it drawn again; of another title, for which Textual would draw all of it, no more than its line."""
        if self._titling:
            left, top = self.content_offset
            regions = (Region(-left, -top, self.outer_size.width, 1),)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self

    def on_resize(self, _event: Resize) -> None:
        """Lay them out for the room there is."""
        self._lines = self._laid_out()
        self.refresh()

    def _laid_out(self) -> list[Fact]:
        room = max(LABEL, self.size.width - LABEL)
        return [
            (name if number == 0 else "", piece)
            for name, text in self._facts[1:]
            for number, piece in enumerate(wrap(plainly(text), room) or [""])
        ]

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        name, text = self._lines[y]
        label = Segment(placed(name, LABEL), self.get_component_rich_style("facts--name"))
        return Strip([label, Segment(text, self.rich_style)]).adjust_cell_length(width, self.rich_style)
