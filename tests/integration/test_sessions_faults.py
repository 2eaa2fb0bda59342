"""Machines and engines that are ill: each failure is one clear line with its exit code, never a traceback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from srctl.errors import SrctlError, UnreachableError
from srctl.hosts.engine import DockerHost
from srctl.models import Host, Progress
from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tests.integration.stub_engine import Answer, stub_engine
from tools.clean_home import PROGRAM

CONTAINER = {
    "Id": "c" * 64, "Names": None, "Image": None, "ImageID": None, "Labels": None, "State": "running",
    "Created": 1, "Ports": None,
}  # fmt: skip


def docker_host(url: str) -> DockerHost:
    return DockerHost(Host("stub", url, "flag"), None)


def one_line(text: str) -> bool:
    """Tell whether the text is one error with at most one hint."""
    return re.fullmatch(r"srctl: [^\n]+\n(  hint: [^\n]+\n)?", text) is not None


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("command", [["ps"], ["start", WEB], ["session", "available"], ["logs", "abc"]])
def test_an_engine_that_does_not_run_is_told(
    deployment: Deployment, tmp_path: Path, command: list[str], there: bool
) -> None:
    path = tmp_path / "docker.sock"
    if there:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    result = deployment(*command, "--host", f"unix://{path}")
    assert result.code == 6
    assert one_line(result.err)
    assert str(path) in result.err
    assert "Is Docker running" in result.err


def test_a_socket_that_is_closed_to_the_person_names_the_group(deployment: Deployment, tmp_path: Path) -> None:
    path, plain = tmp_path / "docker.sock", "-dac_override,-dac_read_search"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o660)
        shutil.chown(path, "nobody", "nogroup")
        result = subprocess.run(
            ["setpriv", f"--inh-caps={plain}", f"--bounding-set={plain}", PROGRAM, "--host", f"unix://{path}", "ps"],
            env=environment(deployment), cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (result.returncode, result.stdout) == (6, "")
    assert "docker group" in result.stderr
    assert one_line(result.stderr)


@pytest.mark.parametrize(
    ("refusal", "then"),
    [
        ("client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade", "/v1.44/"),
        ("client version 1.41 is too new. Maximum supported API version is 1.40", "/v1.40/"),
    ],
)
def test_an_engine_of_another_age_is_spoken_to_in_its_version(tmp_path: Path, refusal: str, then: str) -> None:
    asked = []

    def answer(_: str, path: str) -> Answer:
        asked.append(path[:7])
        return (400, {"message": refusal}) if path.startswith("/v1.41/") else (200, [])

    with stub_engine(tmp_path / "s", answer) as url:
        host = docker_host(url)
        assert host.containers({}) == []
        assert host.images() == []
        host.close()
    assert asked == ["/v1.41/", then, then]


def test_an_engine_that_refuses_every_version_is_no_endless_loop(tmp_path: Path) -> None:
    refusal = {"message": "client version is too old. Minimum supported API version is 1.99"}
    with stub_engine(tmp_path / "s", lambda *_: (400, refusal)) as url:
        host = docker_host(url)
        with pytest.raises(SrctlError, match=r"1\.99"):
            host.containers({})
        host.close()


def test_null_where_a_list_should_be_is_empty(tmp_path: Path) -> None:
    image = {"Id": "sha256:" + "1" * 64, "RepoTags": None, "RepoDigests": None, "Labels": None, "Config": None}

    def answer(_: str, path: str) -> Answer:
        return 200, [CONTAINER] if "containers" in path else image if "/images/x" in path else [image]

    with stub_engine(tmp_path / "s", answer) as url:
        host = docker_host(url)
        [container] = host.containers({})
        assert (container.labels, container.bindings, container.name) == ({}, (), "")
        assert [image.tags for image in [*host.images(), host.image("x")]] == [(), ()]
        host.close()


NO_ENGINE = (
    b"<html>no engine</html>", b"\xff\xfe", b"\x80", b"", b'[{"Id": "1"', b"null", b"5", b'"x"', b"[null]", b"[{}]",
    b'[{"Id": "1", "Labels": [1]}]', b'[{"Id": "1", "Labels": 5}]', b'[{"Id": "1", "Created": 1e30}]', b"[" * 100_000,
)  # fmt: skip


@pytest.mark.parametrize("content", NO_ENGINE, ids=lambda content: str(content[:40]))
def test_what_is_no_answer_of_an_engine_is_told(deployment: Deployment, tmp_path: Path, content: bytes) -> None:
    with stub_engine(tmp_path / "s", lambda *_: (200, content)) as url:
        result = deployment("ps", "--host", url)
    assert result.code == 6
    assert re.search("not (as )?a Docker engine", result.err)
    assert one_line(result.err)


@pytest.mark.parametrize("content", [b"<html>broken</html>", b"[1]", b"null", b'{"message": [1]}', b"[" * 100_000])
def test_an_error_that_is_no_engine_s_is_told(deployment: Deployment, tmp_path: Path, content: bytes) -> None:
    with stub_engine(tmp_path / "s", lambda *_: (500, content)) as url:
        result = deployment("ps", "--host", url)
    assert result.code == 6
    assert "not as a Docker engine" in result.err
    assert one_line(result.err)


@pytest.mark.parametrize("content", [b"", b"it hurts", b'{"message": "\\u001b[31mred"}'])
def test_an_error_of_an_engine_is_told_without_control_characters(
    deployment: Deployment, tmp_path: Path, content: bytes
) -> None:
    with stub_engine(tmp_path / "s", lambda *_: (500, content)) as url:
        result = deployment("ps", "--host", url)
    assert result.code == 1
    assert one_line(result.err)
    assert "\x1b" not in result.err


@pytest.mark.parametrize("content", [b"<html>", b"null", b"{}", b'{"Version": 5}', b"[1]"])
def test_checking_what_is_no_engine_shows_it_as_unreachable(
    deployment: Deployment, tmp_path: Path, content: bytes
) -> None:
    with stub_engine(tmp_path / "s", lambda *_: (200, content)) as url:
        result = deployment("host", "check", "--host", url, "-o", "json")
    assert (result.code, result.json["reachable"], result.json["version"]) == (6, False, None)


@pytest.mark.parametrize("event", [b"[]", b"5", b'{"progressDetail": 5}', b'{"id": 5}'])
def test_a_pull_from_what_is_no_engine_is_told(tmp_path: Path, event: bytes) -> None:
    with pytest.raises(UnreachableError, match=r"not (as )?a Docker engine"):
        pulled(tmp_path, 200, event + b"\r\n")


PULL = b"""{"status":"Pulling from library/x","id":"latest"}\r
{"status":"Pulling fs layer","progressDetail":{},"id":"9824c27679d3"}\r
{"status":"Downloading","progressDetail":{"current":32768,"total":3000000},"progress":"[>]","id":"9824c27679d3"}\r
{"status":"Pull complete","progressDetail":{},"id":"9824c27679d3"}\r
{"status":"Status: Downloaded newer image for x:latest"}\r
"""


def pulled(tmp_path: Path, status: int, content: Any) -> list[Progress]:
    steps: list[Progress] = []
    with stub_engine(tmp_path / "s", lambda *_: (status, content)) as url:
        host = docker_host(url)
        try:
            host.pull("x:latest", steps.append)
        finally:
            host.close()
    return steps


def test_a_pull_tells_how_far_each_layer_is(tmp_path: Path) -> None:
    steps = pulled(tmp_path, 200, PULL)
    assert Progress("Downloading", "9824c27679d3", 32768, 3000000) in steps
    assert steps[-1] == Progress("Status: Downloaded newer image for x:latest")


@pytest.mark.parametrize(
    ("status", "content", "code", "words"),
    [
        (500, {"message": 'Get "https://r.example/v2/": dial tcp: lookup r.example: no such host'}, 6, "registry"),
        (200, b'{"error":"Get \\"https://r.example/v2/\\": net/http: TLS handshake timeout"}\r\n', 6, "registry"),
        (404, {"message": "manifest for x:latest not found: manifest unknown"}, 3, "manifest unknown"),
        (404, {"message": "pull access denied for x, repository does not exist or may require 'docker login'"}, 3, "x"),
        (200, PULL + b'{"error":"write /var/lib/x: no space left on device"}\r\n', 1, "disk of stub is full"),
        (500, {"message": "toomanyrequests: You have reached your pull rate limit"}, 1, "rate limit"),
    ],
)
def test_a_pull_that_fails_says_why(tmp_path: Path, status: int, content: Any, code: int, words: str) -> None:
    with pytest.raises(SrctlError, match=re.escape(words)) as failure:
        pulled(tmp_path, status, content)
    assert failure.value.exit_code == code
    assert "x:latest" in failure.value.message


@pytest.mark.parametrize("content", ["{broken", "[]", '{"auths": 5}', '{"auths": {"r": {"auth": "x"}}}'])
def test_a_damaged_docker_config_is_no_traceback(deployment: Deployment, content: str) -> None:
    folder = deployment.home.path / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(content)
    result = deployment("ps")
    assert result.code in (0, 2)
    assert result.code == 0 or (one_line(result.err) and "config.json" in result.err)


@pytest.mark.parametrize(
    "content",
    ['{"HttpHeaders": {"X-A": "1\\r\\nHost: evil"}}', '{"HttpHeaders": {"X-A": "\\u2603"}}',
     '{"HttpHeaders": {"X A": "1"}}', '{"HttpHeaders": {"X-A": 1}}', '{"HttpHeaders": "X"}', "[" * 100_000],
    ids=lambda content: content[:60],
)  # fmt: skip
def test_a_docker_config_that_can_not_be_used_is_named(deployment: Deployment, content: str) -> None:
    folder = deployment.home.path / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(content)
    result = deployment("ps")
    assert result.code == 2
    assert one_line(result.err)
    assert str(folder / "config.json") in result.err


def test_headers_of_docker_s_config_that_are_ones_do_no_harm(deployment: Deployment) -> None:
    folder = deployment.home.path / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text('{"HttpHeaders": {"X-Meta": "a b", "X-Empty": ""}}')
    assert deployment("ps").code == 0


def confined(deployment: Deployment, mount: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run srctl where the home is mounted as told, in a mount namespace that ends with it."""
    script = f'{mount} && exec "$0" "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, PROGRAM, *arguments],
        env=environment(deployment), cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip


def environment(deployment: Deployment) -> Mapping[str, str]:
    kept = {name: value for name, value in deployment.env.items() if name != "SRCTL_DB"}
    return deployment.home.env | kept | {"HOME": str(deployment.home.path)}


FULL = 'mount -t tmpfs -o size=16k,mode=700 none "$HOME" && (cat /dev/zero > "$HOME/filler" 2>/dev/null || true)'
READ_ONLY = 'mount --bind "$HOME" "$HOME" && mount -o remount,ro,bind "$HOME"'


@pytest.mark.parametrize("mount", [FULL, READ_ONLY], ids=["full", "read-only"])
@pytest.mark.parametrize("command", [["db", "init"], ["host", "add", "here", "unix:///x"]])
def test_a_home_that_takes_nothing_is_an_error_in_one_line(
    deployment: Deployment, mount: str, command: list[str]
) -> None:
    result = confined(deployment, mount, *command)
    assert result.returncode == 1
    assert one_line(result.stderr)
    assert "reference" not in result.stderr


@pytest.mark.parametrize("mount", [FULL, READ_ONLY], ids=["full", "read-only"])
def test_a_home_that_takes_nothing_is_enough_to_look(deployment: Deployment, mount: str) -> None:
    session = deployment.start()["id"]
    result = confined(deployment, mount, "ps", "-q")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{session}\n", "")


def test_a_database_on_a_full_disk_takes_no_user(deployment: Deployment) -> None:
    database = deployment.home.path / "srctl.db"
    fill = f'mount -t tmpfs -o size={os.stat(database).st_size // 1024 + 40}k none "$HOME/run" && cp "{database}" '
    fill += '"$HOME/run/srctl.db" && (cat /dev/zero > "$HOME/run/filler" 2>/dev/null || true)'
    names = [f"user{number}" for number in range(400)]
    result = confined(deployment, fill, "--db", str(deployment.home.path / "run/srctl.db"), "user", "add", *names)
    assert result.returncode == 1
    assert "full" in result.stderr
    assert "Traceback" not in result.stderr
