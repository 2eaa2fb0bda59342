"""Servers of another kind: what points elsewhere is followed nowhere, since requests hold licences."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from srctl.errors import UnreachableError
from srctl.hosts.engine import DockerHost
from srctl.models import ContainerSpec, Host
from tests.integration.ssh_parts import tcp_server

SPEC = ContainerSpec("n", "web", {}, {"LICENSE": "secret"}, 80, "net")


@contextmanager
def server(location: str | None, status: int = 307) -> Iterator[tuple[str, list[str]]]:
    """Answer pings and redirect all else, or answer everything with an object; give the address and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            asked.append(self.command)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            away = location is not None and self.path != "/_ping"
            self.send_response(status if away else 200)
            if away:
                self.send_header("Location", f"http://{location}{self.path}")
            self.send_header("Content-Length", "12")
            self.end_headers()
            self.wfile.write(b'{"Id": "abc"')

        do_GET = do_POST = respond  # noqa: N815 - named so by http.server

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by http.server
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.server_port}", asked
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with ExitStack() as stack:
        other, asked = stack.enter_context(server(None))
        address, _ = stack.enter_context(server(other, status))
        host = DockerHost(Host("far", f"tcp://{address}", "flag"), None)
        stack.callback(host.close)
        for call in (host.images, host.version, lambda: host.create(SPEC)):
            with pytest.raises(UnreachableError, match=rf"far \(tcp://{address}\) answers, but not as a Docker engine"):
                call()
    assert asked == []


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\xff\xfe\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"]
)
def test_what_does_not_speak_http_is_no_engine(answer: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    with tcp_server(speak) as port:
        host = DockerHost(Host("far", f"tcp://127.0.0.1:{port}", "flag"), None)
        with pytest.raises(UnreachableError, match="answers, but not as a Docker engine"):
            host.images()
        host.close()
