"""Messages of the connection protocol, composed and taken apart: RFC 4254, section 5, and `direct-tcpip`, section 7.2.

Each begins with its number; then, in all but CHANNEL_OPEN, comes the number of the receiver's channel. Whatever is
too short for what it claims to be raises `SSHException`, which ends the connection and nothing else.
"""

import struct
from functools import lru_cache
from typing import NamedTuple

from paramiko.ssh_exception import SSHException

GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
OPEN_CONFIRMATION, OPEN_FAILURE, WINDOW_ADJUST = 91, 92, 93
DATA, EXTENDED_DATA, EOF, CLOSE, REQUEST = 94, 95, 96, 97, 98

_OPEN, _FAILURE = 90, 100
_BYTE_INT, _BYTE_INT_INT = struct.Struct(">BI"), struct.Struct(">BII")
_INT, _THREE_INTS = struct.Struct(">I"), struct.Struct(">III")

DATA_HEAD = _BYTE_INT_INT.size
"""Bytes of a DATA message before its data."""

SHORTEST = _BYTE_INT.size
"""Bytes of the shortest message for a channel."""


class Confirmation(NamedTuple):
    """What the server says when it opens a channel."""

    remote: int
    window: int
    packet: int


def open_tcp(number: int, window: int, packet: int, address: str, port: int) -> bytes:
    """Compose CHANNEL_OPEN for a TCP endpoint as the server sees it; the originator is not told."""
    return _OPEN_TCP + _THREE_INTS.pack(number, window, packet) + _way(address, port)


def data_head(remote: int, length: int) -> bytes:
    """Compose the start of DATA; `length` bytes follow."""
    return _BYTE_INT_INT.pack(DATA, remote, length)


def window_adjust(remote: int, more: int) -> bytes:
    """Compose WINDOW_ADJUST."""
    return _BYTE_INT_INT.pack(WINDOW_ADJUST, remote, more)


def eof(remote: int) -> bytes:
    """Compose EOF: no more data will come from us."""
    return _BYTE_INT.pack(EOF, remote)


def close(remote: int) -> bytes:
    """Compose CLOSE."""
    return _BYTE_INT.pack(CLOSE, remote)


def request_failure(remote: int) -> bytes:
    """Compose CHANNEL_FAILURE, the answer to a channel request that we do not know."""
    return _BYTE_INT.pack(_FAILURE, remote)


def channel(message: memoryview) -> int:
    """Return the channel that a message is for; it has `SHORTEST` bytes at least."""
    return int(_BYTE_INT.unpack_from(message)[1])


def confirmation(message: memoryview) -> Confirmation:
    """Take apart OPEN_CONFIRMATION."""
    if len(message) < 17:
        raise _short(message)
    return Confirmation(*_THREE_INTS.unpack_from(message, 5))


def failure(message: memoryview) -> tuple[int, str]:
    """Take apart OPEN_FAILURE: the reason's code, and the server's words."""
    return _int(message, 5), _text(message, 9)


def adjustment(message: memoryview) -> int:
    """Return the bytes that WINDOW_ADJUST adds."""
    return _int(message, 5)


def data(message: memoryview) -> memoryview:
    """Return the data of DATA, in place."""
    if len(message) < DATA_HEAD or _BYTE_INT_INT.unpack_from(message)[2] != len(message) - DATA_HEAD:
        raise _short(message)
    return message[DATA_HEAD:]


def extended_data(message: memoryview) -> memoryview:
    """Return the data of EXTENDED_DATA, in place."""
    start = DATA_HEAD + 4
    if len(message) < start or _int(message, DATA_HEAD) != len(message) - start:
        raise _short(message)
    return message[start:]


def wants_reply(message: memoryview) -> bool:
    """Tell whether a channel request wants to be answered."""
    after = 9 + _int(message, 5)
    if len(message) <= after:
        raise _short(message)
    return message[after] != 0


def _string(value: bytes) -> bytes:
    return _INT.pack(len(value)) + value


_OPEN_TCP = bytes((_OPEN,)) + _string(b"direct-tcpip")


@lru_cache(maxsize=64)
def _way(address: str, port: int) -> bytes:
    """Compose the end of CHANNEL_OPEN, the same for all connections of a forward: whereto, and where from."""
    return _string(address.encode()) + _INT.pack(port) + _string(b"127.0.0.1") + _INT.pack(0)


def _text(message: memoryview, at: int) -> str:
    end = at + 4 + _int(message, at)
    if len(message) < end:
        raise _short(message)
    return bytes(message[at + 4 : end]).decode("utf-8", "replace")


def _int(message: memoryview, at: int) -> int:
    if len(message) < at + 4:
        raise _short(message)
    return int(_INT.unpack_from(message, at)[0])


def _short(message: memoryview) -> SSHException:
    return SSHException(f"a message of type {message[0]} has the wrong length")
