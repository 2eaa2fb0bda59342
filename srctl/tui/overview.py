"""The pane of numbers: who and what is known to the accounting database, and what runs, with a bar for each number."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from srctl.models import Session
from srctl.tui.columns import Column, Row
from srctl.tui.office import OfficePane
from srctl.tui.pane import Fact
from srctl.tui.state import Books
from srctl.tui.words import bar, counted, plainly

BAR = 20
"""Cells of the longest bar."""

NAMED = 30
"""Names that are told one by one."""

LIVING = ("running", "starting")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of something; `most` is what a whole bar stands for, 0 = there is none. `None` = nobody knows."""

    group: str
    name: str
    count: int | None
    most: int = 0
    note: str = ""
    """What stands in place of the bar."""
    facts: tuple[Fact, ...] = ()


class OverviewPane(OfficePane):
    """The numbers."""

    NAME = "Overview"
    EMPTY = "There is nothing to count"
    COLUMNS = (
        Column("OF", drop=1),
        Column("WHAT", flexible=True),
        Column("NUMBER", right=True),
        Column("SHARE", drop=2, toned=True),
    )
    KEYS = ()
    NEEDS_EVERYONE = True

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each number."""
        return None if self.state.books is None else [_row(each) for each in self._numbers(self.state.books)]

    def _numbers(self, books: Books) -> list[Number]:
        living = self._living
        return [
            *_people(books, living),
            *_rights(books),
            *self._per_host(),
            *_per_application(books, living),
            *_per_user(living),
        ]

    @property
    def _living(self) -> list[Session]:
        """What runs on all hosts that have told."""
        views = self.state.hosts.values()
        return [each for view in views for each in view.everyone or () if each.status in LIVING]

    def _per_host(self) -> Iterator[Number]:
        total = len(self._living)
        yield Number("running", "everywhere", total)
        for name, view in self.state.hosts.items():
            note = "✗ away" if view.error is not None else "… not known yet" if view.everyone is None else ""
            if view.everyone is None:
                yield Number("running on", name, None, note=note)
                continue
            here = [each for each in view.everyone if each.status in LIVING]
            yield Number("running on", name, len(here), total, note, _about(here, "user", "image"))

    def heading(self) -> str:
        """Return the numbers that matter most."""
        books, living = self.state.books, self._living
        if books is None:
            return self.NAME
        realm = f" of realm {plainly(books.realm)}" if books.realm else ""
        least = "" if all(view.everyone is not None for view in self.state.hosts.values()) else "at least "
        runs = f"{least}{len(living)} running for {counted(len({each.user for each in living}), 'user')}"
        sought = f" · /{self.table.sought}" if self.table.sought else ""
        return f"{self.NAME}{realm} · {runs} of {len(books.users)}{sought}"

    def facts(self) -> Sequence[Fact]:
        """Return what is behind the number under the cursor."""
        books = self.state.books
        found = next((each for each in self._numbers(books) if _key(each) == self.table.key), None) if books else None
        if books is None or found is None:
            return ()
        title = f"{found.group} {found.name}"
        number = "not known yet" if found.count is None else str(found.count)
        whole = f" of {found.most}" if found.most and found.count is not None else ""
        return (("", title), ("number", f"{number}{whole}"), *found.facts, ("realm", books.realm or "-"))

    def command(self) -> str:
        """Return what tells the numbers of one host in a terminal."""
        return self.state.command("status", host=next(iter(self.state.hosts)))

    def action_choose(self) -> None:
        """Nothing is obvious."""


def _people(books: Books, living: Sequence[Session]) -> Iterator[Number]:
    users = [each.user for each in books.users]
    total = len(users)
    active, disabled = ([each.name for each in users if each.disabled is turned] for turned in (False, True))
    busy = sorted({each.user for each in living})
    yield Number("users", "active", len(active), total, facts=_names(active))
    yield Number("users", "disabled", len(disabled), total, facts=_names(disabled))
    yield Number("users", "with something running", len(busy), total, facts=_names(busy))


def _rights(books: Books) -> Iterator[Number]:
    titles = [each.image for each in books.applications]
    granted = [image for image in titles if books.granted.get(image)]
    yield Number("applications", "registered", len(titles), facts=_names(titles))
    yield Number("applications", "granted to somebody", len(granted), len(titles), facts=_names(granted))
    yield Number("grants", "given", sum(books.granted.values()))


def _per_application(books: Books, living: Sequence[Session]) -> Iterator[Number]:
    titles = {each.image: each.title or each.image for each in books.applications}
    for image, here in _by(living, "image").items():
        yield Number(
            "running as", titles.get(image, here[0].title), len(here), len(living), "", _about(here, "user", "host")
        )


def _per_user(living: Sequence[Session]) -> Iterator[Number]:
    for name, here in _by(living, "user").items():
        yield Number("running for", name, len(here), len(living), "", _about(here, "image", "host"))


def _by(sessions: Sequence[Session], what: str) -> Mapping[str, list[Session]]:
    """Return sessions by something, the most of them first."""
    found: dict[str, list[Session]] = {}
    for each in sessions:
        found.setdefault(getattr(each, what), []).append(each)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _about(sessions: Sequence[Session], *names: str) -> tuple[Fact, ...]:
    """Return how many of these sessions there are by each of several things."""
    facts = []
    for name in names:
        counts = Counter(getattr(each, name) for each in sessions).most_common(NAMED)
        if counts:
            facts.append((f"by {name}", ", ".join(f"{each} {count}" for each, count in counts)))
    return tuple(facts)


def _names(names: Sequence[str]) -> tuple[Fact, ...]:
    if not names:
        return ()
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (("names", ", ".join(names[:NAMED]) + more),)


def _key(each: Number) -> str:
    return f"{each.group}\0{each.name}"


def _row(each: Number) -> Row:
    count = "?" if each.count is None else str(each.count)
    share = "" if each.count is None else bar(each.count, each.most, BAR)
    cells = (each.group, plainly(each.name), count, " ".join(filter(None, (share, each.note))))
    return Row(
        _key(each), cells, (each.group, cells[1].lower(), each.count, each.count), "warn" if each.note else "good"
    )
