"""What `reap` ends, warns of and writes down: on an engine in memory, with time of its own and a real database."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from srctl import labels
from srctl.db.setup import initialise
from srctl.db.store import SqlStore, open_store
from srctl.enforcing import Enforcer
from srctl.errors import ConflictError, NotAllowedError, SrctlError, UsageError
from srctl.extending import Extender
from srctl.launch import Launcher
from srctl.lifetimes import Rules
from srctl.models import Application, Counters, Policy, Record, Session, StartRequest
from srctl.reaping import Reaper
from srctl.sessions import Sessions
from tests.fakes import START, WEB, FakeEngine

MINUTE = 60
HOUR = 3600


@dataclass
class House:
    """Ann and bob, who may run the test page, and an engine for it."""

    store: SqlStore
    engine: FakeEngine

    def sessions(self, user: str = "ann") -> Sessions:
        return Sessions(self.engine, lambda: self.store, user=user, realm="test")

    def start(self, permits: Policy | None = None, *, user: str = "ann", group: str | None = None) -> Session:
        """Start the test page under a grant of its own."""
        grant = self.store.add_grant(WEB, None if group else user, permits or Policy(), group=group)
        launcher = Launcher(self.sessions(user), lambda _: None, clock=self.engine.time.clock())
        return launcher.start(StartRequest(grant.id)).session

    def reaper(self, *, ungranted: bool = False) -> Reaper:
        clock = self.engine.time.clock()
        enforcer = Enforcer(lambda: self.engine)
        return Reaper(self.sessions("root"), self.store, enforcer, None, Rules(ungranted=ungranted), clock=clock)

    def reap(self, *, dry_run: bool = False, ungranted: bool = False) -> list[tuple[str, str]]:
        """Reap; return what was done, and why."""
        done = self.reaper(ungranted=ungranted).run(dry_run=dry_run)
        done.check()
        return [(each.action, each.reason) for each in done.done]

    def extend(self, session: Session, seconds: float, user: str = "ann") -> Session:
        return Extender(self.sessions(user), self.engine.time.clock()).extend(session.id, seconds)

    def record(self, session: Session) -> Record:
        [found] = [each for each in self.store.records.between(None, None) if each.session_id == session.id]
        return found

    def use(self, session: Session, *, sent: int = 0, computed: float = 0.0) -> None:
        """Let a session send and compute."""
        before = self.engine.used.get(session.container_id, Counters(0.1, 0))
        after = Counters(before.cpu_seconds + computed, (before.net_bytes or 0) + sent)
        self.engine.used[session.container_id] = after

    def wait(self, seconds: float) -> None:
        self.engine.time.sleep(seconds)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to copy."""
    path = tmp_path_factory.mktemp("database") / "srctl.db"
    initialise(str(path))
    with open_store(str(path)) as store:
        for name in ("ann", "bob"):
            store.add_user(name)
        store.add_application(Application(WEB))
    return path


@pytest.fixture
def house(tmp_path: Path, database: Path) -> Iterator[House]:
    with open_store(str(shutil.copy(database, tmp_path))) as store:
        yield House(store, FakeEngine())


class TestLifetimes:
    def test_a_session_is_warned_and_then_ended(self, house: House) -> None:
        session = house.start(Policy(max_lifetime=2 * HOUR))
        other = house.start()
        assert session.ends == session.created + timedelta(hours=2)
        house.wait(104 * MINUTE)
        assert house.reap() == []
        house.wait(2 * MINUTE)
        assert house.reap() == [("warn", "lifetime")]
        [row] = [each for each in house.sessions().find() if each.id == session.id]
        assert row.warning is not None
        assert "2030-01-01 02:00 UTC: it may run 2h (--max-lifetime)" in row.warning
        assert house.reap() == []
        house.wait(15 * MINUTE)
        assert house.reap() == [("stop", "lifetime")]
        assert [each.id for each in house.sessions().find(stopped=True)] == [other.id]
        assert (house.record(session).reason, house.record(session).ended is not None) == ("lifetime", True)

    def test_nobody_is_ended_without_a_warning(self, house: House) -> None:
        session = house.start(Policy(max_lifetime=HOUR))
        house.wait(5 * HOUR)
        assert house.reap() == [("warn", "lifetime")]
        warning = house.sessions().get(session.id).warning
        assert warning is not None
        assert "It ends at 2030-01-01 05:07" in warning
        house.wait(7 * MINUTE)
        assert house.reap() == []
        house.wait(MINUTE)
        assert house.reap() == [("stop", "lifetime")]

    def test_a_warning_is_not_longer_than_half_of_the_time(self, house: House) -> None:
        house.start(Policy(max_lifetime=4 * MINUTE))
        house.wait(MINUTE)
        assert house.reap() == []
        house.wait(MINUTE)
        assert house.reap() == [("warn", "lifetime")]
        house.wait(2 * MINUTE)
        assert house.reap() == [("stop", "lifetime")]

    def test_who_asks_for_more_time_has_it_within_the_grant(self, house: House) -> None:
        session = house.start(Policy(max_lifetime=2 * HOUR))
        with pytest.raises(NotAllowedError, match="2030-01-01 02:00 UTC at most: --max-lifetime 2h") as caught:
            house.extend(session, 60)
        assert "srctl grant edit" in caught.value.hint
        house.wait(110 * MINUTE)
        assert house.reap() == [("warn", "lifetime")]
        extended = house.extend(session, HOUR)
        assert (extended.ends, extended.warning) == (START + timedelta(hours=3), None)
        house.wait(20 * MINUTE)
        assert house.reap() == []
        assert house.extend(session, 30 * MINUTE).ends == START + timedelta(hours=3, minutes=30)
        house.wait(70 * MINUTE)
        assert house.reap() == [("warn", "lifetime")]
        house.wait(12 * MINUTE)
        assert house.reap() == [("stop", "lifetime")]
        with pytest.raises(SrctlError):
            house.extend(session, 60)

    def test_what_has_no_end_is_not_extended(self, house: House) -> None:
        unlimited = house.start()
        with pytest.raises(ConflictError):
            house.extend(unlimited, 60)
        limited = house.start(Policy(max_lifetime=HOUR, expires=START + timedelta(minutes=90)))
        house.wait(50 * MINUTE)
        with pytest.raises(NotAllowedError, match=r"01:30 UTC at most: its grant ends then \(--expires\)"):
            house.extend(limited, 31 * MINUTE)
        assert house.extend(limited, 30 * MINUTE).ends == START + timedelta(minutes=90)
        with pytest.raises(UsageError):
            house.extend(limited, -1)
        house.engine.stop(limited.container_id)
        with pytest.raises(ConflictError, match="does not run"):
            house.extend(limited, 60)

    def test_who_asks_for_more_time_at_the_last_moment_keeps_the_session(self, house: House) -> None:
        session = house.start(Policy(max_lifetime=2 * HOUR))
        house.wait(110 * MINUTE)
        house.reap()
        house.wait(20 * MINUTE)
        house.engine.before["counters"] = lambda: house.extend(session, HOUR)
        assert house.reap() == []
        assert house.sessions().get(session.id).status == "running"


class TestIdleness:
    def test_what_nobody_uses_is_warned_and_ended(self, house: House) -> None:
        session = house.start(Policy(idle_timeout=2 * HOUR))
        done = []
        for _ in range(13):
            house.wait(10 * MINUTE)
            done.append(house.reap())
        assert done == [[]] * 11 + [[("warn", "idle")], [("stop", "idle")]]  # the first look gives it the doubt
        assert house.record(session).reason == "idle"

    @pytest.mark.parametrize("use", [{"sent": 5 * 600}, {"computed": 0.03 * 600}], ids=["an open page", "work"])
    def test_what_is_used_runs_on(self, house: House, use: dict[str, int]) -> None:
        session = house.start(Policy(idle_timeout=HOUR))
        for _ in range(20):
            house.wait(10 * MINUTE)
            house.use(session, **use)
            assert house.reap() == []

    def test_a_little_noise_is_no_use(self, house: House) -> None:
        session = house.start(Policy(idle_timeout=HOUR))
        for _ in range(8):
            house.wait(10 * MINUTE)
            house.use(session, sent=300, computed=0.5)
            house.reap()
        assert house.record(session).reason == "idle"

    def test_who_comes_back_after_a_warning_stays_and_is_warned_anew(self, house: House) -> None:
        session = house.start(Policy(idle_timeout=HOUR))
        house.reap()
        house.wait(50 * MINUTE)
        assert house.reap() == [("warn", "idle")]
        house.wait(5 * MINUTE)
        house.use(session, sent=10_000)
        assert house.reap() == []
        assert house.sessions().get(session.id).warning is None
        house.wait(50 * MINUTE)
        assert house.reap() == [("warn", "idle")]
        house.wait(10 * MINUTE)
        assert house.reap() == [("stop", "idle")]

    def test_two_looks_shortly_after_each_other_take_nothing_for_idle(self, house: House) -> None:
        session = house.start(Policy(idle_timeout=HOUR))
        house.wait(10 * MINUTE)
        house.use(session, sent=10_000)
        house.reap()
        for _ in range(3):
            house.wait(10)
            house.reap()
        house.use(session, sent=10_000)
        house.wait(55 * MINUTE)
        house.use(session, sent=10_000)
        assert house.reap() == []


class TestRights:
    def test_what_ends_with_its_grant_ends_at_once(self, house: House) -> None:
        session = house.start(Policy(expires=START + timedelta(hours=1)))
        assert session.ends == START + timedelta(hours=1)
        house.wait(50 * MINUTE)
        assert house.reap() == [("warn", "expired")]
        house.wait(11 * MINUTE)
        assert house.reap() == [("stop", "expired")]
        unwarned = house.start(Policy(expires=START + timedelta(hours=2)))
        house.wait(3 * HOUR)
        assert house.reap() == [("stop", "expired")]
        assert house.record(unwarned).reason == "expired"

    def test_what_is_not_granted_any_more_runs_on_unless_configured_otherwise(self, house: House) -> None:
        house.store.groups.add_group("lab")
        house.store.groups.join("lab", "bob")
        session = house.start(user="bob", group="lab")
        kept = house.start()
        house.store.groups.leave("lab", "bob")
        house.wait(HOUR)
        assert house.reap() == []
        assert house.reap(ungranted=True) == [("warn", "ungranted")]
        house.wait(16 * MINUTE)
        assert house.reap(ungranted=True) == [("stop", "ungranted")]
        assert house.record(session).group == "lab"
        assert [each.id for each in house.sessions().find()] == [kept.id]
        house.store.set_disabled("ann", True)
        assert house.reap(ungranted=True) == [("warn", "ungranted")]
        house.store.set_disabled("ann", False)
        assert house.reap(ungranted=True) == []
        assert house.sessions().get(kept.id).warning is None


class TestRecords:
    def test_a_start_and_a_stop_are_written_down(self, house: House) -> None:
        session = house.start()
        house.wait(HOUR)
        house.use(session, computed=100)
        house.sessions().stop(session.id)
        found = house.record(session)
        assert (found.user, found.image, found.host, found.started) == (
            "ann",
            WEB,
            f"fake@{socket.gethostname()}",
            session.created,
        )
        assert (found.reason, round(found.cpu_seconds or 0)) == ("stopped", 100)

    def test_what_exited_is_read_from_the_engine_later(self, house: House) -> None:
        session = house.start()
        house.wait(HOUR)
        house.engine.exit(session.container_id, 3)
        house.wait(5 * HOUR)
        house.reap()
        found = house.record(session)
        assert (found.ended, found.reason) == (START + timedelta(hours=1), "exited (3)")
        house.sessions().stop(session.id)
        assert house.record(session) == found

    @pytest.mark.parametrize(("remembers", "hours"), [(True, 2), (False, 1)])
    def test_what_is_gone_ended_when_the_engine_says_or_was_seen_last(
        self, house: House, remembers: bool, hours: int
    ) -> None:
        session = house.start()
        house.wait(HOUR)
        house.reap()
        house.wait(HOUR)
        house.engine.remove(session.container_id)
        if not remembers:
            house.engine.ended.clear()
        house.wait(HOUR)
        house.reap()
        assert (house.record(session).ended, house.record(session).reason) == (
            START + timedelta(hours=hours),
            "removed",
        )

    def test_what_nobody_wrote_down_is_found_by_reap(self, house: House) -> None:
        running, over = house.start(), house.start(Policy(allow_view=True))
        with house.store._database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM records")
        house.wait(HOUR)
        house.engine.exit(over.container_id, 0)
        house.reap()
        assert house.record(running).ended is None
        assert (house.record(over).reason, house.record(over).started) == ("exited (0)", over.created)

    def test_a_session_that_runs_again_has_no_end(self, house: House) -> None:
        session = house.start()
        house.engine.exit(session.container_id, 0)
        house.reap()
        assert house.record(session).ended is not None
        house.engine.start(session.container_id, "srctl")
        house.reap()
        assert house.record(session).ended is None

    def test_the_records_of_another_host_are_left_alone(self, house: House) -> None:
        session = house.start()
        there = replace(house.record(session), session_id="f" * 32, container_id="f" * 64, host="elsewhere")
        same_name = replace(there, session_id="e" * 32, container_id="e" * 64, host="fake@another-machine")
        for record in (there, same_name):
            house.store.records.begin(record)
        house.wait(HOUR)
        house.reap()
        found = {each.session_id for each in house.store.records.running("test")}
        assert found == {session.id, "f" * 32, "e" * 32}

    def test_a_database_that_can_not_be_written_to_keeps_nobody_from_starting_and_stopping(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise SrctlError("The database is read-only")

        monkeypatch.setattr(house.store.records, "begin", fail)
        monkeypatch.setattr(house.store.records, "end", fail)
        session = house.start()
        assert house.sessions().stop(session.id) == (session.id, True)


@pytest.mark.parametrize("permits", [Policy(idle_timeout=HOUR), Policy(max_lifetime=HOUR)])
def test_a_clock_that_was_ahead_for_a_while_keeps_nothing_running(house: House, permits: Policy) -> None:
    session = house.start(permits)
    house.wait(50 * MINUTE)
    house.engine.time.now += 365 * 24 * HOUR
    house.use(session, sent=10_000)
    house.reap()
    house.engine.time.now -= 365 * 24 * HOUR
    done: list[tuple[str, str]] = []
    for _ in range(9):
        house.use(session)
        done += house.reap()
        house.wait(20 * MINUTE)
    assert [action for action, _ in done][-1:] == ["stop"]


class TestForgedLabels:
    """Whoever reaches the engine writes labels, and harms nobody else by them."""

    def forge(self, house: House, session: Session, **marks: str) -> str:
        """Put a container beside a session that says it is the same one; return its id."""
        real = house.engine.stored[session.container_id]
        own = {labels.EXTRA + name: value for name, value in marks.items()} | {labels.RUNINFO + "mapping_id": "f" * 32}
        forged = replace(
            real, id="f" * 64, name="forged", labels={**real.labels, **own}, created=house.engine.time.date()
        )
        house.engine.stored[forged.id] = forged
        return forged.id

    def test_a_second_container_of_a_session_ends_nothing_of_it(self, house: House) -> None:
        session = house.start(Policy(max_lifetime=4 * HOUR))
        house.wait(3 * HOUR)
        house.extend(session, HOUR)
        forged = self.forge(house, session, expires="2030-01-01T03:05:00+00:00")
        for _ in range(3):
            house.wait(10 * MINUTE)
            assert house.reap() == []
        assert forged in house.engine.stored
        assert house.record(session).ended is None
        assert house.sessions().stop(house.engine.stored[session.container_id].name) == (session.id, True)

    @pytest.mark.parametrize("expires", ["0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00"])
    def test_no_moment_keeps_others_from_being_reaped(self, house: House, expires: str) -> None:
        session, over = house.start(), house.start(Policy(max_lifetime=HOUR))
        self.forge(house, session, expires=expires)
        mark = {labels.RUNINFO + "url_id": "f" * 32}
        forged = house.engine.stored["f" * 64]
        house.engine.stored[forged.id] = replace(forged, labels={**forged.labels, **mark})
        house.wait(2 * HOUR)
        house.reap()
        house.wait(HOUR)
        house.reap()
        assert {each.id for each in house.sessions().find()} - {"f" * 32} == {session.id}
        assert over.container_id not in house.engine.stored


class TestSeveral:
    def over(self, house: House) -> list[Session]:
        made = [house.start(Policy(max_lifetime=HOUR + number)) for number in range(3)]
        house.wait(50 * MINUTE)
        house.reap()
        house.wait(20 * MINUTE)
        return made

    def test_a_dry_run_says_what_would_be_done_and_changes_nothing(self, house: House) -> None:
        self.over(house)
        house.start(Policy(idle_timeout=HOUR))
        before = house.store.records.between(None, None)
        house.engine.calls.clear()
        assert house.reap(dry_run=True) == [("stop", "lifetime")] * 3
        assert not {"stop", "remove"} & set(house.engine.calls)
        assert house.store.records.between(None, None) == before
        assert house.reap() == [("stop", "lifetime")] * 3

    def test_of_two_who_reap_at_once_one_does_it_and_says_so(self, house: House) -> None:
        self.over(house)
        others: list[tuple[str, str]] = []
        house.engine.before["stop"] = lambda: others.extend(house.reap())
        mine = house.reap()
        assert sorted(mine + others) == [("stop", "lifetime")] * 3
        assert house.reap() == []

    def test_one_that_can_not_be_stopped_keeps_no_other_running(self, house: House) -> None:
        first, *_ = self.over(house)
        house.engine.faults["stop"] = [SrctlError("Docker says: no")]
        done = house.reaper().run()
        assert ([each.action for each in done.done], len(done.errors)) == (["stop", "stop"], 1)
        assert [each.id for each in house.sessions().find()] == [first.id]
        assert house.record(first).ended is None
        assert house.reap() == [("stop", "lifetime")]

    def test_sessions_of_other_realms_are_left_alone(self, house: House) -> None:
        self.over(house)
        elsewhere = Sessions(house.engine, lambda: house.store, user="ann", realm="other")
        enforcer = Enforcer(lambda: house.engine)
        done = Reaper(elsewhere, house.store, enforcer, None, Rules(), clock=house.engine.time.clock()).run()
        assert done.done == ()
        assert len(house.sessions().find()) == 3
