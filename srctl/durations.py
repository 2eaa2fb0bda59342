"""Times as people write them: lengths (`90s`, `15m`, `2h`, `1h30m`), and moments, which may be so long ago."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from srctl.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")


def parse(text: str) -> float:
    """Return seconds. Raises `UsageError`."""
    found = _DURATION.fullmatch(text)
    counts = [int(count or 0) for count in found.groups()] if found else []
    if not any(counts):
        raise UsageError(f"Not a length of time: {text!r}", "Write it as 90s, 15m, 2h, 3d or 1h30m")
    return float(sum(count * _UNITS[unit] for count, unit in zip(counts, "dhms", strict=True)))


def moment(text: str, now: datetime) -> datetime:
    """Return the time that is meant: `24h` before `now`, or a date of RFC 3339; without a zone it is UTC.

    Raises `UsageError`.
    """
    with suppress(UsageError, OverflowError):
        return now - timedelta(seconds=parse(text))
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        hint = "Write it as 24h, for so long ago, or as a date, e.g. 2030-01-31T12:00:00Z"
        raise UsageError(f"Not a time: {text!r}", hint) from error


def words(seconds: float) -> str:
    """Return a length as people write it, in its two largest units: `90s` is `1m 30s`, and 26 hours are `1d 2h`."""
    left, counts = max(int(seconds), 0), []
    for unit, length in reversed(_UNITS.items()):
        count, left = divmod(left, length)
        counts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(counts) if count), len(counts) - 1)
    return " ".join(f"{count}{unit}" for count, unit in counts[first : first + 2] if count) or "0s"


def exact(seconds: int) -> str:
    """Return a length in one unit, as `parse` reads it."""
    unit, length = next((unit, length) for unit, length in reversed(_UNITS.items()) if seconds % length == 0)
    return f"{seconds // length}{unit}"
