"""Streams beside a wire that only notes what it is asked to do: how much is done for one connection."""

import socket
from collections.abc import Iterator

import pytest

from srctl.tunnel.pump import messages
from srctl.tunnel.pump.flow import Budget
from srctl.tunnel.pump.loop import Call, Loop
from srctl.tunnel.pump.streams import FIRST_NUMBER, Door, Streams

REMOTE = 7
OPEN = 90


class CountingLoop(Loop):
    """Notes each change of what a socket is watched for."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, int]] = []
        super().__init__()
        self.changes.clear()

    def watch(self, sock: socket.socket, before: int, now: int, call: Call) -> None:
        """Note it and do it."""
        if before != now:
            self.changes.append((before, now))
        super().watch(sock, before, now, call)


class NotingWire:
    """Notes the type of each message."""

    def __init__(self) -> None:
        loop = CountingLoop()
        self.loop: Loop = loop
        self.changes = loop.changes
        self.budget = Budget()
        self.scratch = memoryview(bytearray(4096))
        self.paused = False
        self.round_trip = 0.05
        self.sent: list[int] = []

    def send(self, head: bytes, body: bytes | memoryview = b"") -> None:  # noqa: ARG002  the types are enough
        """Note it."""
        self.sent.append(head[0])


@pytest.fixture
def wire() -> Iterator[NotingWire]:
    wire = NotingWire()
    yield wire
    wire.loop.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_short_connection_is_watched_once_and_costs_four_messages(wire: NotingWire, listener: socket.socket) -> None:
    streams = Streams(wire)
    streams.listen(Door(listener, ("127.0.0.1", 80)))
    wire.changes.clear()
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"a question")
        wire.loop.turn(5)
        said(streams, messages.OPEN_CONFIRMATION, REMOTE, 1 << 20, 32768)
        said(streams, messages.DATA, 6, body=b"answer")
        assert client.recv(6) == b"answer"
    wire.loop.turn(5)
    said(streams, messages.EOF)
    said(streams, messages.CLOSE)
    assert wire.sent == [OPEN, messages.DATA, messages.EOF, messages.CLOSE]
    assert len(wire.changes) == 2


def test_what_a_listener_accepts_sends_small_packets_at_once(wire: NotingWire, listener: socket.socket) -> None:
    streams, door = Streams(wire), Door(listener, ("127.0.0.1", 80))
    streams.listen(door)
    streams.shut(door)
    with socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def said(streams: Streams, kind: int, *numbers: int, body: bytes = b"") -> None:
    """Have the server say something to the first stream."""
    head = bytes((kind,)) + b"".join(number.to_bytes(4, "big") for number in (FIRST_NUMBER, *numbers))
    assert streams.receive(memoryview(head + body))
    streams.deliver()
