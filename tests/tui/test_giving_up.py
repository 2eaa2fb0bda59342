"""Work that takes long, and how it is given up: what it has begun is undone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from srctl.errors import UnreachableError
from srctl.models import Container, Host, Progress
from srctl.tui import leaving
from srctl.tui.pulling import Layers
from srctl.tunnel import background
from srctl.tunnel.registry import Registry
from tests.fakes import FakeEngine, only
from tests.integration.ssh_parts import tcp_server
from tests.tui.stage import Seat, Stage, among


@pytest.fixture
def to_pull(stage: Stage) -> Stage:
    """The image is missing, and a pull stays at 30 % until `pulled` is set."""
    stage.engine.registry, stage.engine.present = stage.engine.present, {}
    stage.engine.pulled.clear()
    return stage


def answer_nothing(engine: FakeEngine) -> None:
    """Let the application that is about to start never answer."""
    container = only(engine)
    spec = engine.specs[container.id]
    engine.specs[container.id] = replace(spec, env={**spec.env, "MODE": "refuse"})


async def begin(seat: Seat) -> None:
    """Start the application."""
    await seat.press("2")
    await seat.see("Test page")
    await seat.press("enter")


async def give_up(seat: Seat) -> None:
    """Give up the one thing that goes on."""
    await seat.press("X")
    await seat.see("What goes on", "▸ Opening Test page")
    await seat.press("enter")
    await seat.hear("Gave up: Opening Test page")
    await seat.miss("What goes on")


def test_a_pull_shows_how_far_it_is_and_is_given_up(to_pull: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("◐ Opening Test page: pulling 30 % of 100 B, 0 of 1 layers there", "X give up")
        await give_up(seat)
        assert to_pull.engine.stored == {}
        assert to_pull.engine.present == {}
        await seat.miss("◐")

    to_pull.play(story)


def test_a_start_that_waits_for_its_application_is_given_up_and_leaves_nothing(stage: Stage) -> None:
    stage.engine.before["start"] = lambda: answer_nothing(stage.engine)

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("◐ Opening Test page: Waiting until the application answers")
        assert only(stage.engine).state == "running"
        await give_up(seat)
        assert stage.engine.stored == {}
        await seat.press("1")
        await seat.see("Nothing runs for you")

    stage.play(story)


def test_replacing_is_given_up_and_leaves_nothing(stage: Stage) -> None:
    stage.start()
    stage.engine.before["start"] = lambda: answer_nothing(stage.engine)

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("R", "y")
        await seat.see("Replacing Test page: Waiting until the application answers")
        await seat.press("X", "x")
        await seat.hear("Gave up: Replacing Test page")
        assert stage.engine.stored == {}

    stage.play(story)


def test_an_undoing_that_fails_is_told(stage: Stage) -> None:
    stage.engine.before["start"] = lambda: answer_nothing(stage.engine)

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("Waiting until the application answers")
        stage.engine.faults["remove"] = [UnreachableError("fake is away")]
        await seat.press("X", "enter")
        await seat.hear("Gave up: Opening Test page")
        await seat.hear("may be left behind: srctl session prune removes it")

    stage.play(story)


def test_several_things_go_on_at_once_and_each_can_be_given_up(to_pull: Stage) -> None:
    other = FakeEngine(name="other", registry=dict(to_pull.engine.registry), present={})
    other.pulled.clear()

    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("Applications 2")
        await seat.press("enter", "j", "enter")
        await seat.see("and 1 more", "30 %")
        await seat.press("X")
        await seat.until(lambda: seat.screen.count("pulling 30 % of 100 B") >= 2)
        await seat.press("j", "enter")
        await seat.hear("Gave up: Opening Test page")
        await seat.press("escape")
        await seat.miss("and 1 more")
        to_pull.engine.pulled.set()
        await seat.see("can be opened in a browser at")
        assert (len(to_pull.engine.stored), len(other.stored)) == (1, 0)

    hosts = [Host("fake", "", "config"), Host("other", "", "config")]
    to_pull.play(story, hosts=hosts, at=among(to_pull.engine, other), size=(120, 30))


def test_what_can_not_be_given_up_says_so(stage: Stage) -> None:
    stage.start()
    ended = threading.Event()
    stage.engine.before["stop"] = ended.wait

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("X")
        await seat.hear("Nothing goes on")
        await seat.press("s", "y")
        await seat.see("◐ Stopping Test page", "X show")
        await seat.press("X", "enter")
        await seat.hear("can't be given up")
        ended.set()
        await seat.miss("What goes on")

    stage.play(story)


def test_leaving_asks_whether_to_give_up_what_goes_on(to_pull: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("30 %")
        await seat.press("q")
        await seat.see("This goes on. Give it up?", "Opening Test page")
        await seat.press("s")
        await seat.miss("Give it up?")
        await seat.press("q", "g")
        await seat.until(lambda: not seat.app.is_running)

    said: list[str] = []
    app = to_pull.play(story)
    [work] = app.working
    assert not work.over.is_set()
    leaving.settle(app.working, said.append)
    assert work.over.is_set()
    assert (to_pull.engine.stored, said) == ({}, [])


def test_what_an_engine_that_hangs_may_keep_is_told_after_the_screen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "PATIENCE", 0.3)
    monkeypatch.setattr(leaving, "SHORT", 0.1)
    answer = threading.Event()
    stage.engine.before["create"] = answer.wait

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("Creating")
        await seat.press("q", "g")
        await seat.until(lambda: not seat.app.is_running)

    said: list[str] = []
    leaving.settle(stage.play(story).working, said.append)
    assert said == [
        "Giving up: Opening Test page",
        "Opening Test page may have left something behind; srctl ps --all shows what there is",
    ]
    answer.set()


@dataclass
class FarEngine(FakeEngine):
    """An engine on a machine that accepts connections, and says nothing."""

    host: Host = field(default_factory=lambda: Host("fake", "", "config"))


@pytest.fixture
def far(stage: Stage) -> Iterator[Stage]:
    """A session runs, and the SSH server on the way to it is silent."""

    def silent(connection: Any) -> None:
        while connection.recv(4096):
            pass

    with tcp_server(silent) as port:
        stage.engine = FarEngine(direct=False, host=Host("fake", f"ssh://ann@127.0.0.1:{port}", "config"))
        stage.start()
        yield stage


def test_a_tunnel_that_does_not_come_up_is_given_up_and_the_session_runs_on(far: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("t")
        await seat.see("◐ Opening Test page: Leading a tunnel to it")
        await give_up(seat)

    far.play(story)
    container: Container = only(far.engine)
    assert container.state == "running"
    assert Registry().records() == []
    assert all(child.poll() is not None for child in background._STARTED)


def test_layers_are_counted_together() -> None:
    layers = Layers()
    assert layers.in_words() == ""
    for step in (
        Progress("Pulling from library/x", "latest"),
        Progress("Pulling fs layer", "a"),
        Progress("Pulling fs layer", "b"),
    ):
        layers.hear(step)
    assert layers.in_words() == "pulling, 0 of 2 layers there"
    layers.hear(Progress("Downloading", "a", 1_000_000, 4_000_000))
    layers.hear(Progress("Downloading", "b", 1_000_000, 1_000_000))
    assert layers.in_words() == "pulling 40 % of 5.0 MB, 0 of 2 layers there"
    layers.hear(Progress("Extracting", "b", 10, 1_000_000))
    layers.hear(Progress("Pull complete", "b"))
    assert layers.in_words() == "pulling 40 % of 5.0 MB, 1 of 2 layers there"
