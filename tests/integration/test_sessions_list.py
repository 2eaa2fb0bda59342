"""What sessions a person sees, reads and stops: own ones, of this realm, whoever started them and when."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from srctl.labels import RUNINFO
from tests.conftest import StartSrctl
from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tests.integration.db.old_files import OldDatabase


def ids(result: Any) -> set[str]:
    return {session["id"] for session in result.json}


def old_system_container(deployment: Deployment, **labels: str) -> dict[str, Any]:
    """Start a container as SimPhoNy-Remote 2 did: five labels, a name of its own, published everywhere."""
    identifier = labels.get("url_id", secrets.token_hex(16))
    url_path = f"/hub/user/ann/containers/{identifier}"
    runinfo = {"user": "ann", "mapping_id": "f" * 32, "url_id": identifier, "urlpath": url_path}
    runinfo |= {"realm": deployment.realm} | labels
    client = deployment.client
    made = client.create_container(
        WEB,
        name=f"{deployment.realm}-remoteexec-{identifier[:8]}",
        labels={RUNINFO + name: value for name, value in runinfo.items()},
        environment={"USER": "ann", "JPY_USER": "ann", "JPY_BASE_USER_URL": "/hub/user/ann", "URL_ID": identifier},
        ports=[8888, 9999],
        host_config=client.create_host_config(port_bindings={8888: None, 9999: None}),
    )
    client.start(made["Id"])
    return {"id": identifier, "container_id": made["Id"], "url_path": url_path}


@pytest.fixture
def old(deployment: Deployment) -> dict[str, Any]:
    return old_system_container(deployment)


def test_people_see_their_own_sessions(deployment: Deployment) -> None:
    deployment.grant(user="bob")
    mine, other = deployment.start()["id"], deployment.start("--user", "bob")["id"]
    assert ids(deployment.ok("ps", "-o", "json")) == {mine}
    assert ids(deployment.ok("ps", "-o", "json", "--user", "bob")) == {other}
    assert ids(deployment.ok("ps", "-o", "json", "--all-users")) == {mine, other}
    for command in ("show", "logs", "stop"):
        result = deployment("session", command, other)
        assert (result.code, result.out) == (3, "")
    assert len(deployment.containers()) == 2


def test_another_realm_is_another_world(deployment: Deployment) -> None:
    session = deployment.start()["id"]
    elsewhere = {"SRCTL_REALM": f"{deployment.realm}-other"}
    assert deployment.ok("ps", "--all", "--all-users", "-o", "json", env=elsewhere).json == []
    assert deployment("stop", session, env=elsewhere).code == 3
    assert deployment("session", "prune", "--all-users", "--yes", env=elsewhere).out == ""
    assert len(deployment.containers()) == 1


def test_a_new_person_with_an_old_name_sees_nothing(deployment: Deployment) -> None:
    session = deployment.start()["id"]
    deployment.ok("user", "remove", "ann", "--yes")
    deployment.ok("user", "add", "ann")
    deployment.grant()
    assert deployment.ok("ps", "--all", "-o", "json").json == []
    assert deployment("stop", session).code == 3
    assert deployment.start()["id"] != session


def test_a_session_whose_grant_is_gone_can_be_stopped(deployment: Deployment) -> None:
    session = deployment.start()
    deployment.ok("grant", "remove", session["grant_id"])
    assert deployment.ok("session", "show", session["id"], "-o", "json").json["granted"] is False
    assert deployment.ok("stop", session["id"][:7]).lines == [session["id"]]
    assert deployment.containers() == []


def test_show_tells_what_list_and_start_tell(deployment: Deployment) -> None:
    started = deployment.start()
    assert deployment.ok("ps", "-o", "json").json == [started]
    assert deployment.ok("session", "show", started["id"][:8], "-o", "json").json == started


def test_without_a_database_what_runs_can_be_used(deployment: Deployment) -> None:
    session = deployment.start()["id"]
    without = {"SRCTL_DB": str(deployment.home.path / "none.db")}
    assert [s["granted"] for s in deployment.ok("ps", "-o", "json", env=without).json] == [None]
    assert deployment.ok("session", "show", session, "-o", "json", env=without).json["granted"] is None
    assert "starting for ann" in deployment.ok("logs", session, env=without).out
    for command in (["session", "available"], ["start", WEB]):
        refused = deployment(*command, env=without)
        assert refused.code == 3
        assert "srctl db init" in refused.err
    deployment.ok("stop", session, env=without)
    assert deployment.containers() == []
    assert not (deployment.home.path / "none.db").exists()


def test_a_container_of_the_old_system_is_a_session(deployment: Deployment, old: dict[str, Any]) -> None:
    [session] = deployment.ok("ps", "-o", "json").json
    assert (session["id"], session["title"], session["url_path"]) == (old["id"], "Test page", old["url_path"])
    assert session["url"] == f"http://127.0.0.1:{session['port']}{old['url_path']}/"
    assert (session["granted"], session["image_outdated"], session["address"]) == (False, None, "127.0.0.1")
    assert "starting for ann" in deployment.ok("logs", old["id"]).out
    assert deployment.ok("stop", old["id"]).lines == [old["id"]]
    assert deployment.containers() == []


def test_a_container_of_the_old_system_can_be_opened(
    deployment: Deployment, old: dict[str, Any], start_srctl: StartSrctl
) -> None:
    process = start_srctl("open", old["id"], "--no-browser", env=deployment.env)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.endswith(f"{old['url_path']}/")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert len(deployment.containers()) == 1


def test_an_old_session_under_a_living_grant_is_the_one_that_runs(deployment: Deployment) -> None:
    old = old_system_container(deployment, mapping_id=deployment.grant())
    assert deployment.start()["id"] == old["id"]
    [available] = deployment.ok("session", "available", "-o", "json").json
    assert available["session_id"] == old["id"]


def test_imported_grants_are_those_of_the_containers_that_run(deployment: Deployment, tmp_path: Path) -> None:
    data = OldDatabase(tmp_path / "old.db").add("user", (1, "ann")).add("application", (1, "srctl/web"))
    data.add("application_policy", (1, 1), columns="(id, allow_view)").add("accounting", ("e" * 32, 1, 1, 1))
    session = old_system_container(deployment, mapping_id="e" * 32)["id"]
    assert [row["granted"] for row in deployment.ok("ps", "-o", "json").json] == [False]
    deployment.ok("db", "import", str(data.path))
    assert [row["granted"] for row in deployment.ok("ps", "-o", "json").json] == [True]
    assert deployment.start(app="e" * 32)["id"] == session


def test_exited_sessions_are_listed_with_all_and_pruned(deployment: Deployment) -> None:
    exited, grant = deployment.start(), deployment.grant("--allow-view")
    running = deployment.start(app=grant)
    deployment.client.kill(exited["container_id"])
    assert ids(deployment.ok("ps", "-o", "json")) == {running["id"]}
    everything = deployment.ok("ps", "--all", "-o", "json").json
    assert {session["id"]: session["status"] for session in everything}[exited["id"]] == "exited"
    asked = deployment("session", "prune")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert deployment.ok("session", "prune", "--yes").lines == [exited["id"]]
    assert ids(deployment.ok("ps", "--all", "-o", "json")) == {running["id"]}


def test_an_exited_session_can_be_read_and_stopped(deployment: Deployment) -> None:
    session = deployment.start()
    deployment.client.kill(session["container_id"])
    assert "starting for ann" in deployment.ok("logs", session["id"]).out
    assert deployment.ok("stop", session["id"]).lines == [session["id"]]
    assert deployment.containers() == []


@pytest.mark.parametrize("labels", [{}, {RUNINFO + "realm": "REALM", RUNINFO + "user": "ann"}])
def test_a_container_that_is_no_session_is_never_touched(deployment: Deployment, labels: dict[str, str]) -> None:
    worn = {name: deployment.realm if value == "REALM" else value for name, value in labels.items()}
    foreign = deployment.client.create_container(WEB, labels=worn)["Id"]
    try:
        assert deployment.ok("ps", "--all", "--all-users", "-o", "json").json == []
        assert deployment("stop", foreign[:12]).code == 3
        assert deployment.ok("session", "prune", "--all-users", "--yes").out == ""
        assert deployment.client.inspect_container(foreign)["State"]["Status"] == "created"
    finally:
        deployment.client.remove_container(foreign)


def test_a_container_in_the_way_is_not_touched(deployment: Deployment) -> None:
    name = deployment.start()["container_name"]
    deployment.ok("stop", *deployment.ok("ps", "-q").lines)
    foreign = deployment.client.create_container(WEB, name=name)["Id"]
    try:
        result = deployment("start", WEB)
        assert result.code == 5
        assert name in result.err
    finally:
        deployment.client.remove_container(foreign)


def test_an_ambiguous_id_names_the_candidates(deployment: Deployment) -> None:
    both = [old_system_container(deployment, url_id="abcd" + secrets.token_hex(14))["id"] for _ in range(2)]
    result = deployment("stop", "abcd")
    assert result.code == 5
    assert all(identifier in result.err for identifier in both)
    assert len(deployment.containers()) == 2


def test_stop_tries_all_and_tells_the_first_failure(deployment: Deployment) -> None:
    session = deployment.start()["id"]
    result = deployment("stop", "0" * 32, session)
    assert (result.code, result.lines) == (3, [session])
    assert deployment.containers() == []


def test_an_application_that_ignores_the_signal_is_killed(deployment: Deployment) -> None:
    session = deployment.start("--env", "MODE=ignoreterm")
    deployment.ok("stop", session["id"])
    assert deployment.containers() == []


def test_a_paused_session_can_be_seen_and_stopped(deployment: Deployment) -> None:
    session = deployment.start()
    deployment.client.pause(session["container_id"])
    assert ids(deployment.ok("ps", "-o", "json")) == {session["id"]}
    refused = deployment("start", WEB, "--timeout", "2")
    assert refused.code == 5
    assert "docker unpause" in refused.err
    deployment.ok("stop", session["id"])
    assert deployment.containers() == []


def test_logs_come_whole_or_by_the_last_lines(deployment: Deployment) -> None:
    session = deployment.start()
    deployment.run_in(session, "sh", "-c", "for i in 1 2 3; do echo line $i; done > /proc/1/fd/1")
    assert deployment.ok("logs", session["id"]).lines[-3:] == ["line 1", "line 2", "line 3"]
    assert deployment.ok("logs", session["id"], "--tail", "2").lines == ["line 2", "line 3"]
    assert deployment.ok("logs", session["id"], "--tail", "0").out == ""


def test_hostile_logs_do_nothing_to_the_terminal(deployment: Deployment) -> None:
    session = deployment.start()
    hostile = r"printf '\033[2J\033]0;x\007\xff[red]\xe2\x80\xae\r\n' > /proc/1/fd/1"
    deployment.run_in(session, "sh", "-c", hostile)
    shown = deployment.ok("logs", session["id"], "--tail", "1").out
    assert "[red]" in shown
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_followed_logs_end_with_the_session(deployment: Deployment, start_srctl: StartSrctl) -> None:
    session = deployment.start()
    process = start_srctl("logs", "-f", session["id"], env=deployment.env)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("starting for ann")
    deployment.run_in(session, "sh", "-c", "echo more > /proc/1/fd/1")
    assert process.stdout.readline() == "more\n"
    deployment.ok("stop", session["id"])
    assert process.wait(60) == 0


def test_available_tells_what_may_be_started(deployment: Deployment) -> None:
    grant = deployment.grant()
    missing = deployment.grant("--license", "SECRET", image="test/missing:1")
    rows = {row["grant_id"]: row for row in deployment.ok("session", "available", "-o", "json").json}
    assert set(rows) == {grant, missing}
    assert (rows[grant]["title"], rows[grant]["type"], rows[grant]["image_present"]) == ("Test page", "webapp", True)
    assert rows[grant]["session_id"] is None
    assert rows[missing]["image_present"] is False
    assert rows[missing]["policy"]["license"] is True


def test_the_default_database_is_not_made_by_reading(deployment: Deployment) -> None:
    (deployment.home.path / "srctl.db").unlink()
    shutil.rmtree(deployment.home.path / ".local", ignore_errors=True)
    env = {name: value for name, value in deployment.env.items() if name != "SRCTL_DB"}
    result = deployment.home.run("ps", "-o", "json", env=env)
    assert (result.returncode, result.stdout) == (0, "[]\n")
    assert not any("srctl" in name for _, folders, files in os.walk(deployment.home.path) for name in folders + files)


LOOKS: list[Callable[[Deployment], Any]] = [
    lambda deployment: deployment.ok("ps", "--all", "-o", "json").json,
    lambda deployment: deployment.ok("session", "prune", "--yes", "-o", "json").json,
]


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_an_empty_list(deployment: Deployment, look: Callable[[Deployment], Any]) -> None:
    assert look(deployment) == []
