"""The form before a start: one field for each thing that the image and the grant let a person set."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from srctl.models import Available
from srctl.tui.dialogs import Dialog
from srctl.tui.words import plainly

RESOLUTIONS = ("1024x768", "1280x800", "1600x900", "1920x1080", "1920x1200", "2560x1440", "3840x2160")
HINTS = {
    "resolution": ("WIDTHxHEIGHT, e.g. 1280x800", SuggestFromList(RESOLUTIONS)),
    "startup-data": ("a path inside the container", None),
}


class StartForm(Dialog[Mapping[str, str] | None]):
    """Asks for settings, and returns those that were given; `None` where nothing is to be started.

    What they may be is not judged here. `command` returns the command line for settings.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, application: Available, command: Callable[[Mapping[str, str]], str]) -> None:
        super().__init__()
        self._application = application
        self._command = command

    def compose(self) -> ComposeResult:
        """Lay out a line for each setting."""
        with VerticalScroll(classes="dialog", can_focus=False):
            yield Static(Content(f"Start {plainly(self._application.title)}"), classes="question")
            for name in self._application.configurables:
                hint, suggester = HINTS.get(name, ("", None))
                with Horizontal(classes="field"):
                    yield Static(Content(name), classes="label")
                    yield Input(placeholder=hint, suggester=suggester, compact=True, id=f"set-{name}")
            yield Static(Content(f"$ {self._command({})}"), classes="lines")
            with Horizontal(classes="answers"):
                yield Button(Content("⏎ Start and open"), id="start", compact=True)
                yield Button(Content("esc Cancel"), id="cancel", compact=True)

    @property
    def values(self) -> Mapping[str, str]:
        """What was typed, where anything was."""
        fields = ((str(field.id).removeprefix("set-"), field.value.strip()) for field in self.query(Input))
        return {name: value for name, value in fields if value}

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Show the command line as it is now."""
        self.query_one(".lines", Static).update(Content(f"$ {self._command(self.values)}"))

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Enter in any field starts."""
        self.dismiss(self.values)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Start, or not."""
        self.dismiss(self.values if event.button.id == "start" else None)

    def action_give_up(self) -> None:
        """Start nothing."""
        self.dismiss(None)
