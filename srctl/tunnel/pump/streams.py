"""All streams of a connection: gives them numbers, hands them their messages, and accepts what knocks.

Channel numbers from `FIRST_NUMBER` up are ours; below they are paramiko's. A message for a number that is not in use
ends the connection: after it nobody knows any more which bytes belong where.
"""

import contextlib
import itertools
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from paramiko.ssh_exception import SSHException

from srctl.tunnel.pump import messages
from srctl.tunnel.pump.loop import READ
from srctl.tunnel.pump.stream import PACKET, Stream
from srctl.tunnel.pump.wire import Tally, Wire

FIRST_NUMBER = 1 << 30

MOST_STREAMS = 400
"""Streams of one forward at a time; further connections wait in the listener's queue. Windows can watch 512 sockets."""

_AT_ONCE = 32


@dataclass(slots=True, eq=False)
class Door:
    """A listener that leads to an endpoint as the SSH host sees it. Whoever made the listener closes it."""

    listener: socket.socket
    endpoint: tuple[str, int]
    tally: Tally = field(default_factory=Tally)
    watched: int = 0


class Streams:
    """The table of streams and listeners. For the transport's thread only."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._numbers = itertools.count(FIRST_NUMBER)
        self._open: dict[int, Stream] = {}
        self._all: set[Stream] = set()
        self._doors: set[Door] = set()
        self._fresh: list[Stream] = []

    # -- from here

    def listen(self, door: Door, accepted: Iterable[socket.socket] = ()) -> None:
        """Begin to accept; connections that were `accepted` before come first."""
        door.listener.setblocking(False)
        _hasten(door.listener)  # what it accepts inherits that
        self._doors.add(door)
        for local in accepted:
            self.connect(local, door.endpoint, door.tally)
        self._attend(door)

    def shut(self, door: Door) -> None:
        """Stop accepting, and reset what came through."""
        if door in self._doors:
            self._doors.remove(door)
            self._watch(door, 0)
        for stream in [stream for stream in self._all if stream.tally is door.tally]:
            stream.abort()

    def connect(
        self,
        local: socket.socket,
        endpoint: tuple[str, int],
        tally: Tally,
        on_answer: Callable[[str | None], None] | None = None,
    ) -> None:
        """Lead one socket to an endpoint."""
        _hasten(local)
        self._begin(local, endpoint, tally, on_answer)

    def _begin(
        self,
        local: socket.socket,
        endpoint: tuple[str, int],
        tally: Tally,
        on_answer: Callable[[str | None], None] | None = None,
    ) -> None:
        local.setblocking(False)
        number = next(self._numbers)
        while number in self._open:
            number = next(self._numbers)
        stream = Stream(self._wire, local, number, tally)
        stream.on_answer = on_answer
        self._open[number] = stream
        self._all.add(stream)
        self._wire.send(messages.open_tcp(number, stream.window.left, PACKET, *endpoint))

    # -- from the server

    def receive(self, message: memoryview) -> bool:
        """Handle a message in the batch's memory if it is for a stream; `deliver` must follow before that is reused."""
        kind = message[0]
        if kind < messages.OPEN_CONFIRMATION or kind > messages.REQUEST or len(message) < messages.SHORTEST:
            return False
        number = messages.channel(message)
        if number < FIRST_NUMBER:
            return False
        stream = self._open.get(number)
        if stream is None:
            raise SSHException("a message came for a channel that there is not")
        if kind == messages.DATA:
            if not stream.arrived:
                self._fresh.append(stream)
            stream.receive(messages.data(message))
        else:
            self.deliver()
            self._control(stream, kind, message)
        return True

    def deliver(self) -> None:
        """Hand the batch to the local sockets."""
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            for stream in fresh:
                stream.deliver()

    def watch(self) -> None:
        """Watch every socket anew, because the connection has begun or ceased to take data."""
        for stream in self._all:
            stream.watch()

    def tick(self) -> None:
        """Do what time brings: end what lingers, forget what has ended, attend to doors again."""
        now = time.monotonic()
        for stream in list(self._all):
            if stream.deadline is not None and now > stream.deadline:
                stream.end_local()
            if stream.ended:
                self._all.remove(stream)
        for door in self._doors:
            self._attend(door)

    def end(self, problem: str) -> None:
        """Reset everything: the connection is over."""
        for door in self._doors:
            self._watch(door, 0)
            door.tally.last_error = problem
        for stream in self._all:
            stream.reset()
            if stream.on_answer is not None:
                stream.on_answer(problem)
        self._doors.clear()
        self._all.clear()
        self._open.clear()

    def _control(self, stream: Stream, kind: int, message: memoryview) -> None:
        if kind == messages.WINDOW_ADJUST:
            stream.adjust(messages.adjustment(message))
        elif kind == messages.OPEN_CONFIRMATION:
            stream.confirm(messages.confirmation(message))
        elif kind == messages.EOF:
            stream.end_of_data()
        elif kind == messages.CLOSE:
            stream.close()
        elif kind == messages.OPEN_FAILURE:
            stream.refuse(*messages.failure(message))
        elif kind == messages.REQUEST:
            stream.request(message)
        else:
            raise SSHException("a stream of bytes came with a second one in it")
        if stream.freed:
            self._open.pop(stream.number, None)

    # -- doors

    def _attend(self, door: Door) -> None:
        self._watch(door, READ if door.tally.connections < MOST_STREAMS else 0)

    def _watch(self, door: Door, wanted: int) -> None:
        if wanted != door.watched:
            self._wire.loop.watch(door.listener, door.watched, wanted, lambda _: self._accept(door))
            door.watched = wanted

    def _accept(self, door: Door) -> None:
        for _ in range(min(_AT_ONCE, MOST_STREAMS - door.tally.connections)):
            try:
                local, _ = door.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # too many open files: others may end soon
                door.tally.last_error = f"a connection could not be accepted: {error.strerror}"
                self._watch(door, 0)
                return
            self._begin(local, door.endpoint, door.tally)
        self._attend(door)


def _hasten(sock: socket.socket) -> None:
    """Have small packets travel at once."""
    with contextlib.suppress(OSError):  # one end of a socket pair has no such option
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
