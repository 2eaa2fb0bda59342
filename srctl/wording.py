"""How single values are written in a document, and read back: sizes, lengths of time, dates and volumes as people do.

Pure. The fields of a dataclass are read off it, and what is as by default is not written. A value of a kind that is not
known here is taken as it is, so that a new field needs nothing.
"""

import difflib
import reprlib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from srctl import durations, limits, policy, sizes
from srctl.errors import UsageError
from srctl.models import Volume

_SIZES = ("memory", "shm_size")
_LENGTHS = ("max_lifetime", "idle_timeout")
_NOT_SAID = ("id", "created")
"""Fields of an application that belong to the database."""


def differing(values: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not as by default, as they are written."""
    return {name: _plain(name, value) for name, value in values.items() if value != default[name]}


def said(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are not as by default, as they are written."""
    return {
        each.name: _plain(each.name, found)
        for each in fields(value)
        if each.name not in _NOT_SAID and (found := getattr(value, each.name)) != _default(each)
    }


def _default(each: Any) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default


def _plain(name: str, value: Any) -> Any:
    """Return a value as people write it."""
    if isinstance(value, tuple):
        return [_plain(name, each) for each in value]
    if is_dataclass(value) and not isinstance(value, Volume):
        return said(value)
    if name in _SIZES and isinstance(value, int):
        return limits.size(value)
    if name in _LENGTHS and isinstance(value, int):
        return durations.exact(value)
    written = _WRITERS.get(type(value))
    return value if written is None else written(value)


_WRITERS: dict[type, Callable[[Any], str]] = {
    Volume: lambda value: f"{value.source}:{value.target}:{value.mode}",
    datetime: lambda value: value.astimezone(UTC).isoformat().replace("+00:00", "Z"),
}


def shown(value: Any) -> str:
    """Return a value for a message: short, also where it unfolds without end."""
    short = reprlib.Repr()
    short.maxlevel = 2
    return short.repr(value)


def meant(name: Any, known: Sequence[str]) -> str:
    """Return what may be meant by a name that is not known, to be added to a sentence."""
    close = difflib.get_close_matches(str(name)[:100], known, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """Return what the fields of a class must be, by their names."""
    return {name: hint for name, hint in get_type_hints(kind).items() if name not in _NOT_SAID}


def values_of(row: Any, hints: Mapping[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the values of a table as they must be, by their names. Raises `UsageError` for the first that is not."""
    if not isinstance(row, dict):
        raise UsageError("it must be a table")
    for name in required:
        if row.get(name) is None:
            raise UsageError(f"there is no {name}")
    found = {}
    for name, given in row.items():
        if name not in hints:
            raise UsageError(f"there is no {shown(name)}{meant(name, list(hints))}")
        if given is not None:
            found[name] = value_of(name, hints[name], given)
    return found


def value_of(name: str, hint: Any, given: Any) -> Any:
    """Return one value as it must be. Raises `UsageError`."""
    kind = _without_none(hint)
    if get_origin(kind) is tuple:
        if not isinstance(given, list):
            raise UsageError(f"{name} must be a list")
        return tuple(value_of(name, get_args(kind)[0], each) for each in given)
    if kind in _READERS:
        found = _READERS[kind](name, given)
        if found is None:
            raise UsageError(f"{name} is {shown(given)}, but must be {_MUST_BE[kind]}")
        return found
    if is_dataclass(kind) and isinstance(kind, type):
        return _named(name, lambda: kind(**values_of(given, hints_of(kind))))
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        raise UsageError(f"{name} is {shown(given)}, which it can't be") from error


def _named(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}") from error


def _without_none(hint: Any) -> Any:
    """Return what a value that is there must be."""
    if get_origin(hint) in (Union, types.UnionType):
        [only] = [each for each in get_args(hint) if each is not type(None)]
        return only
    return hint


def _switch(_name: str, given: Any) -> bool | None:
    return given if isinstance(given, bool) else None


def _text(name: str, given: Any) -> str | None:
    if name == "gpus" and isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return given if isinstance(given, str) else None


def _whole(name: str, given: Any) -> int | None:
    if isinstance(given, str) and name in _SIZES:
        return sizes.parse(given)
    if isinstance(given, str) and name in _LENGTHS:
        return limits.parse_length(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _number(_name: str, given: Any) -> float | None:
    return float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else None


def _moment(_name: str, given: Any) -> datetime | None:
    if isinstance(given, str):
        return limits.parse_moment(given)
    if isinstance(given, datetime):
        return limits.in_utc(given)
    return datetime(given.year, given.month, given.day, tzinfo=UTC) if isinstance(given, date) else None


def _volume(_name: str, given: Any) -> Volume | None:
    return policy.parse_volume(given) if isinstance(given, str) else None


_READERS: dict[Any, Callable[[str, Any], Any]] = {
    bool: _switch, str: _text, int: _whole, float: _number, datetime: _moment, Volume: _volume,
}  # fmt: skip
_MUST_BE = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    datetime: "a date",
    Volume: "a text like /source:/target:ro",
}
