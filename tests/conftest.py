"""The real parts on which the tests run: each is started when the first test asks for it, and shared.

Where a part can't be had (not root, not Linux, a package missing), its tests fail with a sentence that says
why: a run that skips them would prove nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

from tools import clean_home, debian, images
from tools.clean_home import Home
from tools.counting_proxy import Requests, counting_proxy
from tools.debian import SetupError
from tools.engine import Engine, empty, private_engine
from tools.lab import Lab
from tools.lab import lab as new_lab
from tools.postgres import Postgres, emptied, private_postgres
from tools.remote_hosts import RemoteHost
from tools.remote_hosts import remote_hosts as start_remote_hosts
from tools.sshd import Options, Sshd, private_sshd

# Property tests judge results, not how fast a busy machine gives them, and try the same cases in each run.
settings.register_profile(
    "srctl", deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("srctl")

# Whoever starts the tests in the background of a shell without job control has them ignore Ctrl-C; what they start
# would inherit that, and be deaf to the signal that many tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let pictures of the screen be drawn anew."""
    parser.addoption("--update-pictures", action="store_true", help="draw the pictures of the screen anew")


class RunSrctl(Protocol):
    """Run srctl to its end in the clean home."""

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]: ...


class StartSrctl(Protocol):
    """Start srctl in the background in the clean home; it is ended with the test."""

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]: ...


@contextlib.contextmanager
def said_plainly() -> Iterator[None]:
    """Turn what a machine lacks into a failure without a traceback."""
    try:
        yield
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The folder and the id of this run."""
    with said_plainly(), new_lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def engine(lab: Lab) -> Iterator[Engine]:
    """A private Docker engine, never one of the machine's own. Containers of other tests may run in it."""
    with said_plainly(), private_engine(lab, tls=True) as engine:
        yield engine


@pytest.fixture
def empty_engine(engine: Engine) -> Iterator[Engine]:
    """The private engine without containers and networks, before the test and after it."""
    for moment in ("before", "after"):
        with engine.client() as client:
            empty(client)
        if moment == "before":
            yield engine


@pytest.fixture(scope="session")
def web_image(engine: Engine) -> str:
    """The name of the test page's image, which the engine has."""
    with said_plainly():
        return images.build("web", engine.url)


@pytest.fixture(scope="session")
def desktop_image(engine: Engine) -> str:
    """The name of the desktop's image, which the engine has."""
    with said_plainly():
        return images.build("desktop", engine.url)


@pytest.fixture(scope="session")
def make_sshd(lab: Lab) -> Iterator[Callable[[str, Options], Sshd]]:
    """Start an SSH server on loopback with these options; the name is for its folder, and several may have it."""
    numbers = itertools.count(1)
    with said_plainly(), ExitStack() as servers:
        yield lambda name, options: servers.enter_context(private_sshd(lab, f"{name}-{next(numbers)}", options))


@pytest.fixture(scope="session")
def sshd(make_sshd: Callable[[str, Options], Sshd]) -> Sshd:
    """An SSH server on loopback with default options, which counts logins."""
    return make_sshd("sshd", Options())


@pytest.fixture(scope="session")
def remote_hosts(lab: Lab) -> Iterator[dict[str, RemoteHost]]:
    """Two Docker hosts with the test page's image: `front`, and `back`, which only `front` can reach."""
    with said_plainly(), start_remote_hosts(lab) as hosts:
        for host in hosts.values():
            images.build("web", host.engine.url)
        yield hosts


@pytest.fixture
def requests_seen(engine: Engine, lab: Lab) -> Iterator[Requests]:
    """A way to the engine that writes down each request of the API."""
    with counting_proxy(engine.socket, lab.folder / "counted.sock") as requests:
        yield requests


@pytest.fixture(scope="session")
def postgres_server(lab: Lab) -> Iterator[Postgres]:
    """A private PostgreSQL server."""
    with said_plainly(), private_postgres(lab) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_database(postgres_server: Postgres) -> str:
    """The URL of a database that tests use in turns: making one takes its time, and removing its files more."""
    return postgres_server.new_database()


@pytest.fixture
def postgres(postgres_database: str) -> str:
    """The SQLAlchemy URL of an empty database, which is this test's own until its end."""
    with emptied(postgres_database) as admin:
        admin.execute("DROP SCHEMA public CASCADE")
        admin.execute("CREATE SCHEMA public")
        admin.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    return postgres_database


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium, for Playwright's `executable_path`."""
    program = next(each for each in debian.TESTS if each.name == "chromium")
    with said_plainly():
        debian.ensure([program])
    return str(program.find())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A clean home, which is also this process's own for the time of the test."""
    folder = tmp_path / "home"
    folder.mkdir()
    home = clean_home.make(folder)
    for name in {name for name in os.environ if not name.startswith("PYTEST_")} - set(home.env):
        monkeypatch.delenv(name)
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def run_srctl(home: Home) -> RunSrctl:
    """Run the installed srctl in the clean home, to its end."""
    return home.run


@pytest.fixture
def start_srctl(home: Home) -> Iterator[StartSrctl]:
    """Start the installed srctl in the clean home, in the background."""
    with ExitStack() as running:

        def start(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
            process = running.enter_context(home.start(*arguments, env=env))
            running.callback(process.kill)
            return process

        yield start
