"""Where tunnels are measured: places with an SSH server and, behind it, the servers that the load talks to.

One place is this machine's loopback. The others have their two ends in network namespaces with a slow link between
them. A place is made when a measure first asks for it.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tools import clean_home, debian, ports, processes, programs, sshd
from tools.clean_home import Home
from tools.debian import SetupError
from tools.lab import Lab, lab
from tools.slow_link import Conditions, SlowLink, slow_link
from tools.sshd import Options, Sshd, private_sshd

HERE = Path(__file__).parent
PROGRAMS = (*debian.SSH, debian.Program("iperf3", "iperf3"), debian.Program("wrk", "wrk"))
ALIAS = "far"
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104  inside a namespace only

LARGE = {f"net.ipv4.tcp_{name}": "4096 131072 33554432" for name in ("rmem", "wmem")}
USUAL = {"net.ipv4.tcp_rmem": "4096 131072 6291456", "net.ipv4.tcp_wmem": "4096 16384 4194304"}
"""TCP's buffers: large enough for any link here, and as Linux has them where nobody has changed them."""

LINKS = {
    "slow": Conditions(rtt_ms=50, sysctl=USUAL),
    "slow, large buffers": Conditions(rtt_ms=50, sysctl=LARGE),
    "narrow": Conditions(rtt_ms=50, rate_mbit=100, queue=2_500_000, sysctl=USUAL),
}
"""The queue of the narrow link holds 200 ms, as home routers' do."""


@dataclass(frozen=True)
class Place:
    """A near end, where clients run, and a far end with the SSH server.

    `near` and `far` stand before a command that is to run there. `address` is the far end's own: on it the servers
    on `iperf_port` and `answer_port` are reached without a tunnel.
    """

    near: tuple[str, ...]
    far: tuple[str, ...]
    address: str
    home: Home
    iperf_port: int
    answer_port: int
    mark: str

    @property
    def listen(self) -> str:
        """Where servers at the far end listen: everywhere only when they are in a namespace of their own."""
        return EVERYWHERE if self.far else LOOPBACK

    @property
    def config(self) -> Path:
        """The ssh_config of all contenders; in it the host is called `ALIAS`."""
        return self.home.path / ".ssh" / "config"


@dataclass
class Stage:
    """The run's folder, our two load programs, and the places made until now."""

    lab: Lab
    undo: ExitStack
    ask: Path
    answer: Path
    places: dict[str, Place] = field(default_factory=dict)

    def place(self, name: str) -> Place:
        """Return a place by its name: `loopback` or one of `LINKS`."""
        if name not in self.places:
            self.places[name] = self._loopback() if name == "loopback" else self._behind(LINKS[name])
        return self.places[name]

    def _loopback(self) -> Place:
        server = self.undo.enter_context(private_sshd(self.lab, "loopback-sshd"))
        return self._furnished("loopback", server, None)

    def _behind(self, conditions: Conditions) -> Place:
        short = f"n{len(self.places)}"
        link = self.undo.enter_context(slow_link(self.lab, short, conditions))
        server = self.undo.enter_context(_sshd_inside(self.lab, f"{short}-sshd", link))
        return self._furnished(short, server, link)

    def _furnished(self, name: str, server: Sshd, link: SlowLink | None) -> Place:
        """Start the server that answers, and give the clients a home that knows the host."""
        folder = self.lab.make(name)
        home = clean_home.make(folder)
        home.add_ssh_config(server.client_config(ALIAS))
        near, far = (link.near.inside, link.far.inside) if link else ((), ())
        output = folder / "answer"
        listen = EVERYWHERE if link else LOOPBACK
        process = processes.start([*far, self.answer, listen], output, self.lab.id)
        self.undo.callback(processes.stop, process)
        port = int(processes.wait_until(lambda: output.read_text().strip(), "The answering server", process))
        iperf_port = random.choice(ports.PORTS)  # noqa: S311  any will do
        return Place(near, far, server.host, home, iperf_port, port, self.lab.id)


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Get the tools, compile ours, and give an empty stage; take everything down afterwards."""
    debian.ensure(PROGRAMS)
    with lab() as run, ExitStack() as undo:
        folder = run.make("load")
        ask, answer = (programs.compiled(HERE / source, folder) for source in ("ask.c", "answer.c"))
        yield Stage(run, undo, ask, answer)


@contextlib.contextmanager
def _sshd_inside(run: Lab, name: str, link: SlowLink) -> Iterator[Sshd]:
    """Start an SSH server at the far end of a link."""
    folder, address = run.make(name), link.far.address
    sshd.make_keys(folder)
    sshd.write_known_hosts(folder, address)
    config = sshd.write_config(folder, Options(), address, 22)
    process = processes.start([*link.far.inside, *sshd.command_line(config)], folder / "output", run.id)
    try:
        sshd.wait_for(process, folder, 22)
        yield Sshd(folder, address, 22, sshd.account())
    finally:
        processes.stop(process)


@contextlib.contextmanager
def iperf_server(place: Place) -> Iterator[None]:
    """Run iperf3's server at the far end, for one test."""
    log = place.home.path / "iperf3"
    log.unlink(missing_ok=True)
    command = [*place.far, "iperf3", "-s", "-1", "-p", str(place.iperf_port), "-B", place.listen, "--forceflush"]
    process = processes.start(command, log, place.mark)
    try:
        processes.wait_until(lambda: "Server listening" in log.read_text(), "iperf3's server", process)
        yield
    finally:
        processes.stop(process)


def output_of(command: list[str], what: str, limit: float = 120) -> str:
    """Run a load tool to its end; return what it printed. Raises SetupError when it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{what}: not within {limit:g} s") from error
    if done.returncode != 0:
        raise SetupError(f"{what}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
