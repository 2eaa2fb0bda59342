"""`session start` on a real engine: what is made, what is said, and what is left when it goes wrong."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import WEB
from tests.integration.conftest import Deployment, Derive
from tools.counting_proxy import Requests

SESSION_KEYS = {
    "id", "grant_id", "user", "image", "title", "host", "realm", "status", "address", "port", "url_path", "url",
    "container_id", "container_name", "image_id", "image_outdated", "granted", "created",
    "shared_with", "ends", "warning", "seats_left",
}  # fmt: skip
PROTOCOL = "eu.simphony-project.docker."


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the URL is ours
        text: str = answer.read().decode()
    return text


def env_of(deployment: Deployment, session: dict[str, Any]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in deployment.inspect(session)["Config"]["Env"])


def test_start_waits_until_the_application_answers(deployment: Deployment) -> None:
    session = deployment.start()
    assert set(session) == SESSION_KEYS
    assert (session["user"], session["image"], session["title"]) == ("ann", WEB, "Test page")
    assert (session["status"], session["granted"], session["image_outdated"]) == ("running", True, False)
    assert session["url"] == f"http://127.0.0.1:{session['port']}{session['url_path']}/"
    assert session["url_path"] == f"/user/ann/containers/{session['id']}"
    assert "Test page" in fetched(session["url"])


def test_start_prints_the_id_and_nothing_else(deployment: Deployment) -> None:
    result = deployment.ok("start", WEB)
    assert result.lines == [session["id"] for session in deployment.ok("ps", "-o", "json").json]


def test_an_application_has_several_names(deployment: Deployment) -> None:
    grant = deployment.grant()
    session = deployment.start()["id"]
    for name in ("srctl/web", "docker.io/srctl/web", "Test page", grant, grant[:9]):
        assert deployment.start(app=name)["id"] == session


def test_a_running_session_is_returned_and_said(deployment: Deployment) -> None:
    first = deployment.ok("start", WEB).out
    second = deployment.ok("start", WEB)
    assert second.out == first
    assert first.strip() in second.err


def test_replace_starts_afresh(deployment: Deployment) -> None:
    first = deployment.start()
    second = deployment.start("--replace")
    assert second["id"] != first["id"]
    assert [found["Id"] for found in deployment.containers()] == [second["container_id"]]


@pytest.mark.parametrize(
    ("user", "app", "code", "message"),
    [
        ("ann", "no/such", 3, "no/such"),
        ("bob", WEB, 4, "bob"),
        ("stranger", WEB, 4, "srctl user add stranger"),
    ],
)
def test_who_may_not_start_is_told_why(deployment: Deployment, user: str, app: str, code: int, message: str) -> None:
    result = deployment("start", app, "--user", user)
    assert (result.code, result.out) == (code, "")
    assert message in result.err


def test_a_disabled_user_starts_nothing(deployment: Deployment) -> None:
    deployment.ok("user", "disable", "ann")
    assert deployment("start", WEB).code == 4
    assert deployment("session", "available").code == 4


def test_several_grants_for_an_image_are_a_choice(deployment: Deployment) -> None:
    grants = [deployment.grant(), deployment.grant("--allow-home")]
    result = deployment("start", WEB)
    assert result.code == 5
    assert all(grant in result.err for grant in grants)


@pytest.mark.parametrize(
    "given",
    ["USER=x", "STARTUPDATA=/x", "LD_PRELOAD=/x", "PATH=/x", "X11_WIDTH=1", "APP_LICENSE=x", "JPY_USER=x", "URL_ID=x"],
)
def test_what_protocol_and_policy_set_can_not_be_set(deployment: Deployment, given: str) -> None:
    result = deployment("start", WEB, "--env", given)
    assert result.code == 2
    assert given.partition("=")[0] in result.err
    assert deployment.containers() == []


@pytest.mark.parametrize("given", ["novalue", "=x", "1A=x", "A B=x"])
def test_what_is_no_variable_is_refused(deployment: Deployment, given: str) -> None:
    assert deployment("start", WEB, "--env", given).code == 2


def test_the_environment_reaches_the_application(deployment: Deployment) -> None:
    deployment.ok("user", "add", "Ann.B@x+y")
    deployment.grant("--license", "SECRET", user="Ann.B@x+y")
    session = deployment.start("--env", "GREETING=a=b c", "--user", "Ann.B@x+y")
    env = env_of(deployment, session)
    assert env["GREETING"] == "a=b c"
    assert env["JPY_USER"] == "Ann.B@x+y"
    assert env["JPY_BASE_USER_URL"] == "/user/Ann.B_40x_2By"
    assert env["USER"] == "ann_b_x_y"
    assert env["URL_ID"] == session["id"]
    assert env["APP_LICENSE"] == "SECRET"


def test_a_setting_that_the_image_does_not_offer_is_named(deployment: Deployment) -> None:
    result = deployment("start", WEB, "--set", "resolution=800x600")
    assert result.code == 4
    assert "resolution" in result.err


def test_start_up_data_need_a_grant(deployment: Deployment) -> None:
    result = deployment("start", WEB, "--startup-data", "/data/x")
    assert result.code == 4
    assert "startup-data" in result.err
    grant = deployment.grant("--allow-startup-data")
    session = deployment.start("--startup-data", "/data/x", app=grant)
    assert env_of(deployment, session)["STARTUPDATA"] == "/data/x"


def test_a_resolution_is_checked_and_set(deployment: Deployment, derive: Derive) -> None:
    labels = [f"LABEL {PROTOCOL}env.x11-{name}=" for name in ("width", "height", "depth")]
    image = derive("desk", f"LABEL {PROTOCOL}type=vncapp", *labels)
    deployment.grant(image=image)
    assert deployment("start", image, "--set", "resolution=800").code == 2
    env = env_of(deployment, deployment.start("--set", "resolution=800x600", app=image))
    assert (env["X11_WIDTH"], env["X11_HEIGHT"], env["X11_DEPTH"]) == ("800", "600", "16")


def test_a_crash_is_noticed_at_once(deployment: Deployment) -> None:
    before = time.time()
    result = deployment("start", WEB, "--env", "MODE=crash", "--timeout", "50")
    assert result.code == 1
    assert "cannot start: told to crash" in result.err
    assert "exit code 3" in result.err
    assert deployment.containers() == []
    assert seconds_from_exit_to_removal(deployment, before) < 20, "it would be waited for 50 s"


def seconds_from_exit_to_removal(deployment: Deployment, since: float) -> float:
    label = f"{PROTOCOL}runinfo.realm={deployment.realm}"
    events = deployment.client.events(
        since=int(since), until=int(time.time()) + 1, filters={"label": label}, decode=True
    )
    times = {event["Action"]: event["timeNano"] / 1e9 for event in events}
    return float(times["destroy"] - times["die"])


def test_a_crash_is_told_as_json_too(deployment: Deployment) -> None:
    result = deployment("start", WEB, "--env", "MODE=crash", "-o", "json")
    assert result.out == ""
    assert result.error["code"] == "failure"
    assert result.error["log"] == ["cannot start: told to crash"]


@pytest.mark.parametrize("mode", ["500", "never", "refuse"])
def test_what_does_not_become_ready_is_removed(deployment: Deployment, mode: str) -> None:
    before = time.monotonic()
    result = deployment("start", WEB, "--env", f"MODE={mode}", "--timeout", "0.5")
    assert time.monotonic() - before < 30, "a minute is the default"
    assert result.code == 7
    assert "starting for ann" in result.err
    assert deployment.containers() == []


def test_a_slow_application_is_waited_for(deployment: Deployment) -> None:
    assert deployment.start("--env", "SLEEP=1.5")["status"] == "running"


def test_hostile_output_does_nothing_to_the_terminal(deployment: Deployment, derive: Derive) -> None:
    image = derive("hostile", "ENV MODE=crash", 'CMD ["printf", "\\\\033]0;owned\\\\007\\\\xff\\\\n"]')
    deployment.grant(image=image)
    result = deployment("start", image)
    assert result.code == 1
    assert "owned" in result.err
    assert "\x1b" not in result.err
    assert "\x07" not in result.err


def test_a_missing_volume_source_is_named_and_not_made(deployment: Deployment, tmp_path: Path) -> None:
    source = tmp_path / "missing"
    grant = deployment.grant("--volume", f"{source}:/data:rw")
    result = deployment("start", grant)
    assert result.code == 3
    assert str(source) in result.err
    assert not source.exists()
    assert deployment.containers() == []


@pytest.mark.parametrize(("mode", "code"), [("ro", 1), ("rw", 0)])
def test_a_volume_is_mounted_as_granted(deployment: Deployment, tmp_path: Path, mode: str, code: int) -> None:
    (tmp_path / "shared").mkdir(mode=0o777)
    (tmp_path / "shared").chmod(0o777)
    session = deployment.start(app=deployment.grant("--volume", f"{tmp_path}/shared:/data:{mode}"))
    assert deployment.run_in(session, "touch", "/data/seen")[0] == code
    assert (tmp_path / "shared" / "seen").exists() == (code == 0)


def test_a_home_outlives_its_session(deployment: Deployment) -> None:
    grant = deployment.grant("--allow-home")
    assert deployment.run_in(deployment.start(app=grant), "touch", "/workspace/kept")[0] == 0
    again = deployment.start("--replace", app=grant)
    assert deployment.run_in(again, "ls", "/workspace") == (0, "kept\n")


def test_a_new_person_with_an_old_name_does_not_get_the_old_home(deployment: Deployment) -> None:
    homes = []
    for _ in range(2):
        grant = deployment.grant("--allow-home")
        session = deployment.start(app=grant)
        homes.append(deployment.inspect(session)["Mounts"][0]["Name"])
        deployment.ok("stop", session["id"])
        deployment.ok("user", "remove", "ann", "--yes")
        deployment.ok("user", "add", "ann")
    assert homes[0] != homes[1]


def test_a_home_can_be_below_a_directory_of_the_host(deployment: Deployment, tmp_path: Path) -> None:
    (deployment.home.path / ".config" / "srctl").mkdir()
    (deployment.home.path / ".config" / "srctl" / "config.toml").write_text(f'home_root = "{tmp_path}/homes"\n')
    session = deployment.start(app=deployment.grant("--allow-home"))
    [mount] = deployment.inspect(session)["Mounts"]
    assert (mount["Type"], mount["Destination"]) == ("bind", "/workspace")
    assert mount["Source"].startswith(f"{tmp_path}/homes/{deployment.realm}/ann-")


def test_a_missing_image_that_may_not_be_pulled_is_not_found(deployment: Deployment) -> None:
    deployment.grant(image="test/none:1")
    result = deployment("start", "test/none:1", "--pull", "never")
    assert result.code == 3
    assert "test/none:1" in result.err


def test_an_unknown_way_to_pull_is_refused(deployment: Deployment) -> None:
    assert deployment("start", WEB, "--pull", "sometimes").code == 2


def test_a_registry_that_is_away_is_told(deployment: Deployment) -> None:
    deployment.grant(image="localhost:1/none:latest")
    result = deployment("start", "localhost:1/none")
    assert result.code == 6
    assert "registry of localhost:1/none:latest" in result.err
    assert "hint:" in result.err


def test_an_image_that_does_not_know_the_protocol_has_port_and_path_of_its_own(
    deployment: Deployment, derive: Derive
) -> None:
    image = derive("plain", "EXPOSE 8888", "ENV PORTS=9000")
    deployment.ok("app", "add", image, "--port", "9000", "--path", "/lab?token=a%20b&x=1")
    deployment.grant(image=image)
    session = deployment.start(app=image)
    assert session["url"] == f"http://127.0.0.1:{session['port']}/lab?token=a%20b&x=1"
    assert list(deployment.inspect(session)["HostConfig"]["PortBindings"]) == ["9000/tcp"]
    assert deployment.ok("ps", "-o", "json").json[0]["url"] == session["url"]


def test_the_only_exposed_port_of_a_plain_image_is_taken(deployment: Deployment, derive: Derive) -> None:
    image = derive("exposed", "EXPOSE 9000/tcp", "EXPOSE 9001/udp", "ENV PORTS=9000")
    deployment.grant(image=image)
    assert deployment.start(app=image)["url"].endswith("/")


def test_only_the_applications_port_is_published(deployment: Deployment) -> None:
    ports = deployment.inspect(deployment.start())["NetworkSettings"]["Ports"]
    published = [(port, bound["HostIp"]) for port, bounds in ports.items() for bound in bounds or ()]
    assert published == [("8888/tcp", "127.0.0.1")]


def test_a_moved_tag_makes_a_session_outdated(deployment: Deployment, derive: Derive) -> None:
    image = derive("moving", f"LABEL {PROTOCOL}type=webapp")
    deployment.grant(image=image)
    assert deployment.start(app=image)["image_outdated"] is False
    derive("moving", f"LABEL {PROTOCOL}type=webapp", "LABEL version=2")
    for command in (("ps", "-o", "json"), ("start", image, "-o", "json")):
        shown = deployment.ok(*command).json
        session = shown[0] if isinstance(shown, list) else shown
        assert (session["image_outdated"], session["image"], session["granted"]) == (True, image, True)


def test_a_start_takes_five_requests_and_a_list_one(deployment: Deployment, requests_seen: Requests) -> None:
    there = {"SRCTL_HOST": requests_seen.url}
    deployment.start()
    deployment.ok("start", WEB, "--replace", env=there)
    requests_seen.clear()
    grants = [deployment.grant("--allow-view"), deployment.grant("--allow-home")]
    deployment.ok("start", grants[0], env=there)
    assert len(requests_seen.seen) == 5
    deployment.ok("start", grants[1])
    requests_seen.clear()
    assert len(deployment.ok("ps", env=there).lines) == 4
    assert requests_seen.seen == ["GET /v1.41/containers/json"]


def test_an_engine_without_our_network_gets_it_with_two_requests_more(
    deployment: Deployment, requests_seen: Requests
) -> None:
    deployment.client.prune_networks()
    for network in deployment.client.networks(names=["srctl"]):
        for container in deployment.client.inspect_network(network["Id"])["Containers"]:
            deployment.client.remove_container(container, force=True)
        deployment.client.remove_network(network["Id"])
    deployment.ok("start", WEB, env={"SRCTL_HOST": requests_seen.url})
    assert len(requests_seen.seen) <= 7
    [network] = deployment.client.networks(names=["srctl"])
    assert network["Options"]["com.docker.network.bridge.enable_icc"] == "false"
