"""What tests of the gateway share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from srctl.labels import RUNINFO
from tests.fakes import WEB
from tests.integration.gateway.gatehouse import Channel, Gatehouse
from tools.engine import Engine


@pytest.fixture
def gate(tmp_path: Path, engine: Engine, web_image: str) -> Iterator[Gatehouse]:
    """A gatehouse; the sessions that were started through it are removed afterwards."""
    assert web_image == WEB
    made = Gatehouse(tmp_path, engine.url)
    made.prepare()
    yield made
    with engine.client() as client:
        for container in containers(client, made.realm):
            with suppress(Exception):
                client.remove_container(container["Id"], force=True, v=True)


@pytest.fixture
def alice(gate: Gatehouse) -> Iterator[Channel]:
    """An `api` channel of alice's."""
    with gate.api("alice") as channel:
        yield channel


@pytest.fixture
def bob(gate: Gatehouse) -> Iterator[Channel]:
    """An `api` channel of bob's."""
    with gate.api("bob") as channel:
        yield channel


@pytest.fixture
def admin(gate: Gatehouse) -> Iterator[Channel]:
    """An `api` channel of an administrator's."""
    with gate.api("admin") as channel:
        yield channel


def containers(client: Any, realm: str) -> list[dict[str, Any]]:
    """Return the containers of a realm, stopped ones too."""
    found: list[dict[str, Any]] = client.containers(all=True, filters={"label": [f"{RUNINFO}realm={realm}"]})
    return found
