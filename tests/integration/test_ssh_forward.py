import contextlib
import hashlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.packetizer import PumpingPacketizer
from srctl.tunnel.ports import bind_local
from tests.integration.hostile_stage import resources
from tests.integration.ssh_parts import kill_logins, received, tcp_server
from tools import processes
from tools.clean_home import Home
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]
BLOCK = os.urandom(1 << 20)


@pytest.fixture
def connection(home: Home, sshd: Sshd) -> Iterator[SSHConnection]:
    home.add_ssh_config(sshd.client_config("box"))
    with SSHConnection.connect("ssh://box") as connection:
        yield connection


@contextlib.contextmanager
def forwarded(connection: SSHConnection, handle: Callable[[socket.socket], None]) -> Iterator[Forward]:
    with tcp_server(handle) as port, leading(connection, port) as forward:
        yield forward


@contextlib.contextmanager
def leading(connection: SSHConnection, port: int) -> Iterator[Forward]:
    with bind_local() as listener, Forward(listener, connection, "127.0.0.1", port) as forward:
        yield forward


def dial(forward: Forward) -> socket.socket:
    return socket.create_connection(("127.0.0.1", forward.local_port), timeout=60)


def answer_with_digest(far: socket.socket) -> None:
    """Read until the end, then tell the digest of it: needs half-close in both directions."""
    digest = hashlib.sha256()
    while data := far.recv(1 << 18):
        digest.update(data)
    far.sendall(digest.digest())


def send_blocks(far: socket.socket, count: int) -> None:
    for _ in range(count):
        far.sendall(BLOCK)


def test_the_end_of_one_direction_leaves_the_other_open(connection: SSHConnection) -> None:
    with forwarded(connection, answer_with_digest) as forward, dial(forward) as local:
        local.sendall(b"question")
        local.shutdown(socket.SHUT_WR)
        assert received(local) == hashlib.sha256(b"question").digest()


def test_the_far_end_may_finish_first(connection: SSHConnection) -> None:
    heard: list[bytes] = []
    done = threading.Event()

    def talk_then_listen(far: socket.socket) -> None:
        far.sendall(b"goodbye")
        far.shutdown(socket.SHUT_WR)
        heard.append(received(far))
        done.set()

    with forwarded(connection, talk_then_listen) as forward, dial(forward) as local:
        assert received(local) == b"goodbye"
        local.sendall(b"still here")
        local.shutdown(socket.SHUT_WR)
        assert done.wait(10)
    assert heard == [b"still here"]


def test_a_hundred_megabytes_arrive_whole_in_both_directions(connection: SSHConnection) -> None:
    expected = hashlib.sha256(BLOCK * 100).digest()

    def echo_digest_then_send(far: socket.socket) -> None:
        answer_with_digest(far)
        send_blocks(far, 100)

    with forwarded(connection, echo_digest_then_send) as forward:
        with dial(forward) as local:
            send_blocks(local, 100)
            local.shutdown(socket.SHUT_WR)
            answer = received(local)
        assert answer[:32] == expected
        assert hashlib.sha256(answer[32:]).digest() == expected
        stats = forward.stats
        assert (stats.bytes_out, stats.bytes_in) == (100 << 20, (100 << 20) + 32)


def test_two_hundred_connections_at_once_are_all_served_and_leave_nothing(connection: SSHConnection) -> None:
    with forwarded(connection, answer_with_digest) as forward:
        exchange(forward, b"warm up")
        processes.wait_until(lambda: forward.stats.connections == 0, "the end of the first connection")
        before = resources()
        with ThreadPoolExecutor(200) as pool:
            outcomes = list(pool.map(lambda n: exchange(forward, b"%d" % n * 1000), range(200)))
        assert all(outcomes)
        processes.wait_until(lambda: forward.stats.connections == 0, "the end of all connections")
        assert forward.stats.connections_total == 201
        processes.wait_until(lambda: resources() <= before, f"no more resources than before ({before})")


def test_closing_leaves_no_thread_and_no_descriptor(connection: SSHConnection) -> None:
    before = resources()
    with tcp_server(answer_with_digest) as port, bind_local() as listener:
        forward = Forward(listener, connection, "127.0.0.1", port)
        with dial(forward) as local:
            local.sendall(b"open")
            processes.wait_until(lambda: forward.stats.bytes_out == 4, "the first bytes")
            forward.close()
            assert forward.state == "closed"
            assert forward.wait_closed(0)
            with pytest.raises(ConnectionResetError):
                local.recv(1)
        listener.close()
    processes.wait_until(lambda: resources() <= before, f"no more resources than before ({before})")


def exchange(forward: Forward, question: bytes) -> bool:
    with dial(forward) as local:
        local.sendall(question)
        local.shutdown(socket.SHUT_WR)
        return received(local) == hashlib.sha256(question).digest()


def test_a_refused_connection_is_closed_and_the_next_one_works(connection: SSHConnection) -> None:
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        forward = stack.enter_context(leading(connection, server.getsockname()[1]))
        for _ in range(3):
            with pytest.raises(ConnectionResetError), dial(forward) as local:
                local.recv(1)
        assert "refused" in str(forward.stats.last_error)
        server.listen()
        with dial(forward) as local:
            far, _ = server.accept()
            with far:
                far.sendall(b"now")
                assert local.recv(10) == b"now"
        assert forward.state == "up"


def test_a_local_reset_reaches_the_far_end_at_once(connection: SSHConnection) -> None:
    ended = threading.Event()

    def wait_for_end(far: socket.socket) -> None:
        far.sendall(b"ready")
        with contextlib.suppress(OSError):
            received(far)
        ended.set()

    with forwarded(connection, wait_for_end) as forward:
        local = dial(forward)
        assert local.recv(5) == b"ready"
        local.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        local.close()
        assert ended.wait(5)
        processes.wait_until(lambda: forward.stats.connections == 0, "the end of the connection")


def test_a_far_end_that_vanishes_ends_the_local_connection(connection: SSHConnection) -> None:
    def vanish(far: socket.socket) -> None:
        far.recv(5)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with forwarded(connection, vanish) as forward, dial(forward) as local:
        local.sendall(b"hello")
        with contextlib.suppress(ConnectionResetError):
            assert local.recv(1) == b""


def test_a_slow_reader_holds_the_sender_back_instead_of_filling_memory(connection: SSHConnection) -> None:
    sent = 0

    def send_all(far: socket.socket) -> None:
        nonlocal sent
        for _ in range(64):
            far.sendall(BLOCK)
            sent += 1

    with forwarded(connection, send_all) as forward, dial(forward) as local:
        local.recv(1)
        previous = -1
        while previous != sent:  # until the sender stands still
            previous = sent
            threading.Event().wait(0.5)
        assert sent < 32
        assert len(received(local)) == (64 << 20) - 1
        assert sent == 64


def test_the_loss_of_the_connection_is_told_with_its_cause_and_cuts_what_is_open(
    home: Home, make_sshd: MakeSshd
) -> None:
    server = make_sshd("cut", Options())
    home.add_ssh_config(server.client_config("cut"))
    with SSHConnection.connect("ssh://cut") as connection:

        def half_an_answer(far: socket.socket) -> None:
            far.sendall(b"half")
            received(far)

        with forwarded(connection, half_an_answer) as forward, dial(forward) as local:
            assert local.recv(4) == b"half"
            kill_logins(server)
            with pytest.raises(ConnectionResetError):
                local.recv(1)
            assert forward.wait_closed(10)
            assert forward.state == "down"
            assert forward.cause
            assert forward.stats.last_error == forward.cause


def test_new_connections_and_downloads_survive_many_key_exchanges(home: Home, make_sshd: MakeSshd) -> None:
    server = make_sshd("rekey", Options(extra={"RekeyLimit": "3M"}))
    home.add_ssh_config(server.client_config("box"))
    expected = hashlib.sha256(BLOCK * 64).digest()

    def serve(far: socket.socket) -> None:
        request = far.recv(1)
        if request == b"d":
            send_blocks(far, 64)
        else:
            answer_with_digest(far)

    with SSHConnection.connect("ssh://box") as connection, forwarded(connection, serve) as forward:
        finished = threading.Event()

        def download() -> bool:
            with dial(forward) as local:
                local.sendall(b"d")
                return hashlib.sha256(received(local)).digest() == expected

        def upload() -> bool:
            with dial(forward) as local:
                local.sendall(b"u")
                send_blocks(local, 64)
                local.shutdown(socket.SHUT_WR)
                return received(local) == expected

        def keep_opening() -> int:
            count = 0
            while not finished.is_set():
                with dial(forward) as local:
                    local.sendall(b"u" + b"x" * 10)
                    local.shutdown(socket.SHUT_WR)
                    assert received(local) == hashlib.sha256(b"x" * 10).digest()
                count += 1
            return count

        with ThreadPoolExecutor(4) as pool:
            openers = [pool.submit(keep_opening) for _ in range(2)]
            big = [pool.submit(download), pool.submit(upload)]
            assert [future.result(120) for future in big] == [True, True]
            finished.set()
            assert sum(future.result(60) for future in openers) > 10
        assert connection.alive
    assert connection.logins == 1


def test_key_exchanges_that_we_begin_do_not_block_either(
    connection: SSHConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PumpingPacketizer, "REKEY_BYTES", 2 << 20)

    def serve(far: socket.socket) -> None:
        if far.recv(1) == b"d":
            send_blocks(far, 48)
        else:
            answer_with_digest(far)

    with forwarded(connection, serve) as forward, ThreadPoolExecutor(6) as pool:

        def download() -> int:
            with dial(forward) as local:
                local.sendall(b"d")
                return len(received(local))

        def upload(number: int) -> bool:
            with dial(forward) as local:
                local.sendall(b"u" + BLOCK[: number * 1000])
                local.shutdown(socket.SHUT_WR)
                return received(local) == hashlib.sha256(BLOCK[: number * 1000]).digest()

        downloads = [pool.submit(download) for _ in range(2)]
        assert all(pool.map(upload, range(200)))
        assert [future.result(120) for future in downloads] == [48 << 20] * 2
    assert connection.alive


def test_a_cipher_without_gcm_works_too(home: Home, sshd: Sshd) -> None:
    home.add_ssh_config(sshd.client_config("box", {"Ciphers": "aes128-ctr"}))
    with (
        SSHConnection.connect("ssh://box") as connection,
        forwarded(connection, answer_with_digest) as forward,
    ):
        assert exchange(forward, BLOCK * 4)


def test_many_connections_one_after_the_other_are_quick(connection: SSHConnection) -> None:
    """sshd holds small packets back for 40 ms unless it is made not to."""
    with forwarded(connection, answer_with_digest) as forward:
        exchange(forward, b"first")
        threading.Event().wait(0.5)
        took = []
        for _ in range(50):
            started = time.monotonic()
            assert exchange(forward, b"again")
            took.append(time.monotonic() - started)
        assert sorted(took)[10] < 0.04, "all are held back"


# -- local ports
