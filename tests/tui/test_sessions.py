"""The pane of sessions, by its keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from srctl.labels import EXTRA
from tests.fakes import START, only
from tests.tui.stage import Seat, Stage


def test_a_session_is_shown_with_its_state_and_the_way_to_it(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see(identifier[:12], "Test page", "● running", "= :30001", "http://127.0.0.1:30001/user/ann/")
        assert "ann on fake ● up" in seat.lines[0]
        assert "[1 Ses" in seat.lines[0]

    stage.play(story)


def test_when_it_ends_is_shown_and_a_warning_of_that_as_it_comes(stage: Stage) -> None:
    [grant] = stage.lab.json("grant", "list", "--user", "ann")
    stage.lab.ok("grant", "edit", grant["id"], "--max-lifetime", "12h", "--max-sessions", "3")
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running", "LEFT", "2030-01-01 12:00 UTC", "left      2 seats for others")
        with stage.context() as context:
            assert context.store.records.warn(identifier, "It ends in 5 m, save your work", START)
        await seat.see("! ends    It ends in 5 m, save your work")

    stage.play(story)


def test_a_session_runs_longer_as_far_as_its_grant_allows(stage: Stage) -> None:
    [grant] = stage.lab.json("grant", "list", "--user", "ann")
    stage.lab.ok("grant", "edit", grant["id"], "--max-lifetime", "3h")
    identifier = stage.start()
    [container] = stage.engine.stored.values()
    hour = timedelta(hours=1)
    stage.engine.stored[container.id] = replace(container, created=datetime.now(UTC) - 2 * hour)

    async def story(seat: Seat) -> None:
        await seat.see("LEFT", "59m", "ends      in 59m")
        await seat.press("e")
        await seat.see("It ends in 59m", f"$ srctl session extend {identifier[:12]} TIME")
        await seat.type("9h")
        await seat.press("enter")
        await seat.see("can last until", "--max-lifetime 3h", f"$ srctl session extend {identifier[:12]} 9h")
        await seat.press("down", "right", "right")
        await seat.see("[1h]")
        await seat.press("enter")
        await seat.hear("Test page ends in 1h 59m")
        await seat.see("1h 59m", "ends      in 1h 59m")

    stage.play(story)


def test_what_has_no_end_can_t_be_extended_and_has_no_column_for_it(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        assert "LEFT" not in seat.screen
        await seat.press("e")
        await seat.hear("Test page has no end")

    stage.play(story)


def test_nothing_is_said_before_the_host_has_answered_and_something_after(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")

    stage.play(story)


def test_enter_opens_the_session_and_copies_its_address(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("enter")
        await seat.see(
            "can be opened in a browser at", "http://127.0.0.1:30001/user/ann", "ssh -L 30001:127.0.0.1:30001"
        )
        assert seat.copied.startswith("http://127.0.0.1:30001/user/ann/")
        await seat.press("q")
        await seat.miss("can be opened")

    stage.play(story)


def test_a_tunnel_can_be_had_without_a_browser(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("t")
        await seat.hear("Test page can be opened in a browser\nhttp://127.0.0.1:30001/user/ann")
        assert seat.copied.startswith("http://127.0.0.1:30001/user/ann/")
        assert len(seat.app.screen_stack) == 1

    stage.play(story)


def test_stop_asks_and_a_no_leaves_the_session_alone(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("s")
        await seat.see("Stop Test page and remove its container?", f"$ srctl stop {identifier[:12]}")
        await seat.press("enter")
        await seat.miss("Stop Test page")
        assert only(stage.engine).state == "running"

    stage.play(story)


def test_stop_ends_the_session_and_its_row_goes(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("s", "y")
        await seat.hear("Stopped Test page")
        await seat.miss(identifier[:12])
        assert stage.engine.stored == {}

    stage.play(story)


def test_replace_asks_and_starts_afresh(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("R")
        await seat.see("with all that is unsaved in it", "--replace")
        await seat.press("y")
        await seat.hear("has been started afresh")
        await seat.miss(identifier[:12])
        await seat.see("● running")

    stage.play(story)


def test_the_log_is_shown_and_left_again(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("l")
        await seat.see("Log of Test page", "starting", f"$ srctl logs -f {identifier[:12]}")
        stage.engine.exit(only(stage.engine).id, 0)
        await seat.see("the end")
        await seat.press("q")
        await seat.see("[1 Ses")

    stage.play(story)


def test_the_address_is_copied(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("c")
        await seat.hear("Copied")
        assert seat.copied.startswith("http://127.0.0.1:30001/user/ann/containers/")

    stage.play(story)


def test_the_command_line_of_the_key_enter_is_shown_and_copied(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see(f"$ srctl open {identifier[:12]}")
        await seat.press("y")
        await seat.hear("Copied")
        assert seat.copied == f"srctl open {identifier[:12]}"

    stage.play(story)


def test_what_happens_elsewhere_is_shown_as_it_happens(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")
        await seat.until(lambda: stage.engine.listeners)
        identifier = stage.start()
        await seat.see(identifier[:12], "● running")
        stage.engine.exit(only(stage.engine).id, 3)
        await seat.see("✗ exited")
        stage.engine.remove(only(stage.engine).id)
        await seat.miss(identifier[:12])

    stage.play(story)


def test_nothing_is_asked_of_the_engine_while_nothing_happens(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("2")
        await seat.see("✓ there")
        await seat.until(lambda: stage.engine.calls.count("containers") >= 4)
        asked = len(stage.engine.calls)
        await seat.pilot.pause(2.5)
        assert stage.engine.calls[asked:] == []

    stage.play(story)


def test_text_from_outside_is_never_markup_and_never_acts_on_the_terminal(stage: Stage) -> None:
    stage.start()
    container = only(stage.engine)
    evil = {EXTRA + "title": "[red]a[/red] [@click=app.bell]b\x1b[31m\u202e", EXTRA + "image": "x[/]\x07:1"}
    stage.engine.stored[container.id] = replace(container, labels={**container.labels, **evil})

    async def story(seat: Seat) -> None:
        await seat.see(r"[red]a[/red] [@click=app.bell]b\u001b[31m\u202e")
        await seat.press("s")
        await seat.see("Stop [red]a[/red] [@click=app.bell]b")
        await seat.press("n")

    stage.play(story, size=(200, 40))


def test_only_looking_starts_and_stops_nothing(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running", "l log", "c copy URL")
        assert not any(label in seat.screen for label in ("s stop", "t tunnel", "h share", "R replace", "H unshare"))
        calls = len(stage.engine.calls)
        await seat.press("s", "y", "R", "y", "enter", "t", "h", "H")
        await seat.press("question_mark")
        await seat.see("Show what the application writes")
        assert "Stop the session" not in seat.screen
        assert "stop" not in stage.engine.calls[calls:]

    stage.play(story, readonly=True)
