"""What a tunnel does when something breaks: its state, its cause in words and the recovery, each fault for real."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from srctl.errors import NotFoundError, UnreachableError
from tests.integration.tunnel_stage import QUICK, Server, Stage, page, server, stage
from tools import images
from tools.clean_home import Home
from tools.counting_proxy import counting_proxy
from tools.engine import Engine
from tools.lab import Lab
from tools.outage import outage
from tools.processes import wait_until
from tools.remote_hosts import RemoteHost

FOLLOWED = ("has stopped and is waited for", "moved to port")
"""What is seen of a restart depends on the moment: a container between stop and start, or one that has moved."""


@pytest.fixture
def client(engine: Engine, web_image: str) -> Iterator[Any]:
    """The engine, past SSH."""
    with engine.client() as client:
        yield client


@pytest.fixture
def container(client: Any) -> Iterator[str]:
    """A container with the test page."""
    with page(client) as made:
        yield made


@pytest.fixture
def ssh(lab: Lab, home: Home, request: pytest.FixtureRequest) -> Iterator[Server]:
    """An SSH server, known as `lab` to the ssh_config."""
    with server(lab, f"faults-{abs(hash(request.node.name)) % 10**8}") as made:
        home.add_ssh_config(made.reached.client_config("lab"))
        yield made


@pytest.fixture
def staged(ssh: Server, engine: Engine, container: str) -> Iterator[Stage]:
    """A tunnel through that server to the container, which answers."""
    with stage(f"ssh://lab{engine.socket}", container) as made:
        wait_until(lambda: answers(made), "the page")
        yield made


def answers(made: Stage) -> bool | None:
    try:
        return made.fetch() == 200 or None
    except OSError:
        return None


def test_a_session_that_is_killed_is_made_again(staged: Stage, ssh: Server) -> None:
    with staged.connect():
        ssh.drop()
        found = staged.back()
    assert found.cause is None
    # which of the two depends on whether sshd had read all that we sent when it was ended
    how = str(found.last_error).removeprefix("the SSH connection was lost: ")
    assert how in ("the other end closed it", "Connection reset by peer")
    assert staged.fetch() == 200
    assert staged.link.logins == 2


def test_a_server_that_restarts_is_waited_for(staged: Stage, ssh: Server) -> None:
    ssh.stop()
    staged.stands("reconnecting", "refuses connections")
    with staged.connect() as waiting:
        waiting.sendall(b"GET / HTTP/1.0\r\n\r\n")
        ssh.start()
        found = staged.back()
        assert waiting.recv(9) == b"HTTP/1.1 "
    assert "SSH connection was lost" in str(found.last_error)
    assert staged.fetch() == 200


def test_a_container_that_restarts_is_followed_on_the_same_local_port(
    staged: Stage, client: Any, container: str
) -> None:
    before = client.port(container, 8888)[0]["HostPort"]
    client.restart(container, timeout=0)
    found = staged.back()
    assert client.port(container, 8888)[0]["HostPort"] != before
    assert wait_until(lambda: answers(staged), "the page")
    assert any(cause in str(found.last_error) for cause in FOLLOWED)
    assert staged.link.logins == 1


def test_a_container_that_is_removed_ends_the_tunnel(staged: Stage, client: Any, container: str) -> None:
    client.remove_container(container, force=True)
    found = staged.stands("down", "was stopped and removed")
    assert isinstance(staged.tunnel.failure, NotFoundError)
    assert found.last_error == found.cause
    with pytest.raises(ConnectionRefusedError):
        staged.connect()


def test_an_application_that_ends_ends_the_tunnel_with_its_exit_code(
    staged: Stage, client: Any, container: str
) -> None:
    client.kill(container)
    staged.stands("down", "ended with exit code 137")


def test_a_session_that_is_gone_when_the_connection_is_back_ends_the_tunnel(
    staged: Stage, ssh: Server, client: Any, container: str
) -> None:
    ssh.stop()
    staged.stands("reconnecting")
    client.remove_container(container, force=True)
    ssh.start()
    staged.stands("down", "was stopped and removed")


def test_a_server_that_forbids_forwarding_is_named_in_the_last_error(staged: Stage, ssh: Server) -> None:
    ssh.stop()
    ssh.start({"AllowTcpForwarding": "no"})
    staged.back()
    with pytest.raises(OSError, match=r"reset|closed|Remote end"):
        staged.fetch()
    found = staged.tunnel.standing
    assert found.state == "up"
    assert "prohibited" in str(found.last_error)


def test_one_session_at_a_time_is_enough(lab: Lab, home: Home, engine: Engine, client: Any, container: str) -> None:
    with server(lab, "faults-one", max_sessions=1) as ssh:
        home.add_ssh_config(ssh.reached.client_config("lab"))
        with stage(f"ssh://lab{engine.socket}", container) as staged:
            wait_until(lambda: answers(staged), "the page")
            client.restart(container, timeout=0)
            staged.back()
            assert wait_until(lambda: answers(staged), "the page")


def test_two_sessions_and_no_sockets_are_enough_too(
    lab: Lab, home: Home, engine: Engine, client: Any, container: str
) -> None:
    with server(lab, "faults-door") as ssh:
        ssh.stop()
        ssh.start({"AllowStreamLocalForwarding": "no"}, max_sessions=2)
        home.add_ssh_config(ssh.reached.client_config("lab"))
        with stage(f"ssh://lab{engine.socket}", container) as staged:
            wait_until(lambda: answers(staged), "the page")
            client.restart(container, timeout=0)
            staged.back()
            assert wait_until(lambda: answers(staged), "the page")
            client.remove_container(container, force=True)
            staged.stands("down", "was stopped and removed")


def test_a_key_that_left_the_agent_needs_a_login_and_one_that_is_back_recovers(
    lab: Lab, home: Home, ssh: Server, engine: Engine, container: str, tmp_path: Path
) -> None:
    agent = Path(lab.folder) / "faults-agent"
    options = {"IdentityFile": "none", "IdentitiesOnly": "no", "IdentityAgent": str(agent)}
    home.add_ssh_config(ssh.reached.client_config("by-agent", options))

    def tell(*words: str) -> None:
        command = ["ssh-add", "-q", *words]
        subprocess.run(command, check=True, env=home.env | {"SSH_AUTH_SOCK": str(agent)}, stdin=subprocess.DEVNULL)

    with subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(agent.exists, "ssh-agent", process)
            tell(str(ssh.reached.identity))
            with stage(f"ssh://by-agent{engine.socket}", container) as staged:
                tell("-D")
                ssh.drop()
                staged.stands("reconnecting", "needs login: ")
                tell(str(ssh.reached.identity))
                staged.back()
                assert wait_until(lambda: answers(staged), "the page")
        finally:
            process.terminate()


def test_a_host_with_another_key_ends_the_tunnel(staged: Stage, ssh: Server) -> None:
    ssh.stop()
    staged.stands("reconnecting")
    for name in ("host_key", "host_key.pub"):
        (ssh.reached.folder / name).unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh.reached.folder / "host_key"],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    ssh.start()
    staged.stands("down")
    assert isinstance(staged.tunnel.failure, UnreachableError)


def test_an_engine_that_was_away_is_listened_to_again(
    lab: Lab, ssh: Server, engine: Engine, client: Any, container: str
) -> None:
    socket = lab.folder / "away.sock"
    with ExitStack() as way:
        way.enter_context(counting_proxy(engine.socket, socket))
        with stage(f"ssh://lab{socket}", container) as staged:
            wait_until(lambda: answers(staged), "the page")
            way.close()
            client.restart(container, timeout=0)
            with counting_proxy(engine.socket, socket):
                found = staged.back()
                assert any(cause in str(found.last_error) for cause in FOLLOWED)
                assert wait_until(lambda: answers(staged), "the page")
                assert staged.link.logins == 1


def test_an_engine_that_is_away_after_a_reconnect_does_not_keep_the_tunnel_down(
    lab: Lab, ssh: Server, engine: Engine, container: str
) -> None:
    socket = lab.folder / "later.sock"
    with ExitStack() as way:
        way.enter_context(counting_proxy(engine.socket, socket))
        with stage(f"ssh://lab{socket}", container) as staged:
            wait_until(lambda: answers(staged), "the page")
            way.close()
            ssh.drop()
            staged.back()
            assert staged.fetch() == 200
            assert any("can't be asked where the session is" in line for line in staged.log)


@pytest.fixture
def far(home: Home, remote_hosts: dict[str, RemoteHost]) -> Iterator[tuple[RemoteHost, Stage]]:
    """A tunnel to a host with an address of its own."""
    host = remote_hosts["front"]
    images.build("web", host.engine.url)
    home.add_ssh_config(host.client_config())
    with host.engine.client() as client, page(client) as made, stage("ssh://front", made, QUICK) as staged:
        wait_until(lambda: answers(staged), "the page")
        yield host, staged


def test_a_black_hole_is_noticed_within_eight_seconds(far: tuple[RemoteHost, Stage]) -> None:
    host, staged = far
    with outage(host):
        begun = time.monotonic()
        staged.stands("reconnecting")
        noticed = time.monotonic() - begun
        staged.stands("reconnecting", "answer")
    found = staged.back()
    assert noticed < 8
    assert "SSH connection was lost" in str(found.last_error)
    assert staged.fetch() == 200


def test_an_outage_of_three_seconds_costs_no_connection(far: tuple[RemoteHost, Stage]) -> None:
    host, staged = far
    with staged.connect() as kept:
        with outage(host):
            limit = time.monotonic() + 3
            while time.monotonic() < limit:
                assert staged.tunnel.standing.state == "up"
                staged.tunnel.wait(limit - time.monotonic())
        kept.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert kept.recv(9) == b"HTTP/1.1 "
    assert staged.tunnel.standing.reconnects == 0
    assert staged.link.logins == 1
