"""Copies one forwarded connection both ways between a local socket and an SSH channel.

Each direction ends by itself (half-close) and blocks when its far side is slow, so nothing piles up but the channel's
window. A reset on one side reaches the other at once; data that may be missing is shown as a reset, never as an end.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from srctl.tunnel.channel import Channel

_CHUNK = 128 * 1024


class Relay:
    """One connection. `run` returns when it is over; `abort` ends it from any thread."""

    def __init__(self, local: socket.socket, channel: Channel, count: Callable[[int, int], None]) -> None:
        """`count(received, sent)` is called with numbers of bytes as they pass."""
        self._local = local
        self._channel = channel
        self._count = count
        self._delivering = False

    def run(self) -> None:
        """Copy until both directions have ended; closes the socket and the channel."""
        upwards = threading.Thread(target=self._upwards, name="srctl-forward-up", daemon=True)
        upwards.start()
        try:
            self._downwards()
        finally:
            upwards.join()
            self._channel.close()
            self._local.close()

    def abort(self) -> None:
        """Reset the connection on both sides."""
        self._channel.close()
        if (
            self._delivering
        ):  # only ending both directions wakes a blocked send; what it has queued comes before the end
            _shut(self._local, socket.SHUT_RDWR)
        reset(self._local)

    def _upwards(self) -> None:
        try:
            while data := self._local.recv(_CHUNK):
                self._channel.sendall(data)
                self._count(0, len(data))
        except OSError:  # the local side was reset, or the channel takes no more
            self._channel.close()
        else:
            with contextlib.suppress(OSError):
                self._channel.shutdown_write()

    def _downwards(self) -> None:
        try:
            while data := self._channel.recv(_CHUNK):
                self._delivering = True
                self._local.sendall(data)
                self._delivering = False
                self._count(len(data), 0)
        except OSError:  # nobody reads any more
            self._channel.close()
            _shut(self._local, socket.SHUT_RDWR)
            return
        if not self._channel.ended_cleanly:
            self.abort()
            return
        _shut(self._local, socket.SHUT_WR)
        self._channel.status_event.wait()  # set when the channel is closed, by either side
        _shut(self._local, socket.SHUT_RDWR)


def reset(local: socket.socket) -> None:
    """End a connection so that its peer sees a reset, and wake the threads that wait on it."""
    with contextlib.suppress(OSError):
        linger = "hh" if hasattr(socket, "SO_EXCLUSIVEADDRUSE") else "ii"  # Windows has its own struct linger
        local.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(linger, 1, 0))
    _shut(local, socket.SHUT_RD)
    local.close()


def _shut(local: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        local.shutdown(how)
