"""Questions in front of everything else. Each returns a value; text in them is shown as it is, never as markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from srctl.inert import inert

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be given: by its key, or by its button."""

    value: str
    key: str
    label: str


class Overlay(ModalScreen[T]):
    """A screen in front of others that ends once, however often the key is pressed that ends it."""

    _over = False

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Return a value, and go."""
        if self._over:
            return AwaitComplete()
        self._over = True
        return super().dismiss(result)


class Dialog(Overlay[T]):
    """What all have: a box with what is asked at its top, also where there is room for three lines only."""

    AUTO_FOCUS = ""
    FIRST: ClassVar[str] = "Button, Input"
    """What has the focus in the beginning: the first of these."""

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (40, "-roomy")]
        self.VERTICAL_BREAKPOINTS = [(0, "-tiny"), (9, "-low")]

    def on_mount(self) -> None:
        """Begin with the first field or answer, and at the top, even where that is out of view."""
        self.query(self.FIRST).first().focus(scroll_visible=False)


class Choice(Dialog[str | None]):
    """Asks for one of several answers, and returns its value; Esc and `none of them` return `None`.

    The first answer has the focus, so it should be the one that does no harm.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss_with('')", show=False),
        Binding("left,h,up", "app.focus_previous", show=False),
        Binding("right,l,down", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, lines: Sequence[str], answers: Sequence[Answer]) -> None:
        super().__init__()
        self._question = question
        self._lines = lines
        self._answers = answers

    def compose(self) -> ComposeResult:
        """Lay out the question and a button for each answer."""
        with VerticalScroll(classes="dialog", can_focus=False):
            yield Static(Content("\n".join(inert(line) for line in self._question.splitlines())), classes="question")
            if self._lines:
                yield Static(Content("\n".join(map(inert, self._lines))), classes="lines")
            with Horizontal(classes="answers"):
                for answer in self._answers:
                    yield Button(Content(f"{answer.key} {answer.label}"), id=f"answer-{answer.value}", compact=True)

    def on_key(self, event: events.Key) -> None:
        """Take the key of an answer for it."""
        for answer in self._answers:
            if event.character == answer.key:
                event.stop()
                self.dismiss(answer.value)
                return

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the answer of the button."""
        self.dismiss(str(event.button.id).removeprefix("answer-"))

    def action_dismiss_with(self, value: str) -> None:
        """Return nothing."""
        self.dismiss(value or None)


NO_AND_YES = (Answer("no", "n", "No"), Answer("yes", "y", "Yes"))


def confirmed(question: str, command: str) -> Choice:
    """Return a question before something is destroyed, with the command that would do it."""
    return Choice(question, [f"$ {command}"], NO_AND_YES)


class Secret(Dialog[str | None]):
    """Asks for a secret, which is not shown; `None` where the person gives none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", show=False)]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Lay out the question and the field."""
        with VerticalScroll(classes="dialog", can_focus=False):
            yield Static(Content(inert(self._question)), classes="question")
            yield Input(password=True, compact=True)
            yield Static("Enter gives it, Esc gives up", classes="lines", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return what was typed."""
        self.dismiss(event.value or None)

    def action_give_up(self) -> None:
        """Return nothing."""
        self.dismiss(None)
