"""Channels, and which of them are asked for ahead: in one flight with the login, before its answer is known.

That saves the first of them a round trip. Where the login fails, OpenSSH answers UNIMPLEMENTED to what came too early,
and goes on; others hang up (Dropbear), or do even where it succeeds (AsyncSSH), so they are not asked ahead. It is done
once in a connection, behind the first key that is offered with a signature.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from srctl.tunnel.channel import Channel

    Requested = tuple[Channel, threading.Event]
    """A channel that the server was asked for, and what is set when it has answered."""

_PATIENT = "SSH-2.0-OpenSSH_"
"""How servers introduce themselves that can be asked ahead."""


class Opening(NamedTuple):
    """A channel to ask for; `payload` is what follows the packet size in CHANNEL_OPEN (RFC 4254, section 5.1)."""

    kind: str
    payload: bytes
    errand: bool = False
    """Whether it has done its work when a command has been started in it; nobody reads from it."""


ERRAND = Opening("session", b"", errand=True)
"""A command that is started only because sshd then lets small packets travel at once (`Transport.hurry`)."""


class Ahead:
    """The channels of one connection that are `wanted` soon, and those that were asked for before they were needed."""

    def __init__(self, request: "Callable[[Opening], Requested]", forget: "Callable[[Channel], None]") -> None:
        """`request` asks the server for a channel, `forget` gives up one of which the server knows nothing."""
        self.wanted: tuple[Opening, ...] = ()
        self._request, self._forget = request, forget
        self._requested: dict[Opening, Requested] = {}

    def ask(self, server: str) -> None:
        """Ask for what is wanted if the server, which introduced itself so, can stand it; only the first time."""
        wanted, self.wanted = self.wanted, ()
        if server.startswith(_PATIENT):
            self._requested = {wish: self._request(wish) for wish in wanted}

    def forget(self) -> None:
        """Forget what was asked for: the login failed, and the server has not looked at it."""
        while self._requested:
            channel, _ = self._requested.popitem()[1]
            self._forget(channel)

    def take(self, wish: Opening) -> "Requested | None":
        """Return the channel for a wish if there is one, once; one that has ended meanwhile is of no use."""
        requested = self._requested.pop(wish, None)
        if requested is None or wish.errand:
            return requested
        channel, _ = requested
        if channel.refusal or channel.closed or channel.eof_received:
            channel.close()
            return None
        return requested


def session() -> Opening:
    """Return a channel for a command (RFC 4254, section 6.1)."""
    return Opening("session", b"")


def streamlocal(path: str) -> Opening:
    """Return a channel to a unix socket on the host (`direct-streamlocal@openssh.com`, OpenSSH's PROTOCOL, 2.4)."""
    return Opening("direct-streamlocal@openssh.com", _string(path.encode()) + _string(b"") + _number(0))


def tcp(address: str, port: int) -> Opening:
    """Return a channel to a TCP port as the host sees it (`direct-tcpip`, RFC 4254, section 7.2)."""
    payload = _string(address.encode()) + _number(port) + _string(b"127.0.0.1") + _number(0)
    return Opening("direct-tcpip", payload)


def _string(value: bytes) -> bytes:
    return _number(len(value)) + value


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")
