"""Our table with 5,000 rows, for pressing keys; what is typed after `/` filters."""

from textual.app import App, ComposeResult
from textual.widgets import Input

from srctl.tui.columns import Column, Row
from srctl.tui.table import Table

TITLES = ("SESSION", "APPLICATION", "STATE", "AGE", "TUNNEL", "HOST", "USER", "IMAGE")
WORDS = ("paraview", "jupyter", "matlab", "firefox", "blender")


class Rows(App[None]):
    """A table and a field."""

    def compose(self) -> ComposeResult:
        """Lay them out."""
        yield Table([Column(title, flexible=title == "IMAGE") for title in TITLES])
        yield Input(compact=True)

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(Table)
        table.fill(_row(number) for number in range(5000))
        table.focus()

    def on_key(self, event: object) -> None:
        """Go to the field."""
        if getattr(event, "character", None) == "/":
            self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter."""
        self.query_one(Table).seek(event.value.removeprefix("/"))


def _row(number: int) -> Row:
    word = WORDS[number % len(WORDS)]
    cells = (
        f"{number:012x}",
        f"{word} {number}",
        "● running",
        "1h",
        f"⇄ :{20000 + number}",
        "lab",
        f"user{number % 97}",
    )
    return Row(str(number), (*cells, f"registry.example/{word}:{number % 13}"), tone="good")


Rows().run()
