"""How much was used: hours, sessions and CPU hours, by user, application, host or month.

What ran is read from the records. A session that has no end yet counts until now; of one that began before the time
that is asked for, or ended after it, only the part within counts, and of its CPU time as large a part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from srctl.books import Records
from srctl.errors import UsageError
from srctl.labels import NOBODY
from srctl.limits import in_utc
from srctl.models import Record

BY = ("user", "app", "host", "month")


@dataclass(frozen=True, slots=True)
class Tally:
    """What was used under one name. `cpu_seconds` is `None` where nobody knows of any session."""

    name: str
    sessions: int
    seconds: float
    cpu_seconds: float | None


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a session in a time."""

    record: Record
    began: datetime
    ended: datetime
    cpu_seconds: float | None


class UsageReport:
    """What was used; with `user_id` nothing of namesakes who were removed."""

    def __init__(self, records: Records, user_id: int | None = None) -> None:
        self._records = records
        self._user_id = user_id

    def tally(
        self,
        by: str = "user",
        since: datetime | None = None,
        until: datetime | None = None,
        user: str | None = None,
    ) -> list[Tally]:
        """Give what was used, by name; by month in the order of time. Raises `UsageError`."""
        if by not in BY:
            raise UsageError(f"Usage is not counted by {by!r}", f"Choose {', '.join(BY)}")
        since, until = (None if each is None else in_utc(each) for each in (since, until))
        if since is not None and until is not None and since >= until:
            raise UsageError("The end lies before the beginning", "Give --until a later time than --since")
        now = datetime.now(UTC)
        found = [each for each in self._records.between(since, until, user) if self._is_meant(each)]
        return tallies(found, by, since, min(until or now, now))

    def _is_meant(self, record: Record) -> bool:
        return self._user_id is None or record.user_id in (None, NOBODY, self._user_id)


def tallies(records: Iterable[Record], by: str, since: datetime | None, until: datetime) -> list[Tally]:
    """Count records by one of `BY`, as far as they lie between two moments."""
    found: dict[str, list[_Part]] = {}
    for record in records:
        part = _part(record, since or record.started, until)
        if part is None:
            continue
        for each in _months(part) if by == "month" else (part,):
            found.setdefault(_name(each, by), []).append(each)
    return [_tally(name, parts) for name, parts in sorted(found.items())]


def _part(record: Record, since: datetime, until: datetime) -> _Part | None:
    ended = record.ended or until
    first, last = max(record.started, since), min(ended, until)
    if last < first:
        return None
    return _Part(record, first, last, _share(record.cpu_seconds, last - first, ended - record.started))


def _share(cpu_seconds: float | None, part: timedelta, whole: timedelta) -> float | None:
    return cpu_seconds if cpu_seconds is None or part >= whole else cpu_seconds * (part / whole)


def _months(part: _Part) -> Iterator[_Part]:
    """Yield a part for each month that it lies in."""
    began, following = part.began, _following(part.began)
    while following < part.ended:
        yield _cut(part, began, following)
        began, following = following, _following(following)
    yield _cut(part, began, part.ended)


def _following(moment: datetime) -> datetime:
    """Return the beginning of the next month."""
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (month + timedelta(days=32)).replace(day=1)


def _cut(part: _Part, began: datetime, ended: datetime) -> _Part:
    cpu = _share(part.cpu_seconds, ended - began, part.ended - part.began)
    return _Part(part.record, began, ended, cpu)


def _name(part: _Part, by: str) -> str:
    if by == "month":
        return part.began.strftime("%Y-%m")
    return {"user": part.record.user, "app": part.record.image, "host": part.record.host}[by]


def _tally(name: str, parts: list[_Part]) -> Tally:
    known = [part.cpu_seconds for part in parts if part.cpu_seconds is not None]
    seconds = sum((part.ended - part.began).total_seconds() for part in parts)
    return Tally(name, len(parts), seconds, sum(known) if known else None)
