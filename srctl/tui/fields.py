"""A form: one line for each field, the command line that does the same, and what went wrong the last time.

What may be filled in is not judged here: a use case does, and the form comes back with what it says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from srctl.errors import SrctlError
from srctl.tui.choices import Choices
from srctl.tui.dialogs import Dialog
from srctl.tui.words import failure, plainly

Values = Mapping[str, str]
"""What was filled in, by the names of the fields; empty fields are left out."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: a text, or one of several `choices`, of which the first is meant by an empty value.

    `hint` stands where nothing is filled in; `known` are texts that are suggested; `presets` are values that stand
    below it to be chosen, each with what is said of it.
    """

    name: str
    value: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    presets: tuple[tuple[str, str], ...] = ()


class Pick(Static, can_focus=True):
    """One of several words, which Space and the arrows turn to the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,right,l", "turn(1)", show=False),
        Binding("left,h", "turn(-1)", show=False),
    ]

    class Turned(Message):
        """Another word is chosen."""

    def __init__(self, field: Field) -> None:
        super().__init__(markup=False)
        self.field = field
        self._index = field.choices.index(field.value) if field.value in field.choices else 0

    @property
    def value(self) -> str:
        """The word that is chosen; empty for the first."""
        return self.field.choices[self._index] if self._index else ""

    def on_mount(self) -> None:
        """Show it."""
        self.update(Content(f"◂ {self.field.choices[self._index]} ▸"))

    def on_click(self, _event: Click) -> None:
        """Turn to the next."""
        self.action_turn(1)

    def action_turn(self, words: int) -> None:
        """Choose another word."""
        self._index = (self._index + words) % len(self.field.choices)
        self.update(Content(f"◂ {self.field.choices[self._index]} ▸"))
        self.post_message(self.Turned())


class Form(Dialog[Values | None]):
    """Asks for values; `None` where nothing is to be done. `command` returns the command line for values.

    `lines` say what there is to know before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("enter", "give", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        verb: str,
        command: Callable[[Values], str],
        error: SrctlError | None = None,
        lines: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._fields = fields
        self._verb = verb
        self._command = command
        self._error = error

    def again(self, values: Values, error: SrctlError) -> "Form":
        """Return the same form with these values in it and what went wrong with them."""
        fields = [replace(field, value=values.get(field.name, "")) for field in self._fields]
        return Form(self._title, fields, self._verb, self._command, error, self._lines)

    def compose(self) -> ComposeResult:
        """Lay out a line for each field."""
        with VerticalScroll(classes="dialog form", can_focus=False):
            yield Static(Content(plainly(self._title)), classes="question")
            if self._lines:
                yield Static(Content("\n".join(map(plainly, self._lines))), classes="lines")
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(Content(field.name), classes="label")
                    yield _widget(field)
                if field.presets:
                    with Horizontal(classes="field presets"):
                        yield Static("", classes="label")
                        yield Choices(field.name, field.presets)
            if self._error is not None:
                yield Static(Content(f"✗ {failure(self._error)}"), classes="wrong")
            yield Static("", classes="lines command", markup=False)
            with Horizontal(classes="answers"):
                yield Button(Content(f"⏎ {self._verb}"), id="give", compact=True)
                yield Button(Content("esc Cancel"), id="cancel", compact=True)

    @property
    def values(self) -> Values:
        """What is filled in now."""
        found = {name: widget.value.strip() for name, widget in self._widgets.items()}
        return {name: value for name, value in found.items() if value}

    @property
    def _widgets(self) -> "Mapping[str, Input | Pick]":
        widgets = (each for each in self.query(".value") if isinstance(each, Input | Pick))
        return {field.name: widget for field, widget in zip(self._fields, widgets, strict=True)}

    def on_mount(self) -> None:
        """Show the command line for what is filled in already."""
        self._show_command()

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Show the command line as it is now, and which of the presets is meant."""
        self._show_command()
        for choices in self.query(Choices):
            choices.mark(self.values.get(choices.field, ""))

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        """Fill in what was chosen."""
        widget = self._widgets[event.field]
        if isinstance(widget, Input):
            widget.value = event.value

    def on_pick_turned(self, _event: Pick.Turned) -> None:
        """Show the command line as it is now."""
        self._show_command()

    def _show_command(self) -> None:
        self.query_one(".command", Static).update(Content(f"$ {self._command(self.values)}"))

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Enter in any field gives the form."""
        self.action_give()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Give the form, or not."""
        self.dismiss(self.values if event.button.id == "give" else None)

    def action_give(self) -> None:
        """Return what is filled in."""
        self.dismiss(self.values)

    def action_give_up(self) -> None:
        """Return nothing."""
        self.dismiss(None)


def _widget(field: Field) -> Input | Pick:
    if field.choices:
        pick = Pick(field)
        pick.add_class("value")
        return pick
    suggester = SuggestFromList(field.known) if field.known else None
    return Input(field.value, placeholder=field.hint, suggester=suggester, compact=True, classes="value")
