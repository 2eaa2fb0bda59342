"""Rows under a header, of which only the lines in view are ever drawn: thousands are no more work than ten.

The cursor is on a row by its key, not by its number: it stays there whatever comes and goes around it.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from srctl.tui.columns import Row
from srctl.tui.listing import Listing

_CACHED = 2000


class Lines(ScrollView, can_focus=True):
    """What scrolls and has the cursor. What a line looks like is said by those who derive from it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("home,g", "move(-1000000000)", show=False),
        Binding("end,G", "move(1000000000)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.head = 1
        """Lines of the header."""
        self.moved: Callable[[], object] = lambda: None
        """Is called when the cursor is on another row, or that has changed. A message would come a frame too late."""
        self._listing = Listing()
        self._index = 0
        self._strips: dict[str, Strip] = {}

    @abstractmethod
    def _fit(self) -> None:
        """Lay out the lines for the room there is."""

    @abstractmethod
    def _head_line(self, line: int) -> Strip:
        """Draw a line of the header."""

    @abstractmethod
    def _row_line(self, row: Row, *, chosen: bool) -> Strip:
        """Draw a row; `chosen` = the cursor is on it."""

    @abstractmethod
    def _blank_line(self, line: int) -> Strip:
        """Draw a line below the last row, counted from the header."""

    def _click_head(self, x: int) -> None:
        """Do what a click on the header does."""

    def _click_row(self, x: int) -> None:
        """Do what a click on a row does besides."""

    def _choose(self) -> None:
        """Do what two clicks do."""

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        view = self._listing.view
        return view[self._index].key if view else None

    def in_view(self) -> list[str]:
        """Return the keys of the rows that are to be seen."""
        view = self._listing.view
        return [view[index].key for index in self._in_view() if index < len(view)] if self.display else []

    def select(self, key: str) -> None:
        """Put the cursor on a row, if it is shown."""
        index = self._listing.index(key)
        if index is not None:
            self._go(index)

    # -- the cursor

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._go(self._index + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many screens."""
        self._go(self._index + pages * max(1, self._height - 1))

    def on_click(self, event: Click) -> None:
        """Go to the clicked row; the second click chooses it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < self.head:
            self._click_head(offset.x)
            return
        index = int(self.scroll_offset.y) + offset.y - self.head
        if index < len(self._listing.view):
            self._click_row(offset.x)
            self._go(index)
            if event.chain == 2:
                self._choose()

    def _go(self, index: int) -> None:
        before, self._index = self._index, max(0, min(index, len(self._listing.view) - 1))
        if self._index == before:
            return
        if not self._follow():
            self._refresh_row(before)
            self._refresh_row(self._index)
        self.moved()

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
        return max(1, self.scrollable_content_region.height - self.head)

    def _in_view(self) -> range:
        top = int(self.scroll_offset.y)
        return range(top, top + self._height)

    def _refresh_row(self, index: int) -> None:
        y = index - int(self.scroll_offset.y) + self.head
        self.refresh(Region(0, y, self.size.width, 1))

    def _refresh_head(self) -> None:
        self.refresh(Region(0, 0, self.size.width, self.head))

    def on_resize(self, _event: Resize) -> None:
        """Lay the lines out anew, and keep the cursor in view."""
        self._strips.clear()
        self._fit()
        self._follow()

    def watch_show_vertical_scrollbar(self) -> None:
        """Lay them out for the room that a scrollbar leaves, or gives back."""
        if self.is_mounted:
            self._fit()

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen: the header, a row, or nothing."""
        if y < self.head:
            return self._head_line(y)
        index = int(self.scroll_offset.y) + y - self.head
        if index >= len(self._listing.view):
            return self._blank_line(y - self.head)
        row = self._listing.view[index]
        if index == self._index:
            return self._row_line(row, chosen=True)
        strip = self._strips.get(row.key)
        if strip is None:
            if len(self._strips) > _CACHED:
                self._strips.clear()
            strip = self._strips[row.key] = self._row_line(row, chosen=False)
        return strip
