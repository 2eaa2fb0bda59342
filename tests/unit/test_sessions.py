"""Listing and stopping where something changes meanwhile: on an engine in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srctl.errors import ConflictError, NotFoundError, UnreachableError
from srctl.launch import Launcher
from srctl.models import Session, StartRequest
from srctl.pruning import Leftovers
from srctl.sessions import Sessions
from tests.fakes import WEB, FakeEngine, FakeRights, rights


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def of(engine: FakeEngine, user: str = "ann", known: FakeRights | None = None) -> Sessions:
    return Sessions(engine, known or rights(), user=user, realm="test")


def started(engine: FakeEngine) -> Session:
    return Launcher(of(engine), lambda _: None, clock=engine.time.clock()).start(StartRequest(WEB)).session


def test_a_session_that_disappears_before_it_is_stopped_is_told_as_gone(engine: FakeEngine) -> None:
    session = started(engine)
    engine.before["stop"] = engine.stored.clear
    assert of(engine).stop(session.id) == (session.id, False)


def test_a_session_that_disappears_before_it_is_removed_is_told_as_gone(engine: FakeEngine) -> None:
    session = started(engine)
    engine.before["remove"] = engine.stored.clear
    assert of(engine).stop(session.id) == (session.id, False)


def test_a_session_that_is_there_is_stopped_and_removed(engine: FakeEngine) -> None:
    session = started(engine)
    engine.calls.clear()
    assert of(engine).stop(session.id[:5]) == (session.id, True)
    assert engine.calls == ["containers", "stop", "remove"]


def test_an_exited_session_is_removed_without_being_stopped(engine: FakeEngine) -> None:
    session = started(engine)
    engine.exit(session.container_id, 0)
    engine.calls.clear()
    assert of(engine).stop(session.id) == (session.id, True)
    assert "stop" not in engine.calls


def leftovers(engine: FakeEngine) -> Leftovers:
    return Leftovers(of(engine), engine.time.clock())


def just_created(engine: FakeEngine) -> Session:
    """Do what a start does before it starts the container."""
    session = started(engine)
    created = replace(engine.stored[session.container_id], state="created", bindings=())
    engine.stored[session.container_id] = created
    return session


def test_leftovers_that_another_prune_removes_first_are_no_error(engine: FakeEngine) -> None:
    session = started(engine)
    engine.exit(session.container_id, 0)
    [left] = leftovers(engine).find()
    engine.stored.clear()
    assert leftovers(engine).remove(left)


def test_a_container_that_is_being_started_is_no_leftover(engine: FakeEngine) -> None:
    session = just_created(engine)
    engine.time.at(1, lambda: engine.start(session.container_id, "srctl"))
    assert leftovers(engine).find() == []


def test_a_start_that_fails_meanwhile_is_left_to_who_made_it(engine: FakeEngine) -> None:
    just_created(engine)
    engine.time.at(1, engine.stored.clear)
    assert leftovers(engine).find() == []


def test_what_a_killed_start_left_just_now_is_a_leftover(engine: FakeEngine) -> None:
    session = just_created(engine)
    [left] = leftovers(engine).find()
    assert left.id == session.id
    assert leftovers(engine).remove(left)
    assert engine.stored == {}


def test_what_has_ended_is_not_looked_at_twice(engine: FakeEngine) -> None:
    engine.exit(started(engine).container_id, 0)
    leftovers(engine).find()
    assert engine.time.now == 0


def test_a_leftover_that_runs_again_is_left_alone(engine: FakeEngine) -> None:
    session = started(engine)
    engine.exit(session.container_id, 0)
    [left] = leftovers(engine).find()
    engine.start(session.container_id, "srctl")
    assert not leftovers(engine).remove(left)
    assert [container.state for container in engine.stored.values()] == ["running"]


def test_an_engine_that_is_away_is_no_empty_list(engine: FakeEngine) -> None:
    engine.faults["containers"] = [UnreachableError("Can't reach Docker")]
    with pytest.raises(UnreachableError):
        of(engine).find()


@pytest.mark.parametrize("prefix", ["", "*", "xyz", "..", "-"])
def test_what_can_be_no_id_finds_nothing(engine: FakeEngine, prefix: str) -> None:
    started(engine)
    with pytest.raises(NotFoundError):
        of(engine).get(prefix)


def test_the_whole_id_is_never_ambiguous(engine: FakeEngine) -> None:
    session = started(engine)
    assert of(engine).get(session.id.upper()).id == session.id


def test_somebody_who_is_no_user_sees_what_runs_under_the_name(engine: FakeEngine) -> None:
    """An administrator removes a person, then looks after what is left of him."""
    session = started(engine)
    nobody = FakeRights([], [])
    assert [found.granted for found in of(engine, known=nobody).find()] == [False]
    assert of(engine, known=nobody).stop(session.id) == (session.id, True)


def test_two_applications_of_one_title_are_a_choice(engine: FakeEngine) -> None:
    known = rights()
    first = replace(known.given[0], application=replace(known.given[0].application, title="Editor"))
    other = replace(first, id="b" * 32, application=replace(first.application, image="other:1"))
    known.given[:] = [first, other]
    with pytest.raises(ConflictError) as failure:
        of(engine, known=known).grant("Editor")
    assert first.id in failure.value.hint
    assert other.id in failure.value.hint
