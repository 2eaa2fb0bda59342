"""An SSH server that is honest until somebody has logged in, and then says whatever a test wants.

Key exchange and authentication are paramiko's own, in server mode. After the login every message of the client is
written down and answered by nobody but the test; messages of the test go out as correctly encrypted packets, as raw
bytes, or, under AES-GCM, as packets with a fault of the test's choice. Two courtesies keep the client busy with the
test alone: commands are refused, and global requests are answered, until `silent` is set.

A packet (RFC 4253, section 6; RFC 5647, section 7.2) is: length (4 bytes, authenticated, in the clear), then
encrypted: length of the padding (1), payload, padding; then the tag (16).
"""

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import paramiko
from paramiko.common import AUTH_SUCCESSFUL
from paramiko.message import Message
from paramiko.packet import Packetizer

from tests.integration.ssh_parts import keygen
from tools.processes import wait_until

GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
OPEN, CONFIRMATION, OPEN_FAILURE, ADJUST, DATA, EXTENDED, EOF, CLOSE, REQUEST, SUCCESS, FAILURE = range(90, 101)
DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG = range(1, 5)
TAG = 16
BLOCK = 16

Field = int | bool | bytes | str


def packed(kind: int, *fields: Field) -> bytes:
    """Compose a message as RFC 4251, section 5, writes fields: bool as a byte, int as uint32, the rest as strings."""
    return bytes([kind]) + b"".join(map(_field, fields))


def _field(value: Field) -> bytes:
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return value.to_bytes(4, "big")
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(4, "big") + data


def number(message: bytes, index: int = 0) -> int:
    """Return one of the uint32 fields with which a message begins."""
    return int.from_bytes(message[1 + 4 * index : 5 + 4 * index], "big")


def kind_of_channel(message: bytes) -> str:
    """Return what kind of channel an OPEN asks for."""
    return message[5 : 5 + number(message)].decode()


def sender_of(message: bytes) -> int:
    """Return the client's number for the channel that an OPEN asks for."""
    return int.from_bytes(message[5 + number(message) :][:4], "big")


class Wire(Packetizer):
    """The server's packet layer: keeps what the client says after the login, and encrypts what the test says."""

    def __init__(self, stream: socket.socket) -> None:
        super().__init__(stream)
        self.hear: Callable[[bytes], None] = lambda _: None
        self._stream = stream
        self._cipher: Any = None
        self._fixed, self._counter = b"", 0
        self._turn = threading.RLock()

    def set_outbound_cipher(self, block_engine: Any, *rest: Any, **more: Any) -> None:
        """Note the cipher and the nonce: a fixed part of 4 bytes, a counter of 8."""
        with self._turn:
            super().set_outbound_cipher(block_engine, *rest, **more)
            if not more.get("aead"):  # paramiko makes the packets then
                return
            first = more["iv_out"]
            self._cipher = block_engine
            self._fixed, self._counter = first[:4], int.from_bytes(first[4:], "big")

    def send_message(self, data: Message) -> None:
        """Send one of paramiko's own messages, with the nonce that all of us share."""
        if self._cipher is None:
            super().send_message(data)
        else:
            self.send(data.asbytes())

    def send(self, *payloads: bytes) -> None:
        """Send correct packets in one piece."""
        with self._turn:
            if self._cipher is None:
                for payload in payloads:
                    super().send_message(Message(payload))
            else:
                self.write_all(b"".join(self.sealed(body(payload)) for payload in payloads))

    def sealed(self, plain: bytes, length: int | None = None, *, spoil: bool = False) -> bytes:
        """Return `plain` (padding length, payload, padding) encrypted; `length` may lie, `spoil` breaks the tag."""
        with self._turn:
            header = (len(plain) if length is None else length).to_bytes(4, "big")
            secret = bytearray(self._cipher.encrypt(self._fixed + self._counter.to_bytes(8, "big"), plain, header))
            self._counter += 1
        secret[-1] ^= spoil
        return header + bytes(secret)

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        with self._turn:
            self._stream.sendall(data)

    def read_message(self) -> tuple[int, Message]:
        """Return paramiko's own business; the rest is for the test to hear."""
        while True:
            kind, message = super().read_message()
            if kind < GLOBAL_REQUEST:
                return kind, message
            self.hear(bytes([kind]) + message.asbytes())


def body(payload: bytes, padding: int | None = None) -> bytes:
    """Return what a packet encrypts: by default padded to whole blocks with at least 4 bytes."""
    if padding is None:
        padding = BLOCK - (len(payload) + 1) % BLOCK
        padding += BLOCK if padding < 4 else 0
    return bytes([padding & 0xFF]) + payload + bytes(padding)


class Peer:
    """The server's end of one connection, in the hands of the test."""

    def __init__(self, stream: socket.socket, key: paramiko.PKey) -> None:
        self.said: list[bytes] = []
        """All that the client said after its login and that `take` has not returned yet."""
        self.silent = False
        """Whether global requests stay unanswered."""
        self.deaf = threading.Event()
        """While it is set, nothing more is read from the client once it has said something."""
        self.stuck = threading.Event()
        """Whether it has."""
        self.stream = stream
        self.transport = paramiko.Transport(stream, packetizer_class=Wire)
        assert isinstance(self.transport.packetizer, Wire)
        self.wire = self.transport.packetizer
        self.wire.hear = self._hear
        self.transport.add_server_key(key)
        self.transport.start_server(threading.Event(), _Anybody())

    def _hear(self, message: bytes) -> None:
        if self.deaf.is_set():
            self.stuck.set()
            wait_until(lambda: not self.deaf.is_set(), "the end of deafness", limit=120)
        if message[0] == OPEN and kind_of_channel(message) == "session":
            self.wire.send(packed(OPEN_FAILURE, sender_of(message), 1, "no commands", ""))
        elif message[0] == GLOBAL_REQUEST and not self.silent:
            self.wire.send(packed(REQUEST_FAILURE))
        else:
            self.said.append(message)

    def send(self, *payloads: bytes) -> None:
        """Send messages as correct packets."""
        self.wire.send(*payloads)

    def try_to_send(self, *payloads: bytes) -> None:
        """Send messages unless the client has left."""
        with contextlib.suppress(OSError, EOFError):
            self.wire.send(*payloads)

    def take(self, kind: int, limit: float = 30) -> bytes:
        """Return the client's first message of a kind that was not taken yet, waiting for it."""
        found: bytes = wait_until(lambda: self.find(kind), f"message {kind} of the client", limit=limit)
        self.said.remove(found)
        return found

    def find(self, kind: int) -> bytes | None:
        """Return the client's first message of a kind that was not taken yet."""
        return next((message for message in list(self.said) if message[0] == kind), None)

    def heard(self, channel: int) -> bytes:
        """Return the data that the client has sent so far to a channel of ours."""
        messages = [message for message in list(self.said) if message[0] == DATA and number(message) == channel]
        return b"".join(message[9:] for message in messages)

    def close(self) -> None:
        """Hang up."""
        self.deaf.clear()
        with contextlib.suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)
        self.transport.close()
        self.transport.join(10)
        self.stream.close()

    def reset(self) -> None:
        """Hang up the hard way."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.close()
        self.stream.close()


class _Anybody(paramiko.ServerInterface):
    """Lets everybody in who has a key."""

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002  # paramiko's signature
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002  # paramiko's signature
        return AUTH_SUCCESSFUL


class HostileServer:
    """Listens on 127.0.0.1; each connection becomes a `Peer`."""

    def __init__(self, folder: Path) -> None:
        """Keep the keys in `folder`."""
        self._folder = folder
        self._key = paramiko.ECDSAKey.generate()
        self._user_key = keygen(folder / "hostile_user_key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: queue.Queue[Peer] = queue.Queue()
        port = self._listener.getsockname()[1]
        line = f"[127.0.0.1]:{port} {self._key.get_name()} {self._key.get_base64()}\n"
        (folder / "hostile_known_hosts").write_text(line)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        with contextlib.suppress(queue.Empty):
            while True:  # those that nobody has asked for
                self._peers.get_nowait().close()

    def client_config(self, alias: str) -> str:
        """Return a section of ssh_config that reaches the server as `alias`, and one with `-ctr` added to it."""
        return (
            f"Host {alias}-ctr\n    Ciphers aes128-ctr\n"
            f"Host {alias} {alias}-ctr\n    HostName 127.0.0.1\n"
            f"    Port {self._listener.getsockname()[1]}\n    User somebody\n"
            f"    IdentityFile {self._user_key}\n    IdentitiesOnly yes\n"
            f"    UserKnownHostsFile {self._folder / 'hostile_known_hosts'}\n"
        )

    def peer(self) -> Peer:
        """Return the server's end of the oldest connection that was not returned yet."""
        return self._peers.get(timeout=30)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                self._peers.put(Peer(stream, self._key))


@contextlib.contextmanager
def hostile_server(folder: Path) -> Iterator[HostileServer]:
    """Serve until the end of the block."""
    with HostileServer(folder) as server:
        yield server
