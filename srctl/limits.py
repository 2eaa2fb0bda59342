"""The limits of a grant: how they are written, which make sense, and which are in force. Pure.

A grant's own limit goes before that of the application's defaults. A limit is never ignored: what can't be read, or
can't be kept, is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from math import inf
from typing import Any

from srctl import durations
from srctl.errors import UsageError
from srctl.models import Application, Grant, Limits

NETWORKS = ("none", "isolated", "bridge")
NAMES = tuple(field.name for field in fields(Limits))

MIB = 1024**2
_LEAST_MEMORY = 6 * MIB
"""What Docker asks for at least."""

_MOST_SIZE = 2**50
_MOST_CPUS = 4096
_MOST_COUNT = 2**22
_LONGEST = 366 * 86400


def parse_count(text: str) -> int:
    """Return a whole number. Raises `UsageError`."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise UsageError(f"Not a number: {text!r}", "Write it in digits")
    return int(text)


def parse_number(text: str) -> float:
    """Return a number that may have a fraction. Raises `UsageError`."""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text):
        raise UsageError(f"Not a number: {text!r}", "Write it as 2 or 1.5")
    return float(text)


def parse_moment(text: str) -> datetime:
    """Return a date, or a date with a time; without a zone it is UTC. Raises `UsageError`."""
    try:
        return in_utc(datetime.fromisoformat(text.strip()))
    except ValueError as error:
        raise UsageError(f"Not a date: {text!r}", "Write it as 2030-01-31 or 2030-01-31T12:00Z") from error


def in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; one without a zone is meant so. Raises `UsageError` where there is no such time."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise UsageError(f"Not a date: {moment.isoformat()}, which is no time in UTC", "Give an earlier one") from error


def parse_length(text: str) -> int:
    """Return whole seconds of a length of time, as `12h`. Raises `UsageError`."""
    return int(durations.parse(text))


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return limits in their one form, by their names. Raises `UsageError` saying which one makes no sense."""
    found = {name: value for name, value in given.items() if value is not None}
    for name, (least, most) in _RANGES.items():
        if name in found:
            found[name] = _within(name, found[name], least, most)
    if found.get("network", "bridge") not in NETWORKS:
        raise UsageError(f"There is no kind of network {found['network']!r}", f"Choose {', '.join(NETWORKS)}")
    if "gpus" in found:
        found["gpus"] = check_gpus(found["gpus"], least=0)
    if "expires" in found:
        found["expires"] = in_utc(found["expires"]).replace(microsecond=0)
    return found


_RANGES: dict[str, tuple[float, float]] = {
    "cpus": (0.01, _MOST_CPUS),
    "memory": (_LEAST_MEMORY, _MOST_SIZE),
    "shm_size": (1, _MOST_SIZE),
    "pids": (1, _MOST_COUNT),
    "max_sessions": (1, _MOST_COUNT),
    "max_lifetime": (60, _LONGEST),
    "idle_timeout": (60, _LONGEST),
}


def _within(name: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:  # nor what is no number
        hint = f"Give {_plain(name, least)} to {_plain(name, most)}"
        raise UsageError(f"{option(name)} {_plain(name, value)} makes no sense", hint)
    return round(float(value), 3) if name == "cpus" else int(value)


def check_gpus(text: str, *, least: int = 1) -> str:
    """Return `all` or a count of GPUs, of `least` at least. Raises `UsageError`."""
    if text == "all" or (re.fullmatch(r"0|[1-9][0-9]{0,3}", text) and int(text) >= least):
        return text
    raise UsageError(f"{text!r} is not a number of GPUs", "Give `all` or a count")


def check_defaults(values: Limits) -> Limits:
    """Return limits as an application's defaults may have them. Raises `UsageError`."""
    if values.expires is not None:
        raise UsageError("An application does not expire, but grants do", "Give --expires to grant add")
    return Limits(**checked(set_ones(values)))


def effective(grant: Grant) -> Limits:
    """Return the limits in force for a grant: its own, and the application's defaults where it has none."""
    return over(grant.policy, in_force(grant.application))


def in_force(application: Application) -> Limits:
    """Return the limits of an application's grants that set none."""
    return over(application.defaults, Limits(shm_size=application.shm_size, gpus=application.gpus))


def inherited(grant: Grant) -> Limits:
    """Return those limits of a grant that are its application's defaults."""
    given = set_ones(in_force(grant.application))
    return Limits(**{name: value for name, value in given.items() if getattr(grant.policy, name) is None})


def over(upper: Limits, lower: Limits) -> Limits:
    """Return the upper limits, and the lower ones where those say nothing."""
    return Limits(**{name: _first(getattr(upper, name), getattr(lower, name)) for name in NAMES})


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def only(values: Limits) -> Limits:
    """Return the limits alone of what has more."""
    return over(values, Limits())


def set_ones(values: Limits) -> dict[str, Any]:
    """Return the limits that are set, by their names."""
    return {name: value for name in NAMES if (value := getattr(values, name)) is not None}


def in_words(values: Limits) -> list[str]:
    """Return each limit that is set in a few words."""
    return [_WORDS[name](value) for name, value in set_ones(values).items()]


def size(count: int) -> str:
    """Return bytes as people write them for docker."""
    for unit, factor in (("g", 1024**3), ("m", MIB), ("k", 1024)):
        if count % factor == 0:
            return f"{count // factor}{unit}"
    return f"{count}b"


def are_tighter(values: Limits, than: Limits) -> bool:
    """Tell whether any of these limits leaves less than the other ones do; none at all leaves most."""

    def room(limits: Limits, name: str) -> float:
        value = getattr(limits, name)
        if value is None:
            return inf if name != "read_only" else 1
        return _ROOM[name](value) if name in _ROOM else float(value)

    return any(room(values, name) < room(than, name) for name in NAMES)


_ROOM: dict[str, Callable[[Any], float]] = {
    "gpus": lambda value: inf if value == "all" else float(value),
    "network": lambda value: inf if value == "bridge" else float(NETWORKS.index(value)),
    "read_only": lambda value: 0 if value else 1,
    "expires": lambda value: value.timestamp(),
}


def as_options(values: Limits) -> list[str]:
    """Return the options of a command line that give these limits."""
    words: list[str] = []
    for name, text in as_texts(values).items():
        if name == "read_only":
            words.append("--read-only" if values.read_only else "--no-read-only")
        else:
            words += [option(name), text]
    return words


def as_texts(values: Limits) -> dict[str, str]:
    """Return each limit that is set as people write it, by its name."""
    return {name: _TEXTS.get(name, str)(value) for name, value in set_ones(values).items()}


def _date(moment: datetime) -> str:
    """Return a moment as `parse_moment` reads it, no longer than it must be."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").removesuffix(":00")
    return text.removesuffix("T00:00") if text.endswith("T00:00") else f"{text}Z"


_TEXTS: dict[str, Callable[[Any], str]] = {
    "cpus": lambda value: f"{value:.3f}".rstrip("0").rstrip("."),
    "memory": size,
    "shm_size": size,
    "max_lifetime": durations.exact,
    "idle_timeout": durations.exact,
    "expires": _date,
}


def check_future(values: Limits, now: datetime) -> None:
    """Raise `UsageError` for a grant that would permit nothing from the start."""
    if values.expires is not None and has_expired(values, now):
        raise UsageError(f"The grant would have expired already, {when(values.expires)}")


def seats(count: int) -> str:
    """Return how many seats there are in words: `no seat`, `1 seat`, `2 seats`."""
    return {0: "no seat", 1: "1 seat"}.get(count, f"{count} seats")


def has_expired(values: Limits, now: datetime) -> bool:
    """Tell whether what has these limits permits nothing any more."""
    return values.expires is not None and values.expires <= now


def when(moment: datetime) -> str:
    """Return a moment for people, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


_WORDS: dict[str, Any] = {
    "cpus": lambda value: f"{value:g} CPU{'' if value == 1 else 's'}",
    "memory": lambda value: f"memory {size(value)}",
    "gpus": lambda value: {"0": "no GPU", "1": "1 GPU", "all": "all GPUs"}.get(value, f"{value} GPUs"),
    "shm_size": lambda value: f"shared memory {size(value)}",
    "pids": lambda value: f"{value} processes",
    "network": lambda value: {"none": "no network", "isolated": "isolated network"}.get(value, "network"),
    "read_only": lambda value: "read-only" if value else "not read-only",
    "max_sessions": lambda value: f"{value} session{'' if value == 1 else 's'} at once",
    "max_lifetime": lambda value: f"at most {durations.words(value)}",
    "idle_timeout": lambda value: f"{durations.words(value)} idle",
    "expires": lambda value: f"until {when(value)}",
}


def option(name: str) -> str:
    """Return the option that sets a limit."""
    return f"--{name.replace('_', '-')}"


def _plain(name: str, value: float) -> str:
    if name in ("memory", "shm_size"):
        return size(int(value))
    if name in ("max_lifetime", "idle_timeout"):
        return durations.words(value)
    return f"{value:.12g}"
