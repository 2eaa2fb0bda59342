"""The line after `:`, in which one types where to go: a pane, and a text to filter it by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

WORDS = ("help", "quit")
"""What can be typed besides the names of panes."""


class Jump(Horizontal):
    """Asks where to go. Tab completes, and again offers the next; Esc gives up."""

    DEFAULT_CSS = """
    Jump .offers {
        width: auto;
        max-width: 70%;
        padding: 0 1;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", show=False),
        Binding("shift+tab", "complete(-1)", show=False),
        Binding("escape", "leave", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """Where to go; `text` filters."""

        name: str
        text: str

    @dataclass
    class Unknown(Message):
        """Nothing is called so, or several things begin so."""

        word: str
        found: Sequence[str]

    class Left(Message):
        """The person wants to go nowhere."""

    def __init__(self, panes: Sequence[str]) -> None:
        super().__init__(classes="line")
        self._names = [*panes, *WORDS]
        self._typed = ""
        self._offered = -1
        self._field = Input(placeholder="where to? e.g. tunnels, or sessions paraview", compact=True)
        self._offers = Static("", classes="offers", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the line."""
        yield Static(":", classes="sign", markup=False)
        yield self._field
        yield self._offers

    def on_mount(self) -> None:
        """Show what can be meant."""
        self._offer()

    def begin(self) -> None:
        """Have the keyboard here, at once."""
        self.screen.set_focus(self._field)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what can be meant."""
        event.stop()
        if event.value != self._filled():
            self._typed, self._offered = event.value, -1
            self._offer()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go there, or say that nobody knows where that is."""
        event.stop()
        word, _, text = event.value.strip().partition(" ")
        if not word:
            self.post_message(self.Left())
            return
        found = meant(word, self._names)
        self.post_message(self.Chosen(found[0], text.strip()) if len(found) == 1 else self.Unknown(word, found))

    def action_complete(self, step: int) -> None:
        """Write the next name that begins with what was typed."""
        found = self._matches()
        if found:
            self._offered = (self._offered + step) % len(found) if self._offered >= 0 or step > 0 else len(found) - 1
            self._field.value = self._filled() or ""
            self._field.action_end()

    def action_leave(self) -> None:
        """Give up."""
        self.post_message(self.Left())

    def _matches(self) -> list[str]:
        return [] if " " in self._typed else beginning(self._typed, self._names)

    def _filled(self) -> str | None:
        return self._matches()[self._offered].lower() if self._offered >= 0 else None

    def _offer(self) -> None:
        found = [] if " " in self._typed.strip() else self._matches()
        self._offers.update("  ".join(name.lower() for name in found))


def beginning(word: str, names: Sequence[str]) -> list[str]:
    """Return the names that begin with a word, in any case."""
    return [name for name in names if name.lower().startswith(word.lower())]


def meant(word: str, names: Sequence[str]) -> list[str]:
    """Return the name that a word stands for; several where it is the beginning of several, none where of none."""
    exact = [name for name in names if name.lower() == word.lower()]
    return exact or beginning(word, names)
