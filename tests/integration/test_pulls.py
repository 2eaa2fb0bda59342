"""Images that the host does not have yet, from a real registry: who may have them, and what a person sees of it."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.conftest import said_plainly
from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tests.integration.ssh_parts import tcp_server
from tests.terminal import Terminal, terminal
from tools.counting_proxy import pump
from tools.lab import Lab
from tools.ports import refusing_port
from tools.processes import wait_until
from tools.registry import Login, Registry, private_registry

LAYER = 400_000
Publish = Callable[..., str]


@pytest.fixture(scope="module")
def registry(lab: Lab) -> Iterator[Registry]:
    with said_plainly(), private_registry(lab) as registry:
        yield registry


@pytest.fixture(scope="module")
def closed_registry(lab: Lab) -> Iterator[Registry]:
    """A registry that lets one account in."""
    with said_plainly(), private_registry(lab, "closed-registry", Login("reader", "sesame")) as registry:
        yield registry


@pytest.fixture
def publish(deployment: Deployment, registry: Registry) -> Iterator[Publish]:
    """Bring a new image like the test page's to a registry, grant it to ann, and leave none of it on the host."""
    client, published = deployment.client, set()

    def publish(name: str = "page:1", where: Registry = registry, layers: int = 1) -> str:
        image = WEB
        for _ in range(layers):
            container = client.create_container(image)["Id"]
            client.put_archive(container, "/", layer())
            image = client.commit(container)["Id"]
            client.remove_container(container)
        reference = where.push(client, image, f"{deployment.realm}/{name}")
        published.add(reference)
        deployment.grant(image=reference)
        return reference

    yield publish
    deployment.clear()
    for reference in published:
        with suppress(Exception):
            client.remove_image(reference, force=True)


def layer() -> bytes:
    """Return a tar whose content nobody has and nobody can compress."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("opt/noise")
        entry.size = LAYER
        archive.addfile(entry, io.BytesIO(os.urandom(LAYER)))
    return tar.getvalue()


@dataclass
class Gate:
    """A way to a registry on which no answer gets further than half a layer before it is opened."""

    port: int
    opened: threading.Event = field(default_factory=threading.Event)

    def reference(self, reference: str) -> str:
        """Return an image's reference that leads through the gate."""
        return f"127.0.0.1:{self.port}/{reference.partition('/')[2]}"


@contextmanager
def gate_to(registry: Registry) -> Iterator[Gate]:
    opened = threading.Event()

    def serve(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", registry.port)) as server:
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            passed = 0
            while data := server.recv(65536):
                passed += len(data)
                if passed > LAYER / 2:
                    opened.wait(60)
                client.sendall(data)

    with tcp_server(serve) as port:
        yield Gate(port, opened)
        opened.set()


def images(deployment: Deployment) -> list[str]:
    return [tag for image in deployment.client.images() for tag in image["RepoTags"] or ()]


def test_an_image_that_is_missing_is_pulled(deployment: Deployment, publish: Publish) -> None:
    image = publish()
    assert image not in images(deployment)
    assert deployment.start(app=image)["image"] == image
    assert image in images(deployment)


def test_an_image_that_may_not_be_pulled_is_named(deployment: Deployment, publish: Publish) -> None:
    image = publish()
    result = deployment("start", image, "--pull", "never")
    assert (result.code, result.out) == (3, "")
    assert image in result.err
    assert image not in images(deployment)


def test_a_tag_that_moved_is_followed_when_it_is_asked_for(deployment: Deployment, publish: Publish) -> None:
    image = publish()
    first = deployment.start(app=image)
    publish()
    assert deployment.start("--replace", app=image)["image_id"] == first["image_id"]
    second = deployment.start("--replace", "--pull", "always", app=image)
    assert second["image_id"] != first["image_id"]
    publish()
    deployment.client.pull(image)
    assert [row["image_outdated"] for row in deployment.ok("ps", "-o", "json").json] == [True]
    assert deployment.start("--replace", app=image)["image_outdated"] is False


def test_a_pull_that_fails_costs_no_running_session(
    deployment: Deployment, registry: Registry, publish: Publish
) -> None:
    with gate_to(registry) as gate:
        gate.opened.set()
        image = gate.reference(publish())
        deployment.grant(image=image)
        running = deployment.start(app=image)["id"]
    assert deployment("start", image, "--replace", "--pull", "always").code == 6
    assert deployment.ok("ps", "-q").lines == [running]


def test_what_the_registry_does_not_have_is_not_found(deployment: Deployment, registry: Registry) -> None:
    image = f"{registry.address}/{deployment.realm}/nothing:1"
    deployment.grant(image=image)
    result = deployment("start", image)
    assert (result.code, result.out) == (3, "")
    assert image in result.err
    assert len(result.err.splitlines()) == 2


def test_a_registry_that_is_down_is_unreachable(deployment: Deployment) -> None:
    with refusing_port() as port:
        address = f"127.0.0.1:{port}"
        deployment.grant(image=f"{address}/page:1")
        result = deployment("start", f"{address}/page:1")
    assert result.code == 6
    assert address in result.err


def test_a_registry_that_wants_a_login_gets_it_from_the_config_of_docker(
    deployment: Deployment, closed_registry: Registry, publish: Publish
) -> None:
    image = publish(where=closed_registry)
    refused = deployment("start", image)
    assert (refused.code, refused.out) == (4, "")
    assert f"docker login {closed_registry.address}" in refused.err
    config = deployment.home.path / ".docker/config.json"
    config.parent.mkdir()
    config.write_text(json.dumps(closed_registry.docker_config()))
    assert deployment.start(app=image)["image"] == image


def test_a_login_that_is_wrong_or_out_of_reach_is_said(
    deployment: Deployment, closed_registry: Registry, publish: Publish
) -> None:
    image = publish(where=closed_registry)
    config = deployment.home.path / ".docker/config.json"
    config.parent.mkdir()
    wrong = Registry(closed_registry.port, Login("reader", "wrong"))
    config.write_text(json.dumps(wrong.docker_config()))
    assert deployment("start", image).code == 4
    config.write_text('{"credsStore": "missing"}')
    result = deployment("start", image)
    assert result.code == 2
    assert "docker-credential-missing" in result.err


def test_a_pull_shows_a_bar_for_each_layer_and_leaves_nothing_of_them(
    deployment: Deployment, registry: Registry, publish: Publish
) -> None:
    with gate_to(registry) as gate, terminal(deployment.home, deployment.env) as screen:
        image = gate.reference(publish(layers=2))
        deployment.grant(image=image)
        screen.run("start", image)
        wait_until(lambda: len(bars(screen)) == 2, "a bar for each layer")
        gate.opened.set()
        assert screen.end() == 0
        [session] = screen.left
    assert session == deployment.ok("ps", "-q").out.strip()


def bars(screen: Terminal) -> list[str]:
    return [line for line in screen.screen() if "Downloading" in line and "/400" in line]


def test_ctrl_c_in_the_middle_of_a_pull_leaves_no_container(
    deployment: Deployment, registry: Registry, publish: Publish
) -> None:
    with gate_to(registry) as gate, terminal(deployment.home, deployment.env) as screen:
        image = gate.reference(publish())
        deployment.grant(image=image)
        screen.run("start", image)
        screen.wait_for("Downloading")
        screen.press("C-c")
        assert screen.end() == 130
        assert [line for line in screen.left if line and line != "^C"] == ["srctl: Interrupted"]
        assert screen.sane
    assert deployment.containers() == []
