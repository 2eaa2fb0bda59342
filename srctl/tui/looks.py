"""How the screen looks: Textual's themes, one of high contrast, and one for terminals that have no colours.

What is told by a colour is always told by a sign and a word too, so `plain` takes nothing away. It is what terminals
without colours get, and whoever sets NO_COLOR; no code of a colour is sent then, not even of the terminal's own.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import ANSIToTruecolor, LineFilter, Monochrome
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
    primary="#ffe100",
    secondary="#00e5ff",
    accent="#00e5ff",
    warning="#ffc400",
    error="#ff7a7a",
    success="#4dff88",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#00006e",
    text_alpha=1.0,
    variables={
        "text-muted": "#ffffff",
        "text-disabled": "#d0d0d0",
        "surface-lighten-2": "#ffffff",
        "block-cursor-text-style": "bold",
    },
)
THEMES = (CONTRAST, PLAIN)
MANY, FEW = 256, 16
OWN = "ansi-dark"
"""A theme of Textual's in the terminal's own colours, for terminals that have no others."""

_NONE = ("dumb", "unknown", "vt52", "vt100", "vt102", "vt220", "vt320", "vt420")


def begin(app: App[Any], environ: Mapping[str, str], wanted: str) -> list[str]:
    """Give the application the theme that is wanted; return those that can be chosen, none where there are no colours.

    What is no theme wants none.
    """
    names = [theme.name for theme in THEMES] + sorted(app.available_themes)
    for theme in THEMES:
        app.register_theme(theme)
    count = colours(environ)
    app.no_color = not count
    chosen = PLAIN.name if app.no_color else wanted if wanted in names else OWN if count <= FEW else ""
    if chosen in names:
        app.set_reactive(App.theme, chosen)
        app.stylesheet.set_variables(app.get_css_variables())  # which costs less than another theme later
    return [] if app.no_color else names


class NoColour(LineFilter):
    """Leaves of each style what is no colour: bold, reverse, underlined, dim."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - as Textual calls it
        """Return the segments without colours."""
        return [Segment(text, style and _without_colour(style), control) for text, style, control in segments]


COLOURLESS = (NoColour(),)


def with_colours(filters: Sequence[LineFilter], *, own: bool) -> Sequence[LineFilter]:
    """Return Textual's filters but for those that take away colours that there are.

    One it adds where NO_COLOR is set, even if to nothing; another mixes the terminal's `own` colours anew.
    """
    unwanted = (Monochrome, ANSIToTruecolor) if own else Monochrome
    return [each for each in filters if not isinstance(each, unwanted)]


@lru_cache(1024)
def _without_colour(style: Style) -> Style:
    return style.without_color


def colours(environ: Mapping[str, str]) -> int:
    """Return how many colours there are to choose from: none where the person or the terminal wants none.

    A terminal that nobody knows is taken to have as many as most.
    """
    term = environ.get("TERM", "dumb")
    if environ.get("NO_COLOR") or term.endswith(("-m", "-mono")) or term in _NONE:
        return 0
    if "color" in term or environ.get("COLORTERM"):
        return MANY
    try:
        import curses

        curses.setupterm(term, 1)
        return max(0, curses.tigetnum("colors"))
    except Exception:  # no such library, or a terminal that this machine knows nothing about
        return MANY
