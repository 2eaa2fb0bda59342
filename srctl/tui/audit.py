"""The pane of the audit: what people did through a gateway, newest first, and a filter to find it.

It reads what is new only, and only while it is shown; rows are made where they are read, on a thread of their own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import ClassVar

from textual.binding import BindingType

from srctl.context import Context
from srctl.errors import SrctlError
from srctl.models import AuditEntry
from srctl.tui import ledger
from srctl.tui.columns import Column, Row
from srctl.tui.keys import Key, bindings
from srctl.tui.office import OfficePane
from srctl.tui.pane import Fact
from srctl.tui.reading import last_words
from srctl.tui.state import State
from srctl.tui.words import failure, plainly, second
from srctl.tui.work import Tell, Work

MOST = 5000
"""Entries that are kept: the newest."""

SHORT = 8
"""Characters of a fingerprint, after the name of its kind."""

LATE = timedelta(minutes=1)
"""How much later than its time an entry may be written."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Entries by the keys of their rows, newest first; `read` counts those that there have been."""

    entries: dict[str, AuditEntry]
    rows: list[Row]
    read: int = 0


class AuditPane(OfficePane):
    """The audit."""

    NAME = "Audit"
    EMPTY = "Nobody has done anything through the gateway yet"
    COLUMNS = (
        Column("TIME"),
        Column("WHO", flexible=True),
        Column("ACTION", flexible=True),
        Column("RESULT", toned=True),
        Column("DETAIL", drop=1, flexible=True),
        Column("ADDRESS", drop=2),
        Column("KEY", drop=3),
    )
    KEYS = (Key("enter", "choose", "show", "Show the whole entry"),)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._pages: Pages | None = None
        self._error: SrctlError | None = None
        self._edition: int | None = None
        self._reading = self._afresh = False

    def again(self) -> None:
        """Read it all again."""
        self._afresh, self._edition = True, None
        self.show()

    def show(self) -> None:
        """Show what is known, and have read what may be new."""
        if self._edition != self.state.edition and not self._reading:
            self._reading, self._edition = True, self.state.edition
            before, self._afresh = None if self._afresh else self._pages, False
            self.want(
                Work(
                    "Reading the audit",
                    self.state.office_host,
                    lambda context, tell: _more(context, tell, before),
                    self._read,
                    quiet=True,
                    failed=self._lost,
                )
            )
        super().show()

    def _read(self, pages: Pages) -> None:
        self._pages, self._error, self._reading = pages, None, False
        self.show()

    def _lost(self, error: SrctlError) -> None:
        self._error, self._reading = error, False
        self.show()

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each entry."""
        if self._pages is None:
            return () if self._error is not None else None
        return self._pages.rows

    def reasons(self) -> Sequence[str]:
        """Return why it is not known."""
        return () if self._error is None else (failure(self._error),)

    @property
    def selected(self) -> AuditEntry | None:
        """The entry under the cursor."""
        return self._pages.entries.get(self.table.key or "") if self._pages else None

    def facts(self) -> Sequence[Fact]:
        """Return the whole entry."""
        return () if self.selected is None else _facts(self.selected)

    def command(self) -> str:
        """Return what lists the entry under the cursor, and what came after."""
        if (entry := self.selected) is None:
            return ""
        who = ("--user", entry.user) if entry.user else ()
        return self.office_command("audit", "list", *who, "--since", f"{entry.time:%Y-%m-%dT%H:%M:%SZ}")

    def action_choose(self) -> None:
        """Show the whole entry, which may be long."""
        if (entry := self.selected) is not None:
            (_, title), *others = _facts(entry)
            self.app.push_screen(last_words(title, "".join(f"{name:<10}{text}\n" for name, text in others)))


def _more(context: Context, _tell: Tell, before: Pages | None) -> Pages:
    """Return the pages with what has been written since."""
    if before is None or not before.entries:
        with ledger.unnoticed():
            return _grown(Pages({}, []), context.audit.entries(limit=MOST))
    since = next(iter(before.entries.values())).time - LATE
    known = Counter(entry for entry in before.entries.values() if entry.time >= since)
    fresh = list((Counter(context.audit.entries(since=since, limit=MOST)) - known).elements())
    return _grown(before, fresh) if fresh else before


def _grown(before: Pages, fresh: list[AuditEntry]) -> Pages:
    """Return the pages with these entries before all others, newest first as they are."""
    numbered = {str(before.read + index): entry for index, entry in enumerate(fresh)}
    newest = dict(reversed(numbered.items()))
    entries = dict(islice((newest | before.entries).items(), MOST))
    rows = [*(_row(key, entry) for key, entry in newest.items()), *before.rows][:MOST]
    return Pages(entries, rows, before.read + len(fresh))


def _facts(entry: AuditEntry) -> list[Fact]:
    title = f"{entry.action} by {entry.user or 'nobody known'}"
    return [
        ("", title),
        ("detail", entry.detail or "-"),
        ("result", _result(entry)),
        ("time", f"{entry.time.astimezone():%Y-%m-%d %H:%M:%S %z}"),
        ("address", entry.address or "-"),
        ("key", entry.fingerprint or "-"),
    ]


def _result(entry: AuditEntry) -> str:
    return f"{'✓' if entry.result == 'ok' else '✗'} {entry.result}"


def _row(key: str, entry: AuditEntry) -> Row:
    kind, _, digits = (entry.fingerprint or "").partition(":")
    cells = (
        second(entry.time),
        plainly(entry.user or "-"),
        plainly(entry.action),
        plainly(_result(entry)),
        plainly(entry.detail),
        plainly(entry.address or "-"),
        plainly(digits[:SHORT] or kind or "-"),
        plainly(entry.fingerprint or ""),  # in no column, but a filter finds it
    )
    return Row(key, cells, tone="good" if entry.result == "ok" else "bad")
