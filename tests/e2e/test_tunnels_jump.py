"""A tunnel in the background that leads through a jump host."""

from tests.e2e.conftest import prepared
from tests.e2e.test_open import fetch
from tests.e2e.test_tunnels import WEB, back, listed, opened
from tests.integration.ssh_parts import kill_logins
from tools import images
from tools.clean_home import Home
from tools.processes import wait_until
from tools.remote_hosts import RemoteHost


def test_a_tunnel_through_a_jump_host_comes_back_when_that_one_was_away(
    home: Home, remote_hosts: dict[str, RemoteHost]
) -> None:
    desk = prepared(home)
    for host in remote_hosts.values():
        home.add_ssh_config(host.client_config())
    images.build("web", remote_hosts["back"].engine.url)
    desk.run("host", "add", "inner", "ssh://back")
    desk.run("host", "use", "inner")
    desk.grant(WEB)
    row = opened(desk)
    try:
        assert "200 OK" in fetch(row["url"])
        kill_logins(remote_hosts["front"].sshd)
        wait_until(lambda: back(desk), "it to be back")
        assert "200 OK" in fetch(row["url"])
        assert "lost" in listed(desk)[0]["last_error"]
    finally:
        desk.run("tunnel", "close", row["id"])
        desk.run("stop", row["session_id"])
