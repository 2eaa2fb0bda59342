"""A table of which only the lines in view are ever drawn, so that thousands of rows are no more work than ten.

The cursor is on a row by its key, not by its number: it stays there whatever comes and goes around it. Texts are
taken as they are, never as markup; whoever makes the rows makes them inert.
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
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from srctl.tui.columns import GAP, Column, Row, fit, natural, placed
from srctl.tui.listing import Listing

_MARK, _NO_MARK = "▸ ", "  "
_CACHED = 2000
NOTHING_FOUND = "No row has that text in it. Esc shows all again"


class Table(ScrollView, can_focus=True):
    """Rows under a header. `empty` is said where there are none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head", "table--cursor", "table--good", "table--warn", "table--bad", "table--dim",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("home,g", "move(-1000000000)", show=False),
        Binding("end,G", "move(1000000000)", show=False),
        Binding("o", "next_order", show=False),
        Binding("O", "turn_order", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another row, or that row has changed."""

        table: "Table"

    @dataclass
    class Activated(Message):
        """The person has clicked twice on the row under the cursor."""

        table: "Table"

    def __init__(self, columns: Sequence[Column], empty: str = "") -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.empty = empty
        self._listing = Listing()
        self._index = 0
        self._widths = natural(self.columns, ())
        self._shown: list[tuple[int, int]] = []
        self._strips: dict[str, Strip] = {}

    # -- what is in it

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        view = self._listing.view
        return view[self._index].key if view else None

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

    def put(self, row: Row) -> None:
        """Change one row, or add it."""
        self._widths = [max(pair) for pair in zip(self._widths, natural(self.columns, (row,)), strict=True)]
        before, key = self._listing.view, self.key
        index = self._listing.put(row)
        self._strips.pop(row.key, None)
        if index is None:
            self._show(before, key)
        else:
            self._fit()
            self._refresh_row(index)
            if index == self._index:
                self.post_message(self.Moved(self))

    def seek(self, text: str) -> None:
        """Show only rows that have the text in them, in any case."""
        with self._redrawn():
            self._listing.seek(text)

    def sort(self, column: int, backwards: bool = False) -> None:
        """Sort by a column."""
        with self._redrawn():
            self._listing.sort(column, backwards)
        self.refresh(Region(0, 0, self.size.width, 1))

    def select(self, key: str) -> None:
        """Put the cursor on a row, if it is shown."""
        index = self._listing.index(key)
        if index is not None:
            self._go(index)

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
        self.post_message(self.Moved(self))

    # -- the cursor

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._go(self._index + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many screens."""
        self._go(self._index + pages * max(1, self._height - 1))

    def action_next_order(self) -> None:
        """Sort by the next of the shown columns."""
        shown = [index for index, _ in self._shown] or [0]
        now = self._listing.order[0] if self._listing.order else -1
        self.sort(shown[bisect_left(shown, now + 1) % len(shown)])

    def action_turn_order(self) -> None:
        """Sort the other way round."""
        column, backwards = self._listing.order or (0, False)
        self.sort(column, not backwards)

    def on_click(self, event: Click) -> None:
        """Sort by the clicked column, or go to the clicked row; the second click chooses it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            self._click_head(offset.x)
            return
        index = int(self.scroll_offset.y) + offset.y - 1
        if index < len(self._listing.view):
            self._go(index)
            if event.chain == 2:
                self.post_message(self.Activated(self))

    def _click_head(self, x: int) -> None:
        left = len(_MARK)
        for index, width in self._shown:
            if left <= x < left + width:
                self.sort(index, self._listing.order == (index, False))
            left += width + GAP

    def _go(self, index: int) -> None:
        before, self._index = self._index, max(0, min(index, len(self._listing.view) - 1))
        if self._index == before:
            return
        if not self._follow():
            self._refresh_row(before)
            self._refresh_row(self._index)
        self.post_message(self.Moved(self))

    def _follow(self) -> bool:
        """Scroll until the cursor is in view; return whether that was needed."""
        top, height = int(self.scroll_offset.y), self._height
        if self._index < top:
            wanted = self._index
        elif self._index >= top + height:
            wanted = self._index - height + 1
        else:
            return False
        self.scroll_to(y=wanted, animate=False, immediate=True, force=True)
        return True

    # -- what is drawn

    @property
    def _height(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)

    def _in_view(self) -> range:
        top = int(self.scroll_offset.y)
        return range(top, top + self._height)

    def _refresh_row(self, index: int) -> None:
        y = index - int(self.scroll_offset.y) + 1
        self.refresh(Region(0, y, self.size.width, 1))

    def _fit(self) -> None:
        """Lay out the columns for the room there is."""
        room = self.scrollable_content_region.width
        self.virtual_size = Size(room, len(self._listing.view) + 1)
        shown = fit(self.columns, self._widths, room - len(_MARK))
        if shown != self._shown:
            self._shown = shown
            self._strips.clear()
            self.refresh()

    def on_resize(self, _event: Resize) -> None:
        """Lay out the columns anew, and keep the cursor in view."""
        self._strips.clear()
        self._fit()
        self._follow()

    def watch_show_vertical_scrollbar(self) -> None:
        """Lay out the columns for the room that a scrollbar leaves, or gives back."""
        if self.is_mounted:
            self._fit()

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen: the header, a row, or nothing."""
        width = self.size.width
        if y == 0:
            return self._line(_NO_MARK, self._heads(), self.get_component_rich_style("table--head"), None)
        index = int(self.scroll_offset.y) + y - 1
        if index >= len(self._listing.view):
            said = "" if self._listing.view else self._excuse(y - 2)
            return Strip([Segment(placed(_NO_MARK + said, width), self.get_component_rich_style("table--dim"))])
        row = self._listing.view[index]
        if index == self._index:
            return self._line(_MARK, row.cells, self.get_component_rich_style("table--cursor"), None)
        strip = self._strips.get(row.key)
        if strip is None:
            if len(self._strips) > _CACHED:
                self._strips.clear()
            tone = self.get_component_rich_style(f"table--{row.tone}") if row.tone else None
            strip = self._strips[row.key] = self._line(_NO_MARK, row.cells, self.rich_style, tone)
        return strip

    def _excuse(self, line: int) -> str:
        said = NOTHING_FOUND if self._listing.rows else self.empty
        lines = wrap(said, max(4, self.size.width - 2 * len(_NO_MARK)))
        return lines[line] if 0 <= line < len(lines) else ""

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
