"""What several of these tests share: a small deployment on the private engine, SSH servers, and tunnels under fire."""

from __future__ import annotations

import io
import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from srctl.cli import main
from srctl.context import Context
from srctl.labels import RUNINFO
from srctl.tunnel.forward import Forward
from tests.fakes import WEB
from tests.integration.fire_parts import Far, Tunnel, far_end, tunnel
from tests.integration.hostile_server import HostileServer
from tests.integration.hostile_stage import Stage, stage, surroundings
from tools import processes
from tools.clean_home import Home
from tools.engine import Engine
from tools.sshd import Sshd

Derive = Callable[..., str]
USERS = ("ann", "bob", "boss")


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error that it told as JSON."""
        return json.loads(self.err)["error"]

    @property
    def lines(self) -> list[str]:
        """What it printed, line by line."""
        return self.out.splitlines()


@dataclass(frozen=True)
class Deployment:
    """Runs commands in this process, as ann unless told otherwise."""

    home: Home
    engine: Engine
    realm: str
    client: Any
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        """Run srctl, whatever comes of it."""
        out, err = io.StringIO(), io.StringIO()
        environ = self.home.env | self.env | dict(env or {})
        code = main(arguments, Context(environ, stdin=io.StringIO(), stdout=out, stderr=err))
        return Result(code, out.getvalue(), err.getvalue())

    def ok(self, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        """Run srctl, which must succeed."""
        result = self(*arguments, env=env)
        assert result.code == 0, result.err
        return result

    def grant(self, *policy: str, image: str = WEB, user: str = "ann") -> str:
        """Grant an application that is there, or will be, and return the grant's id."""
        if image not in self.ok("app", "list", "-q").lines:
            self.ok("app", "add", image, "--no-verify")
        return self.ok("grant", "add", image, user, *policy).out.strip()

    def start(self, *options: str, app: str = WEB) -> dict[str, Any]:
        """Start an application and return its session."""
        session: dict[str, Any] = self.ok("start", app, *options, "-o", "json").json
        return session

    def containers(self, **labels: str) -> list[dict[str, Any]]:
        """Return the realm's containers as the engine lists them, stopped ones too."""
        wanted = {"realm": self.realm} | labels
        filters = {"label": [f"{RUNINFO}{name}={value}" for name, value in wanted.items()]}
        found: list[dict[str, Any]] = self.client.containers(all=True, filters=filters)
        return found

    def inspect(self, session: Mapping[str, Any]) -> dict[str, Any]:
        """Return a session's container as the engine describes it."""
        found: dict[str, Any] = self.client.inspect_container(session["container_id"])
        return found

    def run_in(self, session: Mapping[str, Any], *command: str) -> tuple[int, str]:
        """Run a command in a session's container; return its exit code and output."""
        run = self.client.exec_create(session["container_id"], list(command))
        text = self.client.exec_start(run["Id"]).decode()
        return self.client.exec_inspect(run["Id"])["ExitCode"], text

    def clear(self) -> None:
        """Remove the realm's containers and homes."""
        for container in self.containers():
            self.client.remove_container(container["Id"], force=True, v=True)
        for volume in self.client.volumes(filters={"name": f"srctl-home-{self.realm}-"})["Volumes"] or []:
            with suppress(Exception):
                self.client.remove_volume(volume["Name"])


@pytest.fixture(scope="session")
def filled_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the users, the test page, and a grant of it for ann; to be copied."""
    from srctl.db.setup import initialise
    from srctl.db.store import open_store
    from srctl.models import Application, Policy

    path = tmp_path_factory.mktemp("database") / "srctl.db"
    initialise(str(path))
    store = open_store(str(path))
    for name in USERS:
        store.add_user(name)
    store.add_application(Application(WEB, title="Test page"))
    store.add_grant(WEB, "ann", Policy())
    store.close()
    return path


@pytest.fixture
def deployment(home: Home, engine: Engine, web_image: str, filled_database: Path) -> Iterator[Deployment]:
    """The deployment; ann may start the test page."""
    assert web_image == WEB
    realm = f"t{secrets.token_hex(4)}"
    shutil.copy(filled_database, home.path / "srctl.db")
    settings = {"SRCTL_HOST": engine.url, "SRCTL_REALM": realm, "SRCTL_USER": "ann"}
    with engine.client() as client:
        made = Deployment(home, engine, realm, client, settings | {"SRCTL_DB": str(home.path / "srctl.db")})
        yield made
        made.clear()


@pytest.fixture
def derive(deployment: Deployment) -> Iterator[Derive]:
    """Make an image like the test page's with other settings (lines of a Dockerfile), and return its name."""
    made: list[str] = []

    def make(name: str, *changes: str) -> str:
        container = deployment.client.create_container(WEB)["Id"]
        image = f"test/{deployment.realm}-{name}"
        tar = io.BytesIO(b"".join(deployment.client.export(container)))
        settings = ["ENV PATH=/usr/bin", "USER 1000:1000", 'CMD ["/start.sh"]', *changes]
        deployment.client.import_image_from_data(tar, repository=image, tag="latest", changes=settings)
        deployment.client.remove_container(container)
        made.append(f"{image}:latest")
        return f"{image}:latest"

    yield make
    deployment.clear()
    for image in dict.fromkeys(made):
        deployment.client.remove_image(image, force=True)


@pytest.fixture
def box(home: Home, sshd: Sshd) -> Sshd:
    """An SSH server, reachable as `box` from a clean home."""
    home.add_ssh_config(sshd.client_config("box"))
    return sshd


@pytest.fixture
def agent(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A running ssh-agent; call it to add a key."""
    path = home.path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        processes.wait_until(path.exists, "ssh-agent", process)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))

        def add(key: Path) -> None:
            subprocess.run(["ssh-add", "-q", key], check=True, stderr=subprocess.DEVNULL)

        yield add
        process.terminate()


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory, sshd: Sshd) -> Iterator[tuple[HostileServer, Forward]]:
    """A server that says anything, and a forward through an honest one that must never notice."""
    with surroundings(tmp_path_factory.mktemp("hostile"), sshd) as both:
        yield both


@pytest.fixture
def play(around: tuple[HostileServer, Forward]) -> Iterator[Stage]:
    """A forward through the server that says anything."""
    with stage(*around) as ready:
        yield ready


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    """Servers in a process of their own, for loads."""
    with far_end() as far:
        yield far


@pytest.fixture
def plain(home: Home, sshd: Sshd, far: Far) -> Iterator[Tunnel]:
    """A forward to them through the SSH server as it comes."""
    with tunnel(home, sshd, far) as ready:
        yield ready
