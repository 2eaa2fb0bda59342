"""How sessions are confined, as seen from inside a running container."""

from __future__ import annotations

import subprocess
from typing import Any

from tests.fakes import WEB
from tests.integration.conftest import Deployment, Derive
from tools.clean_home import PROGRAM
from tools.remote_hosts import RemoteHost

PROTOCOL = "eu.simphony-project.docker."
NET_RAW, MKNOD, SETPCAP, SYS_ADMIN = 1 << 13, 1 << 27, 1 << 8, 1 << 21


def status_of(deployment: Deployment, session: dict[str, Any], process: str = "1") -> dict[str, str]:
    """Return what the kernel says of a process of the container."""
    code, text = deployment.run_in(session, "cat", f"/proc/{process}/status")
    assert code == 0, text
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def succeeds(deployment: Deployment, session: dict[str, Any], *command: str) -> bool:
    return deployment.run_in(session, *command)[0] == 0


def test_a_strict_session_can_do_next_to_nothing(deployment: Deployment) -> None:
    session = deployment.start()
    status = status_of(deployment, session)
    assert [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")] == [0, 0, 0, 0]
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"].split() == ["1000"] * 4
    assert not succeeds(deployment, session, "touch", "/here")
    assert not succeeds(deployment, session, "touch", "/workspace/here")
    assert succeeds(deployment, session, "touch", "/tmp/here", "/run/here")
    limits = deployment.inspect(session)["HostConfig"]
    assert (limits["PidsLimit"], limits["Memory"], limits["Privileged"]) == (512, 4 * 1024**3, False)
    script = "cd /sys/fs/cgroup; cat pids.max || cat pids/pids.max"
    assert "512\n" in deployment.run_in(session, "sh", "-c", script)[1]


def test_logs_can_not_fill_the_disk(deployment: Deployment) -> None:
    config = deployment.inspect(deployment.start())["HostConfig"]["LogConfig"]
    assert config == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_an_image_that_starts_as_root_runs_without_the_dangerous_capabilities(
    deployment: Deployment, derive: Derive
) -> None:
    image = derive("standard", "USER root", f"LABEL {PROTOCOL}type=webapp")
    deployment.grant(image=image)
    session = deployment.start(app=image)
    status = status_of(deployment, session)
    assert int(status["CapBnd"], 16) & (NET_RAW | MKNOD | SETPCAP | SYS_ADMIN) == 0
    assert (status["NoNewPrivs"], status["Seccomp"], status["Uid"].split()[0]) == ("1", "2", "0")
    assert succeeds(deployment, session, "touch", "/here")
    assert deployment.inspect(session)["HostConfig"]["PidsLimit"] == 4096


def test_a_strict_application_never_runs_as_root(deployment: Deployment, derive: Derive) -> None:
    image = derive("root", "USER root", f"LABEL {PROTOCOL}type=webapp")
    deployment.ok("app", "add", image, "--profile", "strict", "--shm-size", "256m")
    deployment.grant(image=image)
    session = deployment.start(app=image)
    assert status_of(deployment, session)["Uid"].split() == ["1000"] * 4
    assert deployment.inspect(session)["HostConfig"]["ShmSize"] == 256 * 1024**2


def test_sessions_can_not_reach_each_other(deployment: Deployment, remote_hosts: dict[str, RemoteHost]) -> None:
    """On an engine that keeps its own firewall, as engines do."""
    host = remote_hosts["front"]
    grants = [deployment.grant(), deployment.grant("--allow-view")]
    env = deployment.home.env | deployment.env | {"SRCTL_HOST": host.engine.url}
    for grant in grants:
        inside = ["nsenter", f"--net=/run/netns/{host.namespace}", str(PROGRAM), "start", grant]
        subprocess.run(inside, env=env, cwd="/", capture_output=True, check=True)
    with host.engine.client() as client:
        there = Deployment(deployment.home, host.engine, deployment.realm, client)
        try:
            one, other = (client.inspect_container(found["Id"]) for found in there.containers())
            session = {"container_id": one["Id"]}
            assert answers(there, session, one)
            assert not answers(there, session, other)
        finally:
            there.clear()


def answers(deployment: Deployment, session: dict[str, Any], container: dict[str, Any]) -> bool:
    """Tell whether a container's application answers to a session."""
    address = container["NetworkSettings"]["Networks"]["srctl"]["IPAddress"]
    request = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} 8888"
    return "HTTP/1.1 404" in deployment.run_in(session, "sh", "-c", request)[1]


def test_the_image_of_the_tests_asks_for_the_strict_profile(deployment: Deployment) -> None:
    assert deployment.client.inspect_image(WEB)["Config"]["Labels"]["io.srctl.profile"] == "strict"
