"""Several srctl processes at once, and processes that are ended in the middle of a start."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import StartSrctl
from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tools.counting_proxy import Requests

MOMENTS = {
    "before it creates": r"GET /v1.41/containers/json",
    "while it creates": r"POST /v1.41/containers/create",
    "while it starts": r"POST /v1.41/containers/[0-9a-f]{64}/start",
    "while it waits": r"GET /v1.41/containers/[0-9a-f]{64}/json",
}


def wait_until(condition: Callable[[], object], limit: float = 30) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def seen(requests: Requests, pattern: str) -> bool:
    return any(re.fullmatch(pattern, request) for request in list(requests.seen))


@pytest.mark.parametrize(
    ("moment", "number"),
    [*((moment, signal.SIGINT) for moment in MOMENTS), ("while it waits", signal.SIGTERM)],
)
def test_an_interrupted_start_leaves_no_container(
    deployment: Deployment, requests_seen: Requests, start_srctl: StartSrctl, moment: str, number: signal.Signals
) -> None:
    env = deployment.env | {"SRCTL_HOST": requests_seen.url}
    process = start_srctl("start", WEB, "--env", "MODE=refuse", env=env)
    wait_until(lambda: seen(requests_seen, MOMENTS[moment]))
    process.send_signal(number)
    assert process.wait(60) == 130
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    assert deployment.containers() == []


@pytest.mark.parametrize("moment", ["when it has created", "while it waits"])
def test_what_a_killed_start_leaves_is_listed_and_can_be_removed(
    deployment: Deployment, requests_seen: Requests, start_srctl: StartSrctl, moment: str
) -> None:
    env = deployment.env | {"SRCTL_HOST": requests_seen.url}
    process = start_srctl("start", WEB, env=env)
    wait_until(lambda: seen(requests_seen, MOMENTS[moment]) if moment in MOMENTS else deployment.containers())
    process.kill()
    process.wait(60)
    [left] = deployment.ok("ps", "--all", "-o", "json").json
    assert left["status"] in ("starting", "running")
    if left["status"] == "running":
        deployment.client.kill(left["container_id"])
    assert deployment.ok("session", "prune", "--yes").lines == [left["id"]]
    assert deployment.start()["id"] != left["id"]


def test_a_start_finds_the_session_that_a_killed_one_has_started(
    deployment: Deployment, requests_seen: Requests, start_srctl: StartSrctl
) -> None:
    env = deployment.env | {"SRCTL_HOST": requests_seen.url}
    process = start_srctl("start", WEB, "--env", "SLEEP=1", env=env)
    wait_until(lambda: seen(requests_seen, MOMENTS["while it waits"]))
    process.kill()
    process.wait(60)
    [left] = deployment.ok("ps", "-o", "json").json
    assert deployment.start()["id"] == left["id"]


def test_six_processes_that_start_the_same_grant_end_with_one_container(deployment: Deployment) -> None:
    remove_network(deployment)

    def start(_: int) -> subprocess.CompletedProcess[str]:
        return deployment.home.run("start", WEB, "-o", "json", env=deployment.env)

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(start, range(6)))
    assert [(result.returncode, result.stderr) for result in done] == [(0, "")] * 6
    [container] = deployment.containers()
    assert {json.loads(result.stdout)["container_id"] for result in done} == {container["Id"]}
    assert len(deployment.client.networks(names=["srctl"])) == 1


def test_processes_that_replace_each_other_s_session_end_with_one_or_a_conflict(deployment: Deployment) -> None:
    def start(_: int) -> subprocess.CompletedProcess[str]:
        return deployment.home.run("start", WEB, "--replace", "-o", "json", env=deployment.env)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(start, range(4)))
    assert {result.returncode for result in done} <= {0, 5}, [result.stderr for result in done]
    assert any(result.returncode == 0 for result in done)
    assert len(deployment.containers()) == 1


def test_processes_that_start_different_grants_share_one_network(deployment: Deployment) -> None:
    grants = [deployment.grant(), deployment.grant("--allow-view"), deployment.grant("--allow-home")]
    remove_network(deployment)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda grant: deployment.home.run("start", grant, env=deployment.env), grants))
    assert [(result.returncode, result.stderr) for result in done] == [(0, "")] * 3
    assert len(deployment.containers()) == 3
    assert len(deployment.client.networks(names=["srctl"])) == 1


def remove_network(deployment: Deployment) -> None:
    """Put the engine back to where nobody has started a session yet."""
    for network in deployment.client.networks(names=["srctl"]):
        for container in deployment.client.inspect_network(network["Id"])["Containers"]:
            deployment.client.remove_container(container, force=True)
        deployment.client.remove_network(network["Id"])
