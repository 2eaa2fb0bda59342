"""What the screen asks of engines while nothing happens, how soon it shows what does, and that nothing holds it up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from srctl import places
from srctl.context import Context
from srctl.hosts.engine import DockerHost
from srctl.models import Host
from srctl.tui.app import SrctlApp
from tests.tui.stage import Seat, Stage
from tools.heart import Heart
from tools.show_engine import ShowEngine, show_engine

HELD = 0.05
"""Seconds for which the screen may be held up."""

Hosts = Callable[..., Context]


def reaching(urls: dict[str, str]) -> Hosts:
    """Return what makes the context of a host that is reached by its URL."""

    def at(context: Context, host: Host, asks: Any) -> Context:
        made = places.at(context, host, asks)
        made.__dict__["host"] = DockerHost(Host(host.name, urls[host.name], "config"), None)
        return made

    return at


@pytest.fixture
def busy(stage: Stage, tmp_path: Path) -> Iterator[tuple[ShowEngine, Hosts]]:
    """An engine with 50 sessions of ann's."""
    engine = ShowEngine(50)
    with show_engine(tmp_path / "show", engine) as url:
        yield engine, reaching({"show": url})


HOST = [Host("show", "", "config")]


def test_of_an_engine_nothing_is_asked_while_nothing_happens_but_streams_of_what_is_in_view(
    stage: Stage, busy: tuple[ShowEngine, Hosts]
) -> None:
    engine, at = busy

    async def story(seat: Seat) -> None:
        await seat.see("Sessions 50")
        shown = len(seat.app.main.pane.table.in_view())
        assert 5 < shown < 40
        await seat.until(lambda: len(engine.watched) == shown)
        await seat.until(lambda: engine.requests["/images/json"])
        await seat.see("▂", "64G")
        asked = engine.requests.copy()
        assert asked["/events"] == 1
        assert asked["/containers/ID/stats"] == shown
        await asyncio.sleep(2.5)
        assert engine.requests == asked
        await seat.press("2")
        await seat.until(lambda: not engine.watched)
        await asyncio.sleep(1.2)
        assert engine.requests == asked

    stage.play(story, size=(100, 40), hosts=HOST, at=at)


def test_what_happens_is_shown_at_once(stage: Stage, busy: tuple[ShowEngine, Hosts]) -> None:
    engine, at = busy
    taken: list[float] = []

    async def story(seat: Seat) -> None:
        await seat.until(lambda: engine.watched)
        for number in (49, 47, 45):
            begun = time.monotonic()
            engine.die(number)
            await seat.until(lambda: seat.screen.count("✗ exited") == len(taken) + 1)
            taken.append(time.monotonic() - begun)

    stage.play(story, size=(100, 40), hosts=HOST, at=at)
    assert min(taken) < 0.2, taken


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Eight engines that answer each request after a while, lists with a megabyte; their URLs by name."""
    sockets = {f"h{number}": tmp_path / f"h{number}" for number in range(8)}
    command = [sys.executable, "-m", "tools.show_engine", ",".join(map(str, sockets.values())), "200"]
    with subprocess.Popen(
        [*command, "delay=1", "long=1000000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield {name: f"unix://{socket}" for name, socket in sockets.items()}
        process.communicate("")


def test_the_screen_is_not_held_up_while_hosts_answer_late_and_at_length(stage: Stage, slow: dict[str, str]) -> None:
    hearts: list[Heart] = []
    context = stage.context()
    app = SrctlApp(context, [Host(name, "", "config") for name in slow], at=reaching(slow))

    async def watch(seconds: float) -> None:
        hearts.append(Heart())
        beating = asyncio.create_task(hearts[-1].beat())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            app.simulate_key("j")
            await asyncio.sleep(0.05)
        hearts[-1].stop()
        await beating

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            seat = Seat(app, pilot, stage)
            await seat.see("Looking")
            await asyncio.sleep(0.7)  # what is loaded at the start is loaded
            await watch(5)
            await seat.see("Sessions 1600", "8 of 8 hosts up")
            while hearts[-1].worst >= HELD and len(hearts) < 3:  # a machine that is busy may be to blame
                app.main.action_again()
                await watch(4)

    with context:
        asyncio.run(run())
    assert hearts[-1].worst < HELD, [(each.late, each.stacks) for each in hearts]
