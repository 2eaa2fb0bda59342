"""What streams need of the connection that carries them, and where they count."""

from dataclasses import dataclass
from typing import Protocol

from srctl.tunnel.pump.flow import Budget
from srctl.tunnel.pump.loop import Loop


@dataclass(slots=True)
class Tally:
    """Counts of a forward. `bytes_in` came from the host, `bytes_out` went to it."""

    connections: int = 0
    connections_total: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    last_error: str | None = None


class Wire(Protocol):
    """What streams need of the connection."""

    loop: Loop
    budget: Budget
    scratch: memoryview
    """Room for reading from local sockets, used up before the next read."""
    paused: bool
    """Whether the connection takes no more data for now."""
    round_trip: float
    """Seconds."""

    def send(self, head: bytes, body: bytes | memoryview = b"") -> None:
        """Send a message, or hold it back during a key exchange."""
