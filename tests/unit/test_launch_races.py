"""Several processes that start, replace and stop the same session at once: on an engine in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.errors import (
    ApplicationExitedError,
    ApplicationNotReadyError,
    ConflictError,
    NotAllowedError,
    SrctlError,
)
from srctl.labels import RUNINFO
from srctl.launch import STALE, Launcher
from srctl.models import Policy, Started, StartRequest
from srctl.seats import to_give
from srctl.sessions import Sessions
from tests.fakes import WEB, FakeEngine, FakeRights, only, other_process, rights


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def start(engine: FakeEngine, mode: str = "ok", known: FakeRights | None = None, **request: object) -> Started:
    wanted = StartRequest(WEB, env={} if mode == "ok" else {"MODE": mode}, **request)  # type: ignore[arg-type]
    sessions = Sessions(engine, lambda: known or rights(), user="ann", realm="test")
    return Launcher(sessions, lambda _: None, clock=engine.time.clock()).start(wanted)


def test_a_container_that_another_process_is_making_is_waited_for(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=False)
    engine.time.at(2, lambda: engine.start(only(engine).id, "srctl"))
    found = start(engine)
    assert (found.fresh, found.session.id) == (False, session_id)
    assert 2 <= engine.time.now < 2.2


def seated(engine: FakeEngine, seat: int, user: str) -> None:
    """Give a container, which somebody else is making, a seat; `user` is whose it is."""
    container = only(engine)
    labels = {**container.labels, RUNINFO + "user": user}
    engine.stored[container.id] = replace(container, name=f"srctl-{'a' * 16}-{seat}", labels=labels)


def test_a_container_that_another_process_has_given_a_seat_is_waited_for(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=False)
    seated(engine, 2, "ann")
    engine.time.at(2, lambda: engine.start(only(engine).id, "srctl"))
    found = start(engine)
    assert (found.fresh, found.session.id) == (False, session_id)
    assert "create" not in engine.calls


def test_one_that_gets_its_seat_while_we_make_ours_is_the_one_and_ours_goes(engine: FakeEngine) -> None:
    def come_first() -> None:
        other_process(engine, started=True)
        seated(engine, 1, "ann")

    engine.before["create"] = come_first
    limited = rights(Policy(max_sessions=2))
    found = start(engine, known=limited)
    assert (found.fresh, found.session.id) == (False, "b" * 32)
    assert len(engine.stored) == 1


def test_the_seat_of_another_one_is_not_taken_and_one_that_is_over_is(engine: FakeEngine) -> None:
    other_process(engine, started=True)
    seated(engine, 1, "bob")
    limited = rights(Policy(max_sessions=1))
    with pytest.raises(NotAllowedError, match="of bob"):
        start(engine, known=limited)
    other = only(engine)
    engine.exit(other.id, 1)
    found = start(engine, known=limited)
    assert found.session.container_name == f"srctl-{'a' * 16}-1"
    assert engine.stored[other.id].name == f"srctl-{'a' * 16}-1-over-{other.id[:12]}"


def test_those_who_start_at_once_count_who_has_no_seat(engine: FakeEngine) -> None:
    other_process(engine, started=True)
    real = only(engine)
    engine.stored[real.id] = replace(
        real, name="before-there-were-seats", labels={**real.labels, RUNINFO + "user": "bob"}
    )

    def somebody_sits() -> None:
        other = replace(real, id="c" * 64, name=f"srctl-{'a' * 16}-1", labels={**real.labels, RUNINFO + "user": "eve"})
        engine.stored[other.id] = other

    engine.before["rename"] = somebody_sits
    with pytest.raises(NotAllowedError, match="No more than 2 sessions"):
        start(engine, known=rights(Policy(max_sessions=2)))
    assert len(engine.stored) == 2


@given(
    st.integers(0, 5),
    st.sets(st.integers(1, 8)),
    st.lists(st.one_of(st.just("look"), st.just("sit"), st.integers(1, 8))),
)
def test_seats_that_are_given_out_at_once_keep_to_their_count(
    count: int, taken: set[int], course: list[str | int]
) -> None:
    looked: list[int] = []
    for event in course:
        if event == "look":
            looked.append(to_give(count, list(taken)))
        elif event != "sit":
            taken.discard(int(event))
        elif looked and (free := set(range(1, looked.pop() + 1)) - taken):
            taken.add(min(free))
            assert len(taken) <= count


def test_who_is_so_slow_that_the_seat_is_gone_does_not_run(engine: FakeEngine) -> None:
    def lose_the_seat() -> None:
        mine = only(engine)
        engine.stored[mine.id] = replace(mine, name=f"{mine.name}-over-{mine.id[:12]}")

    engine.before["start"] = lose_the_seat
    with pytest.raises(ConflictError, match="its seat went to somebody else"):
        start(engine, known=rights(Policy(max_sessions=1)))
    assert not engine.stored


def test_a_container_whose_maker_died_just_now_is_replaced_after_a_while(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=False)
    assert start(engine).session.id != session_id
    assert STALE <= engine.time.now < STALE + 1


def test_a_container_whose_maker_died_long_ago_is_replaced_at_once(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=False)
    engine.time.now = STALE + 1
    assert start(engine).session.id != session_id
    assert engine.time.now == STALE + 1


def test_a_winner_that_disappears_is_followed_by_a_start_of_our_own(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=False)
    engine.time.at(1, engine.stored.clear)
    found = start(engine)
    assert found.fresh
    assert found.session.id != session_id


def test_a_winner_that_crashes_is_left_to_its_maker(engine: FakeEngine) -> None:
    other_process(engine, started=False)
    crashed = only(engine).id
    engine.time.at(0.5, lambda: engine.exit(crashed, 3))
    engine.time.at(0.7, lambda: engine.stored.pop(crashed))
    assert start(engine).fresh


def test_a_container_of_somebody_else_under_our_name_is_not_touched(engine: FakeEngine) -> None:
    other_process(engine, started=False)
    foreign = replace(only(engine), labels={}, state="running")
    engine.stored[foreign.id] = foreign
    with pytest.raises(ConflictError, match="in the way"):
        start(engine)
    assert only(engine) == foreign


def test_two_processes_that_chase_each_other_end(engine: FakeEngine) -> None:
    def come_and_go() -> None:
        engine.stored.clear()
        engine.before["containers"] = lambda: other_process(engine, started=True)
        engine.before["container"] = come_and_go

    engine.before["containers"] = lambda: other_process(engine, started=True)
    engine.before["container"] = come_and_go
    with pytest.raises(ConflictError, match="gone a moment later"):
        start(engine)


def test_a_session_that_is_stopped_while_it_starts_is_a_conflict(engine: FakeEngine) -> None:
    engine.time.at(3, engine.stored.clear)
    with pytest.raises(ConflictError, match="removed by somebody else"):
        start(engine, "refuse")


@pytest.mark.parametrize("code", [0, 137, 143])
def test_a_session_that_another_replaces_while_it_starts_is_a_conflict(engine: FakeEngine, code: int) -> None:
    engine.time.at(3, lambda: engine.exit(only(engine).id, code))
    engine.time.at(3.8, engine.stored.clear)
    with pytest.raises(ConflictError, match="removed by somebody else"):
        start(engine, "refuse", replace=True)


def test_an_application_that_is_killed_and_not_removed_has_ended(engine: FakeEngine) -> None:
    engine.time.at(3, lambda: engine.exit(only(engine).id, 137))
    with pytest.raises(ApplicationExitedError, match="exit code 137"):
        start(engine, "refuse")
    assert engine.stored == {}


def test_a_winner_that_is_replaced_in_its_turn_is_followed_by_a_start_of_our_own(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=True)
    engine.specs[only(engine).id].env.update(MODE="refuse")  # type: ignore[attr-defined]
    engine.time.at(3, lambda: engine.exit(only(engine).id, 137))
    engine.time.at(3.5, engine.stored.clear)
    found = start(engine)
    assert found.fresh
    assert found.session.id != session_id


def test_who_replaces_is_not_told_to_replace(engine: FakeEngine) -> None:
    def win() -> None:
        other_process(engine, started=True)
        engine.specs[only(engine).id].env.update(MODE="refuse")  # type: ignore[attr-defined]

    engine.before["create"] = win
    with pytest.raises(ApplicationNotReadyError) as failure:
        start(engine, replace=True, timeout=1)
    assert "--replace" not in failure.value.hint


def test_only_our_own_container_is_removed(engine: FakeEngine) -> None:
    """Another process took the name between our failure and our clearing up."""

    def taken() -> None:
        engine.stored.clear()
        other_process(engine, started=False)

    engine.faults["start"] = [SrctlError("Docker says: no")]
    engine.before["start"] = taken
    with pytest.raises(SrctlError):
        start(engine)
    assert len(engine.stored) == 1


def test_a_grant_that_is_removed_while_its_container_is_made_starts_nothing(engine: FakeEngine) -> None:
    granted = rights()
    engine.before["create"] = granted.given.clear
    sessions = Sessions(engine, lambda: granted, user="ann", realm="test")
    with pytest.raises(NotAllowedError):
        Launcher(sessions, lambda _: None, clock=engine.time.clock()).start(StartRequest(WEB))
    assert "start" not in engine.calls
    assert engine.stored == {}
