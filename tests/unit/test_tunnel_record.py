"""A tunnel in the registry: its state file, its lock and its log, on a tunnel that stands as the test says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from srctl.errors import NotFoundError, SrctlError
from srctl.models import Endpoint, Host, Standing, TunnelPlan
from srctl.tunnel.record import Log, RecordedTunnel
from srctl.tunnel.registry import LARGEST_LOG, Registry

PLAN = TunnelPlan(
    "1" * 32,
    "a" * 32,
    "b" * 64,
    "srctl/web:latest",
    Host("lab", "ssh://lab", "config"),
    20001,
    "http://127.0.0.1:20001/",
    Endpoint("127.0.0.1", 30000),
    10.0,
    background=True,
)


class FakeTunnel:
    """Stands as it is told."""

    local_port = 20001

    def __init__(self) -> None:
        self.failure: SrctlError | None = None
        self.standing = Standing("up", datetime.now(UTC))

    def wait(self, timeout: float) -> None:
        """Nothing changes meanwhile."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "srctl" / "tunnels")


@pytest.fixture
def tunnel() -> FakeTunnel:
    return FakeTunnel()


@pytest.fixture
def recorded(registry: Registry, tunnel: FakeTunnel) -> Iterator[RecordedTunnel]:
    with ExitStack() as claim:
        claim.enter_context(registry.held(PLAN.id))
        made = RecordedTunnel(registry, PLAN, tunnel, Log(registry.log_of(PLAN.id)), claim.pop_all())
    yield made
    made.close()


def test_what_changes_is_written_and_what_does_not_is_left_alone(
    registry: Registry, tunnel: FakeTunnel, recorded: RecordedTunnel
) -> None:
    path = registry.folder / f"{PLAN.id}.json"
    before = path.stat().st_ino
    recorded.wait(0)
    assert path.stat().st_ino == before
    tunnel.standing = replace(tunnel.standing, bytes_in=5)
    recorded.wait(0)
    [record] = registry.records()
    assert (record.standing.bytes_in, record.alive) == (5, True)


def test_a_closed_tunnel_leaves_nothing(registry: Registry, recorded: RecordedTunnel) -> None:
    recorded.close()
    assert list(registry.folder.iterdir()) == []


def test_one_that_failed_leaves_its_reason(registry: Registry, tunnel: FakeTunnel, recorded: RecordedTunnel) -> None:
    tunnel.failure = NotFoundError("Session x was stopped and removed")
    tunnel.standing = replace(tunnel.standing, state="down", cause=tunnel.failure.message)
    recorded.close()
    [record] = registry.records()
    assert (record.standing.cause, record.alive) == ("Session x was stopped and removed", False)


def test_a_folder_that_the_system_removed_is_made_again(registry: Registry, recorded: RecordedTunnel) -> None:
    shutil.rmtree(registry.folder.parent)
    recorded.wait(0)
    [record] = registry.records()
    assert record.alive


def test_a_connection_that_fails_while_the_tunnel_is_up_is_logged_once(
    registry: Registry, tunnel: FakeTunnel, recorded: RecordedTunnel
) -> None:
    tunnel.standing = replace(tunnel.standing, last_error="the server prohibits it")
    for count in range(3):
        tunnel.standing = replace(tunnel.standing, bytes_in=count)
        recorded.wait(0)
    log = registry.log_of(PLAN.id).read_text()
    assert log.count("a connection failed: the server prohibits it") == 1


def test_a_log_keeps_its_newer_half(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    lines = LARGEST_LOG // 100 + 100
    for number in range(lines):
        log(f"{number:070d}")
    kept = (tmp_path / "log").read_text().splitlines()
    assert (tmp_path / "log").stat().st_size <= LARGEST_LOG
    assert kept[-1].endswith(f"{lines - 1:070d}")
    assert all(len(line) == len(kept[-1]) for line in kept)


def test_nothing_is_written_to_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "foreign").touch()
    (tmp_path / "link").symlink_to(tmp_path / "foreign")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for name in ("link", "pipe"):
        Log(tmp_path / name)("up")
    assert os.read(reader, 100) == b""
    os.close(reader)
    Log(tmp_path / "pipe")("up")
    assert (tmp_path / "foreign").read_bytes() == b""
