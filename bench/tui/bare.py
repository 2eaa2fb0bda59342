"""The rival: an application that is nothing but Textual's own table with 50 rows."""

from textual.app import App, ComposeResult
from textual.widgets import DataTable


class Bare(App[None]):
    """A table."""

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Fill it."""
        table = self.query_one(DataTable)
        table.add_columns("SESSION", "APPLICATION", "STATE", "AGE", "TUNNEL", "HOST")
        for number in range(50):
            table.add_row(f"{number:012x}", f"Application {number}", "running", "1h", ":40001", "lab")


Bare().run()
