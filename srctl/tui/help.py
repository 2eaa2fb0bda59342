"""The help: every key that does something here, from the same table by which it does it."""

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from srctl.tui.columns import placed, width_of
from srctl.tui.dialogs import Overlay
from srctl.tui.keys import Key

EDGES = 7
"""Cells beside a line of the help: frame, padding, scroll bar and what is between key and text."""

SHARE = 0.96
"""Of the screen's width that a dialog has at most."""


class Help(Overlay[None]):
    """Shows sections of keys, until any of its own is pressed."""

    CSS = """
    .help VerticalScroll {
        width: auto;
        height: auto;
        max-height: 100%;
        scrollbar-size: 1 1;
        scrollbar-color: $primary;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
    }
    .help .hint { dock: bottom; width: 100%; color: $text-muted; }
    .help .section { margin-bottom: 1; }
    Help.-tiny .hint { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", show=False),
        Binding("j,down", "scroll('down')", show=False),
        Binding("k,up", "scroll('up')", show=False),
        Binding("pagedown,ctrl+f,space", "scroll('page_down')", show=False),
        Binding("pageup,ctrl+b", "scroll('page_up')", show=False),
        Binding("g,home", "scroll('home')", show=False),
        Binding("G,end", "scroll('end')", show=False),
    ]

    def __init__(self, sections: Sequence[tuple[str, Sequence[Key]]]) -> None:
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "-tiny"), (9, "-low")]
        self._sections = sections
        self._longest = self._signs = max(width_of(key.sign) for _, keys in sections for key in keys)

    def compose(self) -> ComposeResult:
        """Lay out the sections, and what leads out of here below them."""
        with Container(classes="dialog help"):
            with VerticalScroll(can_focus=False):
                for title, _ in self._sections:
                    yield Static(Content(title), classes="question")
                    yield Static("", classes="section", markup=False)
            yield Static("q back  j k g G move", classes="hint", markup=False)

    def on_resize(self) -> None:
        """Lay out the lines for the room there is."""
        width = int(self.app.size.width * SHARE) - EDGES
        self._signs = min(self._longest, width // 3)
        room = max(8, width - self._signs)
        for static, (_, keys) in zip(self.query(".section").results(Static), self._sections, strict=True):
            static.update(Content("\n").join(line for key in keys for line in self._lines(key, room)))

    def _lines(self, key: Key, room: int) -> list[Content]:
        found = []
        for index, text in enumerate(wrap(key.text, room)):
            sign = placed("" if index else key.sign, self._signs, right=True)
            found.append(Content.assemble((f"{sign}  ", "bold"), text))
        return found

    def action_scroll(self, where: str) -> None:
        """Move the text."""
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)
