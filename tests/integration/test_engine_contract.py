"""What srctl relies on in an engine: the same tests on the real one and on the one in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from srctl.errors import NotFoundError
from srctl.hosts.engine import DockerHost
from srctl.labels import RUNINFO
from srctl.models import ContainerSpec, Hardening, Host
from srctl.sessions import Engine
from tests.fakes import WEB, FakeEngine

MakeSpec = Callable[..., ContainerSpec]


@pytest.fixture(params=["fake", "real"])
def host(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "fake":
        yield FakeEngine()
        return
    request.getfixturevalue("web_image")
    real = DockerHost(Host("here", request.getfixturevalue("engine").url, "flag"), None)
    yield real
    real.close()


@pytest.fixture
def make_spec(host: Engine) -> Iterator[MakeSpec]:
    """Describe a container of the test page; whatever was created of it is removed afterwards."""
    specs: list[ContainerSpec] = []

    def make(mode: str = "ok", **changes: object) -> ContainerSpec:
        identifier = secrets.token_hex(16)
        env = {"MODE": mode, "URL_ID": identifier, "JPY_BASE_USER_URL": "/user/ann", "JPY_USER": "ann", "USER": "ann"}
        labels = {RUNINFO + "url_id": identifier, RUNINFO + "realm": identifier, "io.srctl.port": "8888"}
        labels["io.srctl.path"] = f"/user/ann/containers/{identifier}/"
        values = {"name": f"contract-{identifier}", "image": WEB, "labels": labels, "env": env, "port": 8888}
        spec = ContainerSpec(**(values | {"network": "srctl"} | changes))  # type: ignore[arg-type]
        specs.append(spec)
        return spec

    yield make
    for spec in specs:
        with suppress(NotFoundError):
            host.remove(spec.name)


@pytest.mark.parametrize("mode", ["never", "refuse"])
def test_no_answer_is_no_status(host: Engine, make_spec: MakeSpec, mode: str) -> None:
    container = launch(host, make_spec(mode))
    assert host.probe(where(container), 0.3) is None


def test_nothing_listens_where_a_container_has_stopped(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec())
    host.stop(container.id)
    eventually(lambda: probed(host, where(container)), "refused")


def test_a_stopped_container_has_exited_and_keeps_no_port(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    container = launch(host, spec)
    host.stop(container.id)
    stopped = host.container(container.id)
    assert (stopped.state, stopped.exit_code, stopped.bindings) == ("exited", 0, ())
    assert host.containers(spec.labels) == []
    host.stop(container.id)


def test_a_crash_leaves_its_exit_code_and_its_words(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec("crash"))
    eventually(lambda: host.container(container.id).state, "exited")
    assert host.container(container.id).exit_code == 3
    assert b"".join(host.logs(container.id)) == b"cannot start: told to crash\n"


def test_followed_logs_end_with_the_container(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec("crash"))
    assert b"told to crash" in b"".join(host.logs(container.id, follow=True))


def test_no_last_lines_are_none(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec("crash"))
    eventually(lambda: host.container(container.id).state, "exited")
    assert list(host.logs(container.id, tail=0)) == []


def test_a_running_container_can_be_removed_once(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec())
    host.remove(container.id)
    with pytest.raises(NotFoundError):
        host.remove(container.id)


def test_an_image_tells_its_labels_ports_and_user(host: Engine) -> None:
    image = host.image(WEB)
    assert image.labels["eu.simphony-project.docker.type"] == "webapp"
    assert (image.ports, image.user) == ((8888, 9999), "1000:1000")
    [listed] = [each for each in host.images() if WEB in each.tags]
    assert (listed.id, listed.labels["io.srctl.profile"]) == (image.id, "strict")


def test_an_unknown_image_is_not_found(host: Engine) -> None:
    with pytest.raises(NotFoundError, match="no-such-image"):
        host.image("srctl/no-such-image:latest")


def test_a_confined_container_can_be_described(host: Engine, make_spec: MakeSpec) -> None:
    hardening = Hardening(read_only=True, cap_drop=("ALL",), tmpfs=("/tmp",), pids=64, memory=2**28, cpus=0.5)
    assert launch(host, make_spec(hardening=hardening)).state == "running"
