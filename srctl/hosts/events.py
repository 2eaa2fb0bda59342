"""What an engine tells about containers: a stream that another thread can close."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from srctl.hosts import parse

WORDS = ("start", "die", "destroy")
"""The events of one container that are asked for, by the engine's names."""

CHANGES = (*WORDS, "create", "pause", "unpause")
"""Those of many, after which a list of them differs."""


def labelled(labels: Mapping[str, str]) -> list[str]:
    """Return the filter for what carries all these labels."""
    return [f"{name}={value}" for name, value in labels.items()]


class Events:
    """Yields words as the engine tells them, until the stream is closed or its connection ends."""

    def __init__(self, stream: Any, pieces: Iterator[Any]) -> None:
        """`stream` is what the SDK returned, and `pieces` what it brings with failures translated."""
        self._stream = stream
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Wait for the next word. Raises `UnreachableError`."""
        return parse.field(next(self._pieces), "Action")

    def close(self) -> None:
        """End the stream; whoever waits for it sees its end, or a failure."""
        with suppress(Exception):  # it may have ended in any way
            self._stream.close()
