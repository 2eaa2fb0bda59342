"""What the kernel knows of a TCP connection's round trip, in which the time that the server takes to think is not."""

import socket
import struct
import sys

_MIN_RTT = 148
"""Where `tcpi_min_rtt`, in microseconds, stands in Linux's `struct tcp_info` (linux/tcp.h, since Linux 4.9)."""


def shortest(sock: socket.socket) -> float | None:
    """Return the shortest round trip that was seen lately, in seconds; `None` where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _MIN_RTT + 4)
    except OSError:  # not a TCP connection
        return None
    if len(info) < _MIN_RTT + 4:
        return None
    (microseconds,) = struct.unpack_from("=I", info, _MIN_RTT)
    return microseconds / 1e6 if 0 < microseconds < 0xFFFFFFFF else None
