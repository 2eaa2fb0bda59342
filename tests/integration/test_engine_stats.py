"""What an engine tells of what containers take: beside the docker command, and where an engine tells nonsense."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from srctl.errors import UnreachableError
from srctl.hosts.engine import DockerHost
from srctl.models import Host
from srctl.tunnel.connection import SSHConnection
from tests.integration.conftest import Deployment
from tests.integration.stub_engine import stub_engine
from tools.clean_home import Home
from tools.sshd import Options, Sshd

ID = "c" * 64


def test_the_numbers_are_those_of_the_docker_command(deployment: Deployment) -> None:
    deployment.grant()
    session = deployment.start()
    container = session["container_id"]
    deployment.client.update_container(container, cpu_period=100_000, cpu_quota=30_000)
    busy = deployment.client.exec_create(container, ["sh", "-c", "while :; do :; done"])
    deployment.client.exec_start(busy["Id"], detach=True)
    host = DockerHost(Host("here", deployment.engine.url, "flag"), None)
    stream = host.stats(container)
    ours = next(each for each in stream if (each.cpu or 0) > 15)
    command = ["docker", "-H", deployment.engine.url, "stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemUsage}}"]
    said = subprocess.run([*command, container], capture_output=True, text=True, check=True).stdout.split()
    assert ours.cpu == pytest.approx(float(said[0].rstrip("%")), abs=15)
    assert (ours.cpu or 0) < 45
    assert (ours.memory or 0) / 2**20 == pytest.approx(_mebibytes(said[1]), abs=1)
    stream.close()
    host.close()


@pytest.mark.parametrize(
    "line",
    [b"<html>\n", b"[]\n", b"[" * 100_000 + b"\n", b'{"memory_stats": {"usage": 1e999}}\n', b"x" * (2 << 20), b"\xff\n",
     b'{"cpu_stats": {"system_cpu_usage": ' + b"9" * 5000 + b"}}\n"],
    ids=["page", "list", "nested", "infinite", "endless", "bytes", "digits"],
)  # fmt: skip
def test_nonsense_ends_the_stream_with_our_error(tmp_path: Path, line: bytes) -> None:
    good = b'{"memory_stats": {"usage": 5, "limit": 10}}\n\n'
    with stub_engine(tmp_path / "sock", lambda _method, _path: (200, good + line)) as url:
        host = DockerHost(Host("stub", url, "flag"), None)
        stream = host.stats(ID)
        assert next(stream).memory == 5
        with pytest.raises(UnreachableError, match="not as a Docker engine"):
            next(stream)
        assert list(stream) == []
        host.close()


@pytest.mark.parametrize("sockets", [True, False])
def test_streams_over_ssh_leave_channels_for_other_requests(
    home: Home, make_sshd: Callable[[str, Options], Sshd], deployment: Deployment, sockets: bool
) -> None:
    deployment.grant()
    container = deployment.start()["container_id"]
    server = make_sshd("stats", Options(streamlocal=sockets, max_sessions=10 if not sockets else 1))
    home.add_ssh_config(server.client_config("box"))
    url = f"ssh://box{deployment.engine.socket}"
    host = DockerHost(Host("far", url, "flag"), lambda: SSHConnection.connect(url))
    host.version()
    most = host.most_streams
    assert most == (None if sockets else 4)
    streams = [host.stats(container) for _ in range(most or 30)]
    assert all(next(stream).memory for stream in streams)
    assert host.version()
    changes = host.changes({})
    changes.close()
    for stream in streams:
        stream.close()
    assert host.version()
    host.close()


def test_streams_that_were_closed_leave_no_connection_open(tmp_path: Path) -> None:
    with stub_engine(tmp_path / "sock", lambda _method, _path: (200, b'{"cpu_stats": {}}\n')) as url:
        host = DockerHost(Host("stub", url, "flag"), None)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(30):
            stream = host.stats(ID)
            next(stream)
            stream.close()
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 5
        host.close()


def _mebibytes(text: str) -> float:
    return float(text.rstrip("KMiB")) / (1024 if text.endswith("KiB") else 1)
