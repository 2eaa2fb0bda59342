"""Joining a session that runs already, by application or by its id: on an engine in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srctl.errors import ConflictError, NotAllowedError, SrctlError, UsageError
from srctl.joining import Joiner
from srctl.launch import Launcher
from srctl.models import Started, StartRequest
from srctl.sessions import Sessions
from tests.fakes import WEB, FakeEngine, FakeRights, only, rights


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with one session that runs."""
    engine = FakeEngine()
    start(engine)
    engine.calls.clear()
    return engine


def start(engine: FakeEngine, **request: object) -> Started:
    return launcher(engine, rights()).start(StartRequest(WEB, **request))  # type: ignore[arg-type]


def sessions_on(engine: FakeEngine, known: FakeRights | None) -> Sessions:
    return Sessions(engine, lambda: known, user="ann", realm="test")


def launcher(engine: FakeEngine, known: FakeRights | None) -> Launcher:
    return Launcher(sessions_on(engine, known), lambda _: None, clock=engine.time.clock())


def join(engine: FakeEngine, known: FakeRights | None, **request: object) -> Started:
    """Open the one session there is by its id."""
    clock = engine.time.clock()
    joiner = Joiner(sessions_on(engine, known), launcher(engine, known), lambda _: None, clock=clock)
    return joiner.join(only(engine), StartRequest("", **request))  # type: ignore[arg-type]


def change(engine: FakeEngine, **values: object) -> None:
    container = replace(only(engine), **values)  # type: ignore[arg-type]
    engine.stored[container.id] = container


@pytest.mark.parametrize("state", ["exited", "dead"])
def test_an_open_of_a_session_that_is_over_says_so(engine: FakeEngine, state: str) -> None:
    change(engine, state=state)
    with pytest.raises(ConflictError, match="does not run any more"):
        join(engine, rights())


BAD_SETTINGS = [
    ({"settings": {"resolution": "0x0"}}, UsageError),
    ({"settings": {"colour": "red"}}, NotAllowedError),
    ({"startup_data": "/data"}, NotAllowedError),
    ({"env": {"PATH": "/x"}}, UsageError),
]


def with_resolution(engine: FakeEngine) -> None:
    """Let the image that runs understand resolutions."""
    marks = {f"eu.simphony-project.docker.env.x11-{name}": "" for name in ("width", "height", "depth")}
    change(engine, labels={**only(engine).labels, **marks})


@pytest.mark.parametrize(("setting", "error"), BAD_SETTINGS)
def test_bad_settings_are_refused_where_the_session_runs_already(
    engine: FakeEngine, setting: dict[str, object], error: type[SrctlError]
) -> None:
    with_resolution(engine)
    with pytest.raises(error):
        start(engine, **setting)
    with pytest.raises(error):
        join(engine, rights(), **setting)
    assert only(engine).state == "running"


def test_good_settings_are_checked_against_what_runs_without_a_settingmore(engine: FakeEngine) -> None:
    with_resolution(engine)
    engine.present.clear()
    assert not start(engine, settings={"resolution": "800x600"}).fresh
    assert engine.calls == ["containers", "container", "probe"]


def test_a_session_is_not_opened_for_a_user_who_is_disabled(engine: FakeEngine) -> None:
    known = rights()
    known.users[0] = replace(known.users[0], disabled=True)
    with pytest.raises(NotAllowedError, match="disabled"):
        join(engine, known)


def test_a_session_whose_grant_is_gone_is_not_opened(engine: FakeEngine) -> None:
    known = rights()
    known.given.clear()
    with pytest.raises(NotAllowedError, match="has been removed") as failure:
        join(engine, known)
    assert "srctl stop" in failure.value.hint


def test_a_session_of_the_old_system_is_opened_though_its_grant_is_unknown(engine: FakeEngine) -> None:
    old = {name: text for name, text in only(engine).labels.items() if not name.startswith("io.srctl.")}
    change(engine, labels=old)
    known = rights()
    known.given.clear()
    assert not join(engine, known).fresh


def test_without_a_database_any_session_is_opened(engine: FakeEngine) -> None:
    assert join(engine, None).session.granted is None


def test_a_session_that_is_named_by_its_id_is_not_replaced(engine: FakeEngine) -> None:
    with pytest.raises(UsageError, match="--replace"):
        join(engine, rights(), replace=True)
