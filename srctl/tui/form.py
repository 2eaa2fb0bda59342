"""Forms: a line for each thing that a person may say, and the command line that says the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from srctl.tui.choices import Choices
from srctl.tui.dialogs import Dialog
from srctl.tui.words import plainly

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `hint` is shown while it is empty, `choices` are values with what is said of them.

    A form in which one that is `needed` is empty is not given.
    """

    name: str
    hint: str = ""
    choices: Sequence[tuple[str, str]] = ()
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a form says: its title, what there is to know before, its fields, and what giving it does."""

    title: str
    lines: Sequence[str]
    fields: Sequence[Field]
    does: str


class Form(Dialog[Values | None]):
    """Asks for values, and returns those that were given; `None` where nothing is to be done.

    What they may be is not judged here. `command` returns the command line for values.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("enter", "submit", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, sheet: Sheet, command: Callable[[Values], str]) -> None:
        super().__init__()
        self._sheet = sheet
        self._command = command

    def compose(self) -> ComposeResult:
        """Lay out a line for each field."""
        with VerticalScroll(classes="dialog", can_focus=False):
            yield Static(Content(plainly(self._sheet.title)), classes="question")
            if self._sheet.lines:
                yield Static(Content("\n".join(map(plainly, self._sheet.lines))), classes="lines")
            for field in self._sheet.fields:
                yield from self._line(field)
            yield Static(Content(f"$ {self._command({})}"), classes="lines command")
            with Horizontal(classes="answers"):
                yield Button(Content(f"⏎ {self._sheet.does}"), id="submit", compact=True)
                yield Button(Content("esc Cancel"), id="cancel", compact=True)

    def _line(self, field: Field) -> ComposeResult:
        suggester = SuggestFromList([value for value, _ in field.choices]) if field.choices else None
        with Horizontal(classes="field"):
            yield Static(Content(field.name), classes="label")
            yield Input(placeholder=field.hint, suggester=suggester, compact=True, id=f"set-{field.name}")
        if field.choices:
            with Horizontal(classes="field choices"):
                yield Static("", classes="label")
                yield Choices(field.name, field.choices)

    @property
    def values(self) -> Values:
        """What was typed, where anything was."""
        fields = ((str(field.id).removeprefix("set-"), field.value.strip()) for field in self.query(Input))
        return {name: value for name, value in fields if value}

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the command line as it is now."""
        self.query_one(".command", Static).update(Content(f"$ {self._command(self.values)}"))
        for choices in self.query(Choices):
            if f"set-{choices.field}" == event.input.id:
                choices.mark(event.value.strip())

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        """Take what was chosen."""
        self.query_one(f"#set-{event.field}", Input).value = event.value

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Enter in any field gives it."""
        self.action_submit()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Give it, or not."""
        if event.button.id == "submit":
            self.action_submit()
        else:
            self.dismiss(None)

    def action_submit(self) -> None:
        """Give it, unless something is missing: the cursor goes there."""
        values = self.values
        for field in self._sheet.fields:
            if field.needed and field.name not in values:
                self.query_one(f"#set-{field.name}", Input).focus()
                return
        self.dismiss(values)

    def action_give_up(self) -> None:
        """Do nothing."""
        self.dismiss(None)
