"""Forwards under load, through a real sshd: every byte arrives, and nothing is left behind."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from srctl.tunnel.channel import Channel
from srctl.tunnel.forward import MOST_STREAMS
from srctl.tunnel.packetizer import PumpingPacketizer
from tests.integration import fire_load as load
from tests.integration.fire_parts import Far, Load, Tunnel, tunnel
from tests.integration.hostile_stage import resident, resources
from tools.clean_home import Home
from tools.processes import wait_until
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]
MEGABYTES = int(os.environ.get("SRCTL_TEST_MEGABYTES", "3000"))
"""How much the long checksum moves in all, both ways together."""

REKEYS = 5


def test_ten_thousand_connections_leave_no_descriptor_no_thread_and_no_byte(plain: Tunnel) -> None:
    with Load("knock", plain.port, 1000) as first:
        assert first.finished()
    wait_until(lambda: plain.forward.stats.connections == 0, "the end of the first connections")
    before, occupied = resources(), resident()
    with Load("knock", plain.port, 9000) as rest:
        assert rest.finished()
    wait_until(lambda: plain.forward.stats.connections == 0, "the end of all connections")
    wait_until(lambda: resources() <= before, f"no more descriptors and threads than before ({before})")
    stats = plain.forward.stats
    assert (stats.connections_total, stats.bytes_out, stats.bytes_in) == (10_000, 10_000 * 16, 10_000 * 32)
    assert resident() - occupied < 4 << 20


def test_two_hundred_connections_at_once_are_all_served(plain: Tunnel) -> None:
    def exchange(number: int) -> bytes:
        with load.dial(plain.port) as local:
            local.sendall(b"U")
            barrier.wait()  # all are open before one ends
            assert load.upload(local, 1000 * number) == load.exactly(local, 32)
            return local.recv(1)

    barrier = threading.Barrier(200, timeout=30)
    with ThreadPoolExecutor(200) as pool:
        assert list(pool.map(exchange, range(200))) == [b""] * 200
    assert plain.forward.stats.connections_total == 200
    assert plain.forward.stats.bytes_out == 200 + 1000 * sum(range(200))


def test_more_connections_than_are_served_at_once_wait_their_turn(plain: Tunnel) -> None:
    count = MOST_STREAMS + 80
    with Load("crowd", plain.port, count) as crowd:
        assert crowd.line() == "open"
        wait_until(lambda: plain.forward.stats.connections == MOST_STREAMS, "as many connections as are served")
        crowd.go_on()
        assert crowd.finished()
    assert plain.forward.stats.connections_total == count


# -- a connection of the Docker API on the same transport


@contextlib.contextmanager
def api_traffic(tunnel: Tunnel, askers: int = 2) -> Iterator[list[int]]:
    """Ask the far API, on channels of the same connection, until the end of the block; give the counts of answers."""
    finished = threading.Event()
    counts = [0] * (askers + 1)

    def ask(asker: int) -> None:
        while not finished.is_set():
            channel = tunnel.connection.open_streamlocal(tunnel.far.path)
            for each in range(20):
                question = b"%04d%04d" % (asker, each)
                channel.sendall(question)
                assert read(channel, 8 + load.ANSWER // 32 * 32) == load.answer(question)
                counts[asker] += 1
            channel.close()

    def follow_events() -> None:
        channel = tunnel.connection.open_streamlocal(tunnel.far.path)
        channel.sendall(bytes(8))
        while not finished.is_set():
            assert int.from_bytes(read(channel, 8), "big") == counts[askers]
            counts[askers] += 1
        channel.close()

    with ThreadPoolExecutor(askers + 1) as pool:
        work = [pool.submit(ask, asker) for asker in range(askers)] + [pool.submit(follow_events)]
        try:
            yield counts
        finally:
            finished.set()
            for each in work:
                each.result(60)


def read(channel: Channel, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        more = channel.recv(count - len(data))
        assert more, "the API's channel ended"
        data += more
    return bytes(data)


def test_a_checksum_over_all_data_holds_across_key_exchanges(home: Home, make_sshd: MakeSshd, far: Far) -> None:
    """Two long transfers each way, new connections all the while, and an API in use on the same connection."""
    each = MEGABYTES * 1_000_000 // 4
    limit = f"{max(1, 2 * each // (REKEYS + 2) >> 20)}M"
    server = make_sshd("fire", Options(extra={"RekeyLimit": limit, "LogLevel": "DEBUG1"}))
    with tunnel(home, server, far) as under_fire:
        with (
            api_traffic(under_fire) as counts,
            Load("get", under_fire.port, each) as down,
            Load("put", under_fire.port, each) as up,
            Load("both", under_fire.port, each) as both,
        ):
            knocks = 0
            while down.running or up.running or both.running:
                with Load("knock", under_fire.port, 50) as knocking:
                    assert knocking.finished()
                knocks += 50
            assert [down.finished(), up.finished(), both.finished()] == [True] * 3
        assert under_fire.key_exchanges() >= REKEYS
        assert knocks >= 100
        assert min(counts) > 20
        stats = under_fire.forward.stats
        assert stats.connections_total == knocks + 3
        assert stats.bytes_out == 2 * each + 16 * knocks + 9 + 1 + 9
        assert stats.bytes_in == 2 * each + 32 * knocks + 32 * 4


@pytest.mark.parametrize("kinds", [("get", "get"), ("put", "put"), ("both",), ("get", "put")], ids="-".join)
@pytest.mark.parametrize("initiator", ["server", "client"])
def test_a_key_exchange_each_megabyte_or_two_harms_nothing(
    home: Home, make_sshd: MakeSshd, far: Far, monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, ...], initiator: str
) -> None:
    """Two packets under one nonce, or a message out of its turn, would end the connection."""
    extra = {"LogLevel": "DEBUG1"}
    if initiator == "server":
        extra["RekeyLimit"] = "1M"
    server = make_sshd(f"rekey-{initiator}-{'-'.join(kinds)}", Options(extra=extra))
    if initiator == "client":
        monkeypatch.setattr(PumpingPacketizer, "REKEY_BYTES", 2 << 20)
    with tunnel(home, server, far) as under_fire:
        with (
            api_traffic(under_fire, 1) as counts,
            contextlib.ExitStack() as loads,
        ):
            work = [loads.enter_context(Load(kind, under_fire.port, 30_000_000)) for kind in kinds]
            work.append(loads.enter_context(Load("knock", under_fire.port, 300)))
            assert all(each.finished() for each in work)
        assert under_fire.key_exchanges() >= 6
        assert min(counts) > 0


def test_a_connection_that_was_busy_costs_no_processor_time_when_it_is_idle(plain: Tunnel) -> None:
    """Threads that sent at the same time must leave nothing behind that keeps the loop turning."""
    for _ in range(3):
        with (
            api_traffic(plain, 3) as counts,
            Load("put", plain.port, 20_000_000) as up,
            Load("both", plain.port, 20_000_000) as both,
        ):
            assert up.finished()
            assert both.finished()
            wait_until(lambda: min(counts) > 100, "some traffic")
        wait_until(lambda: plain.forward.stats.connections == 0, "the end of all connections")
        before = time.process_time()
        threading.Event().wait(0.7)
        assert time.process_time() - before < 0.3
