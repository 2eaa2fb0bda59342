"""A supervised tunnel on real parts: a container with the test page, and an SSH server that can be stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from srctl.hosts.engine import DockerHost
from srctl.models import Host, Standing
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.ports import bind_local
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.roles import Pace
from srctl.tunnel.supervisor import SupervisedTunnel
from srctl.whereabouts import Whereabouts
from tools import processes, sshd
from tools.lab import Lab
from tools.processes import wait_until
from tools.sshd import Options, Sshd

IMAGE = "srctl/web:latest"
SESSION = "5" * 32
QUICK = Pace(login=1.0)
RECOVERY = 30.0
"""Seconds that a busy machine may take until a tunnel is up again once nothing is in its way."""


@dataclass
class Server:
    """An SSH server on one port, which can be stopped and started with other options."""

    lab: Lab
    reached: Sshd
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stop it, and end every connection to it."""
        assert self.process is not None
        processes.stop(self.process)
        self.process = None

    def start(self, extra: Mapping[str, str] | None = None, max_sessions: int = 10) -> None:
        """Start it again."""
        options = Options(max_sessions=max_sessions, extra=extra or {})
        config = sshd.write_config(self.reached.folder, options, "127.0.0.1", self.reached.port)
        (self.reached.folder / "log").unlink()  # it tells whether the server listens
        self.process = processes.start(sshd.command_line(config), self.reached.folder / "output", self.lab.id)
        sshd.wait_for(self.process, self.reached.folder, self.reached.port)

    def drop(self, number: int = signal.SIGKILL) -> None:
        """End every connection to it, the hard way."""
        assert self.process is not None
        for pid in processes.descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def server(lab: Lab, name: str, max_sessions: int = 10) -> Iterator[Server]:
    """Give a server of one's own."""
    folder = lab.make(name)
    sshd.make_keys(folder)
    process, port = sshd.listen(folder, Options(max_sessions=max_sessions), lab.id)
    sshd.write_known_hosts(folder, f"[127.0.0.1]:{port}")
    made = Server(lab, Sshd(folder, "127.0.0.1", port, sshd.account()), process)
    try:
        yield made
    finally:
        if made.process is not None:
            made.stop()


@contextmanager
def page(client: Any) -> Iterator[str]:
    """Run the test page in a container with a port of its own; give the container's id."""
    ports = {"8888/tcp": ("127.0.0.1",)}
    settings = client.create_host_config(port_bindings=ports)
    env = {"USER": "ann", "JPY_USER": "ann", "JPY_BASE_USER_URL": "/user/ann", "URL_ID": SESSION}
    made = client.create_container(IMAGE, host_config=settings, ports=[8888], environment=env)["Id"]
    try:
        client.start(made)
        yield made
    finally:
        with contextlib.suppress(Exception):
            client.remove_container(made, force=True)


@dataclass
class Stage:
    """A tunnel to a container on a host."""

    link: SSHConnection
    tunnel: SupervisedTunnel
    log: list[str] = field(default_factory=list)

    def fetch(self) -> int:
        """Return the status of the test page through the tunnel."""
        url = f"http://127.0.0.1:{self.tunnel.local_port}/user/ann/containers/{SESSION}/"
        with urllib.request.urlopen(url, timeout=15) as response:
            return int(response.status)

    def connect(self) -> socket.socket:
        """Open a connection through the tunnel."""
        return socket.create_connection(("127.0.0.1", self.tunnel.local_port), timeout=15)

    def stands(self, state: str, cause: str = "", limit: float = RECOVERY) -> Standing:
        """Wait until it stands so, for this reason."""

        def look() -> Standing | None:
            found = self.tunnel.standing
            return found if found.state == state and cause in (found.cause or "") else None

        try:
            return wait_until(look, f"{state} ({cause})", limit=limit)
        except Exception as error:
            raise AssertionError(f"{error}; it is {self.tunnel.standing}; {self.log}") from error

    def back(self, reconnects: int = 1, limit: float = RECOVERY) -> Standing:
        """Wait until it is up, and has been made anew at least so many times."""

        def look() -> Standing | None:
            found = self.tunnel.standing
            return found if found.state == "up" and found.reconnects >= reconnects else None

        try:
            return wait_until(look, f"up after {reconnects}", limit=limit)
        except Exception as error:
            raise AssertionError(f"{error}; it is {self.tunnel.standing}; {self.log}") from error


@contextmanager
def stage(url: str, container: str, pace: Pace = QUICK, prompter: Prompter | None = None) -> Iterator[Stage]:
    """Lead a local port to a container of the Docker host at an `ssh://` URL."""
    log: list[str] = []
    with ExitStack() as stack:
        link = stack.enter_context(SSHConnection.connect(url, prompter=prompter))
        host = DockerHost(Host("lab", url, "flag"), lambda: link)
        session = Whereabouts(lambda: host, SESSION, container, IMAGE)
        tunnel = SupervisedTunnel(
            bind_local(),
            link,
            session,
            session.locate(),
            lambda listener, to, waiting: Forward(listener, link, to.address, to.port, waiting),
            log.append,
            pace,
        )
        stack.callback(tunnel.close)
        yield Stage(link, tunnel, log)
