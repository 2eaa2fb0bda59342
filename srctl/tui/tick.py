"""A field that is ticked or not, and shows which by a sign and not by its colour."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


class Tick(Widget, can_focus=True):
    """A line with a box before it. The text must be inert."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,x", "turn", show=False),
        Binding("down,j", "app.focus_next", show=False),
        Binding("up,k", "app.focus_previous", show=False),
    ]

    @dataclass
    class Turned(Message):
        """It is ticked now, or no longer."""

        tick: "Tick"

    def __init__(self, name: str, text: str, ticked: bool = False) -> None:
        super().__init__(id=f"tick-{name}", classes="tick")
        self.ticked = ticked
        self._text = text

    def render(self) -> Content:
        """Draw it."""
        return Content(f"{'[x]' if self.ticked else '[ ]'} {self._text}")

    def action_turn(self) -> None:
        """Tick it, or take the tick away."""
        self.ticked = not self.ticked
        self.refresh()
        self.post_message(self.Turned(self))

    def on_click(self) -> None:
        """A click is the space bar."""
        self.action_turn()
