"""Models as plain JSON values and back, where what comes back may be anything: types are checked, not trusted."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

_LONGEST = 4096
_MOST = 2**63


def to_plain(value: Any) -> Any:
    """Return a value made of dictionaries, texts, numbers and times as JSON has them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    return value


def from_plain(model: type[T], value: Any) -> T:
    """Return the model that a mapping describes, fields of models within it included.

    Raises `TypeError` and `ValueError` for everything that is not exactly of the types of its fields.
    """
    if not isinstance(value, Mapping):
        raise TypeError
    hints = typing.get_type_hints(model)
    known = {each.name for each in fields(model)}  # type: ignore[arg-type]
    if set(value) != known:
        raise ValueError("other fields")
    return model(**{name: _as(hints[name], value[name]) for name in known})


def _as(kind: Any, value: Any) -> Any:
    if isinstance(kind, types.UnionType):
        kinds = [each for each in typing.get_args(kind) if each is not types.NoneType]
        return None if value is None else _as(kinds[0], value)
    if is_dataclass(kind) and isinstance(kind, type):
        return from_plain(kind, value)
    if kind is datetime:
        return _time(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise TypeError
    if isinstance(value, str) and (len(value) > _LONGEST or "\0" in value):
        raise ValueError("too long")
    if isinstance(value, int) and not -_MOST <= value < _MOST:
        raise ValueError("too large")
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, str) or len(value) > 40:
        raise TypeError
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("no time zone")
    return time.astimezone(UTC)
