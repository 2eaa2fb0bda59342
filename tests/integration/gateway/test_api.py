"""The api channel of a gateway: what people may ask for, on a real engine."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from srctl.declaring import mark
from srctl.errors import ConflictError
from srctl.hosts.engine import DockerHost
from srctl.labels import RUNINFO
from srctl.models import Container, Extension, Host, Policy, Volume
from srctl.sharing import SharedSessions
from srctl.slots import SLOTS, address
from tests.fakes import WEB
from tests.integration.gateway.conftest import containers
from tests.integration.gateway.gatehouse import Channel, Gatehouse, new_key
from tools.engine import Engine
from tools.processes import wait_until


def start(channel: Channel, **request: Any) -> dict[str, Any]:
    started: dict[str, Any] = channel.result("session.start", request={"app": WEB, **request})
    return started


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


def test_an_administrator_reads_and_stops_sessions_of_others(alice: Channel, admin: Channel) -> None:
    session = start(alice)["session"]
    assert admin.refusal("session.stop", prefix=session["id"]) == "not-found"
    admin.say({"id": 99, "call": "session.logs", "with": {"prefix": session["id"], "all_users": True}})
    assert "data" in admin.hear()
    wait_until(lambda: "result" in admin.hear() or None, "the end of the log")
    assert admin.result("host.info")["running"] >= 1
    assert admin.result("session.stop", prefix=session["id"], all_users=True) == [session["id"], True]
    assert alice.result("session.list", stopped=True) == []


def test_what_is_for_administrators_is_refused_to_others(gate: Gatehouse, bob: Channel) -> None:
    with gate.store() as store:
        key = store.keys("alice")[0]
    refused: dict[str, dict[str, Any]] = {
        "user.add": {"names": ["eve"], "admin": True},
        "user.list": {},
        "user.remove": {"names": ["alice"]},
        "user.disable": {"name": "alice"},
        "user.key.add": {"user": "bob", "text": f"{key.type} {key.blob}"},
        "app.add": {"application": {"image": "evil"}, "verify": False},
        "grant.add": {"image": WEB, "user": "carol"},
        "grant.list": {},
        "grant.page": {},
        "grant.edit": {"id_prefix": gate.grants["alice"], "permits": {}},
        "grant.remove": {"ids": [gate.grants["alice"]]},
        "app.limit": {"image": WEB, "defaults": {"cpus": 64}},
        "session.reap": {},
        "usage.tally": {"user": "alice"},
        "right.whocan": {"image": WEB},
        "right.why": {"user": "bob", "image": WEB},
        "group.list": {},
        "group.add": {"names": ["bobs"]},
        "group.join": {"name": "lab", "users": ["bob"]},
        "group.leave": {"name": "lab", "users": ["alice"]},
        "group.remove": {"names": ["lab"]},
        "audit.list": {},
        "image.list": {},
        "db.status": {},
        "db.contents": {},
        "db.apply": {"changes": {"added": {"users": [["eve", True, False]]}}, "seen": "x"},
        "session.list": {"all_users": True},
        "session.show": {"prefix": "abcd", "all_users": True},
        "session.leftovers": {"all_users": True},
        "session.stop": {"prefix": "abcd", "all_users": True},
        "session.logs": {"prefix": "abcd", "all_users": True},
        "session.changes": {"all_users": True},
        "session.stats": {"container_ids": [], "all_users": True},
        "host.info": {},
        "session.start": {"request": {"app": WEB, "pull": "always"}},
    }
    for call, arguments in refused.items():
        assert bob.refusal(call, **arguments) == "not-allowed", call
    denied = [action for action, result in gate.audit("bob") if result == "not-allowed"]
    assert denied == list(refused)


def test_an_administrator_administers(gate: Gatehouse, admin: Channel) -> None:
    assert [user["name"] for user in admin.result("user.add", names=["dora"])["done"]] == ["dora"]
    grant = admin.result("grant.add", image=WEB, user="dora", permits={"allow_home": True})
    assert grant["policy"]["allow_home"] is True
    bad = {"volumes": [{"source": "etc", "target": "/x", "mode": "ro"}]}
    assert admin.refusal("grant.add", image=WEB, user="dora", permits=bad) == "usage"
    limited = {"cpus": 2, "max_sessions": 3, "expires": "2099-01-31T00:00:00Z", "network": "isolated"}
    assert admin.result("grant.add", image=WEB, user="dora", permits=limited)["policy"].items() >= limited.items()
    past = {"expires": "2001-01-01T00:00:00Z"}
    for limit in ({"cpus": -1}, {"cpus": "nan"}, {"network": "host"}, {"memory": 1}, past):
        assert admin.refusal("grant.add", image=WEB, user="dora", permits=limit) == "usage"
    assert admin.refusal("app.limit", image=WEB, defaults={"pids": 0}) == "usage"
    assert admin.result("app.limit", image=WEB, defaults={"pids": 100})["defaults"]["pids"] == 100
    outcome = admin.result("user.add", names=["x y", "erin"])
    assert [user["name"] for user in outcome["done"]] == ["erin"]
    assert [error["code"] for error in outcome["errors"]] == ["usage"]
    entries = admin.result("audit.list", user="admin")
    assert [entry["action"] for entry in entries if entry["result"] == "ok"][:3] == ["api", "user.add", "grant.add"]
    assert entries[0]["address"] == "192.0.2.7"
    assert entries[0]["fingerprint"].startswith("SHA256:")


def test_an_administrator_sees_the_images_of_the_host(admin: Channel) -> None:
    [image] = [image for image in admin.result("image.list") if WEB in image["tags"]]
    assert image["labels"]["eu.simphony-project.docker.type"] == "webapp"
    assert image["size"] > 0


def test_the_number_of_keys_comes_with_users(gate: Gatehouse, admin: Channel) -> None:
    admin.result("user.key.add", user="carol", text=f"{new_key()}\n{new_key()}")
    found = {each["user"]["name"]: each["keys"] for each in admin.result("user.list", with_grants=True)}
    assert found == {"admin": 1, "alice": 1, "bob": 1, "carol": 3}
    assert {each["user"]["name"]: each["keys"] for each in admin.result("user.list")} == found


def test_the_audit_is_read_up_to_a_limit(admin: Channel) -> None:
    admin.result("user.add", names=["dora"])
    admin.result("user.disable", name="dora")
    assert [entry["action"] for entry in admin.result("audit.list", limit=2)] == ["user.add", "user.disable"]
    for limit in (0, -1):
        assert admin.result("audit.list", limit=limit) == []


def test_the_audit_names_what_was_made_and_no_secret(gate: Gatehouse, admin: Channel) -> None:
    key = new_key()
    admin.result("user.key.add", user="carol", text=f"{key} my own words")
    grant = admin.result("grant.add", image=WEB, user="carol", permits={"license": "S3CRET"})
    admin.result("grant.edit", id_prefix=grant["id"], permits={"license": "S3CRET", "allow_home": True})
    *_, added, granted, edited = admin.result("audit.list")
    with gate.store() as store:
        assert store.keys("carol")[-1].fingerprint in added["detail"]
    assert grant["id"] in granted["detail"]
    assert grant["id"] in edited["detail"]
    assert "S3CRET" not in granted["detail"] + edited["detail"]
    assert "my own words" not in added["detail"]


def test_an_administrator_changes_much_at_once(gate: Gatehouse, alice: Channel, admin: Channel) -> None:
    start(alice)
    found = admin.result("db.contents")
    grant = next(each for each in found["grants"] if each[1] == "alice")
    changes = {
        "added": {"users": [["eve", True, False]], "grants": [["9" * 32, "carol", WEB, {"license": "S3CRET"}, None]]},
        "removed": {"grants": [grant]},
    }
    assert admin.refusal("db.apply", changes=changes, seen="x") == "conflict"
    bad = {"added": {"users": [["no name", True, False]]}}
    with gate.store() as store:
        seen = mark(store.archive.contents())
        assert admin.refusal("db.apply", changes=bad, seen=seen) == "usage"
        done = admin.result("db.apply", changes=changes, seen=seen)
        assert [step["name"] for step in done] == [grant[0], "eve", "9" * 32]
        assert store.user("eve").admin
        assert store.grants(user="carol", image=WEB)[0].policy.license == "S3CRET"
    assert closed(gate) == [SLOTS[0]]
    details = [entry["detail"] for entry in admin.result("audit.list") if entry["action"] == "db.apply"]
    assert details[-3:] == [
        f"remove grant {grant[0]}: user=alice, image={WEB}, allow_view=yes",
        "add user eve: admin=yes, disabled=no",
        f"add grant {'9' * 32}: user=carol, image={WEB}, license=yes",
    ]
    assert "S3CRET" not in "".join(details)


def test_a_variable_that_the_image_does_not_declare_is_refused(alice: Channel) -> None:
    assert alice.refusal("session.start", request={"app": WEB, "env": {"HTTP_PROXY": "x"}}) == "not-allowed"
    assert alice.refusal("session.start", request={"app": WEB, "env": {"LD_PRELOAD": "x"}}) in ("not-allowed", "usage")


def test_a_share_lets_a_guest_open_and_no_more(gate: Gatehouse, alice: Channel, bob: Channel) -> None:
    session = start(alice)["session"]
    assert alice.refusal("session.share", prefix=session["id"], guest="nobody") == "not-found"
    alice.result("session.share", prefix=session["id"], guest="bob", seconds=3600)
    [row] = bob.result("session.list")
    assert (row["id"], row["user"]) == (session["id"], "alice")
    opened = bob.result("session.open", request={"app": session["id"]})
    assert opened["endpoint"]["port"] == SLOTS[0]
    assert bob.result("session.container", container_id=session["container_id"])["id"] == session["container_id"]
    for call in ("session.stop", "session.logs", "session.unshare"):
        assert bob.refusal(call, prefix=session["id"]) == "not-allowed", call
    [row] = alice.result("session.list")
    assert row["shared_with"] == ["bob"]
    alice.result("session.unshare", prefix=session["id"], guest="bob")
    assert bob.result("session.list") == []
    assert bob.refusal("session.container", container_id=session["container_id"]) == "not-found"


def test_only_a_grant_that_allows_it_is_shared(alice: Channel, bob: Channel) -> None:
    session = start(bob)["session"]
    assert bob.refusal("session.share", prefix=session["id"], guest="alice") == "not-allowed"
    assert alice.result("session.list") == []


def test_a_slot_that_only_a_label_claims_is_not_shared(gate: Gatehouse, alice: Channel, engine: Engine) -> None:
    own = start(alice)["session"]
    identity = "f" * 32
    with gate.store() as store, engine.client() as client:
        marks = {"user": "alice", "realm": gate.realm, "url_id": identity, "mapping_id": gate.grants["alice"]}
        marked = {RUNINFO + name: value for name, value in marks.items()}
        marked |= {"io.srctl.user_id": str(store.user("alice").id), "io.srctl.slot": str(own["port"])}
        published = client.create_host_config(port_bindings={8888: ("127.0.0.1",)})
        made = client.create_container(WEB, ["sleep", "600"], labels=marked, ports=[8888], host_config=published)
        client.start(made["Id"])
    assert alice.refusal("session.share", prefix=identity, guest="bob") == "conflict"


def test_a_share_ends_with_the_session_and_is_not_passed_to_the_next_one_in_its_slot(
    gate: Gatehouse, alice: Channel, bob: Channel, engine: Engine
) -> None:
    first = start(alice)["session"]
    alice.result("session.share", prefix=first["id"], guest="bob")
    with engine.client() as client:  # behind the gateway's back
        client.remove_container(first["container_id"], force=True)
    second = start(alice)["session"]
    assert second["port"] == first["port"]
    assert bob.result("session.list") == []
    with gate.store() as store:
        assert store.book.shares("bob") == []


def test_a_removed_grant_closes_the_slot_until_another_session_is_there(
    gate: Gatehouse, alice: Channel, admin: Channel
) -> None:
    session = start(alice)["session"]
    admin.result("grant.remove", ids=[gate.grants["alice"]])
    assert closed(gate) == [SLOTS[0]]
    assert alice.refusal("session.open", request={"app": session["id"]}) == "not-allowed"
    alice.result("session.stop", prefix=session["id"])
    admin.result("grant.add", image=WEB, user="alice")
    assert start(alice)["session"]["port"] == SLOTS[0]
    assert closed(gate) == []


def test_a_grant_that_gets_more_leaves_the_way_open_and_one_that_gets_less_closes_it(
    gate: Gatehouse, alice: Channel, admin: Channel
) -> None:
    session = start(alice)["session"]
    more = admin.result("grant.edit", id_prefix=gate.grants["alice"], permits={"allow_view": True, "allow_home": True})
    assert (more["id"], closed(gate)) == (gate.grants["alice"], [])
    assert alice.result("session.open", request={"app": session["id"]})["fresh"] is False
    less = admin.result("grant.edit", id_prefix=more["id"], permits={"allow_home": True})
    assert (less["id"] == more["id"], closed(gate)) == (False, [SLOTS[0]])
    assert alice.refusal("session.open", request={"app": session["id"]}) == "not-allowed"
    page = admin.result("grant.page")
    assert less["id"] in [line[0] for line in page["lines"]]
    assert page["more"] is False


def test_a_grant_can_be_removed_with_its_sessions(gate: Gatehouse, alice: Channel, admin: Channel) -> None:
    start(alice)
    admin.result("grant.remove", ids=[gate.grants["alice"]], stop=True)
    assert alice.result("session.list", stopped=True) == []


def test_who_leaves_a_group_loses_the_way_to_what_it_gave(
    gate: Gatehouse, alice: Channel, bob: Channel, admin: Channel
) -> None:
    admin.result("group.add", names=["lab"])
    admin.result("group.join", name="lab", users=["alice", "bob"])
    by_group = admin.result("grant.add", image=WEB, user="@lab", permits={"allow_view": True, "allow_home": True})
    assert (by_group["user"], by_group["group"]) == (None, "lab")
    session, other = (start(each, app=by_group["id"])["session"] for each in (alice, bob))
    alice.result("session.share", prefix=session["id"], guest="carol")
    assert admin.result("group.leave", name="lab", users=["alice"])["done"] == ["alice"]
    assert closed(gate) == [SLOTS[0]]
    assert alice.refusal("session.open", request={"app": session["id"]}) == "not-allowed"
    assert alice.refusal("session.start", request={"app": by_group["id"]}) == "not-found"
    with gate.store() as store:
        assert store.book.shares("carol") == []
        assert store.book.shares("alice") == []
    assert bob.result("session.open", request={"app": other["id"]})["session"]["id"] == other["id"]
    admin.result("group.remove", names=["lab"], stop=True)
    assert bob.result("session.list", stopped=True) == []
    assert alice.result("session.list", stopped=True) == []


def test_a_grant_that_has_expired_leads_nobody_anywhere(gate: Gatehouse, alice: Channel, bob: Channel) -> None:
    session = start(alice)["session"]
    alice.result("session.share", prefix=session["id"], guest="bob")
    with closing(sqlite3.connect(gate.database)) as connection, connection:
        connection.execute('UPDATE grants SET policy = \'{"expires":"2026-01-01T00:00:00+00:00"}\'')
    for channel in (alice, bob):
        assert channel.refusal("session.open", request={"app": session["id"]}) == "not-allowed"
        assert channel.refusal("session.container", container_id=session["container_id"]) == "not-allowed"
    said = alice.ask("session.start", request={"app": WEB})["error"]
    assert (said["code"], "2026-01-01" in said["message"]) == ("not-allowed", True)
    assert "administrator" in said["hint"]
    assert alice.result("session.available") == []
    assert alice.result("session.list")[0]["granted"] is False


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
    assert [(each["name"], each["sessions"]) for each in alice.result("usage.tally")] == [("alice", 1)]


def test_reap_ends_the_way_with_the_grant_and_the_share_with_its_time(
    gate: Gatehouse, alice: Channel, bob: Channel, admin: Channel
) -> None:
    session, other = start(alice)["session"], start(bob)["session"]
    alice.result("session.share", prefix=session["id"], guest="bob")
    with closing(sqlite3.connect(gate.database)) as connection, connection:
        past = "2026-01-01 00:00:00.000000"
        connection.execute("UPDATE shares SET expires = ?", (past,))
        text = '{"expires":"2026-01-01T00:00:00+00:00"}'
        connection.execute("UPDATE grants SET policy = ? WHERE id = ?", (text, gate.grants["bob"]))
    done = admin.result("session.reap")["done"]
    assert [(each["action"], each["session_id"], each["user"]) for each in done] == [
        ("stop", other["id"], "bob"),
        ("unshare", session["id"], "bob"),
    ]
    assert closed(gate) == [SLOTS[0]]
    with gate.store() as store:
        assert store.book.shares("alice") == []
    assert bob.result("session.list", stopped=True) == []
    assert [row["id"] for row in alice.result("session.list")] == [session["id"]]
    assert ("session.reap", "ok") in gate.audit("admin")


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


def closed(gate: Gatehouse) -> list[int]:
    with closing(sqlite3.connect(gate.database)) as connection:
        return [row[0] for row in connection.execute("SELECT slot FROM closed_slots")]


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


def test_a_session_that_ends_while_it_is_shared_is_not(gate: Gatehouse, alice: Channel, engine: Engine) -> None:
    session = start(alice)["session"]
    with gate.store() as store, engine.client() as client:
        guests: list[Any] = []
        sessions = SharedSessions(
            EngineThatForgets(
                Host("g", engine.url, "config"), None, forget=lambda: client.kill(session["container_id"])
            ),
            lambda: store,
            store.book,
            guests.extend,
            user="alice",
            realm=gate.realm,
        )
        with pytest.raises(ConflictError, match="ended a moment ago"):
            sessions.share(session["id"], "bob")
        assert store.book.shares("bob") == []
        assert [share.guest for share in guests] == ["bob"]


class EngineThatForgets(DockerHost):
    """An engine whose containers go when somebody looks at one."""

    def __init__(self, *given: Any, forget: Callable[[], object]) -> None:
        super().__init__(*given)
        self._forget = forget

    def container(self, name: str) -> Container:
        self._forget()
        self.remove(name)
        return super().container(name)


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


def test_nobody_but_an_administrator_fills_the_audit(gate: Gatehouse) -> None:
    with gate.config.open("a") as config:
        config.write("entries_per_minute = 5\n")
    with gate.api("bob") as bob:
        for _ in range(20):
            assert bob.refusal("user.list") == "not-allowed"
        assert bob.refusal("session.list") == "not-allowed"
        assert "within a minute" in bob.ask("session.list")["error"]["message"]
    assert gate.run("bob", "whoami").returncode == 4
    assert len(gate.audit("bob")) == 5
    with gate.api("admin") as admin:
        for _ in range(20):
            admin.refusal("session.stop", prefix="abcd")
        admin.result("user.list")


def test_what_failed_is_not_written_down_as_done(gate: Gatehouse, admin: Channel) -> None:
    outcome = admin.result("user.add", names=["dora", "alice"])
    assert [user["name"] for user in outcome["done"]] == ["dora"]
    assert gate.audit("admin")[-1] == ("user.add", "conflict")


def test_values_of_variables_are_not_written_down(gate: Gatehouse) -> None:
    gate.run("alice", f"start {WEB} --env MODE=one --env=OTHER='a SECRET'")
    gate.run("alice", f"start {WEB} --env TOKEN='SECRET")
    with gate.store() as store:
        said = " ".join(entry.detail for entry in store.book.entries("alice"))
    assert "MODE=***" in said
    assert "SECRET" not in said
    assert "one" not in said.split("MODE=")[1].split()[0]


def test_a_log_that_nobody_reads_any_more_is_not_followed(gate: Gatehouse, alice: Channel) -> None:
    session = start(alice)["session"]["id"]
    command, environment = gate.command(), gate.environment("alice", f"logs -f {session}")
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 130
    assert gate.audit("alice")[-1] == ("words", "interrupted")
