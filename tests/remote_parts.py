"""The far end of an api channel for tests of rules: what it says is given, and what it was told is noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from srctl import wire
from srctl.calls import PROTOCOL
from srctl.models import Host
from srctl.remote import GatewayHost
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.errors import ChannelRefusedError
from srctl.tunnel.remote import Remote, Speech

HELLO = {"srctl": "9.9", "protocol": PROTOCOL, "user": "ann", "admin": False}
SPEECH = Speech("1.0", PROTOCOL, wire.load_error)
LAB = Host("lab", "gateway://srctl@lab.example.org", "config")

Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]
"""Gives what is said about a request, without its id."""


@dataclass
class FarEnd:
    """A channel. With `answer` each request is answered; `said` is what comes whatever is asked."""

    said: bytes
    answer: Answer | None = None
    closed: bool = False
    told: list[dict[str, Any]] = field(default_factory=list)
    complaint: bytes = b""

    @property
    def eof_received(self) -> bool:
        return self.answer is None and not self.said

    def settimeout(self, _patience: float | None) -> None:
        """Nobody waits here."""

    def sendall(self, line: bytes) -> None:
        message = json.loads(line)
        self.told.append(message)
        if self.answer is not None and "call" in message:
            for said in self.answer(message):
                self.said += json.dumps({"id": message["id"]} | said).encode() + b"\n"

    def recv_ready(self) -> bool:
        return bool(self.said)

    def recv(self, count: int) -> bytes:
        piece, self.said = self.said[: min(count, 7000)], self.said[min(count, 7000) :]
        if not piece and self.answer is not None:
            raise TimeoutError
        return piece

    def recv_stderr_ready(self) -> bool:
        return bool(self.complaint)

    def recv_stderr(self, count: int) -> bytes:
        piece, self.complaint = self.complaint[:count], self.complaint[count:]
        return piece

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeLink:
    """An SSH connection whose channels are made by `make`."""

    make: Callable[[], FarEnd]
    alive: bool = True
    key: bytes | None = None
    channels: list[FarEnd] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """Why forwards are refused, one after another; then they are not."""
    logins: list[FakeLink] = field(default_factory=list)

    def open_tcp(self, address: str, port: int) -> FarEnd:
        if self.refusals:
            raise ChannelRefusedError("no", reason=self.refusals.pop(0))
        return FarEnd(f"{address}:{port}".encode())

    def reconnect(self) -> None:
        """Log in again if need be."""
        self.alive = True

    def again(self) -> FakeLink:
        """Log in once more; later logins are refused what is left of the refusals."""
        self.logins.append(FakeLink(self.make, refusals=self.refusals))
        return self.logins[-1]

    def __str__(self) -> str:
        return "srctl@lab.example.org"

    def exec(self, command: str) -> FarEnd:
        assert command == "api"
        self.channels.append(self.make())
        return self.channels[-1]

    def close(self) -> None:
        self.alive = False


def line(message: Any) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(message).encode() + b"\n"


def answering(answer: Answer, hello: dict[str, Any] | None = None) -> FakeLink:
    """Return a link to a gateway that answers so."""
    return FakeLink(lambda: FarEnd(line(hello or HELLO), answer))


def saying(*said: bytes) -> FakeLink:
    """Return a link to something that says so, and hangs up."""
    return FakeLink(lambda: FarEnd(b"".join(said)))


def remote(link: FakeLink) -> Remote:
    """Return the client's end."""
    return Remote(cast("SSHConnection", link), SPEECH, "lab")


def gateway(link: FakeLink) -> GatewayHost:
    """Return a gateway as the wiring sees it."""
    return GatewayHost(LAB, lambda: remote(link))
