"""What the screen remembers from one run to the next, and what it makes of a file that is none of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from srctl.tui import kept
from srctl.tui.kept import Kept
from tests.tui.pictures import rows
from tests.tui.stage import Seat, Stage

NORD = "#2e3440"
"""What is behind the letters in that theme."""

NESTED = b'{"version": 1, "orders": ' + b"[" * 9000 + b"]" * 9000 + b"}"
FOREIGN = b'{"version": 1, "pane": "Nowhere", "theme": "\\u001b[31m", "orders": {"Sessions": ["\\ud800", true]}}'
WRONG = b'{"version": 1, "pane": 7, "theme": ["nord"], "orders": {"Sessions": ["AGE"], "Tunnels": "LOCAL"}}'


@pytest.fixture
def file(stage: Stage) -> Path:
    """Where it is kept; nothing is, yet."""
    path = stage.lab.home / ".local/state/srctl/screen.json"
    assert not path.exists()
    return path


def test_pane_order_and_theme_are_as_they_were_left(stage: Stage, file: Path) -> None:
    stage.start()

    async def first(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("o", "O", "3")
        await seat.press("T", *"nord", "enter")
        await seat.until(lambda: seat.app.theme == "nord")
        await seat.press("q")

    async def second(seat: Seat) -> None:
        await seat.see("[3 Tunnels]")
        assert any(look.paper == NORD for row in rows(seat) for _, look in row)
        await seat.press("1")
        await seat.see("SESSION ▼", "● running")

    async def third(seat: Seat) -> None:
        await seat.see("[1 Sessions]", "SESSION ▼")
        await seat.press("2")

    stage.play(first)
    assert file.stat().st_mode & 0o777 == 0o600
    stage.play(second)
    stage.play(third, readonly=True)
    assert kept.read(file).pane == "Applications"


def test_who_administers_comes_back_to_a_pane_of_administrators(stage: Stage, file: Path) -> None:
    kept.write(file, Kept("Users"))

    async def story(seat: Seat) -> None:
        await seat.see("[4 Users]", "● active")

    stage.play(story)
    stage.lab.database.unlink()

    async def other(seat: Seat) -> None:
        await seat.see("[1 Sessions]", "● up")

    stage.play(other)
    assert kept.read(file).pane == "Users"


@pytest.mark.parametrize("content", [b"{", FOREIGN, WRONG], ids=["broken", "foreign", "wrong"])
def test_a_screen_begins_as_always_where_what_was_kept_makes_no_sense(stage: Stage, file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)

    async def story(seat: Seat) -> None:
        await seat.see("[1 Sessions]", "Nothing runs for you")
        assert seat.app.theme == "textual-dark"
        assert not seat.toasts
        await seat.press("2")

    stage.play(story)
    assert kept.read(file).pane == "Applications"


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff\xfe\x00", NESTED, b'{"version": 2, "pane": "Users"}', b" " * 20_000 + b'{"version": 1}'],
    ids=["empty", "list", "no text", "nested", "newer", "large"],
)
def test_what_can_not_be_understood_is_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "screen.json"
    path.write_bytes(content)
    assert kept.read(path) == Kept()


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)], ids=["folder", "pipe", "loop"]
)
def test_what_is_no_file_is_nothing_and_is_not_waited_for(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "screen.json")
    assert kept.read(tmp_path / "screen.json") == Kept()


def test_where_nothing_can_be_kept_nothing_is_said(stage: Stage, file: Path) -> None:
    file.parent.write_text("in the way")

    async def story(seat: Seat) -> None:
        await seat.press("2")
        await seat.see("[2 App]")
        assert not seat.toasts

    stage.play(story)
    assert file.parent.read_text() == "in the way"


def test_of_two_screens_the_one_that_ends_last_is_remembered(stage: Stage, file: Path) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("2")
        kept.write(file, Kept("Tunnels", "dracula"))  # as another screen that ends meanwhile

    stage.play(story)
    assert json.loads(file.read_text()) == {"version": 1, "pane": "Applications", "theme": "", "orders": {}}


def test_nothing_is_written_where_nothing_was_chosen(stage: Stage, file: Path) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")

    stage.play(story)
    assert not file.exists()
