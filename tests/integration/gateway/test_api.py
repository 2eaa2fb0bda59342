"""The api channel of a gateway: what people may ask for, on a real engine."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from srctl.models import Extension, Policy, Volume
from srctl.slots import SLOTS, address
from tests.fakes import WEB
from tests.integration.gateway.conftest import containers
from tests.integration.gateway.gatehouse import Channel, Gatehouse, start
from tools.engine import Engine
from tools.processes import wait_until


def test_the_greeting_says_who_one_is(gate: Gatehouse, alice: Channel, admin: Channel) -> None:
    assert alice.greeting["realm"] == gate.realm
    assert (alice.greeting["user"], alice.greeting["admin"], alice.greeting["protocol"]) == ("alice", False, 1)
    assert (admin.greeting["user"], admin.greeting["admin"]) == ("admin", True)


def test_a_session_is_published_in_a_slot_of_its_users(gate: Gatehouse, alice: Channel) -> None:
    with gate.store() as store:
        own = address(store.user("alice").id)
    started = start(alice)
    assert (started["endpoint"]["address"], started["endpoint"]["port"]) == (own, SLOTS[0])
    assert started["session"]["url"] is None
    [row] = alice.result("session.list")
    assert (row["id"], row["user"], row["address"], row["port"]) == (started["session"]["id"], "alice", own, SLOTS[0])
    assert alice.result("session.stop", prefix=row["id"]) == [row["id"], True]
    assert alice.result("session.list") == []


def test_sessions_of_others_are_not_found(gate: Gatehouse, alice: Channel, bob: Channel) -> None:
    session = start(alice)["session"]
    assert bob.result("session.list") == []
    for call in ("session.show", "session.stop", "session.unshare"):
        assert bob.refusal(call, prefix=session["id"]) == "not-found"
    assert bob.refusal("session.container", container_id=session["container_id"]) == "not-found"
    assert bob.refusal("session.logs", prefix=session["id"]) == "not-found"
    assert bob.refusal("session.events", container_id=session["container_id"]) == "not-found"
    assert bob.refusal("session.open", request={"app": session["id"]}) == "not-found"
    assert bob.refusal("session.share", prefix=session["id"], guest="bob") == "not-found"
    assert bob.refusal("session.clear", session_id=session["id"]) == "not-found"
    assert gate.audit("bob")[1:] == [(action, "not-found") for action in (
        "session.show", "session.stop", "session.unshare", "session.container", "session.logs", "session.events",
        "session.open", "session.share", "session.clear",
    )]  # fmt: skip


def test_changes_of_one_s_own_sessions_are_told_and_of_those_that_are_shared(
    gate: Gatehouse, alice: Channel, bob: Channel
) -> None:
    with gate.api("alice") as own, gate.api("bob") as guest, gate.api("carol") as stranger, gate.api("admin") as all_:
        for channel, arguments in ((own, {}), (guest, {}), (stranger, {}), (all_, {"all_users": True})):
            channel.say({"id": 1, "call": "session.changes", "with": arguments})
            assert channel.hear()["data"] == "opened"
        session = start(alice)["session"]
        for channel in (own, all_):
            assert [channel.hear()["data"] for _ in range(2)] == ["create", "start"]
        alice.result("session.share", prefix=session["id"], guest="bob")
        assert (own.hear()["data"], guest.hear()["data"]) == ("shared", "shared")
        start(bob)
        assert [guest.hear()["data"] for _ in range(2)] == ["create", "start"]
        alice.result("session.stop", prefix=session["id"])
        for channel in (own, guest):
            assert {channel.hear()["data"] for _ in range(3)} == {"die", "destroy", "shared"}
        stranger.process.kill()
        assert stranger.hear() == {}, "nothing was told to who has nothing to do with it"


def test_what_sessions_take_is_told_to_who_may_see_them(alice: Channel, bob: Channel, gate: Gatehouse) -> None:
    ids = [start(channel)["session"]["container_id"] for channel in (alice, bob)]
    with gate.api("alice") as own, gate.api("admin") as all_:
        own.say({"id": 1, "call": "session.stats", "with": {"container_ids": [*ids, "e" * 64, "x"]}})
        told = [json.loads(own.hear()["data"]) for _ in range(2)]
        assert {each["container_id"] for each in told} == {ids[0]}
        assert told[0]["memory"] > 0
        assert told[1]["cpu"] >= 0
        all_.say({"id": 1, "call": "session.stats", "with": {"container_ids": ids, "all_users": True}})
        wait_until(lambda: json.loads(all_.hear()["data"])["container_id"] == ids[0] or None, "alice's session")
        wait_until(lambda: json.loads(all_.hear()["data"])["container_id"] == ids[1] or None, "bob's session")
        own.process.kill()
    assert all(action != "session.stats" for action, _ in gate.audit("alice"))


def test_a_variable_that_the_image_does_not_declare_is_refused(alice: Channel) -> None:
    assert alice.refusal("session.start", request={"app": WEB, "env": {"HTTP_PROXY": "x"}}) == "not-allowed"
    assert alice.refusal("session.start", request={"app": WEB, "env": {"LD_PRELOAD": "x"}}) in ("not-allowed", "usage")


def test_people_extend_their_sessions_and_see_what_they_used(gate: Gatehouse, alice: Channel, bob: Channel) -> None:
    with gate.store() as store:
        grant = store.add_grant(WEB, "alice", Policy(max_lifetime=3600))
    session = start(alice, app=grant.id)["session"]
    start(bob)
    assert alice.refusal("session.extend", prefix=session["id"], seconds=7200) == "not-allowed"
    assert alice.refusal("session.extend", prefix=session["id"], seconds="inf") == "usage"
    assert bob.refusal("session.extend", prefix=session["id"], seconds=60) == "not-found"
    with gate.store() as store:
        past = datetime.now(UTC)
        store.records.extend(Extension(session["id"], past, "alice", past))
    assert alice.result("session.extend", prefix=session["id"], seconds=60)["ends"] > past.isoformat()
    with gate.store() as store:  # somebody of the same name, who was removed
        [mine] = store.records.between(None, None, "alice")
        store.records.begin(replace(mine, session_id="e" * 32, container_id="e" * 64, user_id=1))
    for given in ({}, {"since": "2020-01-01T00:00:00"}):
        assert [(each["name"], each["sessions"]) for each in alice.result("usage.tally", **given)] == [("alice", 1)]


def test_whoever_is_refused_hears_it_as_a_program(gate: Gatehouse) -> None:
    with gate.store() as store:
        store.set_disabled("alice", True)
    ran = gate.run("alice", "api")
    assert (ran.returncode, json.loads(ran.stdout)["error"]["code"]) == (4, "not-allowed")


def test_events_say_from_when_on_they_come(gate: Gatehouse, alice: Channel) -> None:
    session = alice.result("session.start", request={"app": WEB})["session"]
    with gate.api("alice") as stream:
        stream.say({"id": 1, "call": "session.events", "with": {"container_id": session["container_id"]}})
        assert stream.hear() == {"id": 1, "data": "opened"}
        alice.result("session.stop", prefix=session["id"])
        assert stream.hear() == {"id": 1, "data": "die"}


def test_a_disabled_user_is_refused_on_a_connection_that_lives(alice: Channel, admin: Channel) -> None:
    assert alice.result("session.list") == []
    admin.result("user.disable", name="alice")
    assert alice.refusal("session.list") == "not-allowed"


def test_a_start_is_undone_when_its_client_goes(gate: Gatehouse, engine: Engine) -> None:
    with gate.store() as store:
        store.add_grant(WEB, "admin", Policy())
    with engine.client() as client, gate.api("admin") as channel:  # who may set what the image does not declare
        request = {"app": WEB, "env": {"MODE": "never"}, "timeout": 600}
        channel.say({"id": 1, "call": "session.start", "with": {"request": request}})
        wait_until(lambda: containers(client, gate.realm), "the container")
        assert channel.process.stdin is not None
        channel.process.stdin.close()
        wait_until(lambda: not containers(client, gate.realm), "its removal")
        assert channel.process.wait(60) == 0


def test_a_log_that_is_followed_ends_with_its_client(gate: Gatehouse) -> None:
    with gate.api("alice") as channel:
        session = start(channel)["session"]
        channel.say({"id": 9, "call": "session.logs", "with": {"prefix": session["id"], "follow": True}})
        assert "data" in channel.hear()
        assert channel.process.stdin is not None
        channel.process.stdin.close()
        channel.process.wait(60)


def test_nobody_starts_without_end(gate: Gatehouse, alice: Channel) -> None:
    gate.config.write_text(gate.config.read_text() + "starts_per_minute = 2\nmax_sessions = 1\n")
    with gate.api("bob") as channel:
        start(channel)
        start(channel)
        said = channel.ask("session.start", request={"app": WEB})
        assert (said["error"]["code"], "within a minute" in said["error"]["message"]) == ("not-allowed", True)


def test_a_user_has_only_so_many_sessions(gate: Gatehouse) -> None:
    gate.config.write_text(gate.config.read_text() + "max_sessions = 1\n")
    with gate.store() as store:
        second = store.add_grant(WEB, "alice", store.grants(user="bob")[0].policy)
    with gate.api("alice") as channel:
        channel.result("session.start", request={"app": gate.grants["alice"]})
        said = channel.ask("session.start", request={"app": second.id})
        assert said["error"]["code"] == "not-allowed"
        assert "1 at most" in said["error"]["message"]


@pytest.mark.parametrize("twice", [False, True])
def test_two_sessions_have_two_slots(gate: Gatehouse, alice: Channel, twice: bool) -> None:
    with gate.store() as store:
        second = store.add_grant(WEB, "alice", store.grants(user="bob")[0].policy)
    ports = [alice.result("session.start", request={"app": gate.grants["alice"]})["session"]["port"]]
    ports.append(alice.result("session.start", request={"app": second.id})["session"]["port"])
    assert ports == [SLOTS[0], SLOTS[1]]
    if twice:
        alice.result("session.stop", prefix=alice.result("session.list")[0]["id"])
        again = alice.result("session.start", request={"app": gate.grants["alice"]})["session"]["port"]
        assert again == SLOTS[0]


def test_a_licence_is_for_the_application_and_not_told(gate: Gatehouse, alice: Channel) -> None:
    with gate.store() as store:
        store.add_grant(WEB, "alice", Policy(license="SECRET"))
    offers = alice.result("session.available")
    assert sorted(offer["policy"]["license"] or "" for offer in offers) == ["", "***"]


def test_a_volume_that_somebody_may_put_a_link_in_place_of_is_not_mounted(
    gate: Gatehouse, alice: Channel, admin: Channel, tmp_path: Path
) -> None:
    def grant(user: str, source: Path, mode: str) -> str:
        return str(store.add_grant(WEB, user, Policy(volumes=(Volume(str(source), "/data", mode),))).id)

    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    with gate.store() as store:
        wanted = grant("alice", inner, "ro")
        same, beside = grant("bob", inner, "rw"), grant("bob", tmp_path / "out", "rw")
        harmless = grant("bob", inner.parent, "ro"), grant("admin", Path("/"), "rw")
        assert alice.result("session.start", request={"app": wanted, "replace": True})
        bad = grant("bob", inner.parent, "rw")
        assert len({same, beside, *harmless, bad}) == 5
        assert alice.refusal("session.start", request={"app": wanted, "replace": True}) == "not-allowed"
        admin.result("grant.remove", ids=[bad])
        store.groups.add_group("lab")
        bad = store.add_grant(WEB, None, Policy(volumes=(Volume(str(inner.parent), "/data", "rw"),)), group="lab").id
        assert alice.refusal("session.start", request={"app": wanted, "replace": True}) == "not-allowed"
        admin.result("grant.remove", ids=[bad])
        assert alice.result("session.start", request={"app": wanted, "replace": True})


def test_no_more_commands_at_once_than_allowed(gate: Gatehouse) -> None:
    with gate.config.open("a") as config:
        config.write("commands_at_once = 2\n")
    with gate.api("alice"), gate.api("alice") as second:
        done = gate.run("alice", "whoami")
        assert (done.returncode, "2 commands" in done.stderr) == (4, True)
        assert gate.run("bob", "whoami").returncode == 0
        second.process.kill()
        second.process.wait()
        assert gate.run("alice", "whoami").returncode == 0


def test_a_log_that_nobody_reads_any_more_is_not_followed(gate: Gatehouse, alice: Channel) -> None:
    session = start(alice)["session"]["id"]
    command, environment = gate.command(), gate.environment("alice", f"logs -f {session}")
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 130
    assert gate.audit("alice")[-1] == ("words", "interrupted")
