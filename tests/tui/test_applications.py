"""The pane of applications, by its keys."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

import pytest

from srctl.images import PREFIX
from tests.fakes import WEB, only
from tests.tui.stage import Seat, Stage

SETTINGS = {f"{PREFIX}env.x11-{name}": "" for name in ("width", "height", "depth")}


@pytest.fixture
def desktop(stage: Stage) -> Stage:
    """The test page, with a resolution that can be set."""
    image = stage.engine.present[WEB]
    stage.engine.present[WEB] = replace(image, labels={**image.labels, **SETTINGS})
    return stage


def test_what_may_be_started_is_shown_with_its_policy(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("[2 App", "Test page", "default", WEB, "✓ there")
        await seat.see(f"$ srctl tunnel open {WEB} --background")

    stage.play(story)


def test_enter_starts_and_opens(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("✓ there")
        await seat.press("enter")
        await seat.see("can be opened in a browser at")
        await seat.press("q")
        await seat.see(f"● {stage.engine.calls and only(stage.engine).labels[RUN_ID][:12]}")

    stage.play(story)


def test_an_image_that_is_missing_is_said_to_be_pulled(stage: Stage) -> None:
    stage.engine.registry[WEB] = stage.engine.present.pop(WEB)

    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("↓ to pull", "which the first start pulls")
        await seat.press("enter")
        await seat.see("can be opened in a browser at")

    stage.play(story)


def test_settings_are_asked_for_where_there_are_any(desktop: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("settings  resolution")
        await seat.press("enter")
        await seat.see("Start Test page", "resolution")
        await seat.type("800x600")
        await seat.see("--set resolution=800x600")
        await seat.press("enter")
        await seat.see("can be opened in a browser at")
        assert desktop.engine.specs[only(desktop.engine).id].env["X11_WIDTH"] == "800"

    desktop.play(story)


def test_a_setting_that_is_refused_is_told_with_its_hint(desktop: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("settings  resolution")
        await seat.press("enter")
        await seat.type("huge")
        await seat.press("enter")
        await seat.hear("Not a resolution: 'huge'\nWrite it as WIDTHxHEIGHT")
        assert desktop.engine.stored == {}

    desktop.play(story)


def test_a_form_that_is_left_starts_nothing(desktop: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("settings  resolution")
        await seat.press("enter")
        await seat.see("Start and open")
        await seat.press("escape")
        await seat.miss("Start and open")
        assert desktop.engine.stored == {}

    desktop.play(story)


def test_the_last_words_of_what_did_not_start_are_shown(stage: Stage) -> None:
    image = stage.engine.present[WEB]
    stage.engine.present[WEB] = replace(image, env=("MODE=crash",))
    stage.engine.before["start"] = lambda: crash(stage)

    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("✓ there")
        await seat.press("enter")
        await seat.see("ended before it answered, with exit code 3", "cannot start: told to crash")
        await seat.press("q")
        assert stage.engine.stored == {}

    stage.play(story)


def crash(stage: Stage) -> None:
    """Let the container that is about to start end at once."""
    identifier = only(stage.engine).id
    spec = stage.engine.specs[identifier]
    stage.engine.specs[identifier] = replace(spec, env={**spec.env, "MODE": "crash"})


def test_without_a_database_the_reason_is_shown(stage: Stage) -> None:
    stage.lab.database.unlink()

    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("There is no accounting database")

    stage.play(story)


RUN_ID = "eu.simphony-project.docker.runinfo.url_id"


def test_presets_are_chosen_and_the_size_of_this_window_is_one(desktop: Stage) -> None:
    async def story(seat: Seat) -> None:
        with window_of(1904, 1022) as seat.app.state.terminal:
            await seat.press("2")
            await seat.see("settings  resolution")
            await seat.press("enter")
            await seat.see("1904x1022 this window", "1024x768", "3840x2160")
            await seat.press("down", "right")
            await seat.see("[1904x1022 this window]", "--set resolution=1904x1022")
            await seat.press("right", "right")
            await seat.see("[1280x800]", "--set resolution=1280x800")
            await seat.press("left", "enter")
            await seat.see("can be opened in a browser at")
        assert desktop.engine.specs[only(desktop.engine).id].env["X11_WIDTH"] == "1024"

    desktop.play(story)


def test_a_terminal_that_does_not_tell_its_size_leaves_the_presets(desktop: Stage) -> None:
    async def story(seat: Seat) -> None:
        with window_of(0, 0) as seat.app.state.terminal:
            await seat.press("2")
            await seat.see("settings  resolution")
            await seat.press("enter")
            await seat.see("1024x768", "3840x2160")
            assert "this window" not in seat.screen

    desktop.play(story)


@contextmanager
def window_of(width: int, height: int) -> Iterator[TextIO]:
    """Give a terminal whose window has so many pixels."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, width, height))
    with os.fdopen(slave, "w") as stream:
        yield stream
    os.close(master)


def test_the_form_tells_what_it_may_and_takes_start_up_data(stage: Stage) -> None:
    image = stage.engine.present[WEB]
    labels = {f"{PREFIX}env.startupdata": "", f"{PREFIX}description": "Shows [b]pages[/b]"}
    stage.engine.present[WEB] = replace(image, labels={**image.labels, **labels}, size=1_234_000_000)
    stage.lab.ok("grant", "remove", stage.lab.json("grant", "list", "--user", "ann")[0]["id"])
    stage.lab.ok("grant", "add", WEB, "ann", "--allow-startup-data")

    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("settings  startup-data", f"{WEB}, 1.2 GB")
        await seat.press("enter")
        await seat.see("Start Test page", "Shows [b]pages[/b]", "May: start-up data", f"{WEB}, 1.2 GB")
        await seat.type("/data/a b")
        await seat.see("--startup-data '/data/a b'")
        await seat.press("enter")
        await seat.see("can be opened in a browser at")
        assert stage.engine.specs[only(stage.engine).id].env["STARTUPDATA"] == "/data/a b"

    stage.play(story)
