import os

import pytest

from srctl.tunnel.dial import ProxyCommand


@pytest.mark.parametrize("relay", [False, True])
def test_the_stream_of_a_command_runs_both_ways_and_the_command_ends_with_it(*, relay: bool) -> None:
    proxy = ProxyCommand("cat", relay=relay)
    proxy.socket.settimeout(30)
    payload = os.urandom(1 << 16)
    proxy.socket.sendall(payload)
    data = b""
    while len(data) < len(payload):
        data += proxy.socket.recv(1 << 16)
    assert data == payload
    proxy.close()
    assert not os.path.exists(f"/proc/{proxy.pid}")


@pytest.mark.parametrize("relay", [False, True])
def test_a_command_that_ends_ends_the_stream_and_what_it_said_is_kept(*, relay: bool) -> None:
    proxy = ProxyCommand("sh -c 'echo first >&2; echo no way >&2'", relay=relay)
    proxy.socket.settimeout(30)
    assert proxy.socket.recv(10) == b""
    assert proxy.explain() == "no way"
    proxy.close()


def test_a_command_that_ignores_the_polite_request_is_killed() -> None:
    proxy = ProxyCommand("sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.1; done'")
    proxy.socket.settimeout(30)
    assert proxy.socket.recv(10) == b"ready\n"
    proxy.close()
    assert not os.path.exists(f"/proc/{proxy.pid}")
