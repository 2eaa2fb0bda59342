"""A proxy before a Docker socket that writes down each request, as `GET /v1.41/containers/json`.

It understands just enough of HTTP to find where a request ends; answers, streams and upgraded connections
(attach, exec) pass as they are.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

CHUNK = 65536


@dataclass
class Requests:
    """The proxy's address, and what has come through it."""

    socket: Path
    seen: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """The proxy as a Docker host."""
        return f"unix://{self.socket}"

    def clear(self) -> None:
        """Forget what has come through until now."""
        self.seen.clear()
        self.connections = 0


@contextlib.contextmanager
def counting_proxy(target: str, path: Path) -> Iterator[Requests]:
    """Listen at `path` and pass all on to the socket at `target`."""
    requests = Requests(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        thread = threading.Thread(target=accept, args=(listener, target, requests), daemon=True)
        thread.start()
        try:
            yield requests
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            path.unlink()


def accept(listener: socket.socket, target: str, requests: Requests) -> None:
    """Serve each connection in a thread of its own, until the listener is shut down."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        requests.connections += 1
        threading.Thread(target=serve, args=(client, target, requests), daemon=True).start()


def serve(client: socket.socket, target: str, requests: Requests) -> None:
    """Carry one connection: requests are read here, answers in a second thread."""
    with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
        server.connect(target)
        answers = threading.Thread(target=pump, args=(server, client), daemon=True)
        answers.start()
        with client.makefile("rb") as reader, contextlib.suppress(OSError):
            while pass_request(reader, server, requests):
                pass
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        answers.join()


def pass_request(reader: BinaryIO, server: socket.socket, requests: Requests) -> bool:
    """Pass one request on; tell whether another may follow on this connection."""
    head = [reader.readline()]
    while head[-1].strip():
        head.append(reader.readline())
    if not head[0]:
        return False
    requests.seen.append(b" ".join(head[0].split()[:2]).decode().partition("?")[0])
    server.sendall(b"".join(head))
    headers = {
        name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(b":") for line in head[1:])
    }
    if b"upgrade" in headers:
        pass_all(reader, server)
        return False
    if headers.get(b"transfer-encoding") == b"chunked":
        pass_chunks(reader, server)
    else:
        pass_bytes(reader, server, int(headers.get(b"content-length", b"0")))
    return True


def pass_bytes(reader: BinaryIO, server: socket.socket, count: int) -> None:
    """Pass a body of known length on."""
    while count > 0 and (data := reader.read(min(count, CHUNK))):
        server.sendall(data)
        count -= len(data)


def pass_chunks(reader: BinaryIO, server: socket.socket) -> None:
    """Pass a body in chunks on, with the empty chunk that ends it."""
    size = -1
    while size != 0 and (line := reader.readline()):
        size = int(line.split(b";")[0], 16)
        server.sendall(line)
        pass_bytes(reader, server, size + 2)


def pass_all(reader: BinaryIO, server: socket.socket) -> None:
    """Pass on whatever comes, until the client stops sending."""
    while data := reader.read1(CHUNK):  # type: ignore[attr-defined]  # a socket's file is buffered
        server.sendall(data)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry answers until the engine ends the connection."""
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
