"""Groups, grants to groups, and records of what ran: what every database must do with them."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from srctl.db.store import SqlStore, open_store
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Application, Extension, Limits, Policy, Record, Watch

WEB = "web:1"
THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def team(store: SqlStore) -> SqlStore:
    """Alice and bob; alice is in the group lab."""
    for name in ("alice", "bob"):
        store.add_user(name)
    store.add_application(Application(WEB))
    store.groups.add_group("lab")
    assert store.groups.join("lab", "alice")
    return store


class TestGroups:
    def test_a_group_tells_its_members_and_how_many_grants_it_has(self, team: SqlStore) -> None:
        team.add_grant(WEB, None, Policy(), group="lab")
        team.add_grant(WEB, "alice", Policy())
        assert team.groups.join("lab", "bob")
        assert not team.groups.join("lab", "alice")
        [lab] = team.groups.groups()
        assert (lab.name, lab.members, lab.grants) == ("lab", ("alice", "bob"), 1)
        assert [(each.group, each.application.image) for each in team.groups.grants()] == [("lab", WEB)]
        assert team.groups.memberships() == {"alice": ("lab",), "bob": ("lab",)}
        assert team.groups.memberships(["bob"]) == {"bob": ("lab",)}
        team.groups.leave("lab", "alice")
        assert team.groups.group("lab").members == ("bob",)

    def test_names_exist_once_and_are_no_users(self, team: SqlStore) -> None:
        team.add_user("@staff")
        for name in ("lab", "Lab", "STAFF"):
            with pytest.raises(ConflictError):
                team.groups.add_group(name)
        with pytest.raises(ConflictError, match="group lab"):
            team.add_user("@Lab")
        assert [group.name for group in team.groups.groups()] == ["lab"]

    def test_what_is_not_there_is_not_found(self, team: SqlStore) -> None:
        for call in (
            lambda: team.groups.group("none"),
            lambda: team.groups.remove_group("none"),
            lambda: team.groups.join("none", "alice"),
            lambda: team.groups.join("lab", "nobody"),
            lambda: team.groups.leave("lab", "bob"),
            lambda: team.add_grant(WEB, None, Policy(), group="none"),
        ):
            with pytest.raises(NotFoundError):
                call()

    def test_a_user_has_the_union_of_all_rights(self, team: SqlStore) -> None:
        own = team.add_grant(WEB, "alice", Policy(allow_home=True))
        shared = team.add_grant(WEB, None, Policy(), group="lab")
        other = team.add_grant(WEB, "bob", Policy())
        assert (shared.user, shared.group, shared.holder) == (None, "lab", "@lab")
        assert team.grants(user="alice") == [own, shared]
        assert team.grants(user="bob") == [other]
        assert team.grants(group="lab") == [shared]
        assert team.grants(user="alice", image="other:1") == []
        assert team.grants(image=WEB) == team.grants() == [own, other, shared]
        claims = [("alice", own.id), ("alice", shared.id), ("bob", shared.id), ("bob", own.id), ("nobody", own.id)]
        assert team.held(claims) == {("alice", own.id), ("alice", shared.id)}
        assert team.add_grant(WEB, None, Policy(), group="lab") == shared

    def test_who_leaves_has_nothing_by_the_group(self, team: SqlStore) -> None:
        shared = team.add_grant(WEB, None, Policy(), group="lab")
        team.groups.leave("lab", "alice")
        assert (team.grants(user="alice"), team.held([("alice", shared.id)])) == ([], frozenset())
        team.groups.join("lab", "alice")
        team.groups.remove_group("lab")
        assert (team.grants(), team.held([("alice", shared.id)])) == ([], frozenset())
        team.remove_user("alice")
        assert team.groups.memberships() == {}

    def test_what_has_expired_is_not_held(self, team: SqlStore) -> None:
        now = datetime.now(UTC)
        past = team.add_grant(WEB, "alice", Policy(expires=now - HOUR))
        later = team.add_grant(WEB, "alice", Policy(expires=now + HOUR))
        assert team.held([("alice", past.id), ("alice", later.id)]) == {("alice", later.id)}
        assert team.grants(user="alice") == [past, later]


def test_the_defaults_of_an_application_come_back(store: SqlStore) -> None:
    defaults = Limits(cpus=1.5, memory=2**33, network="isolated", read_only=False, max_sessions=3, max_lifetime=60)
    added = store.add_application(Application(WEB, shm_size=2**30, defaults=defaults))
    assert store.application(WEB) == added
    assert (added.defaults, added.shm_size) == (defaults, 2**30)
    assert store.set_defaults(WEB, Limits()).defaults == Limits()
    with pytest.raises(NotFoundError):
        store.set_defaults("none:1", Limits())


def record(number: int = 1, started: datetime = THEN) -> Record:
    return Record(f"{number:032x}", f"{number:064x}", "alice", 1, "lab", "a" * 32, WEB, "here", "srctl", started)


class TestRecords:
    def test_the_first_end_is_the_one_that_counts(self, store: SqlStore) -> None:
        assert store.records.begin(record())
        assert not store.records.begin(record())
        assert store.records.running("srctl") == [record()]
        assert store.records.running("other") == []
        assert store.records.end(record().session_id, THEN + HOUR, "stopped", 12.5)
        assert not store.records.end(record().session_id, THEN + 2 * HOUR, "removed")
        [ended] = store.records.between(None, None)
        assert (ended.started, ended.ended, ended.reason, ended.cpu_seconds) == (THEN, THEN + HOUR, "stopped", 12.5)
        assert store.records.running("srctl") == []

    def test_what_ran_in_a_time_is_what_overlaps_with_it(self, store: SqlStore) -> None:
        for number in range(4):
            store.records.begin(record(number, THEN + number * HOUR))
        for number in range(3):
            store.records.end(record(number).session_id, THEN + (number + 1) * HOUR, "stopped")

        def found(since: float | None, until: float | None) -> list[int]:
            first, last = (None if hours is None else THEN + hours * HOUR for hours in (since, until))
            return [int(each.session_id, 16) for each in store.records.between(first, last)]

        assert found(None, None) == [0, 1, 2, 3]
        assert found(1.5, 2) == [1]
        assert found(1, 2.5) == [1, 2]
        assert found(9, None) == [3]
        assert store.records.between(None, None, "bob") == []

    def test_what_is_noticed_of_a_session_stays_until_its_end(self, store: SqlStore) -> None:
        store.records.begin(record())
        noticed = replace(record(), watch=Watch(THEN, THEN, THEN, 2**40), cpu_seconds=7.0, host="elsewhere")
        store.records.notice([noticed])
        assert store.records.running("srctl") == [noticed]
        store.records.end(record().session_id, THEN + HOUR, "stopped")
        store.records.notice([replace(record(), cpu_seconds=9.0)])
        assert store.records.between(None, None)[0].cpu_seconds == 7.0

    def test_a_warning_is_told_once_and_taken_back_by_an_extension(self, store: SqlStore) -> None:
        store.records.begin(record())
        name = record().session_id
        assert store.records.warn(name, "ends soon", THEN)
        assert not store.records.warn(name, "ends soon", THEN + HOUR)
        assert store.records.warn(name, "ends sooner", THEN + HOUR)
        assert store.records.warnings([name, "0" * 32]) == {name: "ends sooner"}
        assert store.records.running("srctl")[0].watch.warned == THEN
        store.records.extend(Extension(name, THEN + HOUR, "alice", THEN))
        store.records.extend(later := Extension(name, THEN + 2 * HOUR, "alice", THEN))
        assert store.records.warnings([name]) == {}
        assert store.records.extensions([name, "0" * 32]) == {name: later}
        store.records.warn(name, "idle", THEN)
        store.records.calm([name])
        assert store.records.running("srctl")[0].watch.warned is None
        store.records.end(name, THEN + HOUR, "stopped")
        assert store.records.extensions([name]) == {}

    def test_of_several_who_note_the_same_end_one_is_told_so(self, location: str) -> None:
        with open_store(location) as store:
            store.records.begin(record())
        told: list[bool] = []
        start = threading.Barrier(4)

        def end() -> None:
            with open_store(location) as other:
                start.wait()
                told.append(other.records.end(record().session_id, THEN, "stopped"))

        threads = [threading.Thread(target=end) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == [False, False, False, True]
