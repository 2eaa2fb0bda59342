"""All that srctl prints: data on stdout, talk on stderr, in the format that was asked for.

Text from outside (labels, logs, names of others) is inert here: it is never read as markup, and characters that
a terminal would act on are shown by their code. Rich is loaded only when a table or a progress bar is drawn.
A reader of stdout who has enough (`| head`) is a `ReaderGoneError`; that nobody listens on stderr is no failure.
"""

import csv
import errno
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from srctl import tables
from srctl.errors import ApplicationExitedError, ApplicationNotReadyError, SeveralErrors, SrctlError
from srctl.inert import inert, readable

if TYPE_CHECKING:
    from rich.console import Console

    from srctl.bars import Bars
    from srctl.models import Progress

Row = Mapping[str, Any]
_FORMULA = re.compile(r"""(^|;)(?=["\s]*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r])""")
"""Where a spreadsheet would begin a formula: also after a semicolon, at which many of them cut cells."""
_NAMES = ("name", "user")
_USER_NAME = re.compile(r"[@+][A-Za-z0-9._@+-]*")
_READER_GONE = (errno.EPIPE, errno.EINVAL)
"""What a write to a closed pipe fails with: the second on Windows."""


class ReaderGoneError(Exception):
    """Whoever read our output has closed it."""


def plain(value: Any) -> Any:
    """Return a model as plain JSON values: times as RFC 3339 in UTC, tuples as lists."""
    if value is None or isinstance(value, (str, int, float)):
        return value
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
        self._bars: Bars | None = None

    @property
    def talkative(self) -> bool:
        """Whether people are watching: both streams are terminals and the format is for people."""
        return self.format == "table" and self.stdout.isatty() and self.stderr.isatty()

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
        """Print a single thing; as a table it has one line a key, and one for each item of a list."""
        if self.format == "json":
            self._json(plain(row))
        elif self.format == "table":
            width = max(map(len, row))
            for name, value in plain(row).items():
                for index, item in enumerate(value if isinstance(value, list) and value else [value]):
                    label = "" if index else name.replace("_", " ")
                    self.line(f"{label:<{width}}  {cell(item)}".rstrip())
        else:
            self.rows([row], ids=ids, columns=())

    def line(self, text: str) -> None:
        """Print one line of data."""
        self._write(inert(text) + "\n")

    def verbatim(self, text: str) -> None:
        """Print text of our own that is to be read by a program."""
        self._write(text)

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
        self._write(readable(text))

    def note(self, text: str) -> None:
        """Say something on stderr; with JSON nothing but errors stands there."""
        if self.format != "json":
            self.talk(inert(text) + "\n")

    def status(self, text: str | None) -> None:
        """Show one quiet line that the next one replaces; `None` ends it. Only where people are watching.

        It is cut at the width of the terminal: a line that wraps could not be replaced.
        """
        if self.talkative:
            self.talk("\r\x1b[2K" + inert(text or "")[: shutil.get_terminal_size().columns - 1])

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep back what is said on stderr until the end of the block: the terminal shows something else."""
        stderr, self.stderr = self.stderr, io.StringIO()
        try:
            yield
        finally:
            kept, self.stderr = self.stderr, stderr
            self.talk(kept.getvalue())

    def error(self, error: SrctlError, trace: str = "") -> None:
        """Say what went wrong and what to do; with `trace` also where."""
        if self.format == "json":
            body = _error(error)
            if isinstance(error, SeveralErrors):
                body["errors"] = [_error(item) for item in error.errors]
            if trace:
                body["traceback"] = trace
            self.talk(json.dumps({"error": body}) + "\n")
            return
        for item in error.errors if isinstance(error, SeveralErrors) else (error,):
            if isinstance(item, (ApplicationExitedError, ApplicationNotReadyError)):
                self.talk("".join(f"  | {inert(line)}\n" for line in item.log))
            self.talk(f"srctl: {inert(item.message)}\n" + (f"  hint: {inert(item.hint)}\n" if item.hint else ""))
        self.talk("".join(inert(line) + "\n" for line in trace.splitlines()))

    def talk(self, text: str) -> None:
        """Write on stderr as it is; where nobody can hear it there is nobody to tell."""
        with suppress(OSError):
            self.stderr.write(text)
            self.stderr.flush()

    @contextmanager
    def progress(self) -> "Iterator[Callable[[Progress], None]]":
        """Show long work while it goes on; nothing is drawn before there is something to show."""
        if not self.talkative:
            yield lambda _: None
            return

        def show(progress: "Progress") -> None:
            if self._bars is None:
                from srctl.bars import Bars

                self._bars = Bars(self._console(self.stderr))
            words = f"{progress.item} {progress.step}" if progress.item else progress.step
            self._bars.show(inert(words), progress)

        try:
            yield show
        finally:
            if self._bars is not None:
                self._bars.stop()
                self._bars = None

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Keep progress off the screen, for a question to a person."""
        bars = self._bars
        if bars is not None:
            bars.stop()
        yield
        if bars is not None:
            bars.start()

    def _json(self, value: Any) -> None:
        """Write JSON for programs and people: of a list each row on its own line, which is also ten times faster."""
        if isinstance(value, list) and value:
            self._write("[\n" + ",\n".join(map(json.dumps, value)) + "\n]\n")
        else:
            self._write(json.dumps(value, indent=2) + "\n")

    def _csv(self, rows: Sequence[Row], keys: Sequence[str]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(keys)
        for row in rows:
            writer.writerow([_csv_cell(row.get(key), key) for key in keys])
        self._write(text.getvalue())

    def _table(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        cells = [[cell(row.get(column)) for column in columns] for row in rows]
        heads = [column.replace("_", " ").upper() for column in columns]
        if self.stdout.isatty():
            tables.draw(self._console(self.stdout), heads, cells)
        else:
            self._write(tables.aligned(heads, cells))

    def _write(self, text: str) -> None:
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except OSError as error:
            if error.errno in _READER_GONE:
                raise ReaderGoneError from error
            raise SrctlError(f"The output can't be written: {error.strerror or error}") from error

    def _console(self, stream: TextIO) -> "Console":
        from rich.console import Console

        return Console(file=stream, highlight=False, markup=False, emoji=False)


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


def _csv_cell(value: Any, column: str) -> str:
    """Return a JSON value as a CSV cell; text that a spreadsheet would run as a formula gets a leading quote.

    The name of a user does nothing as a formula, and must come back as it is.
    """
    if value is None:
        return ""
    if isinstance(value, (bool, dict, list)):
        return _FORMULA.sub(r"\1'", json.dumps(value))
    if isinstance(value, str):
        named = column in _NAMES and _USER_NAME.fullmatch(value)
        return inert(value if named else _FORMULA.sub(r"\1'", value))
    return str(value)


def _error(error: SrctlError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint or None}
    if isinstance(error, (ApplicationExitedError, ApplicationNotReadyError)):
        body["log"] = list(error.log)
    return body
