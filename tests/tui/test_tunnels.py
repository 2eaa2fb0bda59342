"""The pane of tunnels, by its keys. What living tunnels do is shown on real ones in `tests/e2e/test_tui.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from srctl.models import Endpoint, Host, Standing, TunnelPlan
from srctl.tui.rates import Rate, Rates
from srctl.tunnel.registry import Record, Registry
from tests.tui.stage import Seat, Stage

ID = "d" * 32


def plan(*, background: bool = True, session: str = "5" * 32) -> TunnelPlan:
    return TunnelPlan(
        id=ID,
        session_id=session,
        container_id="c" * 64,
        image="srctl/web:latest",
        host=Host("fake", "ssh://fake", "config"),
        local_port=23456,
        url="http://127.0.0.1:23456/",
        endpoint=Endpoint("127.0.0.1", 30001),
        timeout=10.0,
        background=background,
    )


@pytest.fixture
def registry(stage: Stage) -> Registry:
    """The tunnels of ann."""
    registry = Registry()
    registry.make_folder()
    return registry


@pytest.fixture
def lost(registry: Registry) -> Registry:
    """A tunnel whose process has gone."""
    since = datetime.now(UTC) - timedelta(hours=2)
    registry.write(plan(), Standing("down", since, "the network is away", 3, 0, 9, 1400, 2_000_000, "timed out"))
    return registry


@pytest.fixture
def held(registry: Registry) -> Iterator[Registry]:
    """A tunnel that a terminal holds: this process."""
    with registry.held(ID):
        registry.write(plan(background=False), Standing("up", datetime.now(UTC), bytes_in=512))
        yield registry


def test_a_tunnel_is_shown_with_why_it_is_down(stage: Stage, lost: Registry) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("3")
        await seat.see(":23456", "✗ down", "2h", "1.4 kB", "2.0 MB", "http://127.0.0.1:23456/")
        await seat.see("✗ down for 2h", "the network is away", "timed out", "by nobody any more")

    stage.play(story, size=(120, 40))


def test_the_address_of_a_tunnel_is_shown_and_copied(stage: Stage, held: Registry) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("3")
        await seat.see("⇄ up", "$ srctl open 555555555555")
        await seat.press("c")
        await seat.hear("Copied")
        assert seat.copied == "http://127.0.0.1:23456/"
        await seat.press("enter")
        await seat.see("can be opened in a browser at", "http://127.0.0.1:23456/")

    stage.play(story)


def test_a_tunnel_that_changes_is_shown_as_it_is(stage: Stage, held: Registry) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("3")
        await seat.see("⇄ up", "512 B")
        held.write(plan(background=False), Standing("reconnecting", datetime.now(UTC), "the server is silent"))
        await seat.see("↻ reconnecting", "the server is silent")

    stage.play(story)


def test_what_goes_through_a_tunnel_is_shown_while_it_goes(stage: Stage, held: Registry) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("3")
        await seat.see("⇄ up", "- in, - out")
        for number in range(1, 4):
            held.write(plan(background=False), Standing("up", datetime.now(UTC), bytes_in=9_000_000 * number))
            await seat.pilot.pause(0.5)
        await seat.until(lambda: re.search(r"MB/s +- ", seat.screen) and "MB/s in, - out" in seat.screen)
        await seat.see("- in, - out", "27.0 MB in")

    stage.play(story)


def record(written: float, *, down: int = 0, up: int = 0, alive: bool = True) -> Record:
    return Record(plan(), Standing("up", datetime.now(UTC), bytes_in=down, bytes_out=up), 99, alive, written)


def test_rates_go_by_when_the_numbers_were_written() -> None:
    now = [100.0]
    rates = Rates(lambda: now[0])
    assert rates.look([record(100.0, down=5000)]) == {}
    now[0] = 101.0
    assert rates.look([record(101.0, down=7000, up=10)]) == {ID: Rate(2000, 10)}
    now[0] = 102.0  # a look that comes before the next numbers
    assert rates.look([record(101.0, down=7000, up=10)]) == {ID: Rate(2000, 10)}
    now[0] = 104.0
    assert rates.look([record(101.0, down=7000, up=10)]) == {}
    now[0] = 160.0  # nothing was written while nothing came: this came within the last second
    assert rates.look([record(160.0, down=8000, up=10)]) == {ID: Rate(1000, 0)}
    assert rates.look([record(160.5, down=9000, alive=False)]) == {}


def test_close_asks_and_takes_it_away(stage: Stage, lost: Registry) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("3")
        await seat.see(":23456")
        await seat.press("x")
        await seat.see("Close the tunnel at port 23456?", f"$ srctl tunnel close {ID[:12]}")
        await seat.press("n")
        assert lost.records()
        await seat.press("x", "y")
        await seat.hear("Closed the tunnel at port 23456")
        await seat.see("No tunnels.")
        assert not lost.records()

    stage.play(story)


def test_a_tunnel_of_a_terminal_is_not_restarted_and_that_is_told(stage: Stage, held: Registry) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("3")
        await seat.see("⇄ up")
        await seat.press("R")
        await seat.see("Restart the tunnel at port 23456?")
        await seat.press("y")
        await seat.hear("is held by `srctl open` in a terminal")

    stage.play(story)


def test_the_log_of_a_tunnel_is_shown(stage: Stage, held: Registry) -> None:
    held.log_of(ID).write_text("10:41 up\n10:42 down: [b]reset[/b]\x1b[2J\n")

    async def story(seat: Seat) -> None:
        await seat.press("3")
        await seat.see("⇄ up")
        await seat.press("l")
        await seat.see("Log of the tunnel at port 23456", "10:41 up", r"down: [b]reset[/b]\u001b[2J")

    stage.play(story)


def test_a_session_shows_the_tunnel_that_leads_to_it(stage: Stage, registry: Registry) -> None:
    session = stage.start()
    with registry.held(ID):
        registry.write(plan(session=session), Standing("up", datetime.now(UTC)))

        async def story(seat: Seat) -> None:
            await seat.see("⇄ up :23456")

        stage.play(story)


@pytest.mark.parametrize(("key", "ends"), [("k", True), ("s", False), ("escape", False)])
def test_leaving_asks_what_becomes_of_tunnels_in_the_background(
    stage: Stage, registry: Registry, key: str, ends: bool
) -> None:
    with registry.held(ID):
        registry.write(plan(), Standing("up", datetime.now(UTC)))

        async def story(seat: Seat) -> None:
            await seat.press("3")
            await seat.see("⇄ up")
            await seat.press("q")
            await seat.see("A tunnel runs in the background", "http://127.0.0.1:23456/", "Keep", "Close", "Stay")
            await seat.press(key)
            await seat.until(lambda: not seat.app.is_running if ends else "Stay" not in seat.screen)

        stage.play(story)
        assert registry.records()


def test_leaving_can_close_the_tunnels_in_the_background(stage: Stage, registry: Registry) -> None:
    with registry.held(ID):
        registry.write(plan(), Standing("up", datetime.now(UTC)))

        async def story(seat: Seat) -> None:
            await seat.press("3")
            await seat.see("⇄ up")
            await seat.press("q")
            await seat.see("A tunnel runs in the background")
            (registry.folder / f"{ID}.lock").unlink()  # nobody holds it any more
            await seat.press("c")
            await seat.until(lambda: not seat.app.is_running)

        stage.play(story)
        assert not registry.records()


def test_without_tunnels_leaving_asks_nothing(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")
        await seat.press("q")
        await seat.until(lambda: not seat.app.is_running)

    stage.play(story)
