"""Tunnels and terminals: held by one, asked on one, shown on one, and one that outlives its own."""

from __future__ import annotations

import os
import signal

from tests.e2e.conftest import Desk, said_by
from tests.e2e.test_open import fetch
from tests.e2e.test_tunnels import WEB, listed, opened
from tests.integration.ssh_parts import keygen
from tests.integration.tunnel_stage import server
from tests.terminal import terminal
from tools.lab import Lab
from tools.sshd import Sshd


def test_open_uses_the_tunnel_in_the_background_and_leaves_it_alone(tunnels: Desk, sshd: Sshd) -> None:
    row = opened(tunnels)
    process = tunnels.start_open(WEB)
    with process:
        said = said_by(process)
        assert (said["url"], said["session"]["id"]) == (row["url"], row["session_id"])
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "200 OK" in fetch(row["url"])
    assert [each["id"] for each in listed(tunnels)] == [row["id"]]


def test_open_on_a_tunnel_in_the_background_ends_with_the_session(tunnels: Desk) -> None:
    row = opened(tunnels)
    with tunnels.start_open(WEB) as process:
        assert said_by(process)["url"] == row["url"]
        tunnels.run("stop", row["session_id"])
        assert process.wait(60) == 3
        assert process.stderr is not None
        assert "was stopped and removed" in process.stderr.read()


def test_a_tunnel_in_the_foreground_is_listed_and_closed_by_its_id(tunnels: Desk) -> None:
    with tunnels.home.start("tunnel", "open", WEB, "-o", "json") as process:
        row = said_by(process)
        [found] = listed(tunnels)
        assert (found["id"], found["pid"], found["background"]) == (row["id"], process.pid, False)
        assert "200 OK" in fetch(row["url"])
        assert tunnels.home.run("tunnel", "restart", row["id"]).returncode == 5
        tunnels.run("tunnel", "close", row["id"])
        assert process.wait(60) == 0
    assert listed(tunnels) == []


def test_open_shows_on_the_screen_that_it_reconnects_and_why(tunnels: Desk, lab: Lab) -> None:
    home = tunnels.home
    socket_path = tunnels.json("host", "list")[0]["url"].removeprefix("ssh://lab")
    with server(lab, "shown") as ssh, terminal(home) as screen:
        home.add_ssh_config(ssh.reached.client_config("shown"))
        screen.run("open", WEB, "--no-browser", "--host", f"ssh://shown{socket_path}")
        screen.wait_for("in all")
        ssh.stop()
        screen.wait_for("reconnecting: ", "refuses connections")
        ssh.start()
        screen.wait_for("in all")
        screen.press("C-c")
        assert screen.end() == 0


def test_a_passphrase_is_asked_for_once_and_the_tunnel_outlives_the_terminal(tunnels: Desk, sshd: Sshd) -> None:
    home = tunnels.home
    key = keygen(home.path / "locked", passphrase="sesame")
    allowed = sshd.folder / "authorized_keys"
    before = allowed.read_text()
    allowed.write_text(before + key.with_name("locked.pub").read_text())
    home.add_ssh_config(sshd.client_config("locked", {"IdentityFile": str(key)}))
    socket_path = tunnels.json("host", "list")[0]["url"].removeprefix("ssh://lab")
    with terminal(home) as screen:
        screen.run("tunnel", "open", WEB, "--background", "--host", f"ssh://locked{socket_path}", "-q")
        screen.wait_for("Enter passphrase")
        screen.type("sesame")
        assert screen.end() == 0
        assert "\n".join(screen.screen()).count("Enter passphrase") == 1
        [row] = listed(tunnels)
    allowed.write_text(before)
    assert os.getsid(row["pid"]) == row["pid"]
    assert "200 OK" in fetch(row["url"])
    assert listed(tunnels)[0]["state"] == "up"
