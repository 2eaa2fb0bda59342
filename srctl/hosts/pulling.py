"""Pull an image: how far each layer is, what goes wrong in a person's words, and an end as soon as it is given up.

An engine says nothing while it looks for a registry that is away, so whoever waits does not wait for the engine
itself: a thread of its own reads what it says.
"""

import re
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, Self

from srctl.clock import Closing
from srctl.errors import (
    InterruptedByUserError,
    NotAllowedError,
    NotFoundError,
    SrctlError,
    UnreachableError,
    UsageError,
)
from srctl.hosts import parse
from srctl.hosts.events import Pieces
from srctl.hosts.faults import plain, translated
from srctl.models import Host
from srctl.needs import ProgressCallback

_LOGIN_WANTED = re.compile(r"no basic auth credentials|unauthorized|authentication required")
_REGISTRY_AWAY = re.compile(r"dial tcp|lookup |i/o timeout|connection refused|TLS handshake|request canceled")

Event = dict[str, Any]


def pull(
    begin: Callable[[], Pieces[Event]], host: Host, reference: str, progress: ProgressCallback, closing: Closing
) -> None:
    """Follow a pull to its end. `begin` asks the engine for it. Raises what went wrong."""
    try:
        failure = None
        with _Reading(begin) as events, closing(events.close):
            for event in events:
                failure = failure or event.get("error")
                with translated(host):
                    step = parse.pull_progress(event)
                progress(step)
        if failure:
            raise SrctlError(plain(str(failure)))
    except (UnreachableError, UsageError, InterruptedByUserError):
        raise
    except SrctlError as error:
        raise _pull_error(reference, host.name, error) from error


class _Reading:
    """Yields the events of a pull, until its end or until another thread closes it, which the engine then gives up."""

    def __init__(self, begin: Callable[[], Pieces[Event]]) -> None:
        self._begin = begin
        self._events: SimpleQueue[Event | Exception | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._stream: Pieces[Event] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._read, name="srctl-pull", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        """Wait for what comes. Raises what the engine answers, and `SrctlError` when it is closed before its end."""
        while (event := self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event
        if self._closed:
            raise SrctlError("The pull was given up")

    def close(self) -> None:
        """Wait no longer."""
        with self._lock:
            self._closed = True
            stream = self._stream
        self._events.put(None)
        if stream is not None:
            stream.close()

    def _read(self) -> None:
        try:
            stream = self._begin()
            with self._lock:
                self._stream, closed = stream, self._closed
            if closed:
                stream.close()
            for event in stream:
                self._events.put(event)
        except Exception as error:  # it is raised where somebody waits
            self._events.put(error)
        self._events.put(None)


def _pull_error(reference: str, host: str, error: SrctlError) -> SrctlError:
    text = error.message.removeprefix("Docker says: ")
    if "no space left on device" in text:
        return SrctlError(f"The disk of {host} is full: {reference} can't be pulled", "docker system prune makes room")
    if _REGISTRY_AWAY.search(text):
        return UnreachableError(f"{host} can't reach the registry of {reference}: {text}", "Is the registry up?")
    said = f"{reference} can't be pulled to {host}: {text}"
    login = f"docker login {_registry(reference)}".rstrip()
    if _LOGIN_WANTED.search(text):
        return NotAllowedError(said, f"Log in from this machine: {login}")
    if isinstance(error, NotFoundError) or re.search("not found|manifest unknown|access denied", text):
        return NotFoundError(said, f"Check the name; for a private registry: {login}")
    return SrctlError(said)


def _registry(reference: str) -> str:
    """Return the registry that an image reference names, empty for Docker's own."""
    first, slash, _ = reference.partition("/")
    return first if slash and (re.search("[.:]", first) or first == "localhost") else ""
