"""All that srctl prints: data on stdout, talk on stderr, in the format that was asked for.

Text from outside (labels, logs, names of others) is inert here: it is never read as markup, and characters that
a terminal would act on are shown by their code. Rich is loaded only when a table or a progress bar is drawn.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from srctl.errors import ApplicationExitedError, ApplicationNotReadyError, SeveralErrors, SrctlError
from srctl.models import Progress

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inert(text: str) -> str:
    """Return the text with every character that is not printable replaced by its code.

    That covers control characters, escape sequences, and the marks that turn the direction of writing around.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def plain(value: Any) -> Any:
    """Return a model as plain JSON values: times as RFC 3339 in UTC, tuples as lists."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(item) for name, item in asdict(value).items()}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class Output:
    """Prints in one of the formats `table`, `json`, `csv`, `ids`."""

    def __init__(self, form: str = "table", stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.format = form
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr

    @property
    def talkative(self) -> bool:
        """Whether people are watching: stderr is a terminal and the format is for people."""
        return self.format == "table" and self.stderr.isatty()

    def rows(self, rows: Sequence[Row], *, ids: str, columns: Sequence[str], keys: Sequence[str] = ()) -> None:
        """Print a list. `ids` is the key that names a row, `columns` those of the table, `keys` all, in order."""
        if self.format == "json":
            self._json([plain(row) for row in rows])
        elif self.format == "ids":
            for row in rows:
                self.line(str(row[ids]))
        elif self.format == "csv":
            self._csv([plain(row) for row in rows], list(keys) or (list(rows[0]) if rows else list(columns)))
        else:
            self._table([plain(row) for row in rows], columns)

    def one(self, row: Row, *, ids: str) -> None:
        """Print a single thing; as a table it has one line a key."""
        if self.format == "json":
            self._json(plain(row))
        elif self.format == "table":
            width = max(map(len, row))
            for name, value in plain(row).items():
                self.line(f"{name.replace('_', ' '):<{width}}  {cell(value)}".rstrip())
        else:
            self.rows([row], ids=ids, columns=())

    def line(self, text: str) -> None:
        """Print one line of data."""
        self.stdout.write(inert(text) + "\n")
        self.stdout.flush()

    def made(self, name: str, row: Row) -> None:
        """Print what `add` made: its name or id; as JSON the whole row."""
        if self.format == "json":
            self._json(plain(row))
        else:
            self.line(name)

    def made_all(self, made: Sequence[tuple[str, Row]]) -> None:
        """Print what a command with several arguments made: names line by line, as JSON an array of rows."""
        if self.format == "json":
            self._json([plain(row) for _, row in made])
        else:
            for name, _ in made:
                self.line(name)

    def removed(self, names: Iterable[str]) -> None:
        """Print the names of what is gone."""
        if self.format == "json":
            self._json(list(names))
        else:
            for name in names:
                self.line(name)

    def raw(self, text: str) -> None:
        """Print text of an application: its lines and tabs are kept, the rest of what it can do to a terminal not."""
        self.stdout.write("".join(char if char in "\n\t" or char.isprintable() else _shown(char) for char in text))
        self.stdout.flush()

    def note(self, text: str) -> None:
        """Say something on stderr; with JSON nothing but errors stands there."""
        if self.format != "json":
            self.stderr.write(inert(text) + "\n")
            self.stderr.flush()

    def status(self, text: str | None) -> None:
        """Show one quiet line that the next one replaces; `None` ends it. Only where people are watching."""
        if self.talkative:
            self.stderr.write("\r\x1b[2K" + (inert(text) if text is not None else ""))
            self.stderr.flush()

    def error(self, error: SrctlError) -> None:
        """Say what went wrong and what to do."""
        if self.format == "json":
            body = _error(error)
            if isinstance(error, SeveralErrors):
                body["errors"] = [_error(item) for item in error.errors]
            self.stderr.write(json.dumps({"error": body}) + "\n")
            return
        for item in error.errors if isinstance(error, SeveralErrors) else (error,):
            if isinstance(item, (ApplicationExitedError, ApplicationNotReadyError)):
                for line in item.log:
                    self.stderr.write(f"  | {inert(line)}\n")
            self.stderr.write(f"srctl: {inert(item.message)}\n")
            if item.hint:
                self.stderr.write(f"  hint: {inert(item.hint)}\n")
        self.stderr.flush()

    @contextmanager
    def progress(self) -> Iterator[Callable[[Progress], None]]:
        """Show long work while it goes on: the step in words, a bar for each layer of a pull."""
        if not self.talkative:
            yield lambda _: None
            return
        with Bars(self._console(self.stderr)) as bars:
            yield bars.show

    def _json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2) + "\n")
        self.stdout.flush()

    def _csv(self, rows: Sequence[Row], keys: Sequence[str]) -> None:
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(keys)
        for row in rows:
            writer.writerow([_csv_cell(row.get(key)) for key in keys])
        self.stdout.flush()

    def _table(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        cells = [[cell(row.get(column)) for column in columns] for row in rows]
        heads = [column.replace("_", " ").upper() for column in columns]
        if not self.stdout.isatty():
            self._aligned([heads, *cells])
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for head in heads:
            table.add_column(head, overflow="ellipsis", no_wrap=True)
        for row in cells:
            table.add_row(*(Text(text) for text in row))
        self._console(self.stdout).print(table)

    def _aligned(self, lines: Sequence[Sequence[str]]) -> None:
        """Write columns as wide as they need to be: no reader but a person's screen needs them cut."""
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            text = "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True))
            self.stdout.write(text.rstrip() + "\n")
        self.stdout.flush()

    def _console(self, stream: TextIO) -> "Console":
        from rich.console import Console

        return Console(file=stream, highlight=False, markup=False, emoji=False)


class Bars:
    """Progress of a start on a terminal; leaves nothing on the screen when it ends."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Live

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        self._live = Live(*columns, console=console, transient=True)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Bars":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show a step, or how far a layer is."""
        key = progress.item or ""
        text = inert(f"{progress.item} {progress.step}" if progress.item else progress.step)
        if key not in self._tasks:
            self._tasks[key] = self._live.add_task(text, total=progress.total)
        self._live.update(self._tasks[key], description=text, completed=progress.current, total=progress.total)


def cell(value: Any) -> str:
    """Return a JSON value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(cell(item) for item in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={cell(item)}" for name, item in value.items() if item not in (None, False, [])) or "-"
    return inert(str(value))


def _csv_cell(value: Any) -> str:
    """Return a JSON value as a CSV cell; text that a spreadsheet would run as a formula gets a leading quote."""
    if value is None:
        return ""
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value)
    if isinstance(value, str):
        return "'" + inert(value) if value.startswith(_FORMULA) else inert(value)
    return str(value)


def _shown(char: str) -> str:
    """Return how a character of a log is shown; carriage returns and escape sequences lose their power."""
    return "" if char == "\r" else f"\\u{ord(char):04x}"


def _error(error: SrctlError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint or None}
    if isinstance(error, (ApplicationExitedError, ApplicationNotReadyError)):
        body["log"] = list(error.log)
    return body
