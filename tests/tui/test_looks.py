"""Its colours, and how it does without."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from srctl.tui import looks
from tests.tui.pictures import rows
from tests.tui.stage import Seat, Stage
from tools.drawing import Look


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({"TERM": "xterm-256color"}, 256),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, 256),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, 256),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, 0),
        ({"TERM": "vt100"}, 0),
        ({"TERM": "xterm-mono"}, 0),
        ({"TERM": "dumb"}, 0),
        ({}, 0),
    ],
    ids=str,
)
def test_how_many_colours_there_are(environ: dict[str, str], count: int) -> None:
    assert looks.colours(environ) == count


@pytest.mark.parametrize(("term", "count"), [("never-heard-of", 256), ("xterm", 8), ("linux", 8)])
def test_what_does_not_say_it_by_its_name_is_looked_up(term: str, count: int) -> None:
    code = f"from srctl.tui.looks import colours; print(colours({{'TERM': {term!r}}}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # one in a process
    assert int(told.stdout) == count


def test_what_is_no_colour_stays() -> None:
    style = Style(color="red", bgcolor="blue", bold=True, reverse=True, underline=True)
    [segment, plain] = looks.COLOURLESS[0].apply([Segment("a", style), Segment("b")], Color(0, 0, 0))
    assert segment == Segment("a", Style(bold=True, reverse=True, underline=True))
    assert plain == Segment("b")


def test_a_theme_is_chosen_by_its_name(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.press("T")
        await seat.see("Which colours?", "Colours: high-contrast", "Colours: plain", "Colours: ansi-dark")
        await seat.type("high")
        await seat.miss("Colours: plain")
        await seat.press("enter")
        await seat.until(lambda: seat.app.theme == "high-contrast")
        await seat.miss("Which colours?")

    stage.play(story, size=(80, 50))


def test_all_texts_can_be_read_in_every_theme_and_easily_in_high_contrast(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        for name in set(seat.app.state.themes) - {"ansi-dark", "ansi-light"}:
            await seat.app.run_action(f"wear({name!r})")
            await seat.pilot.pause()
            told = {look for row in rows(seat) for text, look in row if re.search(r"\w", text)}
            mixed = [look for look in told if "-" not in look.ink + look.paper]  # the rest is the terminal's business
            assert min(map(contrast, mixed), default=21) >= (7 if name == "high-contrast" else 2.5), name

    stage.play(story)


def test_plain_sends_no_colours_whatever_the_terminal_has_and_others_do_again(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")
        await seat.app.run_action("wear('plain')")
        await seat.until(lambda: not coloured(seat))
        await seat.app.run_action("wear('nord')")
        await seat.until(lambda: coloured(seat))

    stage.play(story)


def test_where_there_are_no_colours_none_can_be_chosen(stage: Stage) -> None:
    stage.environ["NO_COLOR"] = "1"

    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")
        assert not coloured(seat)
        await seat.press("T")
        await seat.hear("This terminal shows no colours")

    stage.play(story)


def contrast(look: Look) -> float:
    """Return the contrast of letters and what is behind them, as the WCAG reckon it: from 1 to 21."""
    darker, lighter = sorted(map(luminance, look.drawn))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return how bright a colour is, from 0 to 1."""
    parts = [part / 255 for part in Color.parse(colour).rgb]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def coloured(seat: Seat) -> bool:
    """Tell whether there is a colour anywhere on the screen."""
    return any(look.ink + look.paper != "--" for row in rows(seat) for _, look in row)
