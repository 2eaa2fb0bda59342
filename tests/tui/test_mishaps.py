"""The list of what went wrong."""

from __future__ import annotations

from srctl.errors import SrctlError
from srctl.tui import mishaps
from tests.fakes import only
from tests.tui.stage import Seat, Stage


def test_what_went_wrong_can_be_read_with_its_hint_and_its_command(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("E")
        await seat.see("Nothing went wrong so far")
        await seat.press("E")
        stage.engine.faults["stop"] = [SrctlError("Docker says: [b]no[/b]\x1b[2J", "Ask \u202eagain")]
        await seat.press("s", "y")
        await seat.hear("Docker says: [b]no[/b]")
        await seat.press("E")
        await seat.see(
            "✗ Docker says: [b]no[/b]\\u001b[2J", "hint: Ask \\u202eagain", f"$ srctl stop {identifier[:12]}"
        )
        seat.app.state.mishaps.add(SrctlError("Another one"), title="Doing this")
        await seat.see("✗ Another one", "Doing this")
        await seat.press("q")
        await seat.miss("What went wrong in this run")
        assert only(stage.engine).state == "running"

    stage.play(story)


def test_the_oldest_is_forgotten_first() -> None:
    kept = mishaps.Mishaps()
    for number in range(mishaps.KEPT + 10):
        kept.add(SrctlError(f"error {number}"))
    kept.overhear("x" * 10_000)
    kept.overhear("y\n\n")
    assert len(kept) == mishaps.KEPT
