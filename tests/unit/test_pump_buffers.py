"""What comes and goes in pieces of any size, through real sockets."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.ssh_exception import SSHException

from srctl.tunnel.pump.buffers import SIZE, Inbox, Outbox
from srctl.tunnel.pump.codec import LONGEST, TAG
from srctl.tunnel.pump.loop import READ, Loop

LENGTHS = st.lists(st.sampled_from([16, 32, 48, 4096, 32_784, LONGEST]), min_size=1, max_size=12)
CUTS = st.lists(st.integers(1, 100_000), max_size=12)


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.settimeout(30)
        yield ours, theirs


def feed(inbox: Inbox, theirs: socket.socket, data: bytes) -> list[bytes]:
    """Send data and return the packets that come out meanwhile."""
    found: list[bytes] = []
    theirs.setblocking(False)
    view = memoryview(data)
    while view:
        with contextlib.suppress(BlockingIOError):
            view = view[theirs.send(view) :]
        with contextlib.suppress(BlockingIOError):
            inbox.fill()
        while (packet := inbox.packet()) is not None:
            found.append(bytes(packet))
    return found


@given(LENGTHS, CUTS)
def test_packets_come_out_whole_wherever_they_are_cut(lengths: list[int], cuts: list[int]) -> None:
    packets = [
        length.to_bytes(4, "big") + bytes([number % 256]) * (length + TAG) for number, length in enumerate(lengths)
    ]
    stream, found = b"".join(packets), list[bytes]()
    with pair() as (ours, theirs):
        inbox = Inbox(ours)
        for cut in [*cuts, len(stream)]:
            found += feed(inbox, theirs, stream[:cut])
            stream = stream[cut:]
        while len(found) < len(packets):
            inbox.fill()
            while (packet := inbox.packet()) is not None:
                found.append(bytes(packet))
        assert found == packets
        assert len(inbox) == 0


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=12))
def test_arbitrary_bytes_are_packets_or_refused(pieces: list[bytes]) -> None:
    with pair() as (ours, theirs), contextlib.suppress(SSHException):
        inbox = Inbox(ours)
        for piece in pieces:
            feed(inbox, theirs, piece)
        assert len(inbox) <= SIZE + LONGEST


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20), st.integers(0, 2000))
def test_lines_and_counted_bytes_come_before_packets(sizes: list[int], after: int) -> None:
    lines = [b"x" * size + b"\n" for size in sizes]
    with pair() as (ours, theirs):
        inbox = Inbox(ours)
        theirs.sendall(b"".join(lines) + bytes(after))
        theirs.shutdown(socket.SHUT_WR)
        with contextlib.suppress(EOFError):
            while True:
                inbox.fill()
        assert [inbox.line() for _ in lines] == lines
        assert inbox.line() is None
        assert inbox.take(after) == bytes(after)


def test_the_end_is_told_as_an_end() -> None:
    with pair() as (ours, theirs):
        inbox = Inbox(ours)
        with pytest.raises(BlockingIOError):
            inbox.fill()
        theirs.close()
        with pytest.raises(EOFError):
            inbox.fill()


@given(st.lists(st.sampled_from([1, 36, 4000, 32_800, 200_000]), max_size=60))
def test_all_that_is_queued_is_sent_in_order(sizes: list[int]) -> None:
    packets = [bytes([number]) * size for number, size in enumerate(sizes)]
    with pair() as (ours, theirs):
        outbox, received = Outbox(), bytearray()
        for packet in packets:
            outbox.put(packet)
        assert outbox.size == sum(sizes)
        theirs.setblocking(False)
        while outbox.size or len(received) < sum(sizes):
            outbox.flush(ours)
            with contextlib.suppress(BlockingIOError):
                received += theirs.recv(150_000)
        assert received == b"".join(packets)


def test_a_broken_socket_is_told() -> None:
    with pair() as (ours, theirs):
        outbox = Outbox()
        theirs.close()
        outbox.put(b"x")
        with pytest.raises(OSError, match="pipe"):
            outbox.flush(ours)


def test_all_that_threads_post_is_run_once_by_the_thread_that_turns_the_loop() -> None:
    loop, ran, count = Loop(), list[tuple[int, int]](), 2000

    def post(first: int) -> None:
        for number in range(first, first + count):
            loop.post(lambda number=number: ran.append((number, threading.get_ident())))  # type: ignore[misc]

    posters = [threading.Thread(target=post, args=(each * count,)) for each in range(4)]
    for poster in posters:
        poster.start()
    while len(ran) < 4 * count:
        began = time.monotonic()
        loop.turn(20)
        assert time.monotonic() - began < 15, "not woken"
    for poster in posters:
        poster.join()
    loop.close()
    assert sorted(number for number, _ in ran) == list(range(4 * count))
    assert {thread for _, thread in ran} == {threading.get_ident()}


def test_a_loop_is_woken_from_its_wait() -> None:
    loop, done = Loop(), threading.Event()

    def turn() -> None:
        loop.turn(30)
        done.set()

    turner = threading.Thread(target=turn)
    turner.start()
    loop.wake()
    assert done.wait(10)
    turner.join()
    loop.close()


def test_a_loop_tells_what_a_socket_is_ready_for_until_it_is_watched_no_more() -> None:
    loop, told = Loop(), list[int]()
    with pair() as (ours, theirs):
        loop.watch(ours, 0, READ, told.append)
        theirs.sendall(b"x")
        loop.turn(10)
        assert told == [READ]
        loop.watch(ours, READ, 0, told.append)
        loop.turn(0)
        assert told == [READ]
    loop.close()
