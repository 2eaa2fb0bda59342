"""Listing and stopping where something changes meanwhile: on an engine in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srctl.errors import ConflictError, NotAllowedError, NotFoundError, UnreachableError
from srctl.labels import RUNINFO
from srctl.launch import Launcher
from srctl.models import Application, Grant, Policy, Session, StartRequest
from srctl.pruning import Leftovers
from srctl.sessions import Sessions
from tests.fakes import WEB, FakeEngine, FakeRights, rights


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def of(engine: FakeEngine, user: str = "ann", known: FakeRights | None = None) -> Sessions:
    return Sessions(engine, lambda: known or rights(), user=user, realm="test")


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


def titled(known: FakeRights, title: str, image: str) -> Grant:
    """Give ann another application with this title."""
    given = replace(known.given[0], id="b" * 32, application=Application(image, 2, title=title))
    known.given.append(given)
    return given


@pytest.mark.parametrize("title", ["srctl/other", "srctl/other:latest", "docker.io/srctl/other"])
def test_a_title_is_never_taken_for_another_application_s_image(engine: FakeEngine, title: str) -> None:
    known = rights()
    titled(known, title, "evil:1")
    known.registered.append(Application("srctl/other:latest", 3))
    with pytest.raises(NotAllowedError) as failure:
        of(engine, known=known).grant(title)
    assert failure.value.hint.endswith("srctl grant add srctl/other:latest ann")
    assert of(engine, known=known).named_grants(title) == []


def test_an_image_is_never_taken_for_the_beginning_of_an_id(engine: FakeEngine) -> None:
    known = rights()
    assert of(engine, known=known).grant("aaaa") == known.given[0]
    known.registered.append(Application("aaaa:latest", 3))
    with pytest.raises(NotAllowedError):
        of(engine, known=known).grant("aaaa")


def test_a_title_that_is_no_image_of_others_serves(engine: FakeEngine) -> None:
    known = rights()
    given = titled(known, "editor", "editor:2")
    assert of(engine, known=known).grant("editor") == given


def test_the_hint_for_a_title_names_the_image(engine: FakeEngine) -> None:
    known = rights()
    known.registered.append(Application("draw:1", 3, title="Draw; rm -rf ~"))
    with pytest.raises(NotAllowedError) as failure:
        of(engine, known=known).grant("Draw; rm -rf ~")
    assert failure.value.hint.endswith("srctl grant add draw:1 ann")


def test_several_grants_are_told_apart_by_their_policies(engine: FakeEngine) -> None:
    known = rights()
    known.given.append(replace(known.given[0], id="b" * 32, policy=Policy(allow_home=True, license="SECRET")))
    with pytest.raises(ConflictError) as failure:
        of(engine, known=known).grant(WEB)
    assert f"{'a' * 32} (default); {'b' * 32} (home, licence)" in failure.value.hint


@pytest.mark.parametrize("word", ["A" * 32, "AAAA", "aaaa"])
def test_grant_ids_are_read_in_either_case(engine: FakeEngine, word: str) -> None:
    known = rights()
    assert of(engine, known=known).grant(word) == known.given[0]


def test_two_containers_of_one_session_id_are_told_apart_by_name(engine: FakeEngine) -> None:
    session = started(engine)
    twin = replace(engine.stored[session.container_id], id="f" * 64, name="twin")
    engine.stored[twin.id] = twin
    with pytest.raises(ConflictError) as failure:
        of(engine).stop(session.id)
    assert session.container_name in failure.value.hint
    assert "twin" in failure.value.hint
    assert of(engine).stop("twin") == (session.id, True)
    assert list(engine.stored) == [session.container_id]


@pytest.mark.parametrize("grant", ["", "\0", "\ud800", "x" * 99])
def test_what_can_be_no_grant_is_not_asked_for(engine: FakeEngine, grant: str) -> None:
    session = started(engine)
    container = engine.stored[session.container_id]
    engine.stored[container.id] = replace(container, labels={**container.labels, RUNINFO + "mapping_id": grant})
    known = rights()
    [found] = of(engine, known=known).find()
    assert found.granted is False
    assert known.asked == set()


def test_only_running_sessions_that_one_may_see_can_be_watched(engine: FakeEngine) -> None:
    session = started(engine)
    ids = [session.container_id, "e" * 64, "not an id"]
    engine.calls.clear()
    assert of(engine).watchable(ids) == [session.container_id]
    assert engine.calls == ["containers"]
    assert of(engine, "bob").watchable(ids) == []
    assert of(engine, "bob").watchable(ids, all_users=True) == [session.container_id]
    engine.exit(session.container_id, 0)
    assert of(engine).watchable(ids) == []
    assert of(engine).watchable([]) == []
