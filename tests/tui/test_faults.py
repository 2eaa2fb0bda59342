"""What goes wrong while the screen is open: hosts, databases and sessions that go, logs, tiny terminals, noise."""

from __future__ import annotations

import threading

import pytest

from srctl.errors import UnreachableError
from srctl.tui import host as hosts
from tests.fakes import WEB, only
from tests.tui.stage import Seat, Stage

AWAY = UnreachableError("fake is away", "Is it up?")


def reading() -> list[str]:
    """The threads that do what a person asked for."""
    return [thread.name for thread in threading.enumerate() if thread.name == "srctl-work"]


def test_a_log_that_is_left_keeps_no_thread_and_no_stream(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.until(lambda: not reading())
        await seat.press("l")
        await seat.see("Log of Test page", "starting")
        assert reading()
        [log] = stage.engine.logs_open
        await seat.press("q")
        await seat.until(lambda: log.closed and not reading(), "the thread is there")
        assert seat.toasts == []

    stage.play(story)


def test_a_log_that_is_left_before_it_comes_keeps_no_thread(stage: Stage) -> None:
    stage.start()
    answer = threading.Event()
    stage.engine.before["logs"] = answer.wait

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("l")
        await seat.see("Log of Test page")
        await seat.press("escape")
        await seat.see("[1 Sessions]")
        answer.set()
        await seat.until(lambda: not reading(), "the thread is there")
        assert [log.closed for log in stage.engine.logs_open] == [True]

    stage.play(story)


def test_a_host_that_is_lost_while_a_log_is_read_is_told_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "PAUSES", (0.1,))
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.until(lambda: stage.engine.listeners)
        await seat.press("l")
        await seat.see("starting")
        stage.engine.faults["containers"] = [AWAY] * 3
        stage.engine.logs_open[0].pieces.put(AWAY)
        for listener in stage.engine.listeners:
            listener.words.put("die")
        await seat.see("fake is away", "starting")
        await seat.press("q")
        await seat.see(identifier[:12], "● up", "● running")
        await seat.press("E")
        await seat.see("What went wrong in this run", "fake is away", f"$ srctl logs -f {identifier[:12]}")

    stage.play(story)


def test_a_session_that_is_removed_elsewhere_ends_its_log_and_can_not_be_stopped_twice(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.until(lambda: stage.engine.listeners)
        await seat.press("l")
        await seat.see("starting")
        await seat.press("q", "s")
        await seat.see("Stop Test page")
        stage.engine.remove(only(stage.engine).id)
        await seat.until(lambda: not seat.app.main.pane.table.rows)
        await seat.press("y")
        await seat.hear("has no session")
        await seat.see("Nothing runs for you")
        stage.start()
        await seat.see("● running")
        await seat.press("l")
        await seat.see("starting")
        stage.engine.remove(only(stage.engine).id)
        await seat.see("the end")
        await seat.press("q")
        await seat.press("s", "h", "t", "R", "l", "c", "enter", "H")
        await seat.see("Nothing runs for you")

    stage.play(story)


def test_a_database_that_goes_is_told_and_one_that_comes_back_is_used(stage: Stage) -> None:
    database = stage.lab.database
    away = database.with_name("away.db")
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running", "4 Use")
        await seat.press("4")
        await seat.see("Users 2", "ann")
        await seat.press("2")
        await seat.see("Applications 1", "✓ there")
        database.rename(away)
        await seat.see("There is no database at", "srctl db init")
        await seat.press("4")
        await seat.see("There is no database at")
        await seat.press("1", "r")
        await seat.see("● running", "● up")
        stage.lab.ok("db", "init")
        stage.lab.ok("user", "add", "zoe")
        await seat.press("4")
        await seat.see("Users 1", "zoe")
        database.unlink()
        away.rename(database)
        await seat.see("Users 2", "ann")
        await seat.press("2")
        await seat.see("Applications 1", "✓ there")

    stage.play(story)


def test_a_grant_that_others_give_is_shown_as_it_comes(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("Applications 1")
        stage.lab.ok("grant", "add", "desktop", "ann")
        await seat.see("Applications 2", "desktop:latest", "↓ to pull")

    stage.play(story)


def test_a_database_that_is_made_while_the_screen_is_open_is_used(stage: Stage) -> None:
    stage.lab.database.rename(stage.lab.database.with_name("away.db"))

    async def story(seat: Seat) -> None:
        await seat.see("● up")
        await seat.press("2")
        await seat.see("There is no accounting database")
        stage.lab.ok("db", "init")
        stage.lab.ok("user", "add", "ann")
        await seat.see("You may start nothing here", "4 Use")
        stage.lab.ok("app", "add", WEB)
        stage.lab.ok("grant", "add", WEB, "ann")
        await seat.see("Applications 1", "✓ there")

    stage.play(story)
