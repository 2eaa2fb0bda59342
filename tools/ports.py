"""Ports for servers that bind one themselves and can't be handed a socket, and a port with nobody behind it."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.debian import SetupError

PORTS = range(20000, 32000)  # below those that the kernel gives to clients
TRIES = 20


def listening(start: Callable[[int], subprocess.Popen[bytes]], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server on a port that it could bind, and return it with that port.

    `start` waits until the server listens, and raises SetupError when it ends; `log` tells whether the port was why.
    """
    for port in random.sample(PORTS, TRIES):
        log.unlink(missing_ok=True)
        try:
            return start(port), port
        except SetupError:
            if "address already in use" not in log.read_text(errors="replace").lower():
                raise
    raise SetupError(f"No free port among {TRIES} tried between {PORTS.start} and {PORTS.stop}")


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """Hold a port of 127.0.0.1 on which nobody listens: connections are refused, and nobody else can take it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago, and that the kernel does not give to a client."""
    for port in random.sample(PORTS, TRIES):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise SetupError(f"No free port among {TRIES} tried between {PORTS.start} and {PORTS.stop}")
