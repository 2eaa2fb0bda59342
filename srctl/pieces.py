"""What a stream brings through a gateway, piece by piece: bytes, words, or what containers take; both of its ends.

A piece travels as a text. What comes over the wire is hostile, so each is checked.
"""

import base64
import binascii
import json
from dataclasses import asdict, fields
from typing import Any, Protocol, Self

from srctl.errors import UnreachableError
from srctl.models import Usage
from srctl.wire import nonsense

_FIELDS = {each.name for each in fields(Usage)}
_MOST = 2**63


class Words(Protocol):
    """A stream of texts."""

    def __next__(self) -> str:
        """Wait for the next one."""

    def close(self) -> None:
        """End it; another thread may wait for it."""


class Usages:
    """A stream of what containers take, read from one of texts."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> Usage:
        """Wait for the next one. Raises what the gateway answers, and `UnreachableError`."""
        return load_usage(next(self._words))

    def close(self) -> None:
        """End it; another thread may wait for it."""
        self._words.close()


class Bytes:
    """A stream of bytes, read from one of texts."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Wait for the next piece. Raises what the gateway answers, and `UnreachableError`."""
        try:
            return load_bytes(next(self._words))
        except UnreachableError:
            self.close()
            raise

    def close(self) -> None:
        """End it; another thread may wait for it."""
        self._words.close()


def dump(piece: bytes | str | Usage) -> str:
    """Return a piece as the text that stands for it."""
    if isinstance(piece, str):
        return piece
    return json.dumps(asdict(piece)) if isinstance(piece, Usage) else base64.b64encode(piece).decode()


def load_bytes(piece: str) -> bytes:
    """Return the bytes that a text stands for. Raises `UnreachableError`."""
    try:
        return base64.b64decode(piece, validate=True)
    except (binascii.Error, ValueError) as error:
        raise nonsense("a piece of a log that is none") from error


def load_usage(piece: str) -> Usage:
    """Return what a container takes. Raises `UnreachableError`."""
    try:
        said = json.loads(piece)
    except (ValueError, RecursionError) as error:
        raise nonsense("a number that is none") from error
    if not isinstance(said, dict) or set(said) != _FIELDS or not isinstance(said["container_id"], str):
        raise nonsense("a number that is none")
    cpu, memory, limit = (_number(said[name]) for name in ("cpu", "memory", "limit"))
    return Usage(said["container_id"], cpu, *(None if each is None else int(each) for each in (memory, limit)))


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < _MOST:  # nor one that is no number at all
        raise nonsense("a number that is none")
    return float(value)
