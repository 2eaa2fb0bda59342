"""Tunnels to an engine that is reached by TCP, through SSH beside it, in the background."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tests.integration.ssh_parts import kill_logins
from tools.engine import Engine
from tools.processes import wait_until
from tools.sshd import Sshd


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - on loopback
        return int(answer.status)


def up_after(row: dict[str, Any], reconnects: int) -> dict[str, Any] | None:
    """Return a tunnel's row if it is up and has been made anew so many times."""
    return row if row["state"] == "up" and row["reconnects"] >= reconnects else None


def test_a_tunnel_beside_a_tcp_engine_is_made_again_and_follows_its_session(
    deployment: Deployment, engine: Engine, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.certificates is not None
    folder = Path(engine.certificates.client)
    deployment.home.add_ssh_config(sshd.client_config("lab"))
    monkeypatch.chdir(folder.parent)  # a folder of certificates may be written as seen from here
    deployment.ok("host", "add", "farm", f"tcp://127.0.0.1:{engine.port}", "--tls", folder.name, "--ssh", "ssh://lab")
    there = {"SRCTL_HOST": "farm"}
    row = deployment.ok("tunnel", "open", WEB, "--background", "-o", "json", env=there).json

    def now() -> dict[str, Any]:
        [found] = deployment.ok("tunnel", "list", "-o", "json").json
        return dict(found)

    try:
        assert status(row["url"]) == 200
        kill_logins(sshd)
        back = wait_until(lambda: up_after(now(), 1), "it is back")
        assert status(row["url"]) == 200
        [container] = deployment.containers()
        deployment.client.restart(container["Id"], timeout=0)
        followed = wait_until(lambda: up_after(now(), back["reconnects"] + 1), "it has followed")
        assert followed["url"] == row["url"]
        deployment.client.remove_container(container["Id"], force=True)
        wait_until(lambda: now()["pid"] is None or None, "it has ended")
        assert "was stopped and removed" in now()["cause"]
    finally:
        deployment.ok("tunnel", "close", "--all")
