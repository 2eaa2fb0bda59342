"""What the tests of SSH connections share: a person who answers, TCP servers, and the processes of logins."""

import base64
import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from srctl.tunnel.connection import SSHConnection
from tools import processes
from tools.clean_home import Home
from tools.sshd import Sshd


@dataclass
class Person:
    """Answers questions in order and remembers them; `None` gives up."""

    secrets: list[str | None] = field(default_factory=list)
    agrees: bool = True
    asked: list[str] = field(default_factory=list)

    def confirm(self, text: str) -> bool:
        self.asked.append(text)
        return self.agrees

    def secret(self, text: str) -> str | None:
        self.asked.append(text)
        return self.secrets.pop(0) if self.secrets else None


def keygen(path: Path, *, kind: str = "ed25519", passphrase: str = "", comment: str = "test") -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@contextlib.contextmanager
def tcp_server(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection on 127.0.0.1 in a thread; give the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            handle(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def logins_of(server: Sshd) -> list[int]:
    """Return the processes that serve the logins of a server, not the one that listens."""
    mark = f"{server.folder}/sshd_config".encode()
    listeners = [pid for pid in processes.pids() if mark in _title(pid) and b"listener" in _title(pid)]
    return [child for pid in listeners for child in processes.descendants(pid)]


def kill_logins(server: Sshd) -> None:
    """End every connection to a server the hard way."""
    for pid in logins_of(server):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the end."""
    data = bytearray()
    while more := connection.recv(1 << 18):
        data += more
    return bytes(data)


def host_key(server: Sshd) -> bytes:
    """Return the public host key of a server, as on the wire."""
    return base64.b64decode((server.folder / "host_key.pub").read_text().split()[1])


def says(command: str, connection: SSHConnection) -> bytes:
    """Return what a command on the host writes."""
    channel = connection.exec(command)
    data = b""
    while more := channel.recv(4096):
        data += more
    channel.close()
    return data


def only(server: Sshd, home: Home, **options: str) -> None:
    """Reach `box` with these options and no identity of the server's own making."""
    base = {"IdentityFile": "none", "IdentitiesOnly": "no"}
    (home.path / ".ssh" / "config").write_text(server.client_config("box", base | options))
