"""The ssh-agent: which keys it holds, and signatures by them (draft-ietf-sshm-ssh-agent).

Keys of types that nobody here knows (hardware keys, certificates, types to come) are passed on as they are; paramiko's
own client gives up on some of them. A missing or broken agent counts as an empty one.
"""

import contextlib
import os
import socket
from functools import partial
from typing import Any

from srctl.tunnel.errors import plain
from srctl.tunnel.keys import Identity, KeyUnusableError
from srctl.tunnel.known_hosts import key_type

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
_LONGEST = 1 << 20
_PATIENCE = 5.0
_PATIENCE_FOR_A_PERSON = 60.0


class Agent:
    """A connection to the agent, made when first used; close it after authentication."""

    def __init__(self, path: str | None) -> None:
        """`path` is a socket, `none` for no agent, or `None` for the usual one."""
        self._path = path
        self._stream: Any = None

    def identities(self) -> list[Identity]:
        """Return the keys that the agent holds; none when it cannot be reached."""
        self._stream = _connect(self._path)
        if self._stream is None:
            return []
        try:
            kind, body = self._ask(bytes([_LIST]), _PATIENCE)
            return self._parse(body) if kind == _LISTED else []
        except (OSError, EOFError, ValueError):
            self.close()
            return []

    def close(self) -> None:
        """Close the connection to the agent."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._stream = None

    def _parse(self, body: bytes) -> list[Identity]:
        found = []
        rest = body[4:]
        for _ in range(int.from_bytes(body[:4], "big")):
            blob, rest = _take(rest)
            comment, rest = _take(rest)
            hardware = key_type(blob).startswith("sk-")
            label = f"agent key {plain(comment) or key_type(blob)!r}"
            found.append(Identity(label, blob, partial(self._sign, blob), locked=hardware))
        return found

    def _sign(self, blob: bytes, data: bytes, algorithm: str) -> bytes:
        flags = _FLAGS.get(algorithm.removesuffix("-cert-v01@openssh.com"), 0)
        request = bytes([_SIGN]) + _string(blob) + _string(data) + flags.to_bytes(4, "big")
        if self._stream is None:
            self._stream = _connect(self._path)
        if self._stream is None:
            raise KeyUnusableError("the agent is gone")
        try:
            kind, body = self._ask(request, _PATIENCE_FOR_A_PERSON)
            if kind == _SIGNED:
                return _take(body)[0]
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise KeyUnusableError(f"the agent does not answer: {plain(str(error))}") from error
        raise KeyUnusableError("the agent refuses to sign with it")

    def _ask(self, request: bytes, patience: float) -> tuple[int, bytes]:
        if hasattr(self._stream, "settimeout"):
            self._stream.settimeout(patience)
        self._stream.send(_string(request))
        length = int.from_bytes(self._read(4), "big")
        if not 1 <= length <= _LONGEST:
            raise ValueError("the agent sent nonsense")
        answer = self._read(length)
        return answer[0], answer[1:]

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._stream.recv(count - len(data))
            if not more:
                raise EOFError("the agent hung up")
            data += more
        return data


def _connect(path: str | None) -> Any:
    if path == "none":
        return None
    if os.name == "nt":
        from paramiko.agent import get_agent_connection

        return get_agent_connection()
    path = path or os.environ.get("SSH_AUTH_SOCK")
    if not path:
        return None
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(_PATIENCE)
    try:
        stream.connect(path)
    except OSError:
        stream.close()
        return None
    return stream


def _take(data: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < end:
        raise ValueError("the agent sent too little")
    return data[4:end], data[end:]


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
