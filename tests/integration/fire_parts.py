"""A forward to put under load, and processes that load it, started and ended by tests."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.ports import bind_local
from tests.integration.hostile_stage import resources
from tools.clean_home import Home
from tools.processes import wait_until
from tools.sshd import Sshd

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds that a load may take at most."""


@dataclass(frozen=True)
class Far:
    """The far end: a TCP port, and a unix socket with an API."""

    port: int
    path: str


class Load:
    """A process of `fire_load`; the end of the block ends it."""

    def __init__(self, role: str, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.integration.fire_load", role, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def line(self) -> str:
        """Return the next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def go_on(self) -> None:
        """Let it go on that waits for a line."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def finished(self) -> bool:
        """Wait until it is done and has found everything in order."""
        _, complaint = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, complaint[-2000:]
        return True

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._process.poll() is None

    @property
    def resident(self) -> int:
        """The bytes of memory that it occupies."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS:"))


@contextlib.contextmanager
def far_end() -> Iterator[Far]:
    """Serve until the end of the block."""
    with Load("far") as load:
        port, path = load.line().split()
        yield Far(int(port), path)


@dataclass
class Tunnel:
    """A forward to the far end, and what it runs over."""

    connection: SSHConnection
    forward: Forward
    far: Far
    server: Sshd

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.forward.local_port

    def key_exchanges(self) -> int:
        """Return how many key exchanges the server has finished after the first."""
        return self.server.log.count("SSH2_MSG_NEWKEYS received") - 1


@contextlib.contextmanager
def tunnel(home: Home, server: Sshd, far: Far) -> Iterator[Tunnel]:
    """Give a forward to the far end; afterwards nothing of it may be left."""
    home.add_ssh_config(server.client_config("box"))
    with SSHConnection.connect("ssh://box") as connection, bind_local() as listener:
        before = resources()
        with Forward(listener, connection, "127.0.0.1", far.port) as forward:
            yield Tunnel(connection, forward, far, server)
            wait_until(lambda: forward.stats.connections == 0, "the end of all connections")
        wait_until(lambda: resources() <= before, f"no more descriptors and threads than before ({before})")
        assert connection.alive
        assert connection.logins == 1
