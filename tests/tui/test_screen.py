"""What all panes share: going from one to another, filter, help, mouse, sizes."""

from __future__ import annotations

import pytest

from srctl.accounting import Accounting
from srctl.db.store import open_store
from srctl.models import Application
from srctl.tui.table import Table
from tests.tui.stage import Seat, Stage


@pytest.fixture
def many(stage: Stage) -> Stage:
    """ann may start 40 applications, one of which has a wide name."""
    with open_store(str(stage.lab.database)) as store:
        accounting = Accounting(store)
        for number in range(39):
            image = f"registry.example/app{number:02}:1"
            accounting.add_application(Application(image, title=f"Tool {number:02}"), verify=False)
            accounting.add_grant(image, "ann")
        accounting.add_application(Application("wide", title="部屋の設計図を描く道具 CAD"), verify=False)
        accounting.add_grant("wide", "ann")
    return stage


def test_panes_are_reached_by_number_by_tab_and_by_mouse(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        for key, name in (("2", "[2 App"), ("3", "[3 Tun"), ("1", "[1 Ses"), ("tab", "[2 App"), ("]", "[3 Tun")):
            await seat.press({"]": "right_square_bracket"}.get(key, key))
            await seat.see(name)
        await seat.press("shift+tab")
        await seat.see("[2 App")
        await seat.pilot.click("Tabs", offset=(2, 0))
        await seat.see("[1 Ses")

    stage.play(story)


def test_a_filter_shows_what_has_the_text_and_is_ended_with_esc(many: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("Applications 41")
        await seat.press("slash")
        await seat.type("tool 3")
        await seat.see("Applications 9 of 41 · /tool 3", "Tool 38", "$ srctl tunnel open registry.example/app30:1 ")
        assert "Tool 02" not in seat.screen
        await seat.press("enter", "j")
        await seat.see("▸ Tool 31")
        await seat.press("escape")
        await seat.see("Applications 41", "▸ Tool 31")

    many.play(story)


def test_vi_keys_arrows_and_pages_move_the_cursor(many: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("▸ Tool 00")
        for keys, row in ((["j", "down", "j"], "03"), (["k", "up"], "01"), (["ctrl+f"], "1"), (["pageup"], "01")):
            await seat.press(*keys)
            await seat.see(f"▸ Tool {row}")
        await seat.press("G")
        await seat.see("▸ 部屋の設計図を描…  default   wide:latest")
        await seat.press("g")
        await seat.see("▸ Tool 00")

    many.play(story)


def test_a_click_on_a_title_sorts_and_a_click_on_a_row_goes_there(many: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("Tool 00")
        await seat.pilot.click("ApplicationsPane Table", offset=(5, 1))
        await seat.see("APPLICATION ▲")
        await seat.pilot.click("ApplicationsPane Table", offset=(5, 1))
        await seat.see("APPLICATION ▼", "▸ Tool 00")
        await seat.press("o")
        await seat.see("POLICY ▲")
        await seat.press("g")
        await seat.pilot.click("ApplicationsPane Table", offset=(5, 4))
        table = seat.app.main.pane.table
        assert isinstance(table, Table)
        assert table.key == table.rows[2].key

    many.play(story)


def test_two_clicks_are_enter(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.pilot.click("Table", offset=(5, 2), times=2)
        await seat.see("can be opened in a browser at")

    stage.play(story)


def test_help_shows_the_keys_of_the_pane_and_those_of_all(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("question_mark")
        await seat.see("Stop the session and remove its container; asks", "Everywhere", "Go to the next pane")
        await seat.press("q")
        await seat.miss("Everywhere")

    stage.play(story, size=(100, 40))


def still(seat: Seat) -> list[str]:
    """Return the lines but for what is said of numbers, which come and go."""
    return [line[:40] for line in (*seat.lines[:14], *seat.lines[-2:])]


def test_a_screen_that_is_made_tiny_and_large_again_shows_what_it_did(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        before = still(seat)
        await seat.pilot.resize_terminal(20, 5)
        await seat.until(lambda: len(seat.lines) == 5)
        await seat.see("Test page", "q quit")
        await seat.press("s")
        await seat.see("Stop Test page")
        await seat.press("n", "2", "1")
        await seat.pilot.resize_terminal(80, 24)
        await seat.until(lambda: still(seat) == before)

    stage.play(story)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (40, 12)], ids=str)
def test_no_line_is_wider_than_the_screen(many: Stage, size: tuple[int, int]) -> None:
    many.start()

    async def story(seat: Seat) -> None:
        for number, name in enumerate(("Sessions", "Applications", "Tunnels"), 1):
            await seat.press(str(number))
            await seat.see(name[:3])
            assert all(strip.cell_length == size[0] for strip in seat.app.screen._compositor.render_strips())

    many.play(story, size=size)


def test_an_error_that_nobody_foresaw_ends_the_screen_and_is_raised(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")
        seat.app.main.pane.table.columns = ()
        seat.app.main.pane.rows = None  # type: ignore[assignment, method-assign]
        seat.app.main.changed()
        await seat.until(lambda: not seat.app.is_running)

    with pytest.raises(TypeError):
        stage.play(story)


def test_a_click_on_a_key_in_the_last_line_is_the_key_and_one_on_the_command_line_copies_it(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running", "s stop")
        await seat.pilot.click("#command", offset=(10, 0))
        await seat.until(lambda: seat.copied == f"srctl open {identifier[:12]}")
        await seat.pilot.click("#keys", offset=(seat.lines[-1].index("s stop") + 3, 0))
        await seat.see("Stop Test page and remove its container?")
        await seat.press("n")
        await seat.pilot.click("#keys", offset=(seat.lines[-1].index("? help"), 0))
        await seat.see("Everywhere")
        await seat.press("q")
        await seat.pilot.click("#keys", offset=(seat.lines[-1].index("q quit"), 0))
        await seat.until(lambda: not seat.app.is_running)

    stage.play(story)
