"""Ways to a host that are no TCP connection of our own: jump hosts and ProxyCommand."""

import os
from collections.abc import Callable

import pytest

from srctl.errors import UnreachableError, UsageError
from srctl.tunnel.connection import SSHConnection
from tests.integration.ssh_parts import kill_logins, only, says
from tools import processes
from tools.clean_home import Home
from tools.remote_hosts import RemoteHost
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]


def test_two_hops_lead_to_the_third_host(home: Home, sshd: Sshd, make_sshd: MakeSshd) -> None:
    middle, last = make_sshd("middle", Options()), make_sshd("last", Options())
    home.add_ssh_config(sshd.client_config("first"))
    home.add_ssh_config(middle.client_config("middle"))
    home.add_ssh_config(last.client_config("last", {"ProxyJump": "first,middle"}))
    counts = [server.logins() for server in (sshd, middle, last)]
    with SSHConnection.connect("ssh://last") as connection:
        assert says("echo deep", connection) == b"deep\n"
        kill_logins(last)
        processes.wait_until(lambda: not connection.alive, "the loss")
        connection.reconnect()
        assert says("echo again", connection) == b"again\n"
    assert [server.logins() for server in (sshd, middle, last)] == [counts[0] + 1, counts[1] + 1, counts[2] + 2]


def test_a_second_connection_goes_the_same_way_and_stands_alone(home: Home, sshd: Sshd, make_sshd: MakeSshd) -> None:
    last = make_sshd("behind-the-first", Options())
    home.add_ssh_config(sshd.client_config("first"))
    home.add_ssh_config(last.client_config("last", {"ProxyJump": "first"}))
    with SSHConnection.connect("ssh://last") as connection:
        second = connection.again()
        assert second.key == connection.key
    assert not connection.alive
    with second:
        assert says("echo alone", second) == b"alone\n"


def test_jump_hosts_that_lead_in_a_circle_are_refused(home: Home) -> None:
    home.add_ssh_config("Host box\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(UsageError, match="circle"):
        SSHConnection.connect("ssh://box")


def test_a_host_behind_another_is_reached_through_it(home: Home, remote_hosts: dict[str, RemoteHost]) -> None:
    for host in remote_hosts.values():
        home.add_ssh_config(host.client_config())
    with SSHConnection.connect("ssh://back") as connection:
        assert says("echo there", connection) == b"there\n"


def test_a_proxy_command_carries_the_connection_and_leaves_no_zombie(box: Sshd, home: Home) -> None:
    home.add_ssh_config(box.client_config("jump"))
    only(box, home, IdentityFile=str(box.identity), ProxyCommand=f"ssh -F {home.path}/.ssh/jump -W %h:%p jump")
    (home.path / ".ssh" / "jump").write_text(box.client_config("jump"))
    before = set(_children())
    for _ in range(3):
        with SSHConnection.connect("ssh://box") as connection:
            assert says("echo through", connection) == b"through\n"
    assert set(_children()) <= before


def test_a_failing_proxy_command_is_quoted(box: Sshd, home: Home) -> None:
    only(box, home, IdentityFile=str(box.identity), ProxyCommand="sh -c 'echo the gate is shut >&2; exit 1'")
    with pytest.raises(UnreachableError, match="the gate is shut"):
        SSHConnection.connect("ssh://box")


def _children() -> list[int]:
    me = os.getpid()
    return [pid for pid, parent in processes.parents() if parent == me]
