"""SSH packets under AES-GCM, sealed and opened: RFC 4253, section 6, and RFC 5647, section 7.

    uint32  packet_length      in clear, authenticated
    byte    padding_length     | encrypted; together a
    byte[]  payload            | multiple of 16 bytes,
    byte[]  padding, 4 to 19   | packet_length in all
    byte[16] tag

The nonce is four fixed bytes and a counter of eight; each packet uses one. Two packets under one nonce would give the
key away, so whoever shares a `Sealer` between threads holds a lock around `seal`.
"""

import struct
from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from paramiko.ssh_exception import SSHException

LENGTH_SIZE, TAG = 4, 16
"""Bytes."""

LONGEST = 128 * 1024
"""Bytes of the longest packet that is accepted; the longest that we ask for has 32 KiB of data."""

_BLOCK = 16
_COUNTER = 1 << 64
_LENGTH, _NONCE = struct.Struct(">I"), struct.Struct(">4sQ")
_PADDINGS = [(bytes((count,)), bytes(count)) for count in range(4 + _BLOCK)]


class AEAD(Protocol):
    """What is used of `cryptography`'s AESGCM."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...  # noqa: D102
    def decrypt_into(self, nonce: bytes, data: object, associated_data: object, buf: object) -> int: ...  # noqa: D102


class Sealer:
    """Makes packets of payloads. Not safe for several threads."""

    def __init__(self, cipher: AEAD, iv: bytes) -> None:
        """`iv` is the nonce of the first packet, 12 bytes."""
        self._cipher = cipher
        self._nonces = _nonces(iv)

    def seal(self, head: bytes, body: bytes | memoryview = b"") -> bytes:
        """Return the packet whose payload is `head` followed by `body`."""
        padding = _BLOCK - (1 + len(head) + len(body)) % _BLOCK
        if padding < 4:
            padding += _BLOCK
        before, after = _PADDINGS[padding]
        plain = b"".join((before, head, body, after))
        length = _LENGTH.pack(len(plain))
        return length + self._cipher.encrypt(next(self._nonces), plain, length)


class Unsealer:
    """Opens packets. For the one thread that reads."""

    def __init__(self, cipher: AEAD, iv: bytes) -> None:
        """`iv` is the nonce of the first packet, 12 bytes."""
        self._cipher = cipher
        self._nonces = _nonces(iv)

    def unseal(self, packet: memoryview, into: memoryview) -> memoryview:
        """Decrypt a whole packet to the start of `into` and return the payload there.

        Raises `SSHException` for one that is damaged or makes no sense.
        """
        length = len(packet) - LENGTH_SIZE - TAG
        try:
            self._cipher.decrypt_into(next(self._nonces), packet[LENGTH_SIZE:], packet[:LENGTH_SIZE], into[:length])
        except InvalidTag as error:
            raise SSHException("a packet came damaged") from error
        padding = into[0]
        if not 4 <= padding <= length - 2:
            raise SSHException("a packet has impossible padding")
        return into[1 : length - padding]


def packet_size(memory: bytearray, start: int) -> int:
    """Return the size in bytes of the packet whose length field stands at `start`, tag and all.

    Raises `SSHException` for a length that no packet has.
    """
    (length,) = _LENGTH.unpack_from(memory, start)
    if length > LONGEST or length < _BLOCK or length % _BLOCK:
        raise SSHException(f"a packet claims {length} bytes")
    return LENGTH_SIZE + int(length) + TAG


def _nonces(first: bytes) -> Iterator[bytes]:
    """Yield `first`, and from then on what follows it; none comes twice."""
    fixed, counter = _NONCE.unpack(first)
    while True:
        yield _NONCE.pack(fixed, counter)
        counter = (counter + 1) % _COUNTER
