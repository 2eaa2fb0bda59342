"""Terminals of any size: all panes and dialogs come to rest, and show again what they did."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from srctl.images import PREFIX
from srctl.models import Standing
from srctl.tunnel.registry import Registry
from tests.fakes import WEB
from tests.tui.stage import Seat, Stage
from tests.tui.test_tunnels import ID, plan

SETTINGS = {f"{PREFIX}env.x11-{name}": "" for name in ("width", "height", "depth")}
TINY = [(0, 0), (3, 3), (20, 5)]
VIEWS = [
    (["1"], "● running"),
    (["2"], "✓ there"),
    (["3"], "⇄ up"),
    (["4"], "● active"),
    (["question_mark"], "Everywhere"),
    (["E"], "Nothing went wrong so far"),
    (["1", "s"], "Stop Test page"),
    (["l"], "Log of Test page"),
    (["q"], "Stay here"),
    (["s", "y", "X"], "What goes on"),
]


async def rests(seat: Seat, keys: list[str], text: str) -> None:
    """Show something, make the terminal tiny and large again: it is not drawn on and on, and is the same again."""
    await seat.press(*keys)
    await seat.see(text)
    before = seat.lines
    draw, draws = seat.app._display, [0]

    def counted(*args: object, **options: object) -> object:
        draws[0] += 1
        return draw(*args, **options)  # type: ignore[arg-type]

    seat.app._display = counted  # type: ignore[method-assign, assignment]
    for size in TINY:
        await seat.pilot.resize_terminal(*size)
        if all(size):
            await seat.until(lambda height=size[1]: len(seat.lines) == height)  # type: ignore[misc]
        await asyncio.sleep(0.05)
        draws[0] = 0
        await asyncio.sleep(0.1)
        assert draws[0] <= 3, f"{text} is drawn {draws[0]} times at {size}"
    await seat.press("down", "up")
    seat.app._display = draw  # type: ignore[method-assign]
    await seat.pilot.resize_terminal(80, 24)
    await seat.until(lambda: cut(seat.lines) == cut(before), "as it was")


def cut(lines: list[str]) -> list[str]:
    """Return lines without what changes with time."""
    return [line[:30] for line in lines]


def test_each_pane_and_each_dialog_survives_any_size(stage: Stage) -> None:
    stage.start()
    registry, stopped = Registry(), threading.Event()
    stage.engine.before["stop"] = stopped.wait

    async def story(seat: Seat) -> None:
        await seat.see("● up", "4 Use")
        for keys, text in VIEWS:
            await rests(seat, keys, text)
            if len(seat.app.screen_stack) > 1 and text != "What goes on":
                await seat.press("escape")
                await seat.miss(text)
        stopped.set()
        await seat.miss("What goes on")

    registry.make_folder()
    with registry.held(ID):
        registry.write(plan(), Standing("up", datetime.now(UTC) - timedelta(hours=2)))
        stage.play(story)


def test_the_form_of_a_grant_survives_any_size(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Grants")
        await seat.see("Grants · ")
        await rests(seat, ["enter"], "max-lifetime")

    stage.play(story)


def test_the_form_before_a_start_survives_any_size(stage: Stage) -> None:
    image = stage.engine.present[WEB]
    stage.engine.present[WEB] = replace(image, labels={**image.labels, **SETTINGS})

    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("✓ there")
        await rests(seat, ["enter"], "Start Test page")

    stage.play(story)
