"""How a table is laid out: as wide as it needs to be for programs, cut to fit for a person's screen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from rich.console import Console

Lines = Sequence[Sequence[str]]

_GAP = 2

_NARROW = 12
"""Columns are cut to this width; where it is not enough for all, the last ones are not shown."""


def aligned(heads: Sequence[str], rows: Lines) -> str:
    """Return the columns as wide as they need to be."""
    lines = [heads, *rows]
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    texts = ((" " * _GAP).join(map(_padded, line, widths)) for line in lines)
    return "".join(text.rstrip() + "\n" for text in texts)


def cells(text: str) -> int:
    """Return how many cells of a terminal the text takes: Chinese, Japanese and Korean characters take two."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 1 + (east_asian_width(char) in ("W", "F")) for char in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def draw(console: "Console", heads: Sequence[str], rows: Lines) -> None:
    """Draw the columns on a terminal: cut where it is too narrow, and without the last ones where it is much so."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    shown = _fitted(widths, console.width)
    for head, width in zip(heads, shown, strict=False):
        table.add_column(head, overflow="ellipsis", no_wrap=True, width=width)
    for row in rows:
        table.add_row(*(Text(text) for text in row[: len(shown)]))
    console.print(table)


def _fitted(widths: Sequence[int], width: int) -> list[int]:
    """Return the widths cut to fit, the widest first; the first column, whose words one types next, stays whole."""
    least = [widths[0], *(min(each, _NARROW) for each in widths[1:])]
    fitted = list(widths)
    while len(fitted) > 1 and sum(least[: len(fitted)]) + _GAP * (len(fitted) - 1) > width:
        fitted.pop()
    room = width - _GAP * (len(fitted) - 1)
    while sum(fitted) > room and max(fitted[1:], default=0) > _NARROW:
        fitted[fitted.index(max(fitted[1:]), 1)] -= 1
    return fitted
