"""The packet-level link: what is measured on it has to meet the delay, the rate and the losses that it promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tools import processes
from tools.debian import SetupError
from tools.lab import Lab
from tools.lab import lab as new_lab
from tools.slow_link import Conditions, Namespace, SlowLink, slow_link

PORT = 7
SERVER = f"""
import socket
with socket.create_server(("0.0.0.0", {PORT})) as listener:
    print("listening", flush=True)
    while True:
        peer, _ = listener.accept()
        for line in peer.makefile("rb"):
            peer.sendall(bytes(int(line)))
"""
CLIENT = f"""
import socket, sys, time
began = time.monotonic()
peer = socket.create_connection((sys.argv[1], {PORT}))
print(time.monotonic() - began, flush=True)
for line in sys.stdin:
    size = int(line)
    began = time.monotonic()
    peer.sendall(line.encode())
    while size:
        size -= len(peer.recv(65536))
    print(time.monotonic() - began, flush=True)
"""


@contextmanager
def serving(lab: Lab, link: SlowLink, folder: Path) -> Iterator[None]:
    """Run a server at the far end that sends as many bytes as it is asked for."""
    log = folder / "server"
    process = processes.start([*link.far.inside, sys.executable, "-c", SERVER], log, lab.id)
    try:
        processes.wait_until(lambda: "listening" in log.read_text(), "The server", process)
        yield
    finally:
        processes.stop(process)


class Client:
    """A connection from the near end; `took` are the seconds that connecting and each answer have taken."""

    def __init__(self, near: Namespace, far: Namespace, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*near.inside, sys.executable, "-c", CLIENT, far.address], stdin=subprocess.PIPE, stdout=output
            )

    @property
    def took(self) -> list[float]:
        return [float(line) for line in self.log.read_text().split()]

    def ask_for(self, size: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"%d\n" % size)
        self.process.stdin.flush()

    def wait_for(self, count: int) -> float:
        """Return what the `count`th answer has taken, the connecting counted as the first."""
        processes.wait_until(lambda: len(self.took) >= count, "An answer over the link", self.process)
        return self.took[count - 1]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        processes.stop(self.process)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as undo:
        yield undo


def over(undo: ExitStack, lab: Lab, folder: Path, conditions: Conditions) -> tuple[SlowLink, Client]:
    """Make a link with these conditions, and a client that is connected over it."""
    link = undo.enter_context(slow_link(lab, f"t{len(list(lab.folder.glob('link-*')))}", conditions))
    undo.enter_context(serving(lab, link, folder))
    client = Client(link.near, link.far, folder / "client")
    undo.callback(client.close)
    client.wait_for(1)
    return link, client


def test_every_exchange_takes_the_round_trip_of_the_link(undo: ExitStack, lab: Lab, tmp_path: Path) -> None:
    _, client = over(undo, lab, tmp_path, Conditions(rtt_ms=60))
    client.ask_for(1)
    client.wait_for(2)
    assert all(0.06 <= each < 6 for each in client.took), client.took


def test_a_rate_holds_large_amounts_back(undo: ExitStack, lab: Lab, tmp_path: Path) -> None:
    _, client = over(undo, lab, tmp_path, Conditions(rtt_ms=2, rate_mbit=16))
    client.ask_for(1_000_000)
    assert client.wait_for(2) >= 0.5, "a megabyte takes half a second"


def test_a_link_without_a_rate_carries_large_amounts_at_once(undo: ExitStack, lab: Lab, tmp_path: Path) -> None:
    _, client = over(undo, lab, tmp_path, Conditions(rtt_ms=2))
    client.ask_for(40_000_000)
    assert client.wait_for(2) < 16, "at 16 Mbit/s it would take twenty seconds"


def test_a_black_hole_answers_nothing_until_it_carries_again(undo: ExitStack, lab: Lab, tmp_path: Path) -> None:
    link, client = over(undo, lab, tmp_path, Conditions(rtt_ms=2))
    link.lose_everything()
    client.ask_for(1)
    with pytest.raises(SetupError, match="not within"):
        processes.wait_until(lambda: len(client.took) > 1, "An answer out of the hole", client.process, limit=0.5)
    link.lose_everything(lost=False)
    assert client.wait_for(2) >= 0.5


def test_nothing_is_left_of_a_link() -> None:
    with new_lab() as lab, slow_link(lab, "gone", Conditions()) as link:
        namespaces = [link.near.path, link.far.path]
        assert all(path.exists() for path in namespaces)
    assert not any(path.exists() for path in namespaces)
    assert link.process.poll() is not None
    assert not processes.marked(lab.id)
