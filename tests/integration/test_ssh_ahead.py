"""Channels that are asked for together with the login: ready when it is, asked for again where that was too early."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from srctl.tunnel.connection import ChannelRefusedError, SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.ports import bind_local
from tests.integration.hostile_server import OPEN, HostileServer
from tests.integration.ssh_parts import keygen, kill_logins, received, says, tcp_server
from tools import processes
from tools.clean_home import Home
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]
TOO_EARLY = "dispatch_protocol_error: type 90"
"""What sshd logs of a channel that is asked for before the login has succeeded."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of an engine, of which nobody here asks anything."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine"))
        listener.listen()
        listener.settimeout(30)
        yield listener


def test_the_channel_to_the_engine_is_open_when_the_login_is_done(box: Sshd, engine: socket.socket) -> None:
    with connected(engine) as connection:
        with engine.accept()[0] as far:  # nobody has asked for it yet
            before = len(connection.transport.channels_seen)
            channel = connection.open_streamlocal(engine.getsockname())
            assert len(connection.transport.channels_seen) == before
            far.sendall(b"through")
            assert channel.recv(100) == b"through"
        again = connection.open_streamlocal(engine.getsockname())
        with engine.accept()[0] as far:
            far.sendall(b"another one")
            assert again.recv(100) == b"another one"
        assert TOO_EARLY not in box.log


@pytest.mark.usefixtures("box")
def test_nothing_is_asked_ahead_unless_it_was_said_what_for(engine: socket.socket) -> None:
    with SSHConnection.connect(f"ssh://box{engine.getsockname()}") as connection:
        assert not connection.transport.channels_seen


@pytest.mark.usefixtures("box")
def test_a_channel_that_has_ended_before_it_was_needed_is_asked_for_again(engine: socket.socket) -> None:
    with connected(engine) as connection:
        engine.accept()[0].close()
        early = connection.transport._channels.get(0)
        processes.wait_until(lambda: early.ended_cleanly, "the end of the channel")
        channel = connection.open_streamlocal(engine.getsockname())
        with engine.accept()[0] as far:
            far.sendall(b"through")
            assert channel.recv(100) == b"through"


@pytest.mark.usefixtures("box")
def test_a_refusal_is_told_to_whoever_needs_the_channel(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    with SSHConnection.connect(f"ssh://box{path}", engine=True) as connection:
        with pytest.raises(ChannelRefusedError):
            connection.open_streamlocal(str(path))
        assert says("echo on", connection) == b"on\n"


def test_a_wrong_key_is_followed_by_the_right_one_and_costs_nothing_but_the_gain(
    home: Home, make_sshd: MakeSshd, engine: socket.socket
) -> None:
    server = make_sshd("wrong-keys", Options())
    keys = [keygen(home.path / name) for name in ("wrong", "wrong too")]
    lines = [f'    IdentityFile "{key}"\n' for key in (*keys, server.identity)]
    home.add_ssh_config("Host box\n" + "".join(lines) + server.client_config("box", {"IdentityFile": "none"}))
    with connected(engine, forwards=True) as connection, tcp_server(lambda far: far.sendall(b"through")) as port:
        channel = connection.open_streamlocal(engine.getsockname())
        with engine.accept()[0] as far:
            far.sendall(b"through")
            assert channel.recv(100) == b"through"
        assert forwarded(connection, port) == b"through"
        assert server.log.count(TOO_EARLY) == 2  # the engine's channel and the errand, behind the first key alone


def test_a_login_of_two_parts_gets_its_channels_afterwards(
    home: Home, make_sshd: MakeSshd, engine: socket.socket
) -> None:
    server = make_sshd("two-parts", Options(extra={"AuthenticationMethods": "publickey,publickey"}))
    second = keygen(home.path / "second")
    with (server.folder / "authorized_keys").open("a") as file:
        file.write(second.with_suffix(".pub").read_text())
    home.add_ssh_config(f"Host box\n    IdentityFile {server.identity}\n    IdentityFile {second}\n")
    home.add_ssh_config(server.client_config("box", {"IdentityFile": "none"}))
    with connected(engine) as connection:
        channel = connection.open_streamlocal(engine.getsockname())
        with engine.accept()[0] as far:
            far.sendall(b"through")
            assert channel.recv(100) == b"through"


def test_a_new_login_asks_ahead_again(home: Home, make_sshd: MakeSshd, engine: socket.socket) -> None:
    server = make_sshd("again", Options())
    home.add_ssh_config(server.client_config("box"))
    with connected(engine) as connection:
        engine.accept()[0].close()
        kill_logins(server)
        processes.wait_until(lambda: not connection.alive, "the loss")
        connection.reconnect()
        engine.accept()[0].close()


def test_jump_hosts_are_asked_for_nothing_ahead(home: Home, make_sshd: MakeSshd, engine: socket.socket) -> None:
    jump, last = make_sshd("ahead-jump", Options(streamlocal=False)), make_sshd("ahead-behind", Options())
    home.add_ssh_config(jump.client_config("jump") + last.client_config("box", {"ProxyJump": "jump"}))
    with connected(engine, forwards=True) as connection:
        engine.accept()[0].close()
        via = connection._via
        assert via is not None
        assert not via.transport.channels_seen


@pytest.mark.usefixtures("box")
def test_a_forward_uses_the_command_that_was_started_ahead() -> None:
    with (
        SSHConnection.connect("ssh://box", forwards=True) as connection,
        tcp_server(lambda far: far.sendall(b"through")) as port,
    ):
        assert forwarded(connection, port) == b"through"
        assert len(connection.transport.channels_seen) == 1


def test_a_server_that_is_not_openssh_is_not_asked_ahead(home: Home, engine: socket.socket) -> None:
    with HostileServer(home.path) as server:
        home.add_ssh_config(server.client_config("box"))
        with connected(engine) as connection:
            peer = server.peer()
            assert not connection.transport.channels_seen
            assert peer.find(OPEN) is None
            peer.close()


def connected(engine: socket.socket, *, forwards: bool = False) -> SSHConnection:
    """Connect to `box` for an engine at this socket."""
    return SSHConnection.connect(f"ssh://box{engine.getsockname()}", engine=True, forwards=forwards)


def forwarded(connection: SSHConnection, port: int) -> bytes:
    """Return what a port of the host says to one connection through a forward."""
    with (
        bind_local() as listener,
        Forward(listener, connection, "127.0.0.1", port) as forward,
        contextlib.closing(socket.create_connection(("127.0.0.1", forward.local_port), timeout=30)) as local,
    ):
        return received(local)
