"""Whatever a lawful server and the local programs do, the client keeps to the protocol (RFC 4254, section 5).

sshd drops a whole connection over one message that comes after a channel's CLOSE, so the order of messages is judged
here for each channel: nothing after CLOSE, no data after EOF, no more than the window, no longer than a packet.
"""

import contextlib
import socket
import struct
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration import hostile_server as ssh
from tests.integration.hostile_server import packed
from tests.integration.hostile_stage import Stage, exactly, until_its_end
from tools.processes import wait_until

EXAMPLES = 120
LIMIT = 30
TEXT = bytes(range(256)) * 8192


@dataclass
class Channel:
    """A channel as the server has it, with a judge of what the client sends on it."""

    stage: Stage
    local: socket.socket
    channel: int
    number: int
    packet: int
    leave: int
    """What the client may still send."""
    credit: int
    """What we may still send."""
    sent: int = 0
    local_sent: int = 0
    read: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    ended: bool = False
    closed: bool = False
    client_ended: bool = False
    client_closed: bool = False
    gone: str | None = None

    def judge(self) -> None:
        """Look at all that the client has said on this channel since the last time."""
        for message in [each for each in list(self.stage.peer.said) if self._is_ours(each)]:
            self.stage.peer.said.remove(message)
            kind = message[0]
            assert not self.client_closed, f"message {kind} after CLOSE"
            if kind == ssh.DATA:
                data = message[9:]
                assert not self.client_ended, "data after EOF"
                assert len(data) == ssh.number(message, 1) <= self.packet
                self.leave -= len(data)
                assert self.leave >= 0, "more data than the window allows"
                self.heard += data
            elif kind == ssh.ADJUST:
                self.credit += ssh.number(message, 1)
                assert self.credit < 1 << 32
            elif kind == ssh.EOF:
                assert not self.client_ended, "EOF twice"
                self.client_ended = True
            elif kind == ssh.CLOSE:
                self.client_closed = True
            else:
                assert kind == ssh.FAILURE

    def _is_ours(self, message: bytes) -> bool:
        return message[0] >= ssh.ADJUST and ssh.number(message) == self.number

    # -- the server

    def say(self, count: int) -> None:
        """Send data as the window allows."""
        self.judge()
        count = min(count, self.credit, len(TEXT) - self.sent)
        while count > 0 and not self.ended:
            piece = TEXT[self.sent : self.sent + min(count, 32_768)]
            self.stage.peer.send(packed(ssh.DATA, self.channel, piece))
            self.sent += len(piece)
            self.credit -= len(piece)
            count -= len(piece)

    def grant(self, count: int) -> None:
        if not self.closed:
            self.leave += count
            self.stage.peer.send(packed(ssh.ADJUST, self.channel, count))

    def request(self, _: int) -> None:
        if not self.closed:
            self.stage.peer.send(packed(ssh.REQUEST, self.channel, "keepalive@openssh.com", True))

    def end(self, _: int) -> None:
        if not self.ended:
            self.ended = True
            self.stage.peer.send(packed(ssh.EOF, self.channel))

    def close(self, _: int) -> None:
        if not self.closed:
            self.ended = self.closed = True
            self.stage.peer.send(packed(ssh.CLOSE, self.channel))

    # -- the local program

    def write(self, count: int) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if self.gone is None:
                self.local_sent += self.local.send(TEXT[self.local_sent : self.local_sent + count])

    def take(self, count: int) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if self.gone is None:
                self.read += self.local.recv(count)

    def shut(self, _: int) -> None:
        if self.gone is None:
            self.gone = "shut"
            with contextlib.suppress(OSError):
                self.local.shutdown(socket.SHUT_WR)

    def leave_at_once(self, _: int) -> None:
        if self.gone != "reset":
            self.gone = "reset"
            self.local.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.local.close()

    # -- both

    def finish(self) -> None:
        """Come to an end as a lawful server does, and compare what was sent with what arrived."""
        clean = self.ended and not self.closed
        self.end(0)
        if self.gone != "reset":
            self.local.settimeout(30)
            self.shut(0)
            self.read += until_its_end(self.local)
        if not self.closed:
            wait_until(self._client_is_done, "EOF or CLOSE of the client", limit=LIMIT)
        self.close(0)
        wait_until(self._client_has_closed, "CLOSE of the client", limit=LIMIT)
        assert TEXT[: self.sent].startswith(self.read)
        assert TEXT[: self.local_sent].startswith(self.heard)
        if clean and self.gone == "shut":
            assert len(self.read) == self.sent
            assert len(self.heard) == self.local_sent
        self.local.close()

    def _client_is_done(self) -> bool:
        if self.leave < 1 << 20:
            self.grant(1 << 20)
        self.judge()
        return self.client_ended or self.client_closed

    def _client_has_closed(self) -> bool:
        self.judge()
        return self.client_closed


def opened(play: Stage, window: int, packet: int, buffer: int | None = None) -> Channel:
    """Open a channel."""
    local = play.dial(buffer)
    request = play.peer.take(ssh.OPEN)
    channel = ssh.sender_of(request)
    credit = int.from_bytes(request[9 + ssh.number(request) :][:4], "big")
    number = 1_000_000 + channel
    play.peer.send(packed(ssh.CONFIRMATION, channel, number, window, packet))
    local.setblocking(False)
    return Channel(play, local, channel, number, packet, window, credit)


SIZES = st.sampled_from([1, 100, 5_000, 40_000, 300_000, 1_200_000])
DEEDS = st.sampled_from(
    ["say"] * 5 + ["write"] * 5 + ["take"] * 3 + ["grant"] * 3 + ["request", "end", "shut", "close", "leave_at_once"]
)
STEPS = st.lists(st.tuples(st.integers(0, 1), DEEDS, SIZES), max_size=40)
SHAPES = st.tuples(
    st.sampled_from([0, 1, 5_000, 1 << 20]), st.sampled_from([1_000, 32_768, 1 << 20]), st.sampled_from([None, 4096])
)
Shape = tuple[int, int, int | None]


def test_the_client_keeps_to_the_protocol_whatever_happens(play: Stage) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.tuples(SHAPES, SHAPES), STEPS)
    def attempt(shapes: tuple[Shape, Shape], steps: list[tuple[int, str, int]]) -> None:
        play.fresh()
        channels = [opened(play, *shape) for shape in shapes]
        for which, deed, size in steps:
            getattr(channels[which], deed)(size)
        for channel in channels:
            channel.finish()
        assert play.settle()
        for channel in channels:
            channel.judge()

    attempt()


def test_what_waits_for_a_slow_reader_is_not_lost_when_the_server_closes(play: Stage) -> None:
    """A server that answers early and hangs up, while its client still talks: the answer counts."""
    channel = opened(play, 1 << 20, 32_768)
    sent = bytearray()
    while channel.credit:  # only what the reader's socket takes is credited: in the end something waits in the client
        piece = TEXT[len(sent) % 1000 :][: min(32_768, channel.credit)]
        play.peer.send(packed(ssh.DATA, channel.channel, piece))
        channel.credit -= len(piece)
        sent += piece
        if not channel.credit:
            assert play.settle()
            channel.judge()
    channel.end(0)
    channel.close(0)
    wait_until(channel._client_has_closed, "CLOSE of the client")
    channel.write(50_000)
    assert play.settle()
    channel.judge()
    channel.local.settimeout(30)
    assert exactly(channel.local, len(sent)) == sent
    assert channel.local.recv(1) == b""
    assert play.settle()
    channel.judge()
