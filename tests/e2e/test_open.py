"""`srctl open` as a person holds it: over SSH, through a jump host, on this machine, and how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import urllib.request

import pytest

from tests.e2e.conftest import Desk, prepared, said_by
from tests.integration.ssh_parts import kill_logins
from tools.clean_home import Home
from tools.engine import Engine
from tools.processes import wait_until
from tools.remote_hosts import RemoteHost
from tools.sshd import Sshd


def fetch(url: str) -> str:
    """Return the page at a URL."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - on loopback
        return str(response.read().decode())


def refused(port: int) -> bool:
    """Tell whether nothing listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_host_behind_a_jump_host_serves_its_session(home: Home, remote_hosts: dict[str, RemoteHost]) -> None:
    desk = prepared(home)
    for host in remote_hosts.values():
        home.add_ssh_config(host.client_config())
    desk.run("host", "add", "inner", "ssh://back")
    desk.run("host", "use", "inner")
    desk.grant("srctl/web")
    before = {name: host.sshd.logins() for name, host in remote_hosts.items()}
    with desk.open("srctl/web") as opened:
        assert opened.session["host"] == "inner"
        assert "200 OK" in fetch(opened.url)
        after = {name: host.sshd.logins() for name, host in remote_hosts.items()}
    assert {name: after[name] - before[name] for name in after} == {"front": 1, "back": 1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ending_open_closes_the_tunnel_and_leaves_the_session(desk: Desk, web_image: str, number: int) -> None:
    desk.grant(web_image)
    with desk.open(web_image) as opened:
        fetch(opened.url)
        assert opened.end(number) == 0
        assert refused(opened.said["local_port"])
        assert desk.json("session", "show", opened.session["id"])["status"] == "running"


def test_the_local_port_is_the_same_each_time(desk: Desk, web_image: str) -> None:
    desk.grant(web_image)
    ports = []
    for _ in range(2):
        with desk.open(web_image) as opened:
            ports.append(opened.said["local_port"])
            opened.end()
    assert ports[0] == ports[1]


def test_a_session_is_opened_by_the_beginning_of_its_id_without_a_database(desk: Desk, web_image: str) -> None:
    desk.grant(web_image)
    session = desk.run("start", web_image)
    desk.home.env["SRCTL_DB"] = str(desk.home.path / "nowhere.db")
    with desk.open(session[:10]) as opened:
        assert opened.session["id"] == session
        assert opened.session["granted"] is None
        assert "200" in fetch(opened.url)


def test_a_busy_local_port_is_refused_before_anything_happens(desk: Desk, sshd: Sshd, web_image: str) -> None:
    desk.grant(web_image)
    before = sshd.logins()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = desk.home.run("open", web_image, "--local-port", port)
    assert done.returncode == 5
    assert port in done.stderr
    assert sshd.logins() == before
    assert desk.run("ps", "-a", "-q") == ""


def test_ctrl_c_before_the_application_answers_leaves_nothing(desk: Desk, web_image: str) -> None:
    desk.grant(web_image)
    with desk.start_open(web_image, "--env", "MODE=never") as process:
        wait_until(lambda: desk.run("ps", "-q") or None, "the container to run", limit=20)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert desk.run("ps", "-a", "-q") == ""


def test_a_broken_connection_is_made_again_while_open_holds(desk: Desk, sshd: Sshd, web_image: str) -> None:
    desk.grant(web_image)
    with desk.open(web_image) as opened:
        fetch(opened.url)
        kill_logins(sshd)
        [row] = wait_until(
            lambda: [r for r in desk.json("tunnel", "list") if r["reconnects"] and r["state"] == "up"] or None,
            "it is back",
        )
        assert (row["url"], row["background"]) == (opened.url, False)
        assert "SSH connection was lost" in row["last_error"]
        assert "200 OK" in fetch(opened.url)
        assert opened.end() == 0
    assert desk.json("tunnel", "list") == []


def test_open_ends_when_its_session_is_stopped_elsewhere(desk: Desk, web_image: str) -> None:
    desk.grant(web_image)
    with desk.open(web_image) as opened:
        desk.run("stop", opened.session["id"])
        assert opened.process.wait(60) == 3
        assert opened.process.stderr is not None
        assert "was stopped and removed" in opened.process.stderr.read()


def test_on_this_machine_open_makes_no_tunnel_and_still_holds(home: Home, engine: Engine, web_image: str) -> None:
    desk = prepared(home)
    home.env["DOCKER_HOST"] = engine.url
    desk.grant(web_image)
    with desk.open(web_image) as opened:
        assert opened.said["local_port"] == opened.session["port"]
        assert opened.url == opened.session["url"]
        assert "200 OK" in fetch(opened.url)
        with pytest.raises(subprocess.TimeoutExpired):
            opened.process.wait(1)
        assert opened.end() == 0


def test_two_opens_at_once_share_one_session(desk: Desk, web_image: str) -> None:
    desk.grant(web_image)
    with desk.start_open(web_image) as first, desk.start_open(web_image) as second:
        said = [said_by(process) for process in (first, second)]
        assert said[0]["session"]["id"] == said[1]["session"]["id"]
        assert said[0]["local_port"] != said[1]["local_port"]
        for each in said:
            fetch(each["url"])
        for process in (first, second):
            process.send_signal(signal.SIGINT)
    desk.run("stop", said[0]["session"]["id"])


def test_quickstart_needs_nothing_but_an_engine_and_an_image(home: Home, engine: Engine, web_image: str) -> None:
    home.env.update({"DOCKER_HOST": engine.url, "SRCTL_REALM": "quick"})
    for made in ("Made the accounting database", "It runs already"):
        with home.start("quickstart", web_image, "--no-browser") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert "200 OK" in fetch(process.stdout.readline().strip())
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert made in process.stderr.read()
    ids = home.run("ps", "-q").stdout.split()
    assert len(ids) == 1
    home.run("stop", *ids)
