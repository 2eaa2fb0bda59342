"""Load for forwards, in processes of its own so that it takes no turns from the pump: `python -m ... ROLE ARGUMENTS`.

    far                      serve TCP and, on a unix socket, something like an API; prints the port and the path
    hold ALIAS FAR_PORT      connect, forward, print the local port, and stay until standard input ends
    get | put | both PORT COUNT       move COUNT bytes through a forward, and check every one of them
    knock PORT TIMES         open connections one after the other, each with a question and its answer
    crowd PORT COUNT         open all connections, say so, and go on with them once a line comes

A connection to `far` begins with a letter: D COUNT (it sends that many bytes, then their SHA-256), U (it reads to the
end, then sends the SHA-256), X COUNT (both at once), E (it sends without end), S (as U, but in small sips), H (it
talks and hangs up, whatever still comes).
Data is never the same twice: each block of 64 KiB begins with its number.
"""

import contextlib
import hashlib
import os
import random
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

BLOCK = 64 << 10
_FILLING = random.Random(7).randbytes(BLOCK - 8)  # noqa: S311  # reproducible, no secret
_COUNT = struct.Struct(">Q")
HASTY = 60
"""Blocks that somebody who hangs up early says before."""

ANSWER = 3000
"""Bytes of an answer of the API."""


def blocks(count: int) -> Iterator[bytes]:
    """Give `count` bytes in blocks that all differ."""
    for number in range(0, count, BLOCK):
        yield (_COUNT.pack(number) + _FILLING)[: count - number]


def send_stream(to: socket.socket, count: int) -> None:
    """Send `count` bytes and then their digest."""
    digest = hashlib.sha256()
    for block in blocks(count):
        digest.update(block)
        to.sendall(block)
    to.sendall(digest.digest())


def digest_of(source: socket.socket, count: int | None = None, sip: int = 1 << 18) -> bytes:
    """Return the digest of the next `count` bytes, or of all until the end."""
    digest, left = hashlib.sha256(), count if count is not None else 1 << 62
    while left and (data := source.recv(min(sip, left))):
        digest.update(data)
        left -= len(data)
    if count is not None and left:
        raise EOFError(f"{left} bytes are missing")
    return digest.digest()


def exactly(source: socket.socket, count: int) -> bytes:
    """Return the next `count` bytes."""
    data = bytearray()
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise EOFError(f"{count - len(data)} bytes are missing")
        data += more
    return bytes(data)


# -- the far end


def serve(far: socket.socket) -> None:
    """Do what the first letter of a connection asks for."""
    kind = far.recv(1)
    if kind == b"D":
        send_stream(far, _COUNT.unpack(exactly(far, 8))[0])
    elif kind in {b"U", b"S"}:
        far.sendall(digest_of(far, sip=1 << 18 if kind == b"U" else 700))
    elif kind == b"X":
        count = _COUNT.unpack(exactly(far, 8))[0]
        sender = threading.Thread(target=send_stream, args=(far, count), daemon=True)
        sender.start()
        digest = digest_of(far)
        sender.join()
        far.sendall(digest)
    elif kind == b"H":
        far.sendall(_FILLING * HASTY)
    elif kind == b"E":
        while True:
            far.sendall(_FILLING)


def answer(number: bytes) -> bytes:
    """Return the API's answer to an eight-byte question."""
    return number + hashlib.sha256(number).digest() * (ANSWER // 32)


def serve_api(far: socket.socket) -> None:
    """Answer questions; a question of zeros asks for events: numbers without end."""
    while True:
        question = exactly(far, 8)
        if question != bytes(8):
            far.sendall(answer(question))
            continue
        for number in range(1 << 40):
            far.sendall(_COUNT.pack(number))
            threading.Event().wait(0.005)


def far_end() -> None:
    """Serve until standard input ends."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as api:
        path = f"{folder}/api.sock"
        api.bind(path)
        api.listen(64)
        tcp = socket.create_server(("127.0.0.1", 0), backlog=512)
        for listener, handle in ((api, serve_api), (tcp, serve)):
            threading.Thread(target=accept_all, args=(listener, handle), daemon=True).start()
        say(f"{tcp.getsockname()[1]} {path}")
        sys.stdin.read()


def accept_all(listener: socket.socket, handle: Callable[[socket.socket], None]) -> None:
    """Serve each connection in a thread."""

    def one(far: socket.socket) -> None:
        with far, contextlib.suppress(OSError, EOFError):
            handle(far)

    while True:
        far, _ = listener.accept()
        threading.Thread(target=one, args=(far,), daemon=True).start()


# -- the near end


def dial(port: int | str) -> socket.socket:
    """Connect to a forward."""
    return socket.create_connection(("127.0.0.1", int(port)), timeout=60)


def get(port: str, count: str) -> None:
    """Download."""
    with dial(port) as local:
        local.sendall(b"D" + _COUNT.pack(int(count)))
        check(digest_of(local, int(count)), exactly(local, 32))
        check(local.recv(1), b"")


def put(port: str, count: str) -> None:
    """Upload."""
    with dial(port) as local:
        local.sendall(b"U")
        check(upload(local, int(count)), exactly(local, 32))
        check(local.recv(1), b"")


def both(port: str, count: str) -> None:
    """Upload and download at once on one connection."""
    with dial(port) as local:
        local.sendall(b"X" + _COUNT.pack(int(count)))
        sent: list[bytes] = []
        sender = threading.Thread(target=lambda: sent.append(upload(local, int(count))), daemon=True)
        sender.start()
        check(digest_of(local, int(count)), exactly(local, 32))
        sender.join()
        check(sent[0], exactly(local, 32))
        check(local.recv(1), b"")


def upload(local: socket.socket, count: int) -> bytes:
    """Send `count` bytes and the end; return the digest."""
    digest = hashlib.sha256()
    for block in blocks(count):
        digest.update(block)
        local.sendall(block)
    local.shutdown(socket.SHUT_WR)
    return digest.digest()


def knock(port: str, times: str) -> None:
    """Open connections one after the other."""
    for number in range(int(times)):
        question = b"question %06d" % number
        with dial(port) as local:
            local.sendall(b"U" + question)
            local.shutdown(socket.SHUT_WR)
            check(exactly(local, 32), hashlib.sha256(question).digest())
            check(local.recv(1), b"")


def crowd(port: str, count: str) -> None:
    """Open many connections at once."""
    with contextlib.ExitStack() as stack:
        locals_ = [stack.enter_context(dial(port)) for _ in range(int(count))]
        say("open")
        sys.stdin.readline()
        for local in locals_:
            local.sendall(b"U")
        for number, local in enumerate(locals_):
            check(upload(local, number), exactly(local, 32))
            check(local.recv(1), b"")


def hold(alias: str, far_port: str) -> None:
    """Be the process whose memory is measured."""
    from srctl.tunnel.connection import SSHConnection
    from srctl.tunnel.forward import Forward
    from srctl.tunnel.ports import bind_local

    with (
        SSHConnection.connect(f"ssh://{alias}") as connection,
        bind_local() as listener,
        Forward(listener, connection, "127.0.0.1", int(far_port)) as forward,
    ):
        say(str(forward.local_port))
        sys.stdin.read()


def check(seen: bytes, expected: bytes) -> None:
    """Compare."""
    if seen != expected:
        raise ValueError(f"{seen.hex()} is not {expected.hex()}")


def say(line: str) -> None:
    """Tell the test something."""
    os.write(1, f"{line}\n".encode())


ROLES: dict[str, Callable[..., Any]] = {
    "far": far_end,
    "hold": hold,
    "get": get,
    "put": put,
    "both": both,
    "knock": knock,
    "crowd": crowd,
}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
