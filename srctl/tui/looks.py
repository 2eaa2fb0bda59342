"""How the screen looks: Textual's themes, one of high contrast, and one for terminals that have no colours.

What is told by a colour is always told by a sign and a word too, so `plain` takes nothing away. It is what terminals
without colours get, and whoever sets NO_COLOR; no code of a colour is sent then, not even of the terminal's own.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

PLAIN = Theme(
    "plain",
    primary="#ffffff",
    secondary="#ffffff",
    accent="#ffffff",
    warning="#ffffff",
    error="#ffffff",
    success="#ffffff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    variables={"input-cursor-text-style": "reverse", "block-cursor-text-style": "bold reverse"},
)
CONTRAST = Theme(
    "high-contrast",
    primary="#1a6bff",
    secondary="#00e5ff",
    accent="#ffff00",
    warning="#ffd500",
    error="#ff6b6b",
    success="#3dff7f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    text_alpha=1.0,
    variables={"block-cursor-text-style": "bold reverse", "border-blurred": "#ffffff"},
)
THEMES = (CONTRAST, PLAIN)
_FEW = ("dumb", "unknown", "vt52", "vt100", "vt102", "vt220", "vt320", "vt420")


def begin(app: App[Any], environ: Mapping[str, str], wanted: str) -> list[str]:
    """Give the application the theme that is wanted; return those that can be chosen, none where there are no colours.

    What is no theme wants none.
    """
    names = [theme.name for theme in THEMES] + sorted(app.available_themes)
    for theme in THEMES:
        app.register_theme(theme)
    app.no_color = not has_colours(environ)
    chosen = PLAIN.name if app.no_color else wanted
    if chosen in names:
        app.set_reactive(App.theme, chosen)
    return [] if app.no_color else names


class NoColour(LineFilter):
    """Leaves of each style what is no colour: bold, reverse, underlined, dim."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - as Textual calls it
        """Return the segments without colours."""
        return [Segment(text, style and _without_colour(style), control) for text, style, control in segments]


COLOURLESS = (NoColour(),)


@lru_cache(1024)
def _without_colour(style: Style) -> Style:
    return style.without_color


def has_colours(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal has colours and the person wants them; one that nobody knows is taken to have them."""
    if environ.get("NO_COLOR"):
        return False
    term = environ.get("TERM", "dumb")
    if "color" in term or environ.get("COLORTERM"):
        return True
    if term.endswith(("-m", "-mono")) or term in _FEW:
        return False
    try:
        import curses

        curses.setupterm(term, 1)
        return curses.tigetnum("colors") > 1
    except Exception:  # no such library, or a terminal that this machine knows nothing about
        return True
