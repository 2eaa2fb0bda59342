"""Whether a value is of the types that its class says: for what comes from code that is not ours.

Python does not ask. A flag that is the text "no" would count as set, and a list that is made while it is read would be
empty the second time.
"""

import types
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from srctl.models import Limits


def misfits(value: Any, kind: Any, place: str) -> Iterator[str]:
    """Yield what in a value is not of its type, and where; of equal policies one is looked at."""
    return _misfits(value, kind, place, set())


def _misfits(value: Any, kind: Any, place: str, known: set[Any]) -> Iterator[str]:
    if get_origin(kind) is tuple:
        if type(value) is not tuple:
            yield _said(value, place)
            return
        for number, each in enumerate(value, 1):
            yield from _misfits(each, get_args(kind)[0], f"{place} {number}", known)
    elif not _fits(value, kind):
        yield _said(value, place)
    elif not (isinstance(value, Limits) and value in known):
        own: type = type(value)
        for name, hint in _hints(own).items():
            yield from _misfits(getattr(value, name), hint, f"{place} {name}", known)
        if isinstance(value, Limits):
            known.add(value)


def _said(value: Any, place: str) -> str:
    return f"{place}: {type(value).__name__}"


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) in (Union, types.UnionType):
        return any(_fits(value, each) for each in get_args(kind))
    if kind is float:
        return type(value) in (int, float)
    return type(value) is kind if kind is int else isinstance(value, kind)  # a switch is no number


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the types of the fields of a class of ours; nothing for what has none."""
    return get_type_hints(kind) if is_dataclass(kind) or hasattr(kind, "_fields") else {}
