"""Servers that hang up before anybody has logged in, as sshd does when too many come at once."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from srctl.errors import UnreachableError
from srctl.tunnel import knocking
from srctl.tunnel.connection import ConnectionLostError, SSHConnection
from srctl.tunnel.dial import GREETING
from srctl.tunnel.errors import HostKeyError, HungUpError, LoginNeededError
from tests.integration.ssh_parts import keygen, says, tcp_server
from tools.clean_home import Home
from tools.sshd import Options, Sshd

NOTHING, BANNER, RESET = b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"reset"
SENTENCES = (b"Exceeded MaxStartups\r\n", b"Not allowed at this time\r\n")


@dataclass
class Door:
    """A way to an SSH server, which hangs up the first `refusals` times with these last words."""

    server: Sshd
    refusals: int
    words: bytes = NOTHING
    port: int = 0
    knocks: int = 0

    def handle(self, near: socket.socket) -> None:
        self.knocks += 1
        if self.knocks <= self.refusals:
            if self.words == RESET:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                near.sendall(self.words)
                near.shutdown(socket.SHUT_WR)
                near.recv(1000)  # what lies there unread would make the end a reset, and the words be lost
            return
        with socket.create_connection((self.server.host, self.server.port)) as far:
            back = threading.Thread(target=copy, args=(far, near), daemon=True)
            back.start()
            copy(near, far)
            back.join()


def copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def door(home: Home, server: Sshd, refusals: int, words: bytes = NOTHING, **options: str) -> Iterator[Door]:
    made = Door(server, refusals, words)
    with tcp_server(made.handle) as made.port:
        extra = {"Port": str(made.port), "HostKeyAlias": f"[{server.host}]:{server.port}", **options}
        (home.path / ".ssh").mkdir(exist_ok=True)
        (home.path / ".ssh" / "config").write_text(server.client_config("door", extra))
        yield made


@pytest.mark.parametrize("words", [NOTHING, *SENTENCES, BANNER, RESET])
def test_a_login_that_is_dropped_twice_succeeds_at_the_third_time(home: Home, sshd: Sshd, words: bytes) -> None:
    with door(home, sshd, 2, words) as way, SSHConnection.connect("ssh://door") as connection:
        assert says("echo in", connection) == b"in\n"
        assert (way.knocks, connection.logins) == (3, 1)


def test_a_server_that_is_always_full_is_given_up_in_time_with_a_hint(home: Home, sshd: Sshd) -> None:
    with door(home, sshd, 1000) as way:
        begun = time.monotonic()
        with pytest.raises(HungUpError, match=f"tried {way.knocks or '[0-9]'}") as caught:
            SSHConnection.connect("ssh://door", timeout=2)
        assert time.monotonic() - begun < 8, "ten seconds are the default"
        assert 2 <= way.knocks <= 5
        assert "MaxStartups" in caught.value.hint
        assert caught.value.exit_code == 6


def test_a_server_is_not_knocked_at_for_ever(home: Home, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knocking, "PAUSES", (0.01, 0.02))
    with door(home, sshd, 1000) as way, pytest.raises(HungUpError, match="tried 3 times"):
        SSHConnection.connect("ssh://door", timeout=60)
    assert way.knocks == 3


def test_what_is_no_ssh_server_is_asked_once(home: Home, sshd: Sshd) -> None:
    with door(home, sshd, 1000, b"HTTP/1.1 400 Bad Request\r\n\r\n") as way:
        with pytest.raises(UnreachableError, match="It said: HTTP/") as caught:
            SSHConnection.connect("ssh://door")
        assert (way.knocks, isinstance(caught.value, HungUpError)) == (1, False)


def test_a_refused_key_is_not_tried_again(home: Home, sshd: Sshd) -> None:
    stranger = keygen(home.path / "stranger")
    with door(home, sshd, 0, IdentityFile=str(stranger)) as way:
        with pytest.raises(LoginNeededError):
            SSHConnection.connect("ssh://door")
        assert way.knocks == 1


def test_a_host_key_that_is_not_the_known_one_is_not_tried_again(home: Home, sshd: Sshd) -> None:
    with door(home, sshd, 0, UserKnownHostsFile=str(_other_key(home, sshd))) as way:
        with pytest.raises(HostKeyError):
            SSHConnection.connect("ssh://door")
        assert way.knocks == 1


def _other_key(home: Home, server: Sshd) -> Path:
    public = keygen(home.path / "other").with_suffix(".pub").read_text()
    path = home.path / "known_hosts"
    path.write_text(f"[{server.host}]:{server.port} {public}")
    return path


def test_a_full_server_behind_a_jump_host_is_tried_again_through_the_same_login(home: Home, sshd: Sshd) -> None:
    before = sshd.logins()
    with door(home, sshd, 2, ProxyJump="jump"):
        home.add_ssh_config(sshd.client_config("jump"))
        with SSHConnection.connect("ssh://door") as connection:
            assert says("echo in", connection) == b"in\n"
    assert sshd.logins() == before + 2


def test_a_proxy_command_is_run_once(home: Home, sshd: Sshd) -> None:
    runs = home.path / "runs"
    with door(home, sshd, 0, ProxyCommand=f"sh -c 'echo run >>{runs}'"):
        with pytest.raises(UnreachableError):
            SSHConnection.connect("ssh://door")
        assert runs.read_text() == "run\n"


def test_a_reconnection_knocks_once_since_it_has_a_pace_of_its_own(home: Home, sshd: Sshd) -> None:
    with door(home, sshd, 0) as way, SSHConnection.connect("ssh://door") as connection:
        connection.transport.close()
        way.refusals = 1000
        with pytest.raises((HungUpError, ConnectionLostError)):
            connection.reconnect()
        assert way.knocks == 2


def test_sshd_that_is_full_lets_everybody_in_after_a_while(
    home: Home, make_sshd: Callable[[str, Options], Sshd]
) -> None:
    server = make_sshd("full", Options(extra={"MaxStartups": "1:60:8"}))
    home.add_ssh_config(server.client_config("full"))
    outcomes: list[bytes] = []

    def use() -> None:
        with SSHConnection.connect("ssh://full", timeout=30) as connection:
            outcomes.append(says("echo hi", connection))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == [b"hi\n"] * 8
    assert "maxstartups" in server.log.lower()


def test_the_greeting_is_said_at_once_and_only_once(home: Home) -> None:
    heard: list[bytes] = []

    def listen(near: socket.socket) -> None:
        near.settimeout(5)
        while not heard or not heard[0].endswith(b"\n"):
            heard[:] = [b"".join(heard) + near.recv(1000)]
        near.sendall(b"SSH-2.0-silent\r\n")
        heard.append(near.recv(1000))

    with tcp_server(listen) as port, pytest.raises(UnreachableError):
        SSHConnection.connect(f"ssh://me@127.0.0.1:{port}", timeout=3)
    assert heard[0] == GREETING
    assert heard[1][:4] != GREETING[:4]
