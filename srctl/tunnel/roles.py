"""What a supervised tunnel is put together from, as it sees its parts, and how fast it tries things again.

The parts come from elsewhere: edges do not import each other, so what the engine knows is handed in.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from srctl.models import Endpoint, Standing
from srctl.tunnel.lookout import Stream
from srctl.tunnel.waiting import PATIENCE

SWITCH_INTERVAL = 0.0002
"""Seconds that a busy Python thread may keep the one that forwards from running, for `sys.setswitchinterval`."""


class Numbers(Protocol):
    """What went through a forward."""

    connections: int
    connections_total: int
    bytes_in: int
    bytes_out: int
    last_error: str | None


def counted(standing: Standing, stats: Numbers, *, over: bool = False) -> Standing:
    """Return the standing with a forward's numbers added; those of one that is over have no open connections."""
    return replace(
        standing,
        connections=0 if over else stats.connections,
        connections_total=standing.connections_total + stats.connections_total,
        bytes_in=standing.bytes_in + stats.bytes_in,
        bytes_out=standing.bytes_out + stats.bytes_out,
        last_error=standing.last_error if over else stats.last_error or standing.last_error,
    )


class Leading(Protocol):
    """A forward on one live SSH connection, as `Forward` is."""

    @property
    def state(self) -> str:
        """`up`, `down` or `closed`."""

    @property
    def cause(self) -> str | None:
        """Why it is down."""

    @property
    def stats(self) -> Any:
        """Its `Numbers`."""

    def close(self) -> None:
        """End it and its connections; the listener stays."""


class Link(Protocol):
    """An SSH connection that can be made anew, as `SSHConnection` is."""

    @property
    def alive(self) -> bool:
        """Whether it is up."""

    @property
    def cause(self) -> str | None:
        """Why it is not."""

    def when_lost(self, call: Callable[[], None], /) -> Callable[[], None]:
        """Have a call made when it ends; return what takes that back."""

    def reconnect(self) -> None:
        """Log in again without asking anybody. Raises `UnreachableError`."""


class Whereabouts(Protocol):
    """What the engine knows of the session."""

    def locate(self) -> Endpoint:
        """Return where it listens.

        Raises `SessionEndedError` for a container that has stopped, `NotFoundError` for one that is gone,
        `UnreachableError` when nobody answers and other errors when that can't be said yet.
        """

    def events(self) -> Stream:
        """Open a stream of what happens to its container."""


Lead = Callable[[socket.socket, Endpoint, Sequence[socket.socket]], Leading]
"""Makes a forward from the listener to the endpoint that also serves connections accepted before."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things are tried again, in seconds."""

    pauses: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)
    login: float = 30.0
    """Between two logins that the server refuses: it must not be hammered."""
    grace: float = 3.0
    """For a container that stopped to be started again, as a restart does."""
    engine: float = 10.0
    """For the engine to say where the session is."""
    patience: float = PATIENCE
    """For a connection that waits."""
