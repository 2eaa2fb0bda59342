"""What has come from the SSH socket and is not read yet, and what is to go there and is not sent yet."""

import socket
from collections import deque

from srctl.tunnel.pump import codec

SIZE = 256 << 10
"""Bytes read at once."""

_AT_ONCE = 32
_SMALL = 16 << 10
_QUICKACK: int = getattr(socket, "TCP_QUICKACK", 0)  # Linux


class Inbox:
    """Bytes from the socket, in one piece of memory. For the one thread that reads."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.quick = _QUICKACK != 0 and sock.family in (socket.AF_INET, socket.AF_INET6)
        """Whether to acknowledge small packets at once, for a server that else waits before it sends the next."""
        self._memory = bytearray(SIZE + codec.LONGEST)
        self._view = memoryview(self._memory)
        self._start = self._end = 0

    def __len__(self) -> int:
        """Return how many bytes wait."""
        return self._end - self._start

    def packet(self) -> memoryview | None:
        """Return the first packet in place, good until the next `fill`, and forget it; `None` while it is not whole.

        Raises `SSHException` for a packet of impossible length.
        """
        start = self._start
        if self._end - start < codec.LENGTH_SIZE:
            return None
        end = start + codec.packet_size(self._memory, start)
        if end > self._end:
            return None
        self._start = end
        return self._view[start:end]

    def take(self, count: int) -> bytes:
        """Return the first bytes, and forget them."""
        taken = bytes(self._view[self._start : self._start + count])
        self._start += count
        return taken

    def line(self) -> bytes | None:
        """Return the first line and forget it; `None` while its end has not come."""
        end = self._memory.find(b"\n", self._start, self._end)
        return None if end < 0 else self.take(end + 1 - self._start)

    def fill(self) -> None:
        """Read once. Raises `EOFError` at the end, `BlockingIOError` when there is nothing."""
        if self._start == self._end:
            self._start = self._end = 0
        elif len(self._memory) - self._end < codec.LONGEST:
            rest = self.take(len(self))
            self._view[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        count = self._sock.recv_into(self._view[self._end : self._end + SIZE])
        if not count:
            raise EOFError
        self._end += count
        if self.quick and count < _SMALL:  # TCP would hold it back 40 ms
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


class Outbox:
    """Packets for the socket, in order. Whoever shares it between threads holds a lock."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that wait."""
        self._packets: deque[bytes | memoryview] = deque()

    def put(self, packet: bytes | memoryview) -> None:
        """Append a packet."""
        self._packets.append(packet)
        self.size += len(packet)

    def flush(self, sock: socket.socket) -> None:
        """Send what the socket takes now. Raises `OSError` when it is broken."""
        packets = self._packets
        while packets:
            try:
                sent = sock.send(packets[0]) if len(packets) == 1 else self._send_several(sock)
            except BlockingIOError:
                return
            self.size -= sent
            if not self.size:
                packets.clear()
                return
            while packets and sent >= len(packets[0]):
                sent -= len(packets.popleft())
            if sent:
                packets[0] = memoryview(packets[0])[sent:]

    def _send_several(self, sock: socket.socket) -> int:
        packets = self._packets
        if not hasattr(sock, "sendmsg"):  # Windows
            return sock.send(packets[0])
        return sock.sendmsg([packets[n] for n in range(min(len(packets), _AT_ONCE))])
