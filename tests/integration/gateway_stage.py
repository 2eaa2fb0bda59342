"""A person whose host in force is a stub of a gateway, behind a real SSH server, with an application to open."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from srctl.db.setup import initialise
from tests.cli.front_door import FrontDoor
from tools.clean_home import Home
from tools.sshd import Options, Sshd

ROOT = Path(__file__).parents[2]


class Page(http.server.BaseHTTPRequestHandler):
    """The application behind the session."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass
class Far:
    """A stub of a gateway, and a person whose host in force it is."""

    srctl: FrontDoor
    home: Home
    sshd: Sshd
    setup: Path
    port: int

    def set(self, **changes: Any) -> None:
        """Have the gateway behave otherwise from its next channel on."""
        self.setup.write_text(json.dumps(json.loads(self.setup.read_text()) | changes))

    @property
    def trace(self) -> Path:
        """A file in which the gateway notes what it must not be silent about."""
        return Path(json.loads(self.setup.read_text())["trace"])

    @property
    def permitted(self) -> Path:
        """The keys that may log in, and what they may forward to."""
        return self.sshd.folder / "authorized_keys"

    def permit(self, port: int) -> None:
        """Let later logins forward to one port only."""
        key = (self.sshd.folder / "user_key.pub").read_text()
        self.permitted.write_text(f'restrict,port-forwarding,permitopen="127.0.0.1:{port}" {key}')


@pytest.fixture(scope="session")
def gateway_page() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="session")
def gateway_stub(
    make_sshd: Callable[[str, Options], Sshd], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Sshd, Path]:
    setup = tmp_path_factory.mktemp("stub") / "setup.json"
    command = f"cd {ROOT} && exec {sys.executable} -m tests.integration.gateway_stub {setup}"
    return make_sshd("gateway-stub", Options(extra={"ForceCommand": command})), setup


@pytest.fixture
def far(home: Home, gateway_stub: tuple[Sshd, Path], gateway_page: int, tmp_path: Path) -> Iterator[Far]:
    sshd, setup = gateway_stub
    home.add_ssh_config(sshd.client_config("box"))
    database = tmp_path / "gateway.db"
    initialise(str(database))
    setup.write_text(
        json.dumps({"user": "ann", "db": str(database), "port": gateway_page, "trace": str(tmp_path / "trace")})
    )
    srctl = FrontDoor(home.path, dict(home.env))
    srctl.ok("host", "add", "lab", f"gateway://{sshd.user}@box")
    srctl.ok("host", "use", "lab")
    far = Far(srctl, home, sshd, setup, gateway_page)
    before = far.permitted.read_bytes()
    yield far
    far.permitted.write_bytes(before)
    srctl("tunnel", "close", "--all")
