"""A port forward: a listening socket here leads to an endpoint as the SSH host sees it.

The listener comes bound, so that its port is certain before anything is started. One refused connection never stops
the others. When the SSH connection is lost the forward ends and says why; whether to try again is not decided here.
"""

import contextlib
import selectors
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from srctl.errors import SrctlError
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.relay import Relay, reset

MOST_CONNECTIONS = 512
"""Connections at a time; further ones wait in the listener's queue."""


@dataclass(frozen=True, slots=True)
class ForwardStats:
    """Numbers of a forward so far. `bytes_in` came from the host, `bytes_out` went to it."""

    connections: int
    connections_total: int
    bytes_in: int
    bytes_out: int
    last_error: str | None


class Forward:
    """Forwards from construction until `close` or the loss of the SSH connection."""

    def __init__(self, listener: socket.socket, connection: SSHConnection, address: str, port: int) -> None:
        """Take over `listener` and forward to `address`:`port`. Raises `ConnectionLostError`."""
        self.local_port: int = listener.getsockname()[1]
        self.cause: str | None = None
        """Why the forward is down."""
        self._listener = listener
        self._connection = connection
        self._endpoint = (address, port)
        self._lock = threading.Lock()
        self._live: dict[socket.socket, Relay | None] = {}
        self._threads: set[threading.Thread] = set()
        self._total = self._in = self._out = 0
        self._last_error: str | None = None
        self._stopping = False
        self._wake, self._woken = socket.socketpair()
        self._over = threading.Event()
        connection.hurry()
        self._forget = connection.when_lost(self._lost)
        self._acceptor = threading.Thread(target=self._accept, name="srctl-forward", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        """Return the forward; it closes at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the forward."""
        self.close()

    @property
    def state(self) -> str:
        """`up`, `down` (the SSH connection is lost, see `cause`) or `closed`."""
        if self.cause is not None:
            return "down"
        return "closed" if self._stopping else "up"

    @property
    def stats(self) -> ForwardStats:
        """The numbers so far."""
        with self._lock:
            return ForwardStats(len(self._live), self._total, self._in, self._out, self._last_error)

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait until the forward is over, for `timeout` seconds at most; return whether it is."""
        return self._over.wait(timeout)

    def close(self) -> None:
        """Stop listening, reset what is open and wait for the threads. The SSH connection stays."""
        self._forget()
        self._stop()
        self._acceptor.join()
        deadline = time.monotonic() + 5.0
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _lost(self) -> None:
        self.cause = self._connection.cause or "the SSH connection is lost"
        self._last_error = self.cause
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener, self._wake, self._woken:
            self._listener.setblocking(False)
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stopping:
                selector.select()
                if not self._stopping:
                    self._accept_one()
        with self._lock:
            live = list(self._live.items())
        for local, relay in live:
            if relay is None:
                reset(local)
            else:
                relay.abort()
        self._over.set()

    def _accept_one(self) -> None:
        try:
            local, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # too many open files: others may end soon
            self._last_error = f"a connection could not be accepted: {error.strerror}"
            time.sleep(0.1)
            return
        local.setblocking(True)
        with contextlib.suppress(OSError):
            local.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=self._serve, args=(local,), name="srctl-forward-down", daemon=True)
        with self._lock:
            self._live[local] = None
            self._threads.add(thread)
            self._total += 1
        thread.start()
        while len(self._live) >= MOST_CONNECTIONS and not self._stopping:
            time.sleep(0.02)

    def _serve(self, local: socket.socket) -> None:
        try:
            channel = self._connection.open_tcp(*self._endpoint)
        except SrctlError as error:
            self._last_error = error.message
            reset(local)
        else:
            relay = Relay(local, channel, self._count)
            with self._lock:
                self._live[local] = relay
            if self._stopping:
                relay.abort()
            relay.run()
        finally:
            with self._lock:
                self._live.pop(local, None)
                self._threads.discard(threading.current_thread())

    def _count(self, received: int, sent: int) -> None:
        with self._lock:
            self._in += received
            self._out += sent
