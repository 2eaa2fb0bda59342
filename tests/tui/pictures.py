"""Pictures of the screen, as files to which it is held: adding one is writing how one gets there.

    @picture(SMALL, LARGE)
    async def sessions(seat: Seat) -> None:
        '''What the eye should see.'''
        await seat.see("● running")

`pytest tests/tui/test_pictures.py --update-pictures` draws them anew. Then look at them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import textual
from rich.color import Color
from rich.style import Style
from textual.widgets import Input, TextArea

from tests.cli.front_door import FrontDoor
from tests.tui import gallery
from tests.tui.stage import Seat, Story
from tests.tui.steady import measured
from tools.drawing import Look, Picture, Row, difference, read

SMALL, LARGE = (80, 24), (120, 40)
HERE = Path(__file__).with_name("pictures")
DOCS = Path(__file__).parents[2] / "docs" / "pictures"
ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")

Setting = Callable[[FrontDoor], AbstractContextManager[gallery.Scene]]


def _busy(made: Callable[[FrontDoor], gallery.Scene]) -> Setting:
    """Return the setting on such a stage, with tunnels of all kinds."""

    @contextmanager
    def setting(front: FrontDoor) -> Iterator[gallery.Scene]:
        stage = made(front)
        with gallery.tunnels(stage):
            yield stage

    return setting


day, scripts, several, team, audited = map(
    _busy, (gallery.day, gallery.scripts, gallery.several, gallery.team, gallery.audited)
)


@contextmanager
def quiet(front: FrontDoor) -> Iterator[gallery.Scene]:
    """Nothing runs."""
    yield gallery.quiet(front)


@dataclass(frozen=True)
class Shot:
    """A picture, or the same in several sizes: how one gets there, and what is set up before."""

    story: Story
    sizes: tuple[tuple[int, int], ...]
    setting: Setting
    shown: bool
    """It stands in the documentation too."""
    readonly: bool
    environ: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.story.__name__.replace("_", "-")

    def path(self, size: tuple[int, int]) -> Path:
        """Return where it is kept."""
        return DOCS / f"tui-{self.name}.svg" if self.shown else HERE / f"{self.name}-{size[0]}x{size[1]}.svg"


SHOTS: list[Shot] = []


def picture(
    *sizes: tuple[int, int],
    on: Setting = day,
    shown: bool = False,
    readonly: bool = False,
    **environ: str,
) -> Callable[[Story], Story]:
    """Have a picture taken at the end of a story, in these sizes; its docstring says what the eye should see."""

    def noted(story: Story) -> Story:
        SHOTS.append(Shot(story, sizes, on, shown, readonly, tuple(environ.items())))
        return story

    return noted


def taken(shot: Shot, front: FrontDoor) -> dict[Path, Picture]:
    """Let the story happen, and return the pictures by where they are kept."""
    found: dict[Path, Picture] = {}

    async def story(seat: Seat) -> None:
        measured(seat.app.state.meters, stage.engines)
        await shot.story(seat)
        for field in (*seat.app.screen.query(Input), *seat.app.screen.query(TextArea)):
            field.cursor_blink = False
        for size in shot.sizes:
            await seat.pilot.resize_terminal(*size)
            found[shot.path(size)] = Picture(
                says(shot.story), f"textual {textual.__version__}", await still(seat, size)
            )

    with shot.setting(front) as stage:
        stage.environ |= dict(shot.environ)
        stage.play(story, size=shot.sizes[0], readonly=shot.readonly, toasts=True)
    return found


async def still(seat: Seat, size: tuple[int, int]) -> list[Row]:
    """Return what is to be seen once that does not change any more."""
    seen: list[list[Row]] = []

    def calm() -> bool:
        seen.append(rows(seat))
        return len(seen[-1]) == size[1] and len(seen) > CALM and all(each == seen[-1] for each in seen[-CALM:])

    await seat.until(calm, "it does not come to rest")
    return seen[-1]


CALM = 6
"""Looks, each after at least 10 ms, at which nothing has changed: news are collected for 50 ms."""


def rows(seat: Seat) -> list[Row]:
    """Return what is to be seen."""
    strips = seat.app.screen._compositor.render_strips()
    return [[(segment.text, look(segment.style)) for segment in strip.simplify() if segment.text] for strip in strips]


def look(style: Style | None) -> Look:
    """Return how something looks."""
    if style is None:
        return Look()
    return Look(
        colour(style.color), colour(style.bgcolor), " ".join(name for name in ATTRIBUTES if getattr(style, name))
    )


def colour(found: Color | None) -> str:
    """Return a colour as a picture has it."""
    return "-" if found is None or found.is_default else found.get_truecolor().hex


def says(story: Callable[[Seat], Awaitable[None]]) -> str:
    """Return what the eye should see."""
    return " ".join((story.__doc__ or "").split())


def compared(path: Path, now: Picture, *, update: bool) -> str:
    """Return how a picture differs from the one that is kept; with `update` it is kept from now on."""
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(now.svg())
        return ""
    if not path.exists():
        return f"{path.name} is missing"
    kept = path.read_text()
    told = difference(read(kept), now)
    if not told and read(kept).maker == now.maker and kept != now.svg():
        told = "shows the same and is drawn otherwise"
    return f"{path.name}\n{told}" if told else ""
