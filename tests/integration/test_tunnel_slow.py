"""Ends that are slow, stall, or hang up early: each gets its bytes, costs little, and holds nobody up."""

import contextlib
import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration import fire_load as load
from tests.integration.fire_parts import Far, Load, Tunnel
from tools.clean_home import Home
from tools.processes import wait_until
from tools.sshd import Sshd


def test_slow_readers_and_slow_writers_get_every_byte(plain: Tunnel) -> None:
    def sip(number: int) -> None:
        """Read in small pieces, with a small buffer."""
        count = 100_000 + number
        with socket.socket() as local:
            local.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            local.connect(("127.0.0.1", plain.port))
            local.settimeout(60)
            local.sendall(b"D" + count.to_bytes(8, "big"))
            digest = load.digest_of(local, count, sip=300)
            assert digest == load.exactly(local, 32)

    def dribble(number: int) -> None:
        """Write in small pieces to somebody who reads in small pieces."""
        text = bytes([number]) * 60_000
        with load.dial(plain.port) as local:
            local.sendall(b"S")
            for start in range(0, len(text), 100):
                local.sendall(text[start : start + 100])
            local.shutdown(socket.SHUT_WR)
            assert load.exactly(local, 32) == hashlib.sha256(text).digest()

    with ThreadPoolExecutor(16) as pool:
        work = [pool.submit(task, number) for number in range(16) for task in (sip, dribble)]
        for each in work:
            each.result(60)
    assert plain.forward.stats.connections_total == 32


def test_far_ends_that_hang_up_early_disturb_nobody_else(plain: Tunnel) -> None:
    """A web server that refuses an upload answers and closes, while the client still sends and has not read."""

    def upload_all_the_same(number: int) -> None:
        with load.dial(plain.port) as local:
            local.sendall(b"H")
            with contextlib.suppress(ConnectionError, TimeoutError):
                local.settimeout(0.2)
                for _ in range(200):
                    local.sendall(bytes(20_000))
            local.settimeout(60)
            with contextlib.suppress(ConnectionError):
                while local.recv(1000 * (1 + number)):
                    pass

    with Load("knock", plain.port, 300) as others, ThreadPoolExecutor(12) as pool:
        assert list(pool.map(upload_all_the_same, range(48))) == [None] * 48
        assert others.finished()


@pytest.mark.parametrize(("readers", "most"), [(4, 6 << 20), (100, (64 << 20) + 100 * (64 << 10) + (8 << 20))])
def test_stalled_readers_cost_little_memory_and_hold_nobody_up(
    home: Home, sshd: Sshd, far: Far, readers: int, most: int
) -> None:
    home.add_ssh_config(sshd.client_config("box"))
    with Load("hold", "box", far.port) as holder, contextlib.ExitStack() as stalled:
        port = int(holder.line())
        for role, amount in (("get", 50_000_000), ("put", 50_000_000), ("knock", 50)):
            with Load(role, port, amount) as warm_up:
                assert warm_up.finished()
        before = holder.resident
        for _ in range(readers):
            local = stalled.enter_context(load.dial(port))
            local.sendall(b"E")
        until_quiet(holder)
        assert holder.resident - before <= most
        with Load("get", port, 50_000_000) as meanwhile:
            assert meanwhile.finished()
        assert holder.resident - before <= most + (2 << 20)


def until_quiet(holder: Load) -> None:
    """Wait until the process has stopped to grow."""
    sizes: list[int] = []

    def quiet() -> bool:
        sizes.append(holder.resident)
        return len(sizes) > 20 and sizes[-20] == sizes[-1]

    wait_until(quiet, "an end of growth")
