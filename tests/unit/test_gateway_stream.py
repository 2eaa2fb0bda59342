"""The two ends of a channel: lines within limits, and clients who read nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from srctl.errors import UsageError
from srctl.gateway import stream
from srctl.gateway.stream import ClientGoneError, Lines, Writer


@contextlib.contextmanager
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give two ends; the thread that reads from the second has ended before that is closed."""
    near, far = socket.socketpair()
    try:
        yield near, far
    finally:
        near.close()
        for thread in threading.enumerate():
            if thread.name == "srctl-lines":
                thread.join(5)
        far.close()


def lines_of(data: bytes, longest: int = 10) -> list[bytes]:
    with ends() as (near, far):
        near.sendall(data)
        near.shutdown(socket.SHUT_WR)
        return list(Lines(far.fileno(), longest, lambda: None))


def test_lines_come_whole_and_a_rest_without_end_is_dropped() -> None:
    assert lines_of(b"one\n\ntwo\nrest") == [b"one", b"", b"two"]


@pytest.mark.parametrize("data", [b"x" * 11, b"x" * 11 + b"\n", b"ok\n" + b"x" * 200_000])
def test_a_line_that_is_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="10 bytes"):
        lines_of(data)


@pytest.mark.parametrize("said", [b"", b"half a li"])
def test_a_client_who_is_silent_or_slow_is_dropped(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(stream, "PATIENCE", 0.2)
    with ends() as (near, far):
        near.sendall(said)
        lines = Lines(far.fileno(), 100, lambda: None)
        with pytest.raises(UsageError, match="No whole line"):
            list(lines)


def test_a_client_may_be_silent_between_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PATIENCE", 0.2)
    with ends() as (near, far):
        near.sendall(b"one\n")
        lines = iter(Lines(far.fileno(), 100, lambda: None))
        assert next(lines) == b"one"
        threading.Timer(0.6, near.sendall, (b"two\n",)).start()
        assert next(lines) == b"two"


def test_the_end_is_noticed_while_nobody_takes_the_lines() -> None:
    ended = threading.Event()
    with ends() as (near, far):
        lines = Lines(far.fileno(), 100, ended.set)
        near.sendall(b"one\n")
        near.close()
        assert ended.wait(5)
        assert list(lines) == [b"one"]


def test_no_more_is_read_than_can_wait() -> None:
    with ends() as (near, far):
        lines = Lines(far.fileno(), 100, lambda: None)
        near.settimeout(0.5)
        with pytest.raises(TimeoutError):
            near.sendall(b"x\n" * 25_000_000)
        near.close()
        assert set(lines) == {b"x"}


def test_a_client_who_reads_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STALLED", 0.2)
    reading, writing = os.pipe()
    try:
        with pytest.raises(ClientGoneError):
            Writer(writing).write(bytes(10_000_000))
    finally:
        os.close(reading)
        os.close(writing)


def test_a_client_who_is_gone_is_noticed() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(ClientGoneError):
        Writer(writing).write(b"x")
    os.close(writing)
