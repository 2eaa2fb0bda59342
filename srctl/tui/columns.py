"""What a table is made of, and how wide its columns are: texts in, widths out, nothing is drawn here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size

GAP = 2
"""Cells between two columns."""

_LEAST = 4
"""Cells that a flexible column keeps."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Where the room is short, those with the highest `drop` go first; 0 stays.

    `flexible` ones shrink, to no less than `least` cells.
    """

    title: str
    drop: int = 0
    flexible: bool = False
    right: bool = False
    toned: bool = False
    """Its cells have the row's tone."""
    spare: bool = False
    """It is not there while no row has anything in it."""
    least: int = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `key` names it for good, `values` are what it is sorted by, its cells if there are none.

    The texts must be inert. `tone` is `good`, `warn`, `bad`, `dim` or empty; it says nothing that the text does not.
    """

    key: str
    cells: tuple[str, ...]
    values: tuple[object, ...] = ()
    tone: str = ""
    haystack: str = field(init=False, compare=False)
    """What a filter looks into."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "haystack", " ".join(self.cells).lower())

    def value(self, column: int) -> object:
        """Return what it is sorted by; a row that has `None` there comes last."""
        return self.values[column] if self.values else self.cells[column].lower()


def width_of(text: str) -> int:
    """Return how many cells a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def natural(columns: Sequence[Column], rows: Iterable[Row]) -> list[int]:
    """Return the widths at which nothing is cut."""
    titles = [width_of(column.title) + 2 for column in columns]  # room for the arrow of the sorted one
    widths = [0 if column.spare else width for column, width in zip(columns, titles, strict=True)]
    for row in rows:
        for index, cell in enumerate(row.cells[: len(widths)]):
            if len(cell) > widths[index] or not cell.isascii():
                widths[index] = max(widths[index], titles[index], width_of(cell))
    return widths


def fit(columns: Sequence[Column], widths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Return the columns that are shown, as index and width, in at most `room` cells."""
    shown = [index for index, width in enumerate(widths) if width]
    while len(shown) > 1 and _least(columns, widths, shown) > room:
        most = max(shown, key=lambda index: columns[index].drop)
        if columns[most].drop == 0:
            break
        shown.remove(most)
    found = {index: widths[index] for index in shown}
    excess = sum(found.values()) + GAP * (len(shown) - 1) - room
    for index in sorted((i for i in shown if columns[i].flexible), key=lambda i: -found[i]):
        taken = max(0, min(excess, found[index] - _flexible_least(columns[index], widths[index])))
        found[index] -= taken
        excess -= taken
    return [(index, max(1, min(width, room))) for index, width in found.items()]


def _least(columns: Sequence[Column], widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(
        _flexible_least(columns[index], widths[index]) if columns[index].flexible else widths[index] for index in shown
    ) + GAP * (len(shown) - 1)


def _flexible_least(column: Column, width: int) -> int:
    return min(width, max(_LEAST, width_of(column.title) + 2, column.least))


def placed(text: str, width: int, *, right: bool = False) -> str:
    """Return a text in exactly `width` cells: filled up, or cut with a sign that it is."""
    taken = width_of(text)
    if taken > width:
        return set_cell_size(text, width - 1) + "…"
    room = " " * (width - taken)
    return room + text if right else text + room
