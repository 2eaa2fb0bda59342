"""A Docker engine to try things on: one that is reachable already, or a private one that we start and stop.

The private engine shares nothing with another engine on this machine: own folders, own bridge, own containerd
namespaces, and it leaves the firewall and the kernel's forwarding alone (published ports on loopback need
neither). It is ended by its process id, with all its containers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import debian, networks, ports, processes
from tools.debian import SetupError
from tools.lab import Lab

if TYPE_CHECKING:
    from tools.certificates import Certificates

DEFAULT_URL = "unix:///var/run/docker.sock"


@dataclass
class Life:
    """The process of a private engine, and how it was started."""

    command: list[str]
    mark: str
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Engine:
    """A Docker engine and the URL that reaches it; `private` when it ends with us.

    `port` and `certificates` are set where it also listens on 127.0.0.1, for clients that it knows by certificate.
    """

    url: str
    private: bool
    port: int | None = None
    certificates: Certificates | None = None
    life: Life | None = None

    @property
    def socket(self) -> str:
        """The path of the engine's socket."""
        return self.url.removeprefix("unix://")

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """Give a low-level client of the Docker SDK."""
        client = connect(self.url)
        try:
            yield client
        finally:
            client.close()


def connect(url: str, timeout: float = 60) -> Any:
    """Return a low-level client of the Docker SDK, whose import costs a fifth of a second."""
    from docker import APIClient

    return APIClient(base_url=url, version="auto", timeout=int(timeout), tls=False)


def reachable() -> Engine | None:
    """Return the engine that DOCKER_HOST or the default socket leads to, None when there is none."""
    from docker.errors import DockerException

    url = os.environ.get("DOCKER_HOST") or DEFAULT_URL
    try:
        with Engine(url, private=False).client() as client:
            client.ping()
    except DockerException:
        return None
    return Engine(url, private=False)


def need_root(purpose: str) -> None:
    """Raise SetupError unless we are root on Linux, which starting an engine takes."""
    if os.uname().sysname != "Linux" or os.geteuid() != 0:
        raise SetupError(f"{purpose} needs root on Linux. Use sudo, or set DOCKER_HOST to an engine of yours.")


@contextlib.contextmanager
def private_engine(lab: Lab, *, tls: bool = False) -> Iterator[Engine]:
    """Start an engine of our own, with `tls` also on TCP; stop it and remove all that it made afterwards."""
    need_root("A private Docker engine")
    debian.ensure(debian.ENGINE)
    folder = lab.make("engine")
    engine = Engine(f"unix://{folder}/docker.sock", private=True)
    pool = networks.claim(lab.folder, closed=False)
    with networks.bridge(lab.id, pool):
        command = command_line(lab, folder, pool)
        if tls:
            engine, life = listen_on_tls(engine, command, lab.id)
        else:
            life = Life(command, lab.id, listen(engine, command, lab.id))
        try:
            yield replace(engine, life=life)
        finally:
            shut_down(engine, life.process)


@contextlib.contextmanager
def away(engine: Engine) -> Iterator[None]:
    """End a private engine, with all that runs in it, and start it again after the block."""
    if (life := engine.life) is None:
        raise SetupError("Only an engine of ours can be ended")
    processes.stop(life.process)
    try:
        yield
    finally:
        life.process = listen(engine, life.command, life.mark)


def listen(engine: Engine, command: list[str], mark: str) -> subprocess.Popen[bytes]:
    """Start the engine and wait until it answers on its socket."""
    log = Path(engine.socket).with_name("log")
    process = processes.start(command, log, mark)
    wait_for(engine, process, log)
    return process


def listen_on_tls(engine: Engine, command: list[str], mark: str) -> tuple[Engine, Life]:
    """Start the engine on its socket and on TCP with certificates of its own, which let clients of theirs in."""
    from tools import certificates

    folder = Path(engine.socket).parent
    made = certificates.make(folder / "tls")
    names = {"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
    options = ["--tlsverify", *(f"--{option}={made.server / name}" for option, name in names.items())]

    def at(port: int) -> list[str]:
        return [*command, *options, f"--host=tcp://127.0.0.1:{port}"]

    process, port = ports.listening(lambda port: listen(engine, at(port), mark), folder / "log")
    return replace(engine, port=port, certificates=made), Life(at(port), mark, process)


def command_line(lab: Lab, folder: Path, pool: IPv4Network) -> list[str]:
    """Return the command that runs the private engine."""
    return [
        *("dockerd", f"--host=unix://{folder}/docker.sock", f"--pidfile={folder}/pid"),
        *(f"--data-root={folder}/data", f"--exec-root={folder}/exec"),
        *(f"--bridge={lab.id}", f"--default-address-pool=base={pool},size=27"),
        *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
        *(f"--containerd-namespace={lab.id}", f"--containerd-plugins-namespace={lab.id}p"),
        *(f"--cgroup-parent=/{lab.id}", "--shutdown-timeout=3"),
    ]


def wait_for(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the engine answers: it accepts connections early and answers the first request when it is ready."""
    try:
        processes.wait_until(Path(engine.socket).exists, "The Docker engine", process)
        with engine.client() as client:
            client.ping()
    except Exception as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SetupError(f"The private Docker engine did not start: {error}\n{tail}") from error


def shut_down(engine: Engine, process: subprocess.Popen[bytes], *, politely: bool = True) -> None:
    """Remove all containers and networks, then end the engine."""
    if process.poll() is None:
        with contextlib.suppress(Exception), engine.client() as client:
            empty(client)
    if not politely:
        process.kill()
    processes.stop(process)


def empty(client: Any) -> None:
    """Remove every container and every network from an engine of ours."""
    for container in client.containers(all=True):
        client.remove_container(container["Id"], force=True)
    for network in client.networks(filters={"type": "custom"}):
        client.remove_network(network["Id"])
