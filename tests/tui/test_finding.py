"""Finding one's way: by the name of a pane, by the letters of what can be done, and back."""

from __future__ import annotations

from tests.tui.stage import Seat, Stage


def test_a_name_leads_to_a_pane_and_a_text_after_it_filters(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running", "4 Use")
        await seat.press("colon")
        await seat.see("sessions  applications  tunnels  users")
        await seat.type("app test")
        await seat.press("enter")
        await seat.see("[2 Applications]", "Applications 1 of 1 · /test", "✓ there")
        await seat.type(f":ses {identifier[:4]}")
        await seat.press("enter")
        await seat.see("[1 Sessions]", f"Sessions 1 of 1 · /{identifier[:4]}")
        await seat.type(":USERS nobody")
        await seat.press("enter")
        await seat.see("[4 Users]", "Users 0 of 2 · /nobody", "No row has that text in it")
        await seat.press("escape")
        await seat.see("Users 2")

    stage.play(story, size=(100, 24))


def test_tab_completes_and_offers_the_next(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("4 Use")
        await seat.press("colon", "tab")
        await seat.see(":sessions")
        await seat.press("tab", "tab")
        await seat.see(":tunnels")
        await seat.press("shift+tab")
        await seat.see(":applications")
        await seat.press("escape", "colon", "t", "tab")
        await seat.see(":tunnels")
        await seat.press("enter")
        await seat.see("[3 Tunnels]")
        await seat.press("colon", "tab", "shift+tab")
        await seat.see(":quit")
        await seat.press("enter")
        await seat.until(lambda: not seat.app.is_running)

    stage.play(story)


def test_what_is_called_nothing_is_told_and_can_be_corrected(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("4 Use")
        await seat.type(":tunes")
        await seat.press("enter")
        await seat.hear("There is nothing called tunes\nThere are sessions, applications, tunnels, users")
        await seat.press("backspace", "backspace", "enter")
        await seat.see("[3 Tunnels]")
        await seat.miss(":tun")

    stage.play(story)


def test_what_may_be_several_is_told(stage: Stage) -> None:
    stage.lab.database.unlink()

    async def story(seat: Seat) -> None:
        await seat.see("● up")
        await seat.type(":users")
        await seat.press("enter")
        await seat.hear("There is nothing called users")
        await seat.press("escape", "colon", "q", "u", "i", "x", "escape")
        await seat.miss(":qui")
        await seat.see("[1 Sessions]")

    stage.play(story)


def test_a_key_leads_back_and_forth(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("3", "2", "minus")
        await seat.see("[3 Tunnels]")
        await seat.press("minus")
        await seat.see("[2 App]")

    stage.play(story)


def test_what_is_typed_ahead_goes_to_the_field_that_it_was_meant_for(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.type("/easy")  # s stops, and y says yes to that
        await seat.see("/easy", "Sessions 0 of 1")
        await seat.press("escape")
        await seat.type(":easy")
        await seat.see(":easy", "● running")

    stage.play(story)
    assert "stop" not in stage.engine.calls


def test_the_palette_does_what_a_key_does(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running", "4 Use")
        await seat.press("ctrl+p")
        await seat.see("Stop the session and remove its container; asks", "Go to Users")
        await seat.type("stop")
        await seat.miss("Go to Users")
        await seat.press("enter")
        await seat.see("Stop Test page and remove its container?")
        await seat.press("y")
        await seat.see("Nothing runs for you")
        for words, seen in (("user", "[4 Users]"), ("sort", "USER ▲")):
            await seat.press("ctrl+p")
            await seat.type(words)
            await seat.miss("What shall be done?")
            await seat.miss("Show this help")
            await seat.press("enter")
            await seat.see(seen)

    stage.play(story, size=(100, 40))


def test_the_palette_has_nothing_that_changes_anything_where_one_only_looks(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("ctrl+p")
        await seat.see("Show what the application writes")
        assert "asks" not in seat.screen
        assert "Open the session" not in seat.screen

    stage.play(story, size=(100, 60), readonly=True)


def test_the_palette_is_not_to_be_had_in_front_of_a_question(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("s", "ctrl+p")
        await seat.see("Stop Test page and remove its container?")
        await seat.press("n")
        await seat.miss("Stop Test page")
        assert "What shall be done?" not in seat.screen

    stage.play(story)
