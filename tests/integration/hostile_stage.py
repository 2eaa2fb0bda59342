"""Where the hostile server's tests play: a client, its forward, and what must hold whatever the server did.

A step of a test ends with `settle`: either the connection is over, with a cause in plain words, or it works as before.
Beside it a forward through an honest sshd must go on, and at the end nothing may be left.
"""

import contextlib
import hashlib
import os
import re
import socket
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.ports import bind_local
from tests.integration import hostile_server as ssh
from tests.integration.hostile_server import HostileServer, Peer, packed
from tests.integration.ssh_parts import tcp_server
from tools import clean_home
from tools.processes import wait_until
from tools.sshd import Sshd

PYTHON_WORDS = re.compile(r"Traceback|object has no|unpack|index out of|buffer of|NoneType|\bint\(|KeyError|bytes-like")
"""What a cause in a person's words does not contain."""

PAGE = os.sysconf("SC_PAGE_SIZE")
LIMIT = 30.0


@dataclass(frozen=True)
class Resources:
    """What a process has open; less or equal means that neither number is greater."""

    descriptors: int
    threads: int

    def __le__(self, other: "Resources") -> bool:
        return self.descriptors <= other.descriptors and self.threads <= other.threads


def resources() -> Resources:
    """Return how many descriptors and threads this process has."""
    return Resources(len(os.listdir("/proc/self/fd")), threading.active_count())


def resident() -> int:
    """Return how many bytes of memory this process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@dataclass
class Line:
    """One forwarded connection as its local program and the server see it."""

    peer: Peer
    local: socket.socket
    channel: int
    """The client's number for the channel."""
    number: int
    """The server's number for it."""

    def say(self, data: bytes) -> None:
        """Send data from the server."""
        self.peer.send(packed(ssh.DATA, self.channel, data))

    def hears(self, data: bytes) -> None:
        """Check that the local program receives exactly this next."""
        assert exactly(self.local, len(data)) == data

    def answers(self, data: bytes) -> None:
        """Send data from the local program, and check that the server hears exactly this on this channel."""
        before = len(self.peer.heard(self.number))
        self.local.sendall(data)
        wait_until(lambda: len(self.peer.heard(self.number)) >= before + len(data), "the local program's data")
        assert self.peer.heard(self.number)[before:] == data


def exactly(local: socket.socket, count: int) -> bytes:
    """Read until there are `count` bytes, or the end."""
    data = bytearray()
    while len(data) < count and (more := local.recv(count - len(data))):
        data += more
    return bytes(data)


def until_its_end(local: socket.socket) -> bytes:
    """Return all that comes until the end, whether that is a proper one or a reset."""
    data = bytearray()
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while more := local.recv(1 << 16):
            data += more
    return bytes(data)


class Stage:
    """A client of the hostile server; `perform` gives one connection of it."""

    def __init__(self, server: HostileServer, bystander: Forward, alias: str) -> None:
        self._server = server
        self._alias = alias
        self._bystander = bystander
        self._numbers = iter(range(7_000, 1 << 30))
        self._open: list[socket.socket] = []
        self._begun = False
        self.connection: SSHConnection
        self.allowed = b""
        """What the control may have received in passing when the connection ends."""

    def fresh(self) -> None:
        """Connect anew if the connection has ended, and have a line open that should not be disturbed."""
        if self._begun and self.connection.alive:
            return
        self._leave()
        self.connection = SSHConnection.connect(f"ssh://{self._alias}")
        self.transport = self.connection.transport
        self.peer = self._server.peer()
        self._listener = bind_local()
        self.forward = Forward(self._listener, self.connection, "192.0.2.1", 80)
        self._begun = True
        self.control = self.line()

    def dial(self, buffer: int | None = None) -> socket.socket:
        """Connect to the forward as a local program, one that holds little when `buffer` (bytes) is small."""
        local = socket.socket()
        self._open.append(local)
        if buffer is not None:
            local.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        local.settimeout(LIMIT)
        local.connect(("127.0.0.1", self.forward.local_port))
        return local

    def asked(self) -> tuple[socket.socket, int]:
        """Connect as a local program; return its socket and the client's number for the channel it asks for."""
        local = self.dial()
        request = self.peer.take(ssh.OPEN)
        assert ssh.kind_of_channel(request) == "direct-tcpip"
        return local, ssh.sender_of(request)

    def line(self, window: int = 1 << 20, packet: int = 32768) -> Line:
        """Connect as a local program, and let the server accept."""
        local, channel = self.asked()
        number = next(self._numbers)
        self.peer.send(packed(ssh.CONFIRMATION, channel, number, window, packet))
        return Line(self.peer, local, channel, number)

    def api(self) -> tuple[paramiko.Channel, int]:
        """Open a channel that is not the forward's; return it with the client's number for it."""
        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(self.connection.open_streamlocal, "/run/docker.sock")
            channel = ssh.sender_of(self.peer.take(ssh.OPEN))
            self.peer.send(packed(ssh.CONFIRMATION, channel, next(self._numbers), 1 << 20, 32768))
            return opening.result(LIMIT), channel

    def settle(self) -> bool:
        """Wait until the client has seen all that was sent; check what must hold then. Return whether it is up."""
        self.peer.try_to_send(packed(ssh.REQUEST, self.control.channel, "are-you-there@test", True))
        wait_until(self._has_seen_all, "an answer or the end", limit=LIMIT)
        if not self.connection.alive:
            self.lost()
            return False
        self.control.answers(b"question")
        self.control.say(b"answer")
        self.control.hears(b"answer")
        return True

    def lost(self, *, by_us: bool = True) -> str:
        """Check that the connection ends as it should; return the cause. `by_us` means that the server stays."""
        wait_until(lambda: not self.connection.alive, "the end of the connection", limit=LIMIT)
        assert self.forward.wait_closed(LIMIT)
        cause = self.connection.cause
        assert cause is not None
        check_words(cause)
        check_words(str(self.forward.cause))
        if by_us:
            assert "the other end closed" not in cause
            assert isinstance(self.transport.saved_exception, paramiko.SSHException)
        assert self.forward.state == "down"
        assert self.allowed.startswith(until_its_end(self.control.local))
        return cause

    def _has_seen_all(self) -> bool:
        answer = packed(ssh.FAILURE, self.control.number)
        if answer in self.peer.said:
            self.peer.said.remove(answer)
            return True
        return not self.connection.alive

    def _leave(self) -> None:
        if not self._begun:
            return
        self._begun = False
        self.forward.close()
        self._listener.close()
        self.connection.close()
        self.peer.close()
        for local in self._open:
            local.close()
        self._open.clear()

    def close(self) -> None:
        """End the connection, if there is one, and check the honest forward beside it."""
        self._leave()
        check_bystander(self._bystander)


def check_words(cause: str) -> None:
    """Check that a cause is in words, on one line, without anything that a terminal would obey."""
    assert cause.strip(), "no cause"
    assert len(cause) <= 600
    assert not [each for each in cause if unicodedata.category(each)[0] == "C"], repr(cause)
    assert not PYTHON_WORDS.search(cause), cause


def check_bystander(forward: Forward) -> None:
    """Check that a forward through an honest server still works."""
    question = os.urandom(50_000)
    with socket.create_connection(("127.0.0.1", forward.local_port), timeout=LIMIT) as local:
        local.sendall(question)
        local.shutdown(socket.SHUT_WR)
        assert exactly(local, 32) == hashlib.sha256(question).digest()


def answer_with_digest(far: socket.socket) -> None:
    """Read until the end, then tell the digest of it."""
    digest = hashlib.sha256()
    while data := far.recv(1 << 16):
        digest.update(data)
    far.sendall(digest.digest())


@contextlib.contextmanager
def surroundings(folder: Path, sshd: Sshd) -> Iterator[tuple[HostileServer, Forward]]:
    """Give a hostile server, and a forward through an honest one; `folder` is everybody's home meanwhile."""
    home = clean_home.make(folder)
    with (
        pytest.MonkeyPatch.context() as patch,
        ssh.hostile_server(folder) as server,
        tcp_server(answer_with_digest) as port,
    ):
        for name, value in home.env.items():
            patch.setenv(name, value)
        home.add_ssh_config(server.client_config("hostile") + sshd.client_config("honest"))
        with (
            SSHConnection.connect("ssh://honest") as connection,
            bind_local() as listener,
            Forward(listener, connection, "127.0.0.1", port) as bystander,
        ):
            yield server, bystander


@contextlib.contextmanager
def stage(server: HostileServer, bystander: Forward, alias: str = "hostile") -> Iterator[Stage]:
    """Give a client that is connected; afterwards check that nothing of it is left."""
    check_bystander(bystander)
    wait_until(lambda: bystander.stats.connections == 0, "the end of the bystander's connection")
    before = resources()
    play = Stage(server, bystander, alias)
    try:
        play.fresh()
        yield play
    finally:
        play.close()
    wait_until(lambda: bystander.stats.connections == 0, "the end of the bystander's connection")
    wait_until(lambda: resources() <= before, f"no more descriptors and threads than before ({before})", limit=15)
