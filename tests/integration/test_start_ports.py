"""A start where the port that the engine gave is taken: on an engine that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from srctl.errors import ConflictError, SrctlError
from srctl.hosts.engine import START_TRIES, DockerHost
from srctl.models import Host
from tests.integration.stub_engine import Answer, stub_engine

TAKEN = [
    "driver failed programming external connectivity: Bind for 127.0.0.1:32768 failed: port is already allocated",
    "failed to bind host port for 127.0.0.1:32768:172.18.0.2:8888/tcp: address already in use",
]


class Engine:
    """Refuses to start a container a number of times."""

    def __init__(self, message: str, times: int) -> None:
        self.message = message
        self.times = times
        self.started = 0

    def answer(self, method: str, path: str) -> Answer:
        assert (method, path.endswith("/containers/c1/start")) == ("POST", True)
        self.started += 1
        return (500, {"message": self.message}) if self.started <= self.times else (204, b"")


def start(engine: Engine, folder: Path) -> None:
    with stub_engine(folder / "docker.sock", engine.answer) as url:
        host = DockerHost(Host("lab", url, "flag"), None)
        try:
            host.start("c1", "srctl")
        finally:
            host.close()


@pytest.mark.parametrize("message", TAKEN)
def test_a_port_that_is_taken_is_no_failure_where_the_next_is_free(tmp_path: Path, message: str) -> None:
    engine = Engine(message, START_TRIES - 1)
    start(engine, tmp_path)
    assert engine.started == START_TRIES


@pytest.mark.parametrize("message", TAKEN)
def test_ports_that_are_all_taken_are_a_conflict_that_says_what_to_do(tmp_path: Path, message: str) -> None:
    engine = Engine(message, START_TRIES)
    with pytest.raises(ConflictError, match="no free port") as failure:
        start(engine, tmp_path)
    assert "Start it again" in failure.value.hint


def test_another_failure_to_start_is_told_at_once(tmp_path: Path) -> None:
    engine = Engine("no such device", START_TRIES)
    with pytest.raises(SrctlError, match="no such device"):
        start(engine, tmp_path)
    assert engine.started == 1
