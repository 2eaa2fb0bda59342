"""Tunnels where there is no place for their list: those of a terminal are held all the same."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from srctl.models import Host
from srctl.tunnel.connection import SSHConnection
from tests.cli.front_door import FrontDoor, Ran
from tests.fakes import WEB, FakeEngine, only
from tools.clean_home import Home
from tools.processes import wait_until
from tools.sshd import Sshd

HOST = Host("lab", "ssh://lab", "config")


@dataclass
class FarEngine(FakeEngine):
    """An engine on a host that is reached through SSH."""

    direct: bool = False
    host: Host = HOST
    link: SSHConnection | None = None

    def end_when_watched(self) -> None:
        """Remove the session once its tunnel is up, which ends the command that holds it."""
        wait_until(lambda: self.listeners or None, "a tunnel that watches the session", limit=30)
        self.remove(only(self).id)


@pytest.fixture
def far(home: Home, sshd: Sshd) -> Iterator[FrontDoor]:
    """ann may run the test page on an engine that is reached through a real SSH server."""
    home.add_ssh_config(sshd.client_config("lab"))
    with SSHConnection.connect(HOST.url) as link:
        door = FrontDoor(home.path, dict(os.environ) | {"SRCTL_USER": "ann"}, FarEngine(link=link))
        for command in (("db", "init"), ("user", "add", "ann"), ("app", "add", WEB), ("grant", "add", WEB, "ann")):
            door.ok(*command)
        yield door


def opened_till_it_ends(far: FrontDoor, *arguments: str) -> Ran:
    """Open a session and hold it until it is removed."""
    assert isinstance(far.engine, FarEngine)
    far.engine.listeners.clear()
    ending = threading.Thread(target=far.engine.end_when_watched)
    ending.start()
    ran = far(*arguments)
    ending.join()
    return ran


@pytest.mark.parametrize("verb", [("open", "--no-browser"), ("tunnel", "open")])
def test_a_tunnel_in_the_foreground_needs_no_list(
    far: FrontDoor, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "does not show" not in opened_till_it_ends(far, *verb, WEB).err
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc/nothing")
    ran = opened_till_it_ends(far, *verb, WEB)
    assert (ran.code, "was stopped and removed" in ran.err) == (3, True)
    assert ran.lines[0].startswith("http://127.0.0.1:")
    [note] = [line for line in ran.err.splitlines() if "does not show this tunnel" in line]
    assert "/proc/nothing" in note
    assert "XDG_RUNTIME_DIR" in note


def test_a_tunnel_in_the_background_needs_the_list(far: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc/nothing")
    ran = far("tunnel", "open", WEB, "--background")
    assert ran.code == 1
    assert "/proc/nothing" in ran.err.splitlines()[-2]
    assert "XDG_RUNTIME_DIR" in ran.err.splitlines()[-1]
