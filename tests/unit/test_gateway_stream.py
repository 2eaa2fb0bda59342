"""The two ends of a channel: lines within limits, and clients who read nothing."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from srctl.errors import UsageError
from srctl.gateway import stream
from srctl.gateway.stream import ClientGoneError, Lines, Writer


def lines_of(data: bytes, longest: int = 10) -> list[bytes]:
    near, far = socket.socketpair()
    with near, far:
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
    near, far = socket.socketpair()
    with near, far:
        near.sendall(said)
        lines = Lines(far.fileno(), 100, lambda: None)
        with pytest.raises(UsageError, match="No whole line"):
            list(lines)


def test_a_client_may_be_silent_between_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PATIENCE", 0.2)
    near, far = socket.socketpair()
    with near, far:
        lines = iter(Lines(far.fileno(), 100, lambda: None))
        near.sendall(b"one\n")
        assert next(lines) == b"one"
        threading.Timer(0.6, near.sendall, (b"two\n",)).start()
        assert next(lines) == b"two"


def test_the_end_is_noticed_while_nobody_takes_the_lines() -> None:
    near, far = socket.socketpair()
    ended = threading.Event()
    with far:
        with near:
            Lines(far.fileno(), 100, ended.set)
            near.sendall(b"one\n")
        assert ended.wait(5)


def test_no_more_is_read_than_can_wait() -> None:
    near, far = socket.socketpair()
    with near, far:
        Lines(far.fileno(), 100, lambda: None)
        near.settimeout(0.5)
        with pytest.raises(TimeoutError):
            near.sendall(b"x\n" * 25_000_000)


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
