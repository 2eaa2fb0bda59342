"""Puts the Docker SDK's HTTP on a local socket, with one pool of connections for all URLs.

The SDK's own adapter makes a pool for each URL, and leaves sockets open that it could not connect.
"""

import socket
from typing import Any

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from srctl.hosts.sdk import requests


class UnixAdapter(requests.adapters.HTTPAdapter):
    """Sends requests through connections to the socket at `path`; `patience` is in seconds, for connecting."""

    def __init__(self, path: str, patience: float) -> None:
        self._patience = patience
        self._pool = _Pool(path)
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """Return the one pool."""
        return self._pool

    def request_url(self, request: Any, *_: Any) -> str:
        """Return the path alone: the host of the URL means nothing here."""
        return str(request.path_url)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request, with a shorter limit for connecting."""
        options["timeout"] = (self._patience, options.get("timeout"))
        return super().send(request, *args, **options)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        super().close()


class _Connection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            self.sock = None
            raise


class _Pool(HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", maxsize=4, block=False)
        self._path = path

    def _new_conn(self) -> Any:
        self.num_connections += 1
        return _Connection(self._path)
