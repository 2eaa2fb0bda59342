"""A table whose columns are many and alike: it scrolls sideways under a first column that stays.

What stands in a cell is asked for when its line is drawn, so cells that nobody looks at cost nothing. The cursor is on
a cell by the keys of its row and its column: it stays there whatever comes and goes around it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from srctl.tui.columns import Column, Row, placed, width_of
from srctl.tui.table import MARK, NO_MARK, Table

NARROWEST, WIDEST = 7, 24
"""Cells of a column. As many are shown as fit at their narrowest; what is left over makes them wider, if need be."""

_END = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Head:
    """A column: `key` names it for good, `text` stands above it and is inert, a filter looks into `haystack`."""

    key: str
    text: str
    haystack: str


class Matrix(Table):
    """Cells by row and column; `nothing` stands where there is nothing to say.

    The one of `columns` stays: rows have a text for it, and a sign of one character that stands before that.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"matrix--cell", "matrix--column"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "column(-1)", show=False),
        Binding("right,l", "column(1)", show=False),
        Binding("H,shift+left,ctrl+left", "column_page(-1)", show=False),
        Binding("L,shift+right,ctrl+right", "column_page(1)", show=False),
        Binding("home,circumflex_accent", f"column({-_END})", show=False),
        Binding("end,dollar_sign", f"column({_END})", show=False),
        Binding("g,ctrl+home", f"move({-_END})", show=False),
        Binding("G,ctrl+end", f"move({_END})", show=False),
    ]

    def __init__(self, columns: Sequence[Column], nothing: str, empty: str = "") -> None:
        super().__init__(columns, empty)
        self._nothing = nothing
        self._cells: Callable[[str], Mapping[str, str]] = lambda _key: {}
        self._heads_all: Sequence[Head] = ()
        self._view: Sequence[Head] = ()
        self._sought_column = ""
        self._place = self._left = 0
        self._edge = self._wide = self._fitting = 1

    # -- what is in it

    @property
    def column(self) -> str | None:
        """The key of the column under the cursor."""
        return self._view[self._place].key if self._view else None

    @property
    def sought_column(self) -> str:
        """The text that shown columns have in them."""
        return self._sought_column

    @property
    def columns_shown(self) -> tuple[int, int, int]:
        """Which columns are to be seen, counted from 1, and of how many."""
        return min(self._left + 1, len(self._view)), self._last, len(self._view)

    def lay(self, rows: Iterable[Row], heads: Sequence[Head], cells: Callable[[str], Mapping[str, str]]) -> None:
        """Replace all; `cells` returns the cells of a row by column, those with nothing in them left out."""
        self._cells, self._heads_all = cells, heads
        self._choose_columns()
        self.fill(rows)
        self._draw_again()

    def seek_column(self, text: str) -> None:
        """Show only columns that have the text in them, in any case."""
        self._sought_column = text.lower()
        self._choose_columns()
        self._fit()
        self._draw_again()
        self.moved()

    def _choose_columns(self) -> None:
        before = self.column
        self._view = [head for head in self._heads_all if self._sought_column in head.haystack]
        found = next((index for index, head in enumerate(self._view) if head.key == before), self._place)
        self._place = max(0, min(found, len(self._view) - 1))

    # -- the cursor

    def action_column(self, columns: int) -> None:
        """Move the cursor sideways by so many columns."""
        self._turn(self._place + columns)

    def action_column_page(self, pages: int) -> None:
        """Move the cursor sideways by so many screens."""
        self._turn(self._place + pages * self._fitting)

    def on_mouse_scroll_right(self, _event: events.MouseScrollRight) -> None:
        """Look further to the right."""
        self._pan(1)

    def on_mouse_scroll_left(self, _event: events.MouseScrollLeft) -> None:
        """Look further to the left."""
        self._pan(-1)

    def _pan(self, columns: int) -> None:
        before = self._left
        self._left = max(0, min(self._left + columns, len(self._view) - self._fitting))
        if self._left != before:
            self._draw_again()
            self.moved()

    def _turn(self, place: int) -> None:
        before, self._place = self._place, max(0, min(place, len(self._view) - 1))
        if self._bring():
            self._draw_again()
        elif self._place != before:
            self._refresh_row(self._index)
            self._refresh_head()
        else:
            return
        self.moved()

    def _bring(self) -> bool:
        """Scroll sideways until the cursor is in view; return whether that was needed."""
        before = self._left
        if self._place < self._left:
            self._left = self._place
        elif self._place >= self._left + self._fitting:
            self._left = self._place - self._fitting + 1
        self._left = max(0, min(self._left, len(self._view) - self._fitting))
        return self._left != before

    def _click_row(self, x: int) -> None:
        index = self._left + (x - self._edge) // (self._wide + 1)
        if x >= self._edge and index < self._last:
            self._turn(index)

    def _click_head(self, x: int) -> None:
        if x < self._edge:
            self.action_turn_order()
        else:
            self._click_row(x)

    # -- what is drawn

    @property
    def _last(self) -> int:
        return min(self._left + self._fitting, len(self._view))

    def _draw_again(self) -> None:
        self._strips.clear()
        self.refresh()

    def _fit(self) -> None:
        """Lay out the columns for the room there is."""
        before = (self._edge, self._wide, self._fitting, self.head)
        room = self.scrollable_content_region.width
        self._edge = len(MARK) + min(self._widths[0], max(8, room // 4))
        left, count = max(0, room - self._edge - 1), max(1, len(self._view))
        longest = max((width_of(head.text) for head in self._view), default=0)
        self._fitting = max(1, min(left // (NARROWEST + 1), count))
        self._wide = max(NARROWEST, min(longest, left // self._fitting - 1, WIDEST))
        self.head = 1 if longest <= self._wide else 2
        self.virtual_size = Size(room, len(self._listing.view) + self.head)
        if self._bring() or before != (self._edge, self._wide, self._fitting, self.head):
            self._draw_again()

    def _head_line(self, line: int) -> Strip:
        style = self.get_component_rich_style("table--head")
        first = line == self.head - 1
        segments = [Segment(placed(NO_MARK + (self._heads()[0] if first else ""), self._edge), style)]
        for index in range(self._left, self._last):
            upper, lower = split(self._view[index].text, self._wide)
            text = placed(lower if first else upper, self._wide)
            chosen = self.get_component_rich_style("matrix--column") if index == self._place else style
            segments += [Segment(" ", style), Segment(text, chosen)]
        return Strip(segments).crop_extend(0, self.size.width, style)

    def _row_line(self, row: Row, *, chosen: bool) -> Strip:
        cells, wide = self._cells(row.key), self._wide + 1
        name = "table--cursor" if chosen else f"table--{row.tone}" if row.tone else ""
        style = self.get_component_rich_style(name) if name else self._plain_style
        shown = [cells.get(head.key, self._nothing) for head in self._view[self._left : self._last]]
        texts = [placed(f" {text}", wide) for text in shown]
        name, sign, *_ = row.cells
        start = placed((MARK if chosen else NO_MARK)[0] + sign + name, self._edge)
        place = self._place - self._left
        if not chosen or not 0 <= place < len(shown):
            segments = [Segment(start + "".join(texts), style)]
        else:
            segments = [
                Segment(start + "".join(texts[:place]), style),
                Segment(placed(f"[{shown[place]}]", wide), self.get_component_rich_style("matrix--cell")),
                Segment("".join(texts[place + 1 :]), style),
            ]
        return Strip(segments).crop_extend(0, self.size.width, style)


def split(text: str, width: int) -> tuple[str, str]:
    """Return a title in two lines, the upper one empty where one line is enough; at the end of a word if possible."""
    if width_of(text) <= width:
        return "", text
    cut = len(text)
    while width_of(text[:cut]) > width:
        cut -= 1
    ends = [index for index in range(1, cut + 1) if _ends_word(text[index - 1], text[index])]
    if ends and ends[-1] > width // 3:
        cut = ends[-1]
    rest = text[cut:].strip()
    return text[:cut].strip(), rest if width_of(rest) <= width else placed(rest, width)


def _ends_word(last: str, following: str) -> bool:
    return last in " -_.:/" or following == " " or (last.islower() and following.isupper())
