"""A row of values to choose from, for a field that takes others too; it is as many lines high as it needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from srctl.tui.columns import width_of


class Choices(Widget, can_focus=True):
    """Values with what is said of them. The chosen one stands in brackets."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", show=False),
        Binding("right,l", "move(1)", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """The person has chosen a value for a field."""

        field: str
        value: str

    def __init__(self, field: str, values: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.field = field
        self._values = [(value, f"{value} {said}".strip()) for value, said in values]
        self._chosen: int | None = None

    def mark(self, value: str) -> None:
        """Show a value as chosen, if it is one of these."""
        self._chosen = next((index for index, (each, _) in enumerate(self._values) if each == value), None)
        self.refresh()

    def action_move(self, by: int) -> None:
        """Choose the next one, or the one before."""
        before = (-1 if by > 0 else 0) if self._chosen is None else self._chosen
        self._choose((before + by) % len(self._values))

    def _choose(self, index: int) -> None:
        self._chosen = index
        self.refresh()
        self.post_message(self.Chosen(self.field, self._values[index][0]))

    def on_click(self, event: events.Click) -> None:
        """Choose what is clicked on."""
        for line, left, index, text in self._places(self.size.width):
            if line == event.y and left <= event.x < left + width_of(text):
                self._choose(index)

    def on_focus(self) -> None:
        """Show that the arrows act here."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that they don't any more."""
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as Textual calls it
        """Return how many lines it needs."""
        return 1 + max((line for line, *_ in self._places(width)), default=0)

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        base = self.rich_style
        chosen = base + Style(bold=True, reverse=self.has_focus)
        segments = []
        for line, _, index, text in self._places(self.size.width):
            if line == y:
                segments.append(Segment(text, chosen if index == self._chosen else base))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _places(self, width: int) -> Iterator[tuple[int, int, int, str]]:
        """Yield line and column of each value, its index, and its text."""
        line = left = 0
        for index, (_, said) in enumerate(self._values):
            text = f"[{said}]" if index == self._chosen else f" {said} "
            if left and left + width_of(text) > width:
                line, left = line + 1, 0
            yield line, left, index, text
            left += width_of(text)
