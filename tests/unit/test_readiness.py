"""Asking an application whether it answers: on sockets that say what a test wants."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from srctl.hosts.readiness import http_status, local_dial
from srctl.models import Endpoint
from tools import certificates
from tools.ports import refusing_port


@contextlib.contextmanager
def application(
    answer: bytes, *, hold: bool = False, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[Endpoint, list[bytes]]]:
    """Give one answer to whoever asks, then end the connection, or hold it; give the requests too."""
    asked: list[bytes] = []
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError), secured(connection, tls) as connection:
            asked.append(connection.recv(65536))
            connection.sendall(answer)
            if hold:
                done.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        scheme = "https" if tls else "http"
        yield Endpoint("127.0.0.1", listener.getsockname()[1], scheme, "/a/b?c=d"), asked
        done.set()
        thread.join()


def secured(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    return tls.wrap_socket(connection, server_side=True) if tls else connection


@pytest.mark.parametrize("status", [200, 204, 302, 404, 500, 503])
def test_the_status_is_told(status: int) -> None:
    with application(b"HTTP/1.1 %d What\r\nContent-Length: 0\r\n\r\n" % status) as (endpoint, asked):
        assert http_status(endpoint, local_dial, 5) == status
    assert asked[0].startswith(b"GET /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:")


def test_a_body_that_never_ends_is_not_waited_for() -> None:
    with application(b"HTTP/1.1 200 OK\r\n\r\n<html>", hold=True) as (endpoint, _):
        assert http_status(endpoint, local_dial, 5) == 200


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/9.9 x\r\n\r\n", b"\x00\xff" * 9])
def test_what_is_no_http_is_no_status(answer: bytes) -> None:
    with application(answer) as (endpoint, _):
        assert http_status(endpoint, local_dial, 5) is None


def test_headers_without_end_are_no_status() -> None:
    with application(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500) as (endpoint, _):
        assert http_status(endpoint, local_dial, 5) is None


def test_silence_is_not_waited_for_longer_than_told() -> None:
    with application(b"", hold=True) as (endpoint, _):
        begun = time.monotonic()
        assert http_status(endpoint, local_dial, 0.2) is None
        assert 0.2 <= time.monotonic() - begun < 20, "the application would hold it for a minute"


def test_nobody_there_is_told_apart() -> None:
    with refusing_port() as port, pytest.raises(ConnectionRefusedError):
        http_status(Endpoint("127.0.0.1", port), local_dial, 1)


def test_a_certificate_that_nobody_vouches_for_is_good_enough(tmp_path: Path) -> None:
    folder = certificates.make(tmp_path).server
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with application(b"HTTP/1.1 200 OK\r\n\r\n", tls=tls) as (endpoint, asked):
        assert http_status(endpoint, local_dial, 5) == 200
    assert asked[0].startswith(b"GET /a/b?c=d ")


def test_no_tls_where_it_was_expected_is_no_status() -> None:
    with application(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (endpoint, _):
        assert http_status(replace(endpoint, scheme="https"), local_dial, 5) is None
