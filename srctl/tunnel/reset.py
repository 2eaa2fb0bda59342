"""How a connection of this machine ends when data may be missing: its peer must not take that for a proper end."""

import contextlib
import os
import socket
import struct


def reset_on_close(connection: socket.socket) -> None:
    """Have the peer see a reset, not an end, when the connection is closed."""
    with contextlib.suppress(OSError):
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
