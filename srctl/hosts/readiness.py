"""Ask a web application whether it answers yet: one HTTP GET, on a connection that may be an SSH channel.

A TCP connect proves nothing, since Docker's proxy and SSH accept at once. Certificates are not checked: the
application's own is self-signed as a rule, and the connection is loopback or SSH.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any

from srctl.models import Endpoint

Dial = Callable[[str, int], Any]
"""Opens a connection to (address, port) and returns an object like a socket."""


def local_dial(address: str, port: int) -> socket.socket:
    """Connect to a port of this machine, which takes no time."""
    return socket.create_connection((address, port), 1.0)


def http_status(endpoint: Endpoint, dial: Dial, patience: float) -> int | None:
    """Return the status that the application answers with, `None` without an answer in `patience` seconds.

    Raises `ConnectionRefusedError` when nothing listens there.
    """
    connection: Any = None
    try:
        connection = dial(endpoint.address, endpoint.port)
        connection.settimeout(patience)
        if endpoint.scheme == "https":
            connection = _tls(connection)
        connection.sendall(_request(endpoint))
        response = HTTPResponse(connection)
        response.begin()
    except ConnectionRefusedError:
        raise
    except (OSError, HTTPException, EOFError, ValueError):
        return None
    finally:
        if connection is not None:
            with suppress(OSError):
                connection.close()
    return response.status


def _request(endpoint: Endpoint) -> bytes:
    lines = (
        f"GET {endpoint.path} HTTP/1.1",
        f"Host: 127.0.0.1:{endpoint.port}",
        "User-Agent: srctl",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def _tls(connection: Any) -> Any:
    from urllib3.util.ssltransport import SSLTransport

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if isinstance(connection, socket.socket):
        return context.wrap_socket(connection)
    return SSLTransport(connection, context)
