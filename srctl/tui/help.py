"""The help: every key that does something here, from the same table by which it does it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from srctl.tui.dialogs import Dialog
from srctl.tui.keys import Key


class Help(Dialog[None]):
    """Shows sections of keys, until any of its own is pressed."""

    AUTO_FOCUS = "VerticalScroll"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]

    def __init__(self, sections: Sequence[tuple[str, Sequence[Key]]]) -> None:
        super().__init__()
        self._sections = sections

    def compose(self) -> ComposeResult:
        """Lay out the sections."""
        with VerticalScroll(classes="dialog help"):
            for title, keys in self._sections:
                yield Static(Content(title), classes="question")
                yield Static(Content("\n".join(f"{key.sign:>16}  {key.text}" for key in keys)), classes="lines")
            yield Static("q back", classes="keys", markup=False)

    def action_scroll(self, where: str) -> None:
        """Move the text."""
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)
