"""A table: rows in columns that fit the room there is, filtered and sorted.

Texts are taken as they are, never as markup; whoever makes the rows makes them inert.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from srctl.tui.columns import GAP, Column, Row, fit, natural, placed
from srctl.tui.lines import Lines

MARK, NO_MARK = "▸ ", "  "
NOTHING_FOUND = "No row has that text in it. Esc shows all again"


class Table(Lines):
    """Rows under a header. `empty` is said where there are none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head", "table--cursor", "table--good", "table--warn", "table--bad", "table--dim",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "next_order", show=False),
        Binding("O", "turn_order", show=False),
    ]

    @dataclass
    class Activated(Message):
        """The person has clicked twice on the row under the cursor."""

        table: "Table"

    def __init__(self, columns: Sequence[Column], empty: str = "") -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.empty = empty
        self._widths = natural(self.columns, ())
        self._shown: list[tuple[int, int]] = []
        self._style: Style | None = None

    # -- what is in it

    @property
    def rows(self) -> list[Row]:
        """The rows that are shown, from the top."""
        return list(self._listing.view)

    @property
    def count(self) -> int:
        """How many rows there are, shown or not."""
        return len(self._listing.rows)

    @property
    def order(self) -> tuple[int, bool] | None:
        """The column that rows are sorted by, and whether backwards; to be set before there are rows."""
        return self._listing.order

    @order.setter
    def order(self, order: tuple[int, bool]) -> None:
        self._listing.order = order

    @property
    def sought(self) -> str:
        """The text that shown rows have in them."""
        return self._listing.sought

    def fill(self, rows: Iterable[Row]) -> None:
        """Replace all rows; the cursor stays on its row, or where it was if that is gone."""
        with self._redrawn():
            self._listing.fill(rows)
            self._widths = natural(self.columns, self._listing.rows.values())

    def change(self, rows: Iterable[Row]) -> None:
        """Change rows that are there; of those in view only the ones that differ are drawn."""
        changed = [row for row in rows if self._listing.rows.get(row.key, row) != row]
        if not changed:
            return
        self._widths = [max(pair) for pair in zip(self._widths, natural(self.columns, changed), strict=True)]
        before, key = self._listing.view, self.key
        for row in changed:
            self._strips.pop(row.key, None)
        indexes = self._listing.change(changed)
        if indexes is None:
            self._show(before, key)
            return
        self._fit()
        for index in indexes:
            self._refresh_row(index)
        if self._index in indexes:
            self.moved()

    def seek(self, text: str) -> None:
        """Show only rows that have the text in them, in any case."""
        with self._redrawn():
            self._listing.seek(text)

    def sort(self, column: int, backwards: bool = False) -> None:
        """Sort by a column."""
        with self._redrawn():
            self._listing.sort(column, backwards)
        self._refresh_head()

    @contextmanager
    def _redrawn(self) -> Iterator[None]:
        before, key = self._listing.view, self.key
        yield
        for row in before:
            now = self._listing.rows.get(row.key)
            if now is not row and now != row:
                self._strips.pop(row.key, None)
        self._show(before, key)

    def _show(self, before: list[Row], key: str | None) -> None:
        """Show the rows of now; of the lines on the screen only those that differ are drawn."""
        view = self._listing.view
        found = self._listing.index(key)
        last, self._index = self._index, max(0, min(self._index if found is None else found, len(view) - 1))
        self._fit()
        if bool(before) != bool(view):
            self.refresh()
        for index in self._in_view():
            if before[index : index + 1] != view[index : index + 1] or index in (last, self._index):
                self._refresh_row(index)
        self._follow()
        self.moved()

    # -- the order

    def action_next_order(self) -> None:
        """Sort by the next of the shown columns."""
        shown = [index for index, _ in self._shown] or [0]
        now = self._listing.order[0] if self._listing.order else -1
        self.sort(shown[bisect_left(shown, now + 1) % len(shown)])

    def action_turn_order(self) -> None:
        """Sort the other way round."""
        column, backwards = self._listing.order or (0, False)
        self.sort(column, not backwards)

    def _click_head(self, x: int) -> None:
        left = len(MARK)
        for index, width in self._shown:
            if left <= x < left + width:
                self.sort(index, self._listing.order == (index, False))
            left += width + GAP

    def _choose(self) -> None:
        self.post_message(self.Activated(self))

    # -- what is drawn

    # -- what is drawn

    def _fit(self) -> None:
        """Lay out the columns for the room there is."""
        room = self.scrollable_content_region.width
        self.virtual_size = Size(room, len(self._listing.view) + self.head)
        shown = fit(self.columns, self._widths, room - len(MARK))
        if shown != self._shown:
            self._shown = shown
            self._strips.clear()
            self.refresh()

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        self._style = None
        super().notify_style_update()

    def _head_line(self, _line: int) -> Strip:
        return self._line(NO_MARK, self._heads(), self.get_component_rich_style("table--head"), None)

    def _row_line(self, row: Row, *, chosen: bool) -> Strip:
        if chosen:
            return self._line(MARK, row.cells, self.get_component_rich_style("table--cursor"), None)
        tone = self.get_component_rich_style(f"table--{row.tone}") if row.tone else None
        return self._line(NO_MARK, row.cells, self._plain_style, tone)

    @property
    def _plain_style(self) -> Style:
        if self._style is None:
            self._style = self.rich_style
        return self._style

    def _blank_line(self, line: int) -> Strip:
        said = NOTHING_FOUND if self._listing.rows else self.empty
        lines = [] if self._listing.view else wrap(said, max(4, self.size.width - 2 * len(NO_MARK)))
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        return Strip([Segment(placed(NO_MARK + text, self.size.width), self.get_component_rich_style("table--dim"))])

    def _heads(self) -> list[str]:
        titles = [column.title for column in self.columns]
        if self._listing.order is not None:
            column, backwards = self._listing.order
            titles[column] += " ▼" if backwards else " ▲"
        return titles

    def _line(self, mark: str, cells: Sequence[str], style: Style, tone: Style | None) -> Strip:
        segments, text, gap = [], mark, " " * GAP
        for index, wide in self._shown:
            column = self.columns[index]
            cell = placed(cells[index], wide, right=column.right)
            if tone is not None and column.toned:
                segments += [Segment(text, style), Segment(cell, tone)]
                text = gap
            else:
                text += cell + gap
        return Strip([*segments, Segment(text, style)]).crop_extend(0, self.size.width, style)
