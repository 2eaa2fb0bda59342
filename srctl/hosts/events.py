"""What an engine streams, such as what happens to containers: pieces that another thread can put an end to."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from srctl.hosts import parse

WORDS = ("start", "die", "destroy")
"""The events of one container that are asked for, by the engine's names."""

CHANGES = (*WORDS, "create", "pause", "unpause")
"""Those of many, after which a list of them differs."""

T = TypeVar("T")


def labelled(labels: Mapping[str, str]) -> list[str]:
    """Return the filter for what carries all these labels."""
    return [f"{name}={value}" for name, value in labels.items()]


class Pieces(Generic[T]):
    """Yields what the engine streams, until its end, or until it is closed: by whatever thread."""

    def __init__(self, stream: Any, pieces: Iterator[T]) -> None:
        """`stream` is what the SDK returned, and `pieces` what it brings with failures translated."""
        self._stream = stream
        self._pieces = pieces

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> T:
        """Wait for the next piece. Raises `UnreachableError` for a stream that breaks."""
        return next(self._pieces)

    def close(self) -> None:
        """End the stream; whoever waits for it sees its end."""
        with suppress(Exception):  # it may have ended in any way
            self._stream.close()


class Events(Pieces[Any]):
    """Yields words as the engine tells them."""

    def __next__(self) -> str:
        """Wait for the next word. Raises `UnreachableError`."""
        return parse.field(super().__next__(), "Action")
