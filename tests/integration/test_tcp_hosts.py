"""Engines reached by TCP: certificates as the docker command finds them, and SSH beside it for the sessions."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tests.integration.ssh_parts import received, tcp_server
from tools import certificates
from tools.clean_home import Home
from tools.engine import Engine
from tools.sshd import Sshd

NOT_OURS = {"SRCTL_HOST": ""}


@pytest.fixture
def url(engine: Engine) -> str:
    return f"tcp://127.0.0.1:{engine.port}"


@pytest.fixture
def folder(engine: Engine) -> str:
    assert engine.certificates is not None
    return str(engine.certificates.client)


@pytest.fixture
def variables(url: str, folder: str) -> dict[str, str]:
    return NOT_OURS | {"DOCKER_HOST": url, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": folder}


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and never says a word."""

    def listen(connection: socket.socket) -> None:
        received(connection)

    with tcp_server(listen) as port:
        yield port


@pytest.fixture
def swallowing() -> Iterator[int]:
    """A port whose queue of waiting connections is full, so that packets to it are dropped."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as held:
        address = listener.getsockname()
        for _ in range(3):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield int(address[1])


@pytest.mark.parametrize("verify", ["1", "0"])
def test_the_variables_of_docker_lead_to_an_engine_with_tls(
    deployment: Deployment, variables: dict[str, str], verify: str
) -> None:
    running = deployment.start()["id"]
    assert deployment.ok("ps", "-q", env=variables | {"DOCKER_TLS_VERIFY": verify}).lines == [running]


def test_without_a_check_of_the_server_nothing_is_printed_beside_the_data(
    deployment: Deployment, variables: dict[str, str], home: Home
) -> None:
    done = home.run("ps", "-o", "json", env=deployment.env | variables | {"DOCKER_TLS_VERIFY": ""})
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_a_session_is_started_by_tcp_and_opened_through_ssh(
    deployment: Deployment, home: Home, url: str, folder: str, sshd: Sshd
) -> None:
    home.add_ssh_config(sshd.client_config("lab"))
    deployment.ok("host", "add", "farm", url, "--tls", folder, "--ssh", "ssh://lab")
    before = sshd.logins()
    process = home.start("open", WEB, "--host", "farm", "--no-browser", env=deployment.env | NOT_OURS)
    with process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - on loopback
                assert answer.status == 200
        finally:
            process.terminate()
        assert process.wait(30) == 0
    assert sshd.logins() - before == 1
    [session] = deployment.ok("ps", "-o", "json", "--host", "farm", env=NOT_OURS).json
    assert (session["host"], session["status"], session["url"]) == ("farm", "running", None)
    deployment.ok("stop", session["id"], "--host", "farm", env=NOT_OURS)
    assert deployment.containers() == []


@pytest.mark.parametrize("verb", ["start", "open"])
def test_without_a_way_by_ssh_nothing_is_started(deployment: Deployment, variables: dict[str, str], verb: str) -> None:
    result = deployment(verb, WEB, env=variables)
    assert (result.code, result.out) == (8, "")
    assert "--ssh" in result.err
    assert deployment.containers() == []


def test_a_context_of_docker_brings_its_certificates(deployment: Deployment, url: str, folder: str) -> None:
    files = ",".join(f"{name}={folder}/{name}.pem" for name in ("ca", "cert", "key"))
    make = ["docker", "context", "create", "farm", "--docker", f"host={url},{files}"]
    subprocess.run(make, check=True, capture_output=True, env=deployment.home.env)
    running = deployment.start()["id"]
    assert deployment.ok("ps", "-q", "--host", "farm", env=NOT_OURS).lines == [running]
    assert deployment.ok("ps", "-q", env=NOT_OURS | {"DOCKER_CONTEXT": "farm"}).lines == [running]
    checked = deployment.ok("host", "check", "farm", "-o", "json").json
    assert (checked["source"], checked["reachable"]) == ("context", True)


def test_certificates_of_another_authority_are_refused(
    deployment: Deployment, variables: dict[str, str], folder: str, tmp_path: Path
) -> None:
    other = certificates.make(tmp_path / "other").client
    wrong_authority = deployment("ps", env=variables | {"DOCKER_CERT_PATH": str(other)})
    assert wrong_authority.code == 6
    assert "certificate verify failed" in wrong_authority.err
    assert f"{other}/ca.pem" in wrong_authority.err
    shutil.copy(f"{folder}/ca.pem", other / "ca.pem")
    unknown_client = deployment("ps", env=variables | {"DOCKER_CERT_PATH": str(other)})
    assert unknown_client.code == 6
    assert "certificate" in unknown_client.err
    assert f"{other}/cert.pem" in unknown_client.err


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_a_file_that_is_missing_or_damaged_is_named(
    deployment: Deployment, variables: dict[str, str], folder: str, tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "tls"
    shutil.copytree(folder, copy)
    (copy / name).write_text("not PEM")
    damaged = deployment("ps", env=variables | {"DOCKER_CERT_PATH": str(copy)})
    (copy / name).unlink()
    missing = deployment("ps", env=variables | {"DOCKER_CERT_PATH": str(copy)})
    for result in (damaged, missing):
        assert (result.code, len(result.err.splitlines())) == (2, 2)
    assert str(copy / name) in missing.err
    assert str(copy) in damaged.err


def test_speaking_plainly_to_an_engine_with_tls_is_explained(deployment: Deployment, url: str) -> None:
    result = deployment("ps", "--host", url)
    assert result.code == 6
    assert "--tls" in result.err


def test_speaking_tls_to_what_has_none_is_explained(deployment: Deployment, variables: dict[str, str]) -> None:
    with tcp_server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        result = deployment("ps", env=variables | {"DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
    assert result.code == 6
    assert "does not speak TLS" in result.err


@pytest.mark.parametrize("kind", ["silent", "swallowing"])
@pytest.mark.parametrize("tls", [True, False])
def test_a_host_that_does_not_answer_is_given_up_in_the_time_for_connecting(
    request: pytest.FixtureRequest, deployment: Deployment, folder: str, kind: str, tls: bool
) -> None:
    config = deployment.home.path / ".config/srctl/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("connect_timeout = 0.5\n")
    url = f"tcp://127.0.0.1:{request.getfixturevalue(kind)}"
    deployment.ok("host", "add", "far", url, *(["--tls", folder] if tls else []))
    begun = time.monotonic()
    result = deployment("ps", "--host", "far")
    assert time.monotonic() - begun < 8, "ten seconds are the default"
    assert result.code == 6
    assert "connect_timeout" in result.err
    assert "0.5 s" in result.err
