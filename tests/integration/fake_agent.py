"""An ssh-agent in this process, for keys that the real one can't be given: hardware keys, and types to come."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from srctl.tunnel.keys import certificate_at

_LIST, _LISTED, _SIGN, _SIGNED, _FAILURE = 11, 12, 13, 14, 5
_SK = b"sk-ssh-ed25519@openssh.com"


@dataclass(frozen=True)
class HeldKey:
    """A key as an agent offers it; `sign` returns a signature, or nothing where it refuses."""

    blob: bytes
    sign: Callable[[bytes], bytes | None] = lambda _: None
    comment: bytes = b"held"


@contextlib.contextmanager
def fake_agent(path: Path, *keys: HeldKey) -> Iterator[list[bytes]]:
    """Serve keys at a socket; the list tells with which of them a signature was asked for."""
    asked: list[bytes] = []
    listing = bytes([_LISTED]) + len(keys).to_bytes(4, "big")
    listing += b"".join(string(key.blob) + string(key.comment) for key in keys)

    def answer(request: bytes) -> bytes:
        if request[0] == _LIST:
            return listing
        if request[0] != _SIGN:
            return bytes([_FAILURE])
        blob, rest = _take(request[1:])
        asked.append(blob)
        signature = next(key.sign for key in keys if key.blob == blob)(_take(rest)[0])
        return bytes([_FAILURE]) if signature is None else bytes([_SIGNED]) + string(signature)

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while head := connection.recv(4, socket.MSG_WAITALL):
                request = connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                connection.sendall(string(answer(request)))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def hardware_key(*, touched: bool = True) -> HeldKey:
    """Return a hardware key in software (OpenSSH's PROTOCOL.u2f); one that nobody touches does not sign."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(data: bytes) -> bytes | None:
        proof = b"\x01" + (7).to_bytes(4, "big")  # a person was there; a counter
        signed = hashlib.sha256(b"ssh:").digest() + proof + hashlib.sha256(data).digest()
        return string(_SK) + string(private.sign(signed)) + proof if touched else None

    return HeldKey(string(_SK) + string(public) + string(b"ssh:"), sign)


def certificate_alone(key: Path) -> HeldKey:
    """Return the certificate of an ed25519 key, without the key itself."""
    private = load_ssh_private_key(key.read_bytes(), None)
    certificate = certificate_at(key.with_name(key.name + "-cert.pub"))
    assert isinstance(private, Ed25519PrivateKey)
    assert certificate
    return HeldKey(certificate, lambda data: string(b"ssh-ed25519") + string(private.sign(data)))


def string(value: bytes) -> bytes:
    """Return a string of RFC 4251."""
    return len(value).to_bytes(4, "big") + value


def _take(data: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(data[:4], "big")
    return data[4:end], data[end:]
