"""A lab in the hands of one user: a database, grants, a host reached by SSH, and `open` held in the background."""

from __future__ import annotations

import io
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from srctl.cli import main
from srctl.context import Context
from tools.clean_home import Home
from tools.engine import Engine
from tools.processes import wait_until
from tools.sshd import Sshd

USER = "ada@lab"
REALM = "e2e"


@dataclass
class Open:
    """A running `srctl open`, which has said where the session is."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def url(self) -> str:
        """What to open in a browser."""
        return str(self.said["url"])

    @property
    def session(self) -> dict[str, Any]:
        """The session, as `open -o json` showed it."""
        found: dict[str, Any] = self.said["session"]
        return found

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@dataclass
class Desk:
    """A home in which `ada@lab` has a database, a host named `lab` and grants."""

    home: Home

    def run(self, *arguments: str) -> str:
        """Run srctl in this process, which spares its start; it must go well. Return its stdout."""
        stdout, stderr = io.StringIO(), io.StringIO()
        code = main(arguments, Context(self.home.env, stdin=io.StringIO(), stdout=stdout, stderr=stderr))
        assert code == 0, stderr.getvalue()
        return stdout.getvalue().strip()

    def json(self, *arguments: str) -> Any:
        """Run srctl and return what it says as JSON."""
        return json.loads(self.run(*arguments, "-o", "json"))

    def grant(self, image: str, *policy: str) -> str:
        """Register an image that the host has, and grant it."""
        self.run("app", "add", image)
        return self.run("grant", "add", image, USER, *policy)

    def start_open(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `srctl open` in the background."""
        return self.home.start("open", *arguments, "--no-browser", "-o", "json")

    @contextmanager
    def open(self, *arguments: str) -> Iterator[Open]:
        """Hold a session open; end it and the session afterwards."""
        process = self.start_open(*arguments)
        with process:
            try:
                yield Open(process, said_by(process))
            finally:
                with suppress(OSError):
                    process.kill()
                ids = self.run("ps", "--all", "-q").split()
                if ids:
                    self.run("stop", *ids)


def said_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the object that `open -o json` prints in one line; fail with what it complained about."""
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.stderr.read())
    said: dict[str, Any] = json.loads(line)
    return said


def prepared(home: Home) -> Desk:
    """Make the database and the user."""
    desk = Desk(home)
    home.env.update({"SRCTL_USER": USER, "SRCTL_REALM": REALM})
    desk.run("db", "init")
    desk.run("user", "add", USER)
    return desk


@pytest.fixture
def desk(home: Home, engine: Engine, sshd: Sshd) -> Desk:
    """A desk whose host `lab` is the private engine, reached through the private SSH server."""
    desk = prepared(home)
    home.add_ssh_config(sshd.client_config("lab"))
    desk.run("host", "add", "lab", f"ssh://lab{engine.socket}")
    desk.run("host", "use", "lab")
    return desk


@pytest.fixture
def tunnels(desk: Desk, web_image: str) -> Iterator[Desk]:
    """The desk, with the test page granted; every tunnel and session is gone afterwards."""
    desk.grant(web_image)
    yield desk
    desk.run("tunnel", "close", "--all")
    if ids := desk.run("ps", "--all", "-q").split():
        desk.run("stop", *ids)


@pytest.fixture
def browser_page(chromium: str) -> Iterator[Callable[[], Any]]:
    """Open pages in a headless Chromium."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        stack.callback(browser.close)
        yield browser.new_page


def file_in(engine: Engine, container: str, path: str) -> bool:
    """Tell whether a file is there in a container."""
    with engine.client() as client:
        made = client.exec_create(container, ["test", "-e", path])
        client.exec_start(made["Id"])
        return bool(client.exec_inspect(made["Id"])["ExitCode"] == 0)


def wait_for_file(engine: Engine, container: str, path: str) -> None:
    """Wait until a file appears in a container."""
    wait_until(lambda: file_in(engine, container, path) or None, f"{path} in {container}", limit=15)
