"""A link with a round-trip time, a rate and a queue between two network namespaces.

TCP runs over it as over a real one: its own windows, acknowledgements and losses count, which a proxy would hide. The
packets are carried by a small program, slow_link.c. Needs root on Linux, and gcc.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools import debian, processes, programs
from tools.engine import need_root
from tools.lab import Lab
from tools.networks import run

SOURCE = Path(__file__).with_suffix(".c")
NETWORK = "10.83.0.0/30"
NEAR, FAR = "10.83.0.1", "10.83.0.2"
"""Addresses of the ends; no other network is in their namespaces."""
MTU = 1500
PROGRAMS = (debian.Program("ip", "iproute2"), debian.Program("nsenter", "util-linux"))


@dataclass(frozen=True)
class Conditions:
    """What the link is like. `rate_mbit` 0 is no limit; `queue` is what may wait for the line, in bytes.

    `congestion` is TCP's congestion control, a name that this kernel knows; cubic is what most machines use. `sysctl`
    holds settings of both ends' namespaces, such as `net.ipv4.tcp_wmem`.
    """

    rtt_ms: float = 50
    rate_mbit: float = 0
    queue: int = 1 << 20
    congestion: str = "cubic"
    sysctl: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Namespace:
    """One end: a network namespace with an address on the link and a loopback of its own."""

    name: str
    address: str

    @property
    def path(self) -> Path:
        """Where the kernel keeps it."""
        return Path("/run/netns") / self.name

    @property
    def inside(self) -> tuple[str, ...]:
        """The words before a command that runs it in there."""
        return ("nsenter", f"--net={self.path}", "--")


@dataclass
class SlowLink:
    """A running link between its ends `near` and `far`."""

    near: Namespace
    far: Namespace
    process: subprocess.Popen[bytes]
    black_hole: bool = False

    def lose_everything(self, lost: bool = True) -> None:
        """Become a black hole, in which packets vanish without a word, or carry again."""
        if lost != self.black_hole:
            self.process.send_signal(signal.SIGUSR1)
            self.black_hole = lost


@contextlib.contextmanager
def slow_link(lab: Lab, name: str, conditions: Conditions) -> Iterator[SlowLink]:
    """Give a link between two namespaces of this run; `name` tells it from the run's other links."""
    need_root("A link between network namespaces")
    debian.ensure(PROGRAMS)
    folder = lab.make(f"link-{name}")
    program = programs.compiled(SOURCE, folder)
    ends = [Namespace(f"{lab.id}-{name}-{end}", at) for end, at in (("near", NEAR), ("far", FAR))]
    process = None
    try:
        for end in ends:
            run("ip", "netns", "add", end.name)
        process = processes.start(command_line(program, ends, conditions), folder / "output", lab.id)
        processes.wait_until(lambda: "up" in (folder / "output").read_text(), "The slow link", process)
        for end in ends:
            set_up(end, conditions)
        yield SlowLink(ends[0], ends[1], process)
    finally:
        if process is not None:
            processes.stop(process)
        for end in ends:
            subprocess.run(["ip", "netns", "delete", end.name], capture_output=True, check=False)


def command_line(program: Path, ends: list[Namespace], conditions: Conditions) -> list[str]:
    """Return the command that carries the packets."""
    numbers = (conditions.rtt_ms * 500, conditions.rate_mbit * 1e6, conditions.queue)
    return [str(program), *(str(end.path) for end in ends), *(str(int(number)) for number in numbers)]


def set_up(end: Namespace, conditions: Conditions) -> None:
    """Give one end its address, its loopback and its settings."""
    ip = ("ip", "-netns", end.name)
    run(*ip, "link", "set", "lo", "up")
    run(*ip, "address", "add", f"{end.address}/30", "dev", "wire")
    run(*ip, "link", "set", "dev", "wire", "mtu", str(MTU), "up")
    run(*ip, "route", "replace", NETWORK, "dev", "wire", "src", end.address, "congctl", conditions.congestion)
    for name, value in conditions.sysctl.items():
        path = f"/proc/sys/{name.replace('.', '/')}"
        run(*end.inside, "sh", "-c", 'printf "%s\n" "$1" > "$2"', "sh", value, path)
