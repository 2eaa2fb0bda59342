"""Random schedules: whatever both ends of some connections do, and in whatever order, their streams stay exact.

Each connection has two ends, near (a local program) and far (the server behind the SSH host). A schedule lets ends
send, read, wait, end, close and reset; afterwards every end that is left ends its side and reads to the end. Then what
arrived is compared with what was sent.
"""

import contextlib
import random
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.packetizer import PumpingPacketizer
from srctl.tunnel.ports import bind_local
from tests.integration.fire_load import exactly
from tests.integration.hostile_stage import resources
from tests.integration.ssh_parts import tcp_server
from tools.clean_home import Home
from tools.processes import wait_until
from tools.sshd import Sshd

EXAMPLES = 40
LIMIT = 20.0
TABLE = random.Random(11).randbytes(1 << 20) * 2  # noqa: S311  # reproducible, no secret


@dataclass
class End:
    """One end of a connection, and what is known of it."""

    sock: socket.socket
    offset: int
    """Where in `TABLE` its stream begins, so that no two streams are alike."""
    sent: int = 0
    received: bytearray = field(default_factory=bytearray)
    saw: str | None = None
    """How the other direction ended: `end` or `reset`."""
    shut: bool = False
    left: str | None = None
    """How it left by itself: `close` or `reset`."""

    def stream(self, start: int, count: int) -> bytes:
        """Return a piece of what it sends."""
        begin = (self.offset + start) % (1 << 20)
        return TABLE[begin : begin + count]

    def send(self, count: int) -> None:
        """Send what can be sent now, `count` bytes at most."""
        if self.shut:
            return
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while count > 0:
                taken = self.sock.send(self.stream(self.sent, count))
                self.sent += taken
                count -= taken

    def read(self, count: int) -> None:
        """Read what is there, `count` bytes at most."""
        try:
            while self.saw is None and count > 0:
                data = self.sock.recv(min(count, 1 << 18))
                self.received += data
                count -= len(data)
                if not data:
                    self.saw = "end"
        except BlockingIOError:
            pass
        except ConnectionError:
            self.saw = "reset"

    def end(self, _: int = 0) -> None:
        """Say that no more is sent."""
        self.shut = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self, _: int = 0) -> None:
        """Leave."""
        self.left = "close"
        self.sock.close()

    def reset(self, _: int = 0) -> None:
        """Leave the hard way."""
        self.left = "reset"
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait(self, _: int) -> None:
        """Give others a moment, unless something has come."""
        select.select([self.sock], [], [], 0.003)


@dataclass
class Pair:
    """A connection."""

    near: End
    far: End

    def act(self, who: int, action: str, count: int) -> None:
        """Let one end do something, if it is still there."""
        me, other = (self.near, self.far) if who == 0 else (self.far, self.near)
        if me.left is not None:
            return
        if action == "catch up":
            if other.left is None:
                read_until(me, lambda: len(me.received) == other.sent)
        else:
            getattr(me, action)(count)

    def check(self) -> None:
        """Compare what was sent with what arrived."""
        for source, sink in ((self.near, self.far), (self.far, self.near)):
            sent = b"".join(
                source.stream(start, min(1 << 18, source.sent - start)) for start in range(0, source.sent, 1 << 18)
            )
            assert sent.startswith(sink.received)
            gentle = source.left is None or (source.left == "close" and sink.sent == 0)
            if sink.left is None and gentle:
                assert len(sink.received) == source.sent
                assert sink.saw == "end"
            assert sink.left is not None or sink.saw is not None


def read_until(end: End, done: Callable[[], bool]) -> None:
    """Read until it is so."""
    deadline = time.monotonic() + LIMIT
    while not done():
        left = deadline - time.monotonic()
        assert left > 0, f"{len(end.received)} bytes after {LIMIT} s"
        assert end.saw is None, f"ended ({end.saw}) after {len(end.received)} bytes"
        select.select([end.sock], [], [], min(left, 1))
        end.read(1 << 20)


def finish(pairs: list[Pair]) -> None:
    """Let every end that is left end its side and read all that comes, then close."""
    ends = [end for pair in pairs for end in (pair.near, pair.far) if end.left is None]
    for end in ends:
        end.end()
    deadline = time.monotonic() + LIMIT
    while waiting := [end for end in ends if end.saw is None]:
        assert time.monotonic() < deadline, f"{len(waiting)} ends wait in vain"
        for end in waiting:
            select.select([end.sock], [], [], 0.002)
            end.read(1 << 22)
    for end in ends:
        end.sock.close()


class Course:
    """A forward on which schedules are played."""

    forward: Forward

    def __init__(self) -> None:
        self._arrived: dict[bytes, socket.socket] = {}
        self._count = 0

    def arrive(self, far: socket.socket) -> None:
        """Take a connection at the far end; its first four bytes tell whose it is."""
        with contextlib.suppress(EOFError):
            name = exactly(far, 4)
            self._arrived[name] = far.dup()

    def pair(self) -> Pair:
        """Open a connection."""
        self._count += 1
        name = self._count.to_bytes(4, "big")
        near = socket.create_connection(("127.0.0.1", self.forward.local_port))
        near.sendall(name)
        far = wait_until(lambda: self._arrived.pop(name, None), "the connection at the far end", limit=LIMIT)
        for sock in (near, far):
            sock.setblocking(False)
        return Pair(End(near, 7919 * self._count), End(far, 7919 * self._count + 500_000))

    def stray(self, patience: float, how: str) -> None:
        """Connect and leave at once."""
        end = End(socket.create_connection(("127.0.0.1", self.forward.local_port)), 0)
        select.select([end.sock], [], [], patience)
        getattr(end, how)()
        end.sock.close()

    def settle(self) -> None:
        """Check that nothing is left of a schedule."""
        wait_until(lambda: self.forward.stats.connections == 0, "the end of all connections", limit=LIMIT)


STEPS = st.tuples(
    st.integers(0, 3),
    st.integers(0, 1),
    st.sampled_from(["send"] * 6 + ["read"] * 4 + ["catch up"] * 3 + ["wait", "wait", "end", "end", "close", "reset"]),
    st.sampled_from([1, 100, 5_000, 70_000, 400_000, 3_000_000]),
)
STRAYS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0005, 0.002]), st.sampled_from(["close", "reset", "end"])), max_size=3
)
WAYS: dict[str, dict[str, str]] = {
    "gcm": {},
    "gcm, new keys often": {},
    "ctr": {"Ciphers": "aes128-ctr"},
}


@contextlib.contextmanager
def course(home: Home, sshd: Sshd, options: dict[str, str]) -> Iterator[Course]:
    """Give a forward; afterwards nothing may be left of the connections."""
    home.add_ssh_config(sshd.client_config("box", options))
    ground = Course()
    with (
        tcp_server(ground.arrive) as port,
        SSHConnection.connect("ssh://box") as connection,
        bind_local() as listener,
    ):
        before = resources()
        with Forward(listener, connection, "127.0.0.1", port) as forward:
            ground.forward = forward
            yield ground
        wait_until(lambda: resources() <= before, f"no more descriptors and threads than before ({before})")
        assert connection.alive


@pytest.mark.parametrize("way", WAYS)
def test_streams_stay_exact_whatever_the_ends_do(
    home: Home, sshd: Sshd, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if "often" in way:
        monkeypatch.setattr(PumpingPacketizer, "REKEY_BYTES", 400_000)
    with course(home, sshd, WAYS[way]) as ground:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.integers(1, 4), st.lists(STEPS, min_size=4, max_size=40), STRAYS)
        def play(count: int, steps: list[tuple[int, int, str, int]], strays: list[tuple[float, str]]) -> None:
            for patience, how in strays:
                ground.stray(patience, how)
            with contextlib.ExitStack() as sockets:
                pairs = [ground.pair() for _ in range(count)]
                for pair in pairs:
                    sockets.callback(pair.near.sock.close)
                    sockets.callback(pair.far.sock.close)
                for which, who, action, size in steps:
                    pairs[which % count].act(who, action, size)
                finish(pairs)
                for pair in pairs:
                    pair.check()
            ground.settle()

        play()
