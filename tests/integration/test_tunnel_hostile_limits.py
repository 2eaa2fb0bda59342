"""A server cannot make the client hoard, spin or wait for ever: memory, processor time and waiting have limits."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srctl.errors import SrctlError
from srctl.tunnel import knocking
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.errors import ChannelRefusedError
from tests.integration import hostile_server as ssh
from tests.integration.hostile_server import packed
from tests.integration.hostile_stage import Stage, check_words, resident, resources, until_its_end
from tests.integration.ssh_parts import keygen, tcp_server
from tools.clean_home import Home
from tools.processes import wait_until

MUCH = 160 << 20
BUDGET = 64 << 20
PIECE = bytes(32_000)


def growth_while(play: Stage, message: bytes, count: int) -> int:
    """Send a message that often, or until the client has left or takes no more; return by how much we grew."""
    before, most, batch = resident(), 0, max(1, (1 << 20) // len(message))
    finished = threading.Event()

    def pour() -> None:
        with contextlib.suppress(OSError, EOFError):
            for _ in range(0, count, batch):
                play.peer.send(*[message] * batch)
        finished.set()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(pour)
        sizes = [0]

        def over() -> bool:
            sizes.append(resident() - before)
            return finished.is_set() or not play.connection.alive

        with contextlib.suppress(Exception):  # neither: the client takes no more, which is fine as well
            wait_until(over, "the end of the flood", limit=3)
        most = max(sizes)
        if not finished.is_set():
            play.peer.close()
    return most


def test_data_beyond_the_window_of_a_forward_does_not_pile_up(play: Stage) -> None:
    line = play.line()
    assert growth_while(play, packed(ssh.DATA, line.channel, PIECE), MUCH // len(PIECE)) < BUDGET
    play.lost(by_us=play.peer.stream.fileno() != -1)


def test_data_beyond_the_window_of_another_channel_does_not_pile_up(play: Stage) -> None:
    channel, number = play.api()
    assert growth_while(play, packed(ssh.DATA, number, PIECE), MUCH // len(PIECE)) < BUDGET
    wait_until(lambda: not play.connection.alive, "the end of the connection")
    channel.close()


def test_error_output_beyond_the_window_of_another_channel_does_not_pile_up(play: Stage) -> None:
    channel, number = play.api()
    assert growth_while(play, packed(ssh.EXTENDED, number, 1, PIECE), MUCH // len(PIECE)) < BUDGET
    wait_until(lambda: not play.connection.alive, "the end of the connection")
    channel.close()


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_data_that_is_shorter_than_it_says_reaches_no_other_channel_either(play: Stage, cut: int) -> None:
    channel, number = play.api()
    channel.settimeout(30)
    head = bytes([ssh.DATA]) + number.to_bytes(4, "big") + (1_000_000).to_bytes(4, "big")
    play.peer.send(head + b"x" * cut)
    play.settle()
    data = b""
    if not play.connection.alive:
        data = channel.recv(2_000_000)
    channel.close()
    assert data in {b"", b"x" * cut}


@pytest.mark.parametrize("kind", ["channel", "global"])
def test_answers_that_a_deaf_server_demands_do_not_pile_up(play: Stage, kind: str) -> None:
    line = play.line()
    play.peer.deaf.set()
    wanted = {
        "channel": packed(ssh.REQUEST, line.channel, "keepalive@openssh.com", True),
        "global": packed(ssh.GLOBAL_REQUEST, "keepalive@openssh.com", True),
    }
    assert growth_while(play, wanted[kind], 1_200_000) < BUDGET


def test_answers_demanded_during_a_key_exchange_that_never_ends_do_not_pile_up(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    play.peer.deaf.set()
    play.peer.send(packed(ssh.GLOBAL_REQUEST, "keepalive@openssh.com", True))
    assert play.peer.stuck.wait(30), "at the answer"
    monkeypatch.setattr(play.transport.packetizer, "REKEY_BYTES", 0)
    for _ in range(100):
        play.peer.try_to_send(*[packed(ssh.GLOBAL_REQUEST, "keepalive@openssh.com", True)] * 100)
    assert "too much is asked for during a key exchange" in play.lost()


def test_a_deaf_server_with_a_giant_window_holds_the_local_program_back(play: Stage) -> None:
    line = play.line(window=0xFFFFFFFF)
    play.peer.deaf.set()
    before, sent = resident(), 0
    line.local.settimeout(1)
    with contextlib.suppress(TimeoutError, OSError):
        while sent < MUCH:
            sent += line.local.send(PIECE)
    assert sent < 64 << 20
    assert resident() - before < 32 << 20
    play.peer.deaf.clear()


@pytest.mark.parametrize(("window", "packet"), [(0, 32_768), (1 << 20, 0), (1 << 20, 1)])
def test_a_line_that_cannot_go_on_costs_no_processor_time(play: Stage, window: int, packet: int) -> None:
    line = play.line(window, packet)
    with contextlib.suppress(OSError):
        line.local.sendall(b"x" * 2000)
    play.settle()
    before, began = time.process_time(), time.monotonic()
    threading.Event().wait(1)
    assert time.process_time() - before < 0.5 * (time.monotonic() - began)


def test_channels_that_are_never_answered_do_not_keep_a_forward_from_closing(play: Stage) -> None:
    locals_ = [play.asked()[0] for _ in range(50)]
    assert play.settle()
    play.forward.close()
    for local in locals_:
        assert until_its_end(local) == b""
    assert play.forward.stats.connections == 0
    assert play.connection.alive


def test_an_answer_that_comes_after_the_forward_is_closed_opens_nothing(play: Stage) -> None:
    _, channel = play.asked()
    play.forward.close()
    assert ssh.number(play.peer.take(ssh.CLOSE)) == play.control.number
    play.peer.send(packed(ssh.CONFIRMATION, channel, 999, 1 << 20, 32_768), packed(ssh.DATA, channel, b"late"))
    assert ssh.number(play.peer.take(ssh.CLOSE)) == 999
    play.peer.send(packed(ssh.CLOSE, channel))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(play.connection.open_tcp, "192.0.2.1", 80)
        play.peer.send(packed(ssh.OPEN_FAILURE, ssh.sender_of(play.peer.take(ssh.OPEN)), 2, "", ""))
        with pytest.raises(ChannelRefusedError):
            asking.result(10)


# -- before anybody has logged in


GREETINGS = st.one_of(
    st.binary(max_size=300),
    st.tuples(
        st.sampled_from([b"SSH-2.0-x\r\n", b"SSH-1.5-x\r\n", b"hello\r\n" * 60, b"\0" * 300]), st.binary(max_size=400)
    ).map(b"".join),
    st.tuples(st.just(b"SSH-2.0-x\r\n"), st.integers(0, 0xFFFFFFFF), st.integers(0, 255), st.binary(max_size=200)).map(
        lambda parts: parts[0] + parts[1].to_bytes(4, "big") + bytes([4, parts[2]]) + parts[3]
    ),
)


def test_no_greeting_does_more_than_fail_the_connection_in_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knocking, "PAUSES", ())  # one who hangs up is not asked again
    said: list[bytes] = []

    def greet(far: socket.socket) -> None:
        far.sendall(said[-1])
        far.shutdown(socket.SHUT_WR)
        until_its_end(far)

    with tcp_server(greet) as port:
        key = keygen(home.path / "key")
        home.add_ssh_config(
            f"Host rude\n    HostName 127.0.0.1\n    Port {port}\n    IdentityFile {key}\n    IdentitiesOnly yes\n"
        )
        before = resources()

        @settings(
            max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(GREETINGS)
        def attempt(greeting: bytes) -> None:
            said.append(greeting)
            with pytest.raises(SrctlError) as refusal:
                SSHConnection.connect("ssh://rude", timeout=5).close()
            check_words(refusal.value.message)

        attempt()
        wait_until(lambda: resources() <= before, f"no more descriptors and threads than before ({before})")
