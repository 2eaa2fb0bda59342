"""Who is compared: our tunnel and `ssh -L` with two ciphers, each as a process that forwards local ports.

`direct` is no contender: it is the way without a tunnel, which shows that the load tools are not what is measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.tunnel.stage import ALIAS, LOOPBACK, Place, Stage
from tools import ports, processes
from tools.debian import SetupError

ROOT = Path(__file__).resolve().parents[2]
TICK = os.sysconf("SC_CLK_TCK")
READY = 30
"""Seconds until a tunnel must have carried a byte."""

Ports = Mapping[int, int]
"""Local ports, and the port of the host's loopback to which each leads."""


@dataclass(frozen=True)
class Contender:
    """A way to forward ports: its name, and the command that does it until its stdin closes or it is ended."""

    name: str
    command: Callable[[Place, Ports], list[str]] | None
    """None: there is no tunnel."""
    waits: bool = False
    """Whether it says "warm" and waits for a line before it connects."""


@dataclass(frozen=True)
class Tunnel:
    """An open tunnel. `iperf` and `answer` are its ports that lead to the servers at the far end.

    `ready_after` is the seconds from its start until it had carried a byte.
    """

    stage: Stage
    place: Place
    address: str
    iperf: int
    answer: int
    pid: int | None
    ready_after: float = 0

    def cpu(self) -> float:
        """Return the seconds of processor that the client's process has used (proc(5), /proc/pid/stat)."""
        if self.pid is None:
            return 0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self) -> int:
        """Return the bytes of memory that the client's process holds (proc(5), /proc/pid/status, VmRSS)."""
        if self.pid is None:
            return 0
        found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        if found is None:
            raise SetupError("The tunnel's process has ended")
        return int(found[1]) * 1024

    def ask(self, *words: object) -> list[str]:
        """Return the command of our own load program against the answering server."""
        return [*self.place.near, str(self.stage.ask), self.address, str(self.answer), *map(str, words)]


def ours(place: Place, forwarded: Ports) -> list[str]:
    """Return the command of our tunnel."""
    return [*place.near, sys.executable, "-m", "bench.tunnel.ours", ALIAS, *_pairs(forwarded)]


def ours_warm(place: Place, forwarded: Ports) -> list[str]:
    """Return the command of our tunnel in a process that runs already."""
    return [*place.near, sys.executable, "-m", "bench.tunnel.ours", "--warm", ALIAS, *_pairs(forwarded)]


def ssh(*options: str) -> Callable[[Place, Ports], list[str]]:
    """Return what makes the command of `ssh -L` with more options."""

    def command(place: Place, forwarded: Ports) -> list[str]:
        forwards = [word for local, far in forwarded.items() for word in ("-L", f"{LOOPBACK}:{local}:{LOOPBACK}:{far}")]
        fixed = ("-N", "-F", str(place.config), "-o", "ExitOnForwardFailure=yes")
        return [*place.near, "ssh", *fixed, *options, *forwards, ALIAS]

    return command


OURS = Contender("srctl", ours)
WARM = Contender("srctl", ours_warm, waits=True)
SSH = Contender("ssh", ssh())
GCM = Contender("ssh-gcm", ssh("-c", "aes128-gcm@openssh.com"))
DIRECT = Contender("direct", None)


@contextlib.contextmanager
def opened(contender: Contender, stage: Stage, place: Place) -> Iterator[Tunnel]:
    """Open a tunnel and wait until it has carried a byte; end it afterwards. Raises SetupError when it does not."""
    if contender.command is None:
        yield Tunnel(stage, place, place.address, place.iperf_port, place.answer_port, None)
        return
    iperf, answer = random.sample(ports.PORTS, 2)
    command = contender.command(place, {iperf: place.iperf_port, answer: place.answer_port})
    log = place.home.path / "tunnel.log"
    spawned = time.monotonic()
    with _started(command, place, log) as process:
        began = _begin(contender, process, log, spawned)
        tunnel = Tunnel(stage, place, LOOPBACK, iperf, answer, process.pid)
        try:
            clock = _first_byte(tunnel, process)
        except SetupError as error:
            raise SetupError(f"{contender.name}: {error} {log.read_text(errors='replace').strip()[-800:]}") from error
        yield replace(tunnel, ready_after=clock - began)


@contextlib.contextmanager
def _started(command: list[str], place: Place, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a tunnel with its stdin held open, in the home of its place; it dies with us."""
    env = place.home.env | {"PYTHONPATH": str(ROOT), processes.MARK: place.mark}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            env=env,
            cwd=place.home.path,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        processes.stop(process)


def _begin(contender: Contender, process: subprocess.Popen[bytes], log: Path, spawned: float) -> float:
    """Let the tunnel connect; return the clock's seconds when it could."""
    if not contender.waits:
        return spawned
    processes.wait_until(lambda: "warm" in log.read_text(), contender.name, process)
    assert process.stdin is not None
    began = time.monotonic()
    process.stdin.write(b"\n")
    process.stdin.flush()
    return began


def _first_byte(tunnel: Tunnel, process: subprocess.Popen[bytes]) -> float:
    """Wait until a byte has come back; return the clock's seconds then."""
    asking = subprocess.Popen(tunnel.ask("first", READY), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with asking:
        try:
            processes.wait_until(lambda: asking.poll() is not None, "The tunnel's first byte", process, READY)
        except SetupError:
            asking.kill()
            raise
        assert asking.stdout is not None
        said = asking.stdout.read()
    if not said:
        raise SetupError("The tunnel carried no byte.")
    return float(json.loads(said)["clock"])


def _pairs(forwarded: Ports) -> list[str]:
    return [f"{local}:{far}" for local, far in forwarded.items()]
