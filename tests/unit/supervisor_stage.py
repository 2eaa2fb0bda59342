"""What a supervised tunnel is tried on: a connection, a forward and a session that do what a test says."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from srctl.errors import SrctlError
from srctl.models import Endpoint, Standing
from srctl.tunnel.ports import bind_local
from srctl.tunnel.roles import Pace
from srctl.tunnel.supervisor import SupervisedTunnel
from tools.processes import wait_until

FAST = Pace(pauses=(0.01, 0.02), login=0.05, grace=0.3, engine=0.5, patience=0.4)
PATIENT = replace(FAST, grace=3600.0, engine=3600.0, patience=3600.0)
"""No time is over before the test has done what it does, however busy the machine is."""

LIMIT = 20.0
"""Seconds that a busy machine may take for what happens at once."""

GONE = "is gone"


@dataclass
class Stats:
    connections: int = 1
    connections_total: int = 3
    bytes_in: int = 10
    bytes_out: int = 5
    last_error: str | None = None


@dataclass
class FakeForward:
    """Serves nobody; it remembers who waited."""

    endpoint: Endpoint
    waiting: list[socket.socket]
    state: str = "up"
    cause: str | None = None
    stats: Stats = field(default_factory=Stats)

    def close(self) -> None:
        self.state = "closed"
        for each in self.waiting:
            each.close()


class FakeLink:
    """A connection that is lost when told, and comes back unless `refusals` has reasons against it."""

    def __init__(self) -> None:
        self.alive = True
        self.cause: str | None = None
        self.refusals: queue.SimpleQueue[SrctlError] = queue.SimpleQueue()
        self.tries = 0
        self.gate = threading.Event()
        self.gate.set()
        self._calls: list[Callable[[], None]] = []

    def when_lost(self, call: Callable[[], None]) -> Callable[[], None]:
        self._calls.append(call)
        return lambda: None

    def reconnect(self) -> None:
        if self.alive:
            return
        self.tries += 1
        self.gate.wait(60)
        with contextlib.suppress(queue.Empty):
            raise self.refusals.get_nowait()
        self.alive, self.cause = True, None

    def lose(self, cause: str = "the other end closed it") -> None:
        self.alive, self.cause = False, cause
        calls, self._calls = self._calls, []
        for call in calls:
            call()


class FakeStream:
    """The words of a queue, until there is none or it is closed."""

    def __init__(self, session: FakeSession) -> None:
        self._session = session

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        word = self._session.words.get()
        if word is None:
            raise StopIteration
        return word

    def close(self) -> None:
        self._session.listeners -= 1
        self._session.say(None)


class FakeSession:
    """A session at `endpoint`, or whose whereabouts `problem` keeps from being told; `say` makes its engine tell."""

    def __init__(self) -> None:
        self.endpoint = Endpoint("127.0.0.1", 1000)
        self.problem: SrctlError | None = None
        self.streams = self.listeners = 0
        self.words: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def locate(self) -> Endpoint:
        if self.problem is not None:
            raise self.problem
        return self.endpoint

    def events(self) -> FakeStream:
        self.streams += 1
        self.listeners += 1
        return FakeStream(self)

    def say(self, word: str | None) -> None:
        self.words.put(word)


class Stage:
    """A tunnel on these parts."""

    def __init__(self, pace: Pace = PATIENT) -> None:
        self.link, self.session = FakeLink(), FakeSession()
        self.forwards: list[FakeForward] = []
        self.log: list[str] = []
        listener = bind_local()
        self.tunnel = SupervisedTunnel(
            listener, self.link, self.session, self.session.endpoint, self.lead, self.log.append, pace
        )

    def lead(self, listener: socket.socket, endpoint: Endpoint, waiting: Sequence[socket.socket]) -> FakeForward:
        served = list(waiting)
        listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:  # who is still in the listener's queue
                served.append(listener.accept()[0])
        self.forwards.append(FakeForward(endpoint, served))
        return self.forwards[-1]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.tunnel.local_port), timeout=LIMIT)

    def stands(self, state: str, cause: str | None = None) -> Standing:
        """Wait until the tunnel stands so."""

        def look() -> Standing | None:
            found = self.tunnel.standing
            fits = found.state == state and (cause is None or cause in (found.cause or ""))
            return found if fits else None

        return wait_until(look, f"{state} {cause}", limit=LIMIT)

    def back(self, reconnects: int = 1) -> Standing:
        """Wait until the tunnel is up after so many breaks."""
        found: Standing = wait_until(
            lambda: s if (s := self.tunnel.standing).state == "up" and s.reconnects == reconnects else None,
            "up",
            limit=LIMIT,
        )
        return found
