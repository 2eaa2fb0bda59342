"""Messages as lines of JSON on a channel: bounded, whole, and from a server that need not mean well.

A line that is too long, too deep or no JSON object ends the conversation with an error, and nothing else. What the
messages mean is not decided here.
"""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from srctl.errors import UnreachableError, UsageError
from srctl.tunnel.errors import ConnectionLostError, plain

if TYPE_CHECKING:
    from srctl.tunnel.channel import Channel

LONGEST_ASKED = 256 * 1024
"""Bytes of a line that we may send."""

LONGEST_HEARD = 64 * 1024 * 1024
"""Bytes of a line that we take; a long list is one line."""

DEEPEST = 64
"""How deep values may lie in each other."""

_CHUNK = 128 * 1024


class Lines:
    """The lines of one channel; `peer` names its far end."""

    def __init__(self, channel: "Channel", peer: str) -> None:
        self.peer = peer
        self._channel = channel
        self._heard = bytearray()
        self._over = False

    @property
    def idle(self) -> bool:
        """Whether nothing has come that was not asked for, the end included."""
        channel = self._channel
        return not (self._over or self._heard or channel.closed or channel.eof_received or channel.recv_ready())

    def say(self, message: dict[str, Any], patience: float) -> None:
        """Send a message. Raises `UsageError` for one that is too long, and `ConnectionLostError`."""
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if len(line) > LONGEST_ASKED:
            raise UsageError(f"That is too much for one request ({len(line)} bytes)", "Ask for less at a time")
        self._channel.settimeout(patience)
        try:
            self._channel.sendall(line)
        except (OSError, EOFError) as error:
            raise self.lost() from error

    def hear(self, patience: float | None) -> dict[str, Any] | None:
        """Wait for a message, `None` at the end; `patience` is how many seconds of silence are borne.

        Raises `UnreachableError` for silence and for what is no message, `ConnectionLostError` for half of one.
        """
        searched = 0
        while (end := self._heard.find(b"\n", searched)) < 0:
            searched = len(self._heard)
            if searched > LONGEST_HEARD:
                raise self.nonsense("a line without end")
            piece = self._piece(patience)
            if not piece:
                self._over = True
                if searched:
                    raise self.lost()
                return None
            self._heard += piece
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return self._message(line)

    def _piece(self, patience: float | None) -> bytes:
        self._channel.settimeout(patience)
        try:
            return self._channel.recv(_CHUNK)
        except TimeoutError as error:
            raise UnreachableError(f"{self.peer} does not answer (for {patience:g} s)", "Try again") from error
        except (OSError, EOFError) as error:
            raise self.lost() from error

    def _message(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line, parse_constant=_refused)
        except (ValueError, RecursionError) as error:
            raise self.nonsense("what is no JSON", line) from error
        if not isinstance(message, dict) or is_deeper(message, DEEPEST):
            raise self.nonsense("what is no message", line)
        return message

    def nonsense(self, what: str, line: bytes = b"") -> UnreachableError:
        """Return the error for a peer that does not speak as it should."""
        said = f": {plain(line[:200])!r}" if line else ""
        return UnreachableError(f"{self.peer} said {what}{said}", "Is an srctl gateway there, and nothing in between?")

    def lost(self) -> ConnectionLostError:
        """Return the error for an end in the middle, with what the far end complained about."""
        said = self.complaint()
        because = f". It said: {said}" if said else ""
        return ConnectionLostError(f"The connection to {self.peer} was lost{because}", "Try again")

    def complaint(self) -> str:
        """Return what the far end wrote beside its messages, shortened."""
        with suppress(OSError, EOFError):
            if self._channel.recv_stderr_ready():
                return plain(self._channel.recv_stderr(2000))
        return ""

    def rest(self) -> str:
        """Return the beginning of what came and was no line."""
        return plain(bytes(self._heard[:200]))

    def close(self) -> None:
        """End the conversation, from any thread; whoever waits in it sees its end."""
        self._over = True
        with suppress(OSError, EOFError):
            self._channel.close()


def is_deeper(value: Any, limit: int) -> bool:
    """Tell whether arrays and objects lie in each other deeper than `limit`."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def _refused(word: str) -> Any:
    raise ValueError(word)
