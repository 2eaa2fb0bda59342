"""What an engine tells about one container, once a second: a stream that another thread can close."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from srctl.hosts import parse
from srctl.hosts.faults import translated
from srctl.hosts.parse import NotAnEngineError
from srctl.hosts.sdk import docker
from srctl.models import Host, Usage

LONGEST = 1 << 20
"""Bytes of a line; on a machine with hundreds of cores it has some tens of thousands."""

_PIECE = 1 << 16


class Stats:
    """Yields a `Usage` as the engine tells it, until it is closed or its connection ends."""

    def __init__(self, host: Host, container_id: str, response: Any) -> None:
        """`response` is the engine's answer, whose body comes line by line."""
        self._host = host
        self._container_id = container_id
        self._response = response
        self._lines = self._read()
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Usage]:
        """Return itself."""
        return self

    def __next__(self) -> Usage:
        """Wait for the next one. Raises `UnreachableError`."""
        try:
            with translated(self._host):
                return parse.usage(self._container_id, _object(next(self._lines)))
        except StopIteration:
            self.close()
            raise
        except Exception:
            if self._closed.is_set():
                raise StopIteration from None
            self.close()
            raise

    def close(self) -> None:
        """End the stream; whoever waits for it sees its end."""
        if self._closed.is_set():
            return
        self._closed.set()
        with suppress(Exception):  # it may have ended in any way; who waits in it is to be woken first
            docker.types.daemon.CancellableStream(iter(()), self._response).close()
        with suppress(Exception):
            self._response.close()

    def _read(self) -> Iterator[bytes]:
        pending = b""
        for piece in self._response.raw.stream(_PIECE, decode_content=False):
            *lines, pending = (pending + piece).split(b"\n")
            if max(map(len, (*lines, pending))) > LONGEST:
                raise NotAnEngineError
            yield from filter(None, lines)


def _object(line: bytes) -> Any:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotAnEngineError from error
    if not isinstance(found, dict):
        raise NotAnEngineError
    return found
