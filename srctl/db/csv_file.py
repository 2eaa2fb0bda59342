"""CSV as SimPhoNy-Remote wrote it: a header in any order, commas, one grant a row.

What is not clear is refused with its line and column and never guessed at: another encoding, another separator, quotes
in the wrong place, rows that are too short or too long. What is taken is taken to the character.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from srctl.errors import UsageError
from srctl.legacy import Named, OldData, OldGrant, OldPolicy

T = TypeVar("T")

USER, IMAGE = "user.name", "application.image"
_PREFIX = "policy."
_FLAGS = ("allow_home", "allow_view", "allow_startup_data")
_TEXTS = ("app_license", "volume_source", "volume_target", "volume_mode")
_IGNORED = "policy.allow_common"
_REQUIRED = (USER, IMAGE, _IGNORED, *(_PREFIX + name for name in (*_FLAGS[:2], *_TEXTS[1:])))
_OPTIONAL = ("policy.app_license", "policy.allow_startup_data")
_CELL = re.compile(r'(?:"[^"]*(?:""[^"]*)*"|(?!")[^,\r\n]*)(?=[,\r\n]|\Z)')
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

_Row = tuple[int, list[str]]
"""The line that a row begins at, and its cells."""


def parse(content: bytes) -> OldData:
    """Read a file's content. Raises UsageError with line and column for what is no CSV of that kind."""
    rows = _rows(_text(content))
    _, header = next(rows, (1, []))
    _check_header(header)
    sheet = _Sheet(header)
    for line, cells in rows:
        sheet.add(line, cells)
    return sheet.finish()


def _text(content: bytes) -> str:
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = error.start - content.rfind(b"\n", 0, error.start)
        raise UsageError(f"line {line}, byte {byte}: this is not UTF-8", "Save it as CSV in UTF-8") from error


def _rows(text: str) -> Iterator[_Row]:
    """Yield the rows that are not empty. Raises `UsageError` for what is no CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: Sequence[str] = ()
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            place, problem = _fault(text, line, header)
            raise UsageError(f"line {line}{place}: {problem or error}", "Write CSV as spreadsheets do") from error
        if cells is None:
            return
        if cells:
            header = header or cells
            yield line, cells


def _fault(text: str, line: int, header: Sequence[str]) -> tuple[str, str]:
    """Return in which column of the row that begins at a line something is wrong, and what."""
    lines = io.StringIO(text, newline="")
    start = sum(len(lines.readline()) for _ in range(line - 1))
    column = 0
    while (cell := _CELL.match(text, start)) and len(cell[0]) <= csv.field_size_limit():
        start, column = cell.end() + 1, column + 1
        if text[cell.end() : start] != ",":
            return "", ""
    place = f", column {header[column] if column < len(header) else column + 1}"
    if cell:
        return place, f"the cell has more than {csv.field_size_limit()} characters"
    closed = re.compile(r'"[^"]*(?:""[^"]*)*"').match(text, start)
    return place, "something stands after the closing quote" if closed else "the quote is never closed"


def _check_header(header: Sequence[str]) -> None:
    twice = [name for name in (*_REQUIRED, *_OPTIONAL) if header.count(name) > 1]
    if twice:
        raise UsageError(f"line 1: there are several columns {', '.join(twice)}", "Leave one of them")
    missing = [name for name in _REQUIRED if name not in header]
    if not missing:
        return
    hint = "The first line names the columns, in any order"
    if len(header) == 1:
        found = [word for sign, word in _SEPARATORS.items() if sign in header[0]]
        hint = f"It seems to be separated by {found[0]}: save it with commas" if found else hint
    raise UsageError(f"line 1: there is no column {', '.join(missing)}", hint)


class _Once(dict[T, int]):
    """Numbers what is seen, in its order; the same again has the same number. `lines` has the line of each."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []

    def number(self, value: T, line: int) -> int:
        """Return the number of a value."""
        found = self.setdefault(value, len(self.lines))
        if found == len(self.lines):
            self.lines.append(line)
        return found

    def places(self) -> Iterator[tuple[T, int]]:
        """Yield each value with the line that it was first seen at."""
        return zip(self, self.lines, strict=True)


class _Sheet:
    """What stands in the rows below a header."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header
        self._columns = [name for name in (*_REQUIRED[3:], *_OPTIONAL) if name in header]
        self._names = itemgetter(header.index(USER), header.index(IMAGE))
        self._permits = itemgetter(*map(header.index, self._columns))
        self._last = max(map(header.index, (*_REQUIRED, *self._columns)))
        self._users, self._images = _Once[str](), _Once[str]()
        self._policies = _Once[tuple[str, ...]]()
        self._grants: list[OldGrant] = []
        self._problems: list[str] = []

    def add(self, line: int, cells: list[str]) -> None:
        """Note a row."""
        if len(cells) != len(self._header) and not self._fits(line, cells):
            return
        user, image = self._names(cells)
        numbers = self._users.number(user, line), self._images.number(image, line)
        self._grants.append(OldGrant(line, None, *numbers, self._policies.number(self._permits(cells), line)))

    def finish(self) -> OldData:
        """Return all that was noted."""
        return OldData(
            "CSV of SimPhoNy-Remote",
            "line",
            tuple(Named(f"line {line}, column {USER}", name) for name, line in self._users.places()),
            tuple(Named(f"line {line}, column {IMAGE}", image) for image, line in self._images.places()),
            tuple(self._policy(cells, line) for cells, line in self._policies.places()),
            tuple(self._grants),
            problems=tuple(self._problems),
        )

    def _fits(self, line: int, cells: list[str]) -> bool:
        """Tell whether a row has what is needed, and nothing that no column is for; what it lacks is noted."""
        if len(cells) <= self._last:
            self._problems.append(f"line {line}: the row ends before the column {self._header[len(cells)]}")
            return False
        if any(cells[len(self._header) :]):
            surplus = len(self._header) + 1
            self._problems.append(f"line {line}, column {surplus}: the row has more cells than the header")
            return False
        return True

    def _policy(self, cells: tuple[str, ...], line: int) -> OldPolicy:
        found = dict(zip(self._columns, cells, strict=True))
        given: dict[str, Any] = {name: found.get(_PREFIX + name) == "1" for name in _FLAGS}
        given |= {name: found.get(_PREFIX + name) or None for name in _TEXTS}
        return OldPolicy(f"line {line}, column {_PREFIX}", **given)
