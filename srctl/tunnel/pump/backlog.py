"""Bytes that a local socket did not take yet, in chunks: memory goes back as they go, and small pieces share one."""

from collections import deque
from collections.abc import Iterable
from itertools import islice

CHUNK = 64 << 10

_AT_ONCE = 4


class Backlog:
    """A queue of bytes."""

    def __init__(self) -> None:
        self._chunks: deque[bytearray] = deque()

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._chunks)

    def keep(self, pieces: Iterable[memoryview], sent: int) -> None:
        """Append a copy of what remains of `pieces` after the first `sent` bytes."""
        for piece in pieces:
            rest = piece[sent:]
            sent = max(0, sent - len(piece))
            while rest:
                if not self._chunks or len(self._chunks[-1]) >= CHUNK:
                    self._chunks.append(bytearray())
                room = CHUNK - len(self._chunks[-1])
                self._chunks[-1] += rest[:room]
                rest = rest[room:]

    def first(self) -> list[bytearray]:
        """Return the first bytes, in pieces."""
        return list(islice(self._chunks, _AT_ONCE))

    def clear(self) -> None:
        """Forget everything."""
        self._chunks.clear()

    def drop(self, count: int) -> None:
        """Forget the first bytes."""
        while count:
            if count < len(self._chunks[0]):
                del self._chunks[0][:count]
                return
            count -= len(self._chunks.popleft())
