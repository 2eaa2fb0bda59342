"""The rows of a table: which there are, which of them are shown, and in which order. Nothing is drawn here."""

from collections.abc import Iterable

from srctl.tui.columns import Row


class Listing:
    """Rows by their keys, filtered and sorted; `view` has those that are shown, from the top."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.view: list[Row] = []
        self.sought = ""
        """The text that shown rows have in them, in lower case."""
        self.order: tuple[int, bool] | None = None
        """The column that rows are sorted by, and whether backwards; `None` leaves them as they came."""

    def fill(self, rows: Iterable[Row]) -> None:
        """Replace all rows."""
        self.rows = {row.key: row for row in rows}
        self._arrange()

    def change(self, rows: Iterable[Row]) -> list[int] | None:
        """Change rows that are there; return the places of those that are shown, `None` where others have moved too."""
        changed = {row.key: row for row in rows}
        self.rows.update(changed)
        if self.order is not None or self.sought:
            self._arrange()
            return None
        indexes = [index for index, row in enumerate(self.view) if row.key in changed]
        for index in indexes:
            self.view[index] = changed[self.view[index].key]
        return indexes

    def seek(self, text: str) -> None:
        """Show only rows that have the text in them, in any case."""
        text, before = text.lower(), self.sought
        self.sought = text
        if before and text.startswith(before):
            self.view = [row for row in self.view if text in row.haystack]
        else:
            self._arrange()

    def sort(self, column: int, backwards: bool) -> None:
        """Sort by a column."""
        self.order = (column, backwards)
        self._arrange()

    def index(self, key: str | None) -> int | None:
        """Return the place of a row, `None` for one that is not shown."""
        return next((index for index, row in enumerate(self.view) if row.key == key), None)

    def _arrange(self) -> None:
        rows = [row for row in self.rows.values() if not self.sought or self.sought in row.haystack]
        if self.order is not None:
            column, backwards = self.order
            known = [row for row in rows if row.value(column) is not None]
            known.sort(key=lambda row: row.value(column), reverse=backwards)  # type: ignore[arg-type, return-value]
            rows = known + [row for row in rows if row.value(column) is None]
        self.view = rows
