"""Puts the Docker SDK's HTTP on our SSH connection: each HTTP connection is a channel to the remote Docker socket.

There is one pool for all URLs. A server that forbids unix sockets gets `docker system dial-stdio` instead, which is
remembered. A dropped SSH connection is re-opened once; a request that was under way is repeated only if it was a read,
since nobody can know whether a write has happened.
"""

import contextlib
import errno
import io
import shlex
import socket
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from srctl.errors import UnreachableError
from srctl.hosts.answers import Client, read
from srctl.hosts.sdk import requests
from srctl.tunnel.connection import DEFAULT_SOCKET, ChannelRefusedError, ConnectionLostError, SSHConnection

__all__ = ["SSHAdapter", "SSHConnection", "api_client", "open_endpoint"]

READ_TIMEOUT = 120
"""Seconds without a byte after which a request is given up."""

_BASE_URL = "http+docker://localhost"
_READS = ("GET", "HEAD")
_MOST_IDLE = 8
_EXAMINATION_TIME = 15.0

Dial = Callable[[], Any]


def api_client(
    connection: SSHConnection,
    version: str | None = None,
    *,
    socket_path: str | None = None,
    timeout: int = READ_TIMEOUT,
) -> Any:
    """Return the SDK's `APIClient` over `connection`; no request is made when `version` is given.

    `socket_path` defaults to the one of the connection's address. Calls raise `UnreachableError` when the socket is
    missing or forbidden, or when the connection is lost. Closing the client leaves the SSH connection open.
    """
    path = socket_path or connection.target.socket_path or DEFAULT_SOCKET
    # given a plain URL and a version, the SDK makes no transport and no request of its own
    client: Any = Client(base_url="http://localhost:2375", version=version or "1.41", timeout=timeout)
    client.trust_env = False
    client.adapters.clear()
    client.mount("http+docker://", SSHAdapter(connection, path))
    client.base_url = _BASE_URL
    if version is None:
        client._version = client._retrieve_server_version()
    return client


def open_endpoint(connection: SSHConnection, address: str, port: int) -> "ChannelSocket":
    """Open a connection to a TCP port as the host sees it.

    Raises `ConnectionRefusedError` when nothing listens there and `UnreachableError` for a lost SSH connection.
    """
    try:
        return ChannelSocket(connection.open_tcp(address, port))
    except ChannelRefusedError as error:
        if error.reason == "prohibited":
            raise
        raise ConnectionRefusedError(errno.ECONNREFUSED, error.message) from error


class SSHAdapter(requests.adapters.HTTPAdapter):
    """Sends requests through channels of one SSH connection."""

    def __init__(self, connection: SSHConnection, socket_path: str) -> None:
        self._connection = connection
        self._door = DockerDoor(connection, socket_path)
        self._pool = _Pool(self._dial)
        super().__init__()

    @property
    def by_command(self) -> bool:
        """Whether each channel is a command on the far side, of which a server allows few."""
        return self._door.by_command

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """Return the one pool."""
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:  # noqa: ARG002 - the SDK's base class sets the names
        """Return the path alone: the host of the URL means nothing here."""
        return str(request.path_url)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request; repeat a read once when the SSH connection dropped. Raises `UnreachableError`."""
        try:
            return self._exchange(request, args, options)
        except (requests.exceptions.RequestException, ConnectionLostError) as error:
            if self._connection.alive and not isinstance(error, ConnectionLostError):
                raise
            if request.method not in _READS:
                raise _unknown_outcome(self._connection, request) from error
        self._connection.reconnect()
        return self._exchange(request, args, options)

    def _exchange(self, request: Any, args: Any, options: Any) -> Any:
        response = super().send(request, *args, **options)
        if not options.get("stream"):
            read(response)  # so that a drop in its middle is noticed here
        return response

    def close(self) -> None:
        """Close the channels."""
        self._pool.close()
        super().close()

    def _dial(self) -> "ChannelSocket":
        """Open a channel, over a new SSH connection if the old one is gone: nothing has been sent yet."""
        if not self._connection.alive:
            self._connection.reconnect()
        return ChannelSocket(self._door.open())


def _unknown_outcome(connection: SSHConnection, request: Any) -> ConnectionLostError:
    return ConnectionLostError(
        f"The SSH connection to {connection} broke during a change "
        f"({request.method} {request.path_url.split('?')[0]}): {connection.cause}",
        "It may have been carried out or not: look (srctl ps --all) before you try again",
    )


class DockerDoor:
    """The way to the Docker engine on the far side: its socket, or the docker command where sockets are forbidden."""

    def __init__(self, connection: SSHConnection, socket_path: str) -> None:
        self._connection = connection
        self._path = socket_path
        self.by_command = False
        """Whether the docker command is used."""

    def open(self) -> Any:
        """Return a channel to the engine. Raises `UnreachableError`."""
        if not self.by_command:
            try:
                return self._connection.open_streamlocal(self._path)
            except ChannelRefusedError as refusal:
                self._examine(refusal)
            self.by_command = True
        return self._connection.exec(f"docker -H {shlex.quote('unix://' + self._path)} system dial-stdio")

    def _examine(self, refusal: ChannelRefusedError) -> None:
        """Return if the docker command can do it. sshd gives one answer to all problems, so the host is asked."""
        quoted = shlex.quote(self._path)
        found = self._ask(
            f"if [ ! -e {quoted} ]; then echo srctl:missing; elif [ ! -w {quoted} ]; then echo srctl:denied; "
            "elif command -v docker >/dev/null 2>&1; then echo srctl:docker; else echo srctl:socket; fi"
        )
        place, user = self._connection, self._connection.settings.user
        if found == "docker":
            return
        if found == "missing":
            raise UnreachableError(
                f"There is no Docker socket {self._path} on {place}",
                "Is Docker running there? Another path is given as ssh://HOST/path/to/docker.sock",
            ) from refusal
        if found == "denied":
            raise UnreachableError(
                f"{user} may not use Docker on {place}: {self._path} is closed to them",
                f"Have an administrator run there: usermod -aG docker {user} (and log in again)",
            ) from refusal
        raise UnreachableError(
            f"The SSH server of {place} does not let you reach {self._path}: {refusal.message}",
            "Allow it there (AllowStreamLocalForwarding yes in sshd_config), or install the docker command",
        ) from refusal

    def _ask(self, script: str) -> str:
        try:
            channel = self._connection.exec(script)
        except ChannelRefusedError:
            return "nothing"
        with contextlib.closing(channel):
            channel.settimeout(_EXAMINATION_TIME)
            answer = b""
            with contextlib.suppress(OSError):
                while len(answer) < 4096 and (more := channel.recv(4096)):
                    answer += more
        words = [line.removeprefix(b"srctl:") for line in answer.split() if line.startswith(b"srctl:")]
        return words[-1].decode("ascii", "replace") if words else "nothing"


class ChannelSocket:
    """A channel with the manners of a socket that `http.client` and the SDK rely on.

    Above all: closing waits for the files made from it, and `shutdown` wakes a reader in another thread.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._files = 0
        self._closed = False
        self._cancelled = False

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Return a buffered file to read from."""
        self._files += 1
        return io.BufferedReader(socket.SocketIO(self, "r"), 65536)  # type: ignore[arg-type]

    def recv_into(self, buffer: Any) -> int:
        """Receive into a buffer; 0 means that the engine ended the stream. Raises `ConnectionResetError`."""
        data = self._channel.recv(len(buffer))
        if not data and not self._channel.ended_cleanly and not self._cancelled:
            raise ConnectionResetError(errno.ECONNRESET, "the SSH connection is lost")
        buffer[: len(data)] = data
        return len(data)

    def recv(self, size: int) -> bytes:
        """Receive up to `size` bytes."""
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(memoryview(buffer))])

    def sendall(self, data: Any) -> None:
        """Send all of it."""
        self._channel.sendall(data)

    def send(self, data: Any) -> int:
        """Send all of it and return its length."""
        self._channel.sendall(data)
        return len(data)

    def settimeout(self, seconds: float | None) -> None:
        """Limit how long one receive or send may block."""
        self._channel.settimeout(seconds)

    def gettimeout(self) -> float | None:
        """Return the limit."""
        limit: float | None = self._channel.gettimeout()
        return limit

    def shutdown(self, how: int) -> None:
        """End a direction; ending the reading one closes the channel, as SSH has no half of that."""
        if how == socket.SHUT_WR:
            self._channel.shutdown_write()
        else:
            self._cancelled = True
            self._channel.close()

    def close(self) -> None:
        """Close when the last file made from it is closed too."""
        self._closed = True
        if self._files <= 0:
            self._channel.close()

    def _decref_socketios(self) -> None:  # called by socket.SocketIO
        self._files -= 1
        if self._closed:
            self.close()

    @property
    def usable(self) -> bool:
        """Whether a kept connection can carry another request."""
        return not (self._channel.closed or self._channel.ended_cleanly or self._channel.recv_ready())


class _Connection(HTTPConnection):
    def __init__(self, dial: Dial) -> None:
        super().__init__("localhost")
        self._dial_channel = dial

    def connect(self) -> None:
        self.sock = self._dial_channel()
        if isinstance(self.timeout, int | float):
            self.sock.settimeout(self.timeout)

    @property
    def is_connected(self) -> bool:
        return isinstance(self.sock, ChannelSocket) and self.sock.usable


class _Pool(HTTPConnectionPool):
    def __init__(self, dial: Dial) -> None:
        super().__init__("localhost", maxsize=_MOST_IDLE, block=False)
        self._dial_channel = dial

    def _new_conn(self) -> Any:
        self.num_connections += 1
        return _Connection(self._dial_channel)
