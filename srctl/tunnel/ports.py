"""Local ports for tunnels: bound and listening before anything else happens, on 127.0.0.1 only.

A port is never looked for and bound later. An explicit port that is busy is an error; a preferred one is a wish.
"""

import errno
import os
import socket
import sys

from srctl.errors import ConflictError, UsageError

LOOPBACK = "127.0.0.1"
BACKLOG = 128
_NEIGHBOURS = 16


def bind_local(port: int | None = None, preferred: int | None = None) -> socket.socket:
    """Return a listening socket on `port`; without one on `preferred` or a port near it, else on any.

    Raises `ConflictError` naming an explicit port that is busy, `UsageError` for one that may not be used.
    """
    if port is not None:
        return _explicit(port)
    wishes = range(preferred, min(preferred + _NEIGHBOURS, 65536)) if preferred else ()
    for wish in wishes:
        try:
            return _listen(wish)
        except OSError:
            continue
    return _listen(0)


def _explicit(port: int) -> socket.socket:
    if not 1 <= port <= 65535:
        raise UsageError(f"{port} is no port", "A port is a number from 1 to 65535")
    try:
        return _listen(port)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM) and port < 1024:
            raise UsageError(f"Port {port} needs administrator rights", "Choose a port above 1023") from error
        raise ConflictError(f"Port {port} is in use on this machine", "Choose another with --local-port") from error


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        _set_reuse(listener, port)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _set_reuse(listener: socket.socket, port: int) -> None:
    """Allow a port whose last connections are still in TIME_WAIT, never one that somebody listens on.

    On Windows SO_REUSEADDR would steal the port. Elsewhere than on Linux it would let us bind 127.0.0.1 beside
    somebody's 0.0.0.0, so there we see first whether anybody answers.
    """
    if os.name == "nt":
        listener.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", ~socket.SO_REUSEADDR), 1)
    elif sys.platform == "linux" or not _answers(port):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return port != 0 and probe.connect_ex((LOOPBACK, port)) == 0
