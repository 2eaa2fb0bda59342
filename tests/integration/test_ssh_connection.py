"""One SSH connection: what it carries, how it ends, and what is said when there is none."""

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from srctl.errors import UnreachableError
from srctl.tunnel.connection import ChannelRefusedError, ConnectionLostError, SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.ports import bind_local
from tests.integration.ssh_parts import Person, keygen, kill_logins, logins_of, says, tcp_server
from tools import processes
from tools.clean_home import Home
from tools.ports import refusing_port
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]


def test_a_connection_runs_commands_and_reaches_ports_and_sockets(box: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as unix, SSHConnection.connect("ssh://box") as connection:
        unix.bind(str(path))
        unix.listen()
        assert says("echo hello", connection) == b"hello\n"
        channel = connection.open_streamlocal(str(path))
        far, _ = unix.accept()
        far.sendall(b"through")
        far.close()
        assert channel.recv(100) == b"through"
        channel.close()
        with tcp_server(lambda far: far.sendall(far.recv(10).upper())) as port:
            channel = connection.open_tcp("127.0.0.1", port)
            channel.sendall(b"shout")
            assert channel.recv(100) == b"SHOUT"
            channel.close()
        assert connection.logins == 1


def test_the_cipher_is_the_fast_one(box: Sshd) -> None:
    with SSHConnection.connect("ssh://box") as connection:
        assert connection.transport.local_cipher == "aes128-gcm@openssh.com"


def test_a_refused_channel_says_so_and_leaves_the_connection_usable(box: Sshd) -> None:
    with SSHConnection.connect("ssh://box") as connection:
        with pytest.raises(ChannelRefusedError) as caught:
            connection.open_tcp("127.0.0.1", 1)
        assert caught.value.reason == "failed"
        assert "refused" in caught.value.message
        assert says("echo on", connection) == b"on\n"


def test_forbidden_forwarding_is_told_from_a_failed_one(home: Home, make_sshd: MakeSshd) -> None:
    server = make_sshd("no-forwarding", Options(extra={"AllowTcpForwarding": "no"}))
    home.add_ssh_config(server.client_config("closed"))
    with SSHConnection.connect("ssh://closed") as connection, pytest.raises(ChannelRefusedError) as caught:
        connection.open_tcp("127.0.0.1", 1)
    assert caught.value.reason == "prohibited"


def test_a_lost_connection_is_noticed_told_and_reopened_without_questions(home: Home, make_sshd: MakeSshd) -> None:
    server = make_sshd("dropping", Options())
    key = keygen(home.path / "locked", passphrase="word")
    with (server.folder / "authorized_keys").open("a") as file:
        file.write((home.path / "locked.pub").read_text())
    home.add_ssh_config(server.client_config("box", {"IdentityFile": str(key)}))
    person = Person(["word"])
    with SSHConnection.connect("ssh://box", prompter=person) as connection:
        lost = threading.Event()
        connection.when_lost(lost.set)
        kill_logins(server)
        assert lost.wait(10)
        assert not connection.alive
        assert connection.cause
        with pytest.raises(ConnectionLostError):
            connection.open_tcp("127.0.0.1", 1)
        connection.reconnect()
        assert connection.alive
        assert connection.logins == 2
        assert says("echo back", connection) == b"back\n"
    assert len(person.asked) == 1
    with pytest.raises(ConnectionLostError):
        connection.reconnect()


def test_connections_can_be_opened_from_several_threads_at_once(box: Sshd) -> None:
    outcomes: list[bytes] = []

    def use() -> None:
        with SSHConnection.connect("ssh://box") as connection:
            outcomes.append(says("echo hi", connection))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == [b"hi\n"] * 6


def test_a_silent_server_times_out_with_its_name(home: Home) -> None:
    def listen(far: socket.socket) -> None:
        while far.recv(1000):
            pass

    with tcp_server(listen) as port:
        started = time.monotonic()
        with pytest.raises(UnreachableError) as caught:
            SSHConnection.connect(f"ssh://me@127.0.0.1:{port}", timeout=1)
        assert time.monotonic() - started < 8, "ten seconds are the default"
    assert str(port) in caught.value.message


def test_a_server_that_stops_after_its_banner_times_out_and_leaves_no_thread(home: Home) -> None:
    before = set(threading.enumerate())

    def greet(far: socket.socket) -> None:
        far.sendall(b"SSH-2.0-stuck\r\n")
        while far.recv(1000):
            pass

    with tcp_server(greet) as port:
        with pytest.raises(UnreachableError):
            SSHConnection.connect(f"ssh://me@127.0.0.1:{port}", timeout=1)
        processes.wait_until(
            lambda: not {t for t in set(threading.enumerate()) - before if "paramiko" in repr(t) or "Timer" in repr(t)},
            "the end of the handshake's threads",
        )


def test_something_that_is_no_ssh_server_is_told(home: Home) -> None:
    with tcp_server(lambda far: far.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        with pytest.raises(UnreachableError) as caught:
            SSHConnection.connect(f"ssh://me@127.0.0.1:{port}", timeout=2)
        assert "handshake" in caught.value.message or "time" in caught.value.message


def test_a_closed_port_and_an_unknown_name_are_told_apart(home: Home) -> None:
    with refusing_port() as port, pytest.raises(UnreachableError, match="refuses connections"):
        SSHConnection.connect(f"ssh://me@127.0.0.1:{port}")
    with pytest.raises(UnreachableError, match="resolved"):
        SSHConnection.connect("ssh://me@no-such-host.invalid")


def test_a_server_that_probes_an_idle_tunnel_is_answered(home: Home, make_sshd: MakeSshd) -> None:
    server = make_sshd("probing", Options(extra={"ClientAliveInterval": "1", "ClientAliveCountMax": "3"}))
    home.add_ssh_config(server.client_config("probing"))
    with (
        tcp_server(lambda far: far.sendall(far.recv(10).upper())) as port,
        bind_local() as listener,
        SSHConnection.connect("ssh://probing") as connection,
        Forward(listener, connection, "127.0.0.1", port) as forward,
        socket.create_connection(listener.getsockname()) as local,
    ):
        processes.wait_until(lambda: forward.stats.connections == 1, "the connection")
        threading.Event().wait(7)  # unanswered, the server hangs up after 4 s
        local.sendall(b"still here")
        assert local.recv(100) == b"STILL HERE"
        assert connection.logins == 1


def test_silence_ends_the_connection_after_the_probes(box: Sshd, home: Home) -> None:
    (home.path / ".ssh" / "config").write_text(
        box.client_config("box", {"ServerAliveInterval": "1", "ServerAliveCountMax": "2"})
    )
    with SSHConnection.connect("ssh://box") as connection:
        lost = threading.Event()
        connection.when_lost(lost.set)
        time.sleep(3)
        assert connection.alive, "answered probes keep it up"
        victims = [pid for pid in _serving(connection, box) if pid]
        for pid in victims:
            os.kill(pid, 19)  # SIGSTOP: the peer falls silent, TCP does not notice
        try:
            assert lost.wait(10)
        finally:
            for pid in victims:
                os.kill(pid, 18)
        assert "no answer" in str(connection.cause)


def _serving(connection: SSHConnection, server: Sshd) -> list[int]:
    channel = connection.exec("echo $PPID")
    parent = int(channel.recv(100))
    channel.close()
    assert parent in logins_of(server)
    return [parent]
