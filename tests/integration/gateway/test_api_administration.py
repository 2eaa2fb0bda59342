"""What administrators do on the `api` channel, what is refused to others, and what is written down of it."""

from __future__ import annotations

from typing import Any

from srctl.declaring import mark
from srctl.slots import SLOTS
from tests.fakes import WEB
from tests.integration.gateway.gatehouse import Channel, Gatehouse, closed, new_key, start
from tools.processes import wait_until


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
        "group.grants": {},
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
