"""Starting a session where time or faults decide: on an engine in memory."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from srctl.errands import Errand
from srctl.errors import (
    ApplicationExitedError,
    ApplicationNotReadyError,
    ConflictError,
    InterruptedByUserError,
    NotFoundError,
    SrctlError,
    UnreachableError,
)
from srctl.launch import Launcher
from srctl.models import ContainerSpec, Started, StartRequest
from srctl.sessions import Sessions
from tests.fakes import WEB, FakeEngine, only, other_process, rights, unreachable_from_now_on

GONE = UnreachableError("Can't reach Docker on fake")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def start(engine: FakeEngine, mode: str = "ok", errand: Errand | None = None, **request: object) -> Started:
    env = {} if mode == "ok" else {"MODE": mode}
    wanted = StartRequest(WEB, env=env, **request)  # type: ignore[arg-type]
    return launcher(engine, errand).start(wanted)


def launcher(engine: FakeEngine, errand: Errand | None = None) -> Launcher:
    sessions = Sessions(engine, rights, user="ann", realm="test")
    tell, clock = (errand, errand.clock) if errand else (lambda _: None, engine.time.clock())
    return Launcher(sessions, tell, clock=clock)


def test_a_start_takes_five_requests_before_it_asks_the_application(engine: FakeEngine) -> None:
    assert start(engine).fresh
    assert engine.calls == ["containers", "image", "create", "start", "container", "probe"]


def test_a_slow_application_is_waited_for(engine: FakeEngine) -> None:
    engine.time.at(30, lambda: engine.specs[only(engine).id].env.update(MODE="ok"))  # type: ignore[attr-defined]
    assert start(engine, "refuse", timeout=60).fresh
    assert 30 <= engine.time.now < 31


@pytest.mark.parametrize("mode", ["never", "refuse", "500"])
def test_what_does_not_answer_is_given_up_in_time_and_removed(engine: FakeEngine, mode: str) -> None:
    with pytest.raises(ApplicationNotReadyError, match="within 7 seconds") as failure:
        start(engine, mode, timeout=7)
    assert failure.value.log == ("starting",)
    assert engine.time.now == pytest.approx(7, abs=0.1)
    assert engine.stored == {}


def test_a_crash_is_told_with_its_last_words_and_removed(engine: FakeEngine) -> None:
    with pytest.raises(ApplicationExitedError, match="exit code 3") as failure:
        start(engine, "crash")
    assert failure.value.log == ("cannot start: told to crash",)
    assert engine.time.now == 0
    assert engine.stored == {}


def test_an_exit_while_we_wait_is_noticed_at_once(engine: FakeEngine) -> None:
    engine.time.at(5, lambda: engine.exit(only(engine).id, 9))
    with pytest.raises(ApplicationExitedError, match="exit code 9"):
        start(engine, "refuse", timeout=60)
    assert 5 <= engine.time.now < 5.6


def test_a_running_session_is_joined(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=True)
    found = start(engine)
    assert (found.fresh, found.session.id) == (False, session_id)


def test_a_joined_session_tells_that_its_image_has_moved(engine: FakeEngine) -> None:
    other_process(engine, started=True)
    container = only(engine)
    moved = replace(container, image="sha256:" + "1" * 64)
    engine.before["container"] = lambda: engine.stored.update({container.id: container})
    engine.stored[container.id] = moved
    assert start(engine).session.image_outdated


def test_a_joined_session_that_does_not_answer_is_left_alone(engine: FakeEngine) -> None:
    other_process(engine, started=True)
    engine.specs[only(engine).id].env.update(MODE="refuse")  # type: ignore[attr-defined]
    with pytest.raises(ApplicationNotReadyError) as failure:
        start(engine, timeout=1)
    assert "--replace" in failure.value.hint
    assert only(engine).state == "running"


def test_a_joined_session_that_disappears_is_started_anew(engine: FakeEngine) -> None:
    other_process(engine, started=True)
    engine.before["container"] = engine.stored.clear
    assert start(engine).fresh


def test_a_paused_session_is_no_session_to_wait_for(engine: FakeEngine) -> None:
    other_process(engine, started=True)
    paused = replace(only(engine), state="paused")
    engine.before["container"] = lambda: engine.stored.update({paused.id: paused})
    with pytest.raises(ConflictError, match="paused"):
        start(engine)


def test_replace_removes_the_running_session(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=True)
    found = start(engine, replace=True)
    assert found.fresh
    assert found.session.id != session_id
    assert len(engine.stored) == 1


def test_an_exited_session_makes_room(engine: FakeEngine) -> None:
    session_id = other_process(engine, started=True)
    engine.exit(only(engine).id, 0)
    assert start(engine).session.id != session_id
    assert len(engine.stored) == 1


@pytest.mark.parametrize("method", ["create", "start", "container", "probe"])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), GONE, SrctlError("Docker says: no")])
def test_an_interrupted_start_leaves_nothing(engine: FakeEngine, method: str, interruption: BaseException) -> None:
    engine.faults[method] = [interruption]
    with pytest.raises(type(interruption)):
        start(engine)
    assert engine.stored == {}


@pytest.mark.parametrize("method", ["containers", "image", "pull", "create", "start", "container", "probe"])
@pytest.mark.parametrize("mode", ["ok", "refuse"])
def test_a_start_that_is_given_up_leaves_nothing(engine: FakeEngine, method: str, mode: str) -> None:
    engine.registry, engine.present = engine.present, {}
    errand = Errand()
    engine.before[method] = errand.give_up
    with pytest.raises(InterruptedByUserError, match="Given up"):
        start(engine, mode, errand)
    assert errand.given_up
    assert engine.stored == {}


def test_a_pull_that_waits_is_given_up_at_once(engine: FakeEngine) -> None:
    engine.registry, engine.present = engine.present, {}
    engine.pulled.clear()
    errand = Errand(lambda _: threading.Timer(0.02, errand.give_up).start())
    with pytest.raises(InterruptedByUserError):
        start(engine, errand=errand)
    assert engine.calls == ["containers", "image", "pull"]


def test_what_undoes_a_start_is_not_given_up(engine: FakeEngine) -> None:
    """A create request whose answer is lost while the person gives up: the container that comes late is removed."""
    errand, create = Errand(), engine.create

    def lost(spec: ContainerSpec) -> str:
        create(spec)
        made = only(engine)
        engine.stored.clear()
        threading.Timer(0.3, lambda: engine.stored.update({made.id: made})).start()
        errand.give_up()
        raise GONE

    engine.create = lost  # type: ignore[method-assign]
    with pytest.raises(UnreachableError):
        start(engine, errand=errand)
    assert engine.calls[-1] == "remove"
    assert engine.stored == {}


def test_a_session_that_was_there_already_is_left_alone_when_waiting_is_given_up(engine: FakeEngine) -> None:
    start(engine)
    errand = Errand()
    engine.before["probe"] = errand.give_up
    engine.specs[only(engine).id].env.update(MODE="refuse")  # type: ignore[attr-defined]
    with pytest.raises(InterruptedByUserError):
        start(engine, errand=errand)
    assert only(engine).state == "running"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), GONE])
def test_a_container_that_appears_late_is_removed_too(engine: FakeEngine, interruption: BaseException) -> None:
    def carry_on() -> None:
        container = only(engine)
        engine.stored.clear()
        engine.time.at(1, lambda: engine.stored.update({container.id: container}))

    create = engine.create

    def interrupted(spec: object) -> str:
        create(spec)  # type: ignore[arg-type]
        carry_on()
        raise interruption

    engine.create = interrupted  # type: ignore[method-assign]
    with pytest.raises(type(interruption)):
        start(engine)
    assert engine.time.now > 1
    assert engine.stored == {}


def test_an_engine_that_vanishes_is_told_with_what_may_be_left(engine: FakeEngine) -> None:
    engine.before["probe"] = lambda: unreachable_from_now_on(engine, UnreachableError("Can't reach Docker"))
    with pytest.raises(UnreachableError) as failure:
        start(engine)
    assert "srctl-test-ann-" in failure.value.hint
    assert "prune" in failure.value.hint


def test_an_interruption_that_leaves_something_says_so(engine: FakeEngine) -> None:
    def vanish() -> None:
        unreachable_from_now_on(engine, UnreachableError("Can't reach Docker"))
        engine.faults["probe"] = [KeyboardInterrupt()]

    engine.before["probe"] = vanish
    with pytest.raises(InterruptedByUserError) as failure:
        start(engine)
    assert "srctl-test-ann-" in failure.value.hint


@pytest.mark.parametrize(("pull", "calls"), [("missing", ["image", "pull", "image"]), ("always", ["pull", "image"])])
def test_a_missing_image_is_pulled(engine: FakeEngine, pull: str, calls: list[str]) -> None:
    engine.registry, engine.present = engine.present, {}
    start(engine, pull=pull)
    assert engine.calls[1 : 1 + len(calls)] == calls


def test_an_image_that_may_not_be_pulled_is_not_found(engine: FakeEngine) -> None:
    engine.registry, engine.present = engine.present, {}
    with pytest.raises(NotFoundError):
        start(engine, pull="never")
    assert "pull" not in engine.calls
