"""The way out, shared by all threads: one lock around sealing and queueing.

A nonce is used once, and packets go out in the order of their nonces, whichever thread sends. The transport's own
thread sends at the end of its turn; any other sends at once, and leaves to the loop what the socket does not take.
"""

import socket
import threading
from collections.abc import Callable

from paramiko.ssh_exception import SSHException

from srctl.tunnel.pump.buffers import Outbox
from srctl.tunnel.pump.codec import Sealer

FULL, ROOMY = 512 << 10, 128 << 10
"""Bytes in the queue above which no more data is taken, and below which it is again."""

MOST = 32 << 20
"""Bytes in the queue that only a hostile server can bring about."""


class Outgoing:
    """Packets on their way to the server."""

    def __init__(self, sock: socket.socket, wake: Callable[[], None]) -> None:
        """`wake` ends the loop's present wait."""
        self.packets = self.bytes = 0
        """Sealed under the present key."""
        self.size = 0
        """Bytes that wait."""
        self._sealer: Sealer | None = None
        self._sock = sock
        self._wake = wake
        self._thread: int | None = None
        self._outbox = Outbox()
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._waiters = 0
        self._over = False

    def belong(self, thread: int) -> None:
        """Name the thread that turns the loop."""
        self._thread = thread

    def change(self, sealer: Sealer | None) -> None:
        """Switch to another key; `None` while paramiko makes the packets."""
        with self._lock:
            self._sealer = sealer
            self.packets = self.bytes = 0

    def seal(self, head: bytes, body: bytes | memoryview = b"") -> bool:
        """Queue the packet with this payload, from any thread; whether there is a key to do so.

        Raises `EOFError` when the connection is broken.
        """
        with self._lock:
            if self._sealer is None:
                return False
            packet = self._sealer.seal(head, body)
            self.packets += 1
            self.bytes += len(packet)
            self._outbox.put(packet)
            self.size = self._outbox.size
            if self.size > FULL or threading.get_ident() != self._thread:
                self._send()
            return True

    def put(self, packet: bytes) -> None:
        """Queue a packet that is made already, from any thread. Raises `EOFError` when the connection is broken."""
        with self._lock:
            self._outbox.put(packet)
            self.size = self._outbox.size
            if threading.get_ident() != self._thread:
                self._send()

    def flush(self) -> int:
        """Send what the socket takes now; return how many bytes still wait. For the thread that turns the loop.

        Raises `OSError` when the connection is broken, `SSHException` when the server takes nothing in.
        """
        with self._lock:
            self._outbox.flush(self._sock)
            self.size = waiting = self._outbox.size
            if self._waiters and waiting <= FULL:
                self._room.notify_all()
        if waiting > MOST:
            raise SSHException("the server takes nothing in")
        return waiting

    def wait_for_room(self, patience: float) -> bool:
        """Wait until the queue is not full; whether it is so. For other threads than the one that turns the loop."""
        with self._lock:
            self._waiters += 1
            try:
                return self._room.wait_for(lambda: self._over or self.size <= FULL, patience)
            finally:
                self._waiters -= 1

    def end(self) -> None:
        """Let nobody wait any more."""
        with self._lock:
            self._over = True
            self._room.notify_all()

    def _send(self) -> None:
        if self._over:
            raise EOFError
        try:
            self._outbox.flush(self._sock)
        except OSError as error:
            raise EOFError from error
        self.size = self._outbox.size
        if self.size:
            self._wake()
