"""The lab itself: what other tests rest on has to be as real, as private and as strict as they believe."""

from __future__ import annotations

import base64
import contextlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import images, processes
from tools.clean_home import Home
from tools.counting_proxy import Requests
from tools.delay_proxy import delayed
from tools.engine import Engine, private_engine
from tools.lab import Lab
from tools.lab import lab as new_lab
from tools.remote_hosts import RemoteHost
from tools.sshd import Options, Sshd

SESSION = {"USER": "ada", "JPY_USER": "ada", "JPY_BASE_USER_URL": "/user/ada", "URL_ID": "0" * 32}
STRICT: dict[str, Any] = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "read_only": True,
    "tmpfs": {"/tmp": "", "/run": ""},
    "pids_limit": 200,
    "mem_limit": "512m",
    "init": True,
}


@contextlib.contextmanager
def session(engine: Engine, image: str, **knobs: str) -> Iterator[str]:
    """Run an image under the strict profile; give its URL on loopback."""
    with engine.client() as client:
        limits = client.create_host_config(port_bindings={8888: ("127.0.0.1", None)}, **STRICT)
        container = client.create_container(image, environment=SESSION | knobs, host_config=limits)["Id"]
        client.start(container)
        try:
            (binding,) = client.inspect_container(container)["NetworkSettings"]["Ports"]["8888/tcp"]
            yield f"http://127.0.0.1:{binding['HostPort']}/user/ada/containers/{SESSION['URL_ID']}/"
        finally:
            client.remove_container(container, force=True)


def answer(url: str) -> tuple[int, str]:
    """Wait for an HTTP answer; return its status and text."""

    def ask() -> tuple[int, str] | None:
        try:
            with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310  on loopback
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return None

    return processes.wait_until(ask, url, limit=20)


def ssh(home: Home, *command: str) -> subprocess.CompletedProcess[str]:
    """Run OpenSSH with the clean home's configuration."""
    arguments = ["ssh", "-F", str(home.path / ".ssh" / "config"), *command]
    return subprocess.run(arguments, env=home.env, capture_output=True, text=True, timeout=30, check=False)


def test_the_desktop_serves_novnc_under_the_strict_profile(engine: Engine, desktop_image: str) -> None:
    with session(engine, desktop_image) as url:
        status, page = answer(url)
    assert status == 200
    assert "noVNC" in page


@pytest.mark.parametrize("mode", ["500", "503"])
def test_the_test_page_answers_badly_when_told_to(engine: Engine, web_image: str, mode: str) -> None:
    with session(engine, web_image, MODE=mode) as url:
        assert answer(url)[0] == int(mode)


def test_the_test_page_serves_bodies_and_echoes_uploads(engine: Engine, web_image: str) -> None:
    with session(engine, web_image) as url:
        assert answer(url) == (200, answer(url)[1])
        assert len(answer(f"{url}bytes/300000")[1]) == 300_000
        with urllib.request.urlopen(f"{url}echo", data=b"word " * 20_000) as response:  # noqa: S310  on loopback
            assert response.read() == b"word " * 20_000


def test_the_crashing_test_page_ends_at_once_and_says_why(engine: Engine, web_image: str) -> None:
    with engine.client() as client:
        container = client.create_container(web_image, environment=SESSION | {"MODE": "crash"})["Id"]
        client.start(container)
        assert client.wait(container)["StatusCode"] == 3
        assert b"told to crash" in client.logs(container)
        client.remove_container(container)


def test_an_image_is_not_built_again_from_the_same_recipe(engine: Engine, web_image: str) -> None:
    with engine.client() as client:
        before = client.inspect_image(web_image)["Id"]
        assert client.inspect_image(images.build("web", engine.url))["Id"] == before


@pytest.mark.parametrize("kind", ["desktop", "web"])
def test_the_icon_in_the_labels_is_the_picture_beside_the_recipe(kind: str) -> None:
    (label,) = re.findall(r'icon_128="([^"]+)"', (images.IMAGES / kind / "Dockerfile").read_text())
    picture = base64.b64decode(label)
    assert picture == (images.IMAGES / kind / "icon.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (128, 128)


def test_sshd_counts_logins(home: Home, sshd: Sshd) -> None:
    home.add_ssh_config(sshd.client_config("lab"))
    before = sshd.logins()
    assert ssh(home, "lab", "echo", "hello").stdout == "hello\n"
    assert sshd.logins() == before + 1


def test_sshd_can_forbid_streamlocal_forwarding(
    home: Home, make_sshd: Callable[[str, Options], Sshd], engine: Engine
) -> None:
    server = make_sshd("strict", Options(streamlocal=False))
    home.add_ssh_config(server.client_config("strict"))
    forward = f"{home.path}/docker.sock:{engine.socket}"
    with subprocess.Popen(
        ["ssh", "-F", home.path / ".ssh" / "config", "-N", "-L", forward, "strict"], stderr=subprocess.DEVNULL
    ) as client:
        processes.wait_until(Path(f"{home.path}/docker.sock").exists, "ssh -L", client)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"{home.path}/docker.sock")
            assert connection.recv(1) == b""
        client.kill()


def test_the_back_host_is_reached_only_through_the_front_one(home: Home, remote_hosts: dict[str, RemoteHost]) -> None:
    back = remote_hosts["back"]
    for host in remote_hosts.values():
        home.add_ssh_config(host.client_config())
    with pytest.raises(OSError, match=r"unreachable|No route"):
        socket.create_connection((back.address, 22), timeout=5)
    assert ssh(home, "back", "hostname").stdout == "back\n"
    assert ssh(home, "back", "docker", "image", "ls", "-q", "srctl/web").stdout.strip()


def test_each_request_to_the_engine_is_counted(requests_seen: Requests, web_image: str) -> None:
    with Engine(requests_seen.url, private=True).client() as client:
        container = client.create_container(web_image, "sleep 60")["Id"]
        client.start(container)
        requests_seen.clear()
        command: dict[str, Any] = client.exec_create(container, "echo through an upgraded connection")
        assert client.exec_start(command["Id"]) == b"through an upgraded connection\n"
        client.remove_container(container, force=True)
    verbs = [re.sub(r"/v1\.\d+|/[0-9a-f]{64}", "", each) for each in requests_seen.seen]
    assert verbs[0] == "POST /containers/exec"
    assert verbs[-1] == "DELETE /containers"


def test_the_delayed_link_takes_its_time_and_counts(engine: Engine, web_image: str) -> None:
    with session(engine, web_image) as url:
        answer(url)
        with delayed("127.0.0.1", int(url.split(":")[2].split("/")[0]), rtt_ms=80) as link:
            started = time.monotonic()
            assert answer(re.sub(r":\d+/", f":{link.port}/", url))[0] == 200
            assert time.monotonic() - started >= 0.16, "one round trip to connect, one to ask"
            assert link.counts().connections == 1


def test_postgres_gives_an_empty_database_to_each_test(postgres: str) -> None:
    import sqlalchemy

    database = sqlalchemy.create_engine(postgres)
    try:
        assert sqlalchemy.inspect(database).get_table_names() == []
    finally:
        database.dispose()


def test_nothing_is_left_of_an_engine_with_a_running_container(tmp_path: Path, web_image: str) -> None:
    assert web_image
    with new_lab() as lab, private_engine(lab) as engine:
        images.build("web", engine.url)
        with engine.client() as client:
            client.start(client.create_container("srctl/web", environment=SESSION | {"MODE": "ignoreterm"})["Id"])
    assert_nothing_left(lab)
    assert not lab.folder.exists()


def test_a_process_that_has_overwritten_its_environment_ends_with_the_lab_too() -> None:
    with new_lab() as lab:
        command = ["env", "--ignore-environment", "sleep", "600"]
        process = processes.start(command, lab.folder / "output", lab.id)
        processes.wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", "sleep", process)
        assert processes.marked(lab.id) == []
    assert process.wait(20) == -signal.SIGKILL


def assert_nothing_left(lab: Lab) -> None:
    """Assert that no process, mount or link of this run is there."""
    assert processes.marked(lab.id) == []
    assert str(lab.folder) not in Path("/proc/mounts").read_text()
    assert not list(Path("/sys/class/net").glob(f"{lab.id}*"))
