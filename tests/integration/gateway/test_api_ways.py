"""Who is led to which session, and when the way to it ends: shares, grants, groups, and time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from srctl.errors import ConflictError
from srctl.hosts.engine import DockerHost
from srctl.labels import RUNINFO
from srctl.models import Container, Host
from srctl.sharing import SharedSessions
from srctl.slots import SLOTS
from tests.fakes import WEB
from tests.integration.gateway.gatehouse import Channel, Gatehouse, closed, start
from tools.engine import Engine


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
