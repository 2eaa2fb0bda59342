"""Connections that wait while a tunnel is down: accepted, held for a while, and handed over when it is up again.

A browser that reloads during an outage of a second or two then sees a slow page, not an error. Nothing is read from
them, so nothing is lost. One that waits too long is reset, one that its client gave up is dropped.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from srctl.tunnel.reset import reset_on_close

PATIENCE = 10.0
"""Seconds that a connection is held."""

MOST_HELD = 128
"""Connections held at a time; further ones wait in the listener's queue."""


@dataclass(eq=False, slots=True)
class Held:
    """A connection that waits, until a moment of the monotonic clock."""

    connection: socket.socket
    until: float


class WaitingRoom:
    """Accepts from `listener` until `take` or `close`, and holds what it accepts; the listener stays open."""

    def __init__(self, listener: socket.socket, held: Iterable[Held] = (), patience: float = PATIENCE) -> None:
        self._listener = listener
        self._held = list(held)
        self._patience = patience
        self._wake, self._woken = socket.socketpair()
        self._over = False
        listener.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="srctl-waiting", daemon=True)
        self._thread.start()

    def take(self) -> list[Held]:
        """Stop, and return who waits, in the order in which they came. The sockets do not block."""
        self._over = True
        with contextlib.suppress(OSError):
            self._wake.send(b"x")
        self._thread.join()
        held, self._held = self._held, []
        return held

    def close(self) -> None:
        """Stop, and reset who waits."""
        for each in self.take():
            reset_on_close(each.connection)
            each.connection.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._wake, self._woken:
            selector.register(self._woken, selectors.EVENT_READ)
            for each in self._held:
                selector.register(each.connection, selectors.EVENT_READ, each)
            listening = False
            while not self._over:
                if listening != (len(self._held) < MOST_HELD):
                    listening = not listening
                    _set(selector, self._listener, on=listening)
                for key, _ in selector.select(self._pause()):
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    elif isinstance(key.data, Held):
                        self._look(selector, key.data)
                self._expire(selector)

    def _pause(self) -> float | None:
        """Return the seconds until the first one has waited too long."""
        return max(0.0, min(each.until for each in self._held) - time.monotonic()) if self._held else None

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:  # too many open files, or the listener was closed
            time.sleep(0.05)
            return
        connection.setblocking(False)
        held = Held(connection, time.monotonic() + self._patience)
        self._held.append(held)
        selector.register(connection, selectors.EVENT_READ, held)

    def _look(self, selector: selectors.BaseSelector, held: Held) -> None:
        """Drop a connection that has ended; one that has sent something is left alone from now on."""
        try:
            gone = not held.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        selector.unregister(held.connection)
        if gone:
            self._held.remove(held)
            held.connection.close()

    def _expire(self, selector: selectors.BaseSelector) -> None:
        now = time.monotonic()
        for held in [each for each in self._held if each.until <= now]:
            self._held.remove(held)
            with contextlib.suppress(KeyError):
                selector.unregister(held.connection)
            reset_on_close(held.connection)
            held.connection.close()


def _set(selector: selectors.BaseSelector, listener: socket.socket, *, on: bool) -> None:
    if on:
        selector.register(listener, selectors.EVENT_READ)
    else:
        selector.unregister(listener)
