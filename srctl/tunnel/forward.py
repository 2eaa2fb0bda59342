"""A port forward: a listening socket here leads to an endpoint as the SSH host sees it.

The listener comes bound, so that its port is certain before anything is started, and stays with whoever made it. The
connections themselves are served by the thread of the SSH connection (`pump/`). One refused connection never stops
the others. When the SSH connection is lost the forward ends and says why; whether to try again is not decided here.
"""

import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.errors import ConnectionLostError
from srctl.tunnel.pump.streams import MOST_STREAMS, Door

__all__ = ["MOST_STREAMS", "Forward", "ForwardStats"]


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

    def __init__(
        self,
        listener: socket.socket,
        connection: SSHConnection,
        address: str,
        port: int,
        waiting: Sequence[socket.socket] = (),
    ) -> None:
        """Forward what `listener` accepts to `address`:`port`, and first the sockets that are `waiting`.

        Raises `ConnectionLostError`; the sockets are then still the caller's.
        """
        self.local_port: int = listener.getsockname()[1]
        self.cause: str | None = None
        """Why the forward is down."""
        self._connection = connection
        self._door = Door(listener, (address, port))
        self._closing = False
        self._over = threading.Event()
        connection.hurry()
        self._pump = connection.transport.packetizer
        self._transport = connection.transport
        if not self._pump.call(lambda: self._pump.streams.listen(self._door, waiting)):
            raise ConnectionLostError(f"The SSH connection to {connection} is lost: {connection.cause}")
        self._forget = connection.when_lost(self._lost)

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
        return "closed" if self._closing else "up"

    @property
    def stats(self) -> ForwardStats:
        """The numbers so far."""
        tally = self._door.tally
        return ForwardStats(
            tally.connections, tally.connections_total, tally.bytes_in, tally.bytes_out, tally.last_error
        )

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait until the forward is over, for `timeout` seconds at most; return whether it is."""
        return self._over.wait(timeout)

    def close(self) -> None:
        """Stop accepting and reset what is open. The SSH connection and the listener stay."""
        self._closing = True
        self._forget()
        if threading.current_thread() is self._transport:
            self._shut()
        elif self._pump.call(self._shut):
            while not self._over.wait(0.5) and self._transport.is_alive():
                pass
        self._over.set()

    def _shut(self) -> None:
        self._pump.streams.shut(self._door)
        self._over.set()

    def _lost(self) -> None:
        self.cause = self._connection.cause or "the SSH connection is lost"
        self._over.set()
