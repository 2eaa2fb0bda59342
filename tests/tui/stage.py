"""What the tests of the screen need: to let it play a story, to press keys, to read what is to be seen."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.pilot import Pilot

from srctl import places
from srctl.context import Context
from srctl.hosts.engine import DockerHost
from srctl.models import Host, StartRequest
from srctl.tui.app import SrctlApp
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB, FakeEngine

LIMIT = 10.0


@dataclass
class Seat:
    """Whoever sits before the screen."""

    app: SrctlApp
    pilot: Pilot[None]
    stage: Stage

    async def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type a text as fast as a terminal hands it on."""
        for character in text:
            self.app.post_message(Key(_character_to_key(character), character))
        await self.pilot.pause()

    async def paste(self, text: str) -> None:
        """Paste a text where the keyboard is."""
        self.app.post_message(Paste(text))
        await self.pilot.pause()

    async def go(self, name: str) -> None:
        """Go to a pane by its number, once it is to be had."""
        await self.until(lambda: name in self.panes, f"no pane {name}")
        await self.press(str((self.panes.index(name) + 1) % 10))
        await self.until(lambda: name == self.app.main.pane.NAME, f"not gone to {name}")

    @property
    def panes(self) -> list[str]:
        """The panes that are to be had."""
        return [kind.name for kind in self.app.main.kinds]

    @property
    def lines(self) -> list[str]:
        """The lines that are to be seen."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def screen(self) -> str:
        """All that is to be seen."""
        return "\n".join(self.lines)

    @property
    def toasts(self) -> list[str]:
        """What has been said in passing."""
        return [each.message for each in self.app._notifications]

    @property
    def copied(self) -> str:
        """What is in the clipboard."""
        return self.app.clipboard

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Wait until something is so, with a limit."""
        limit = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < limit, f"{what}\n{self.screen}\n{self.toasts}"
            await self.pilot.pause(0.01)

    async def see(self, *texts: str) -> None:
        """Wait until all of these are to be seen."""
        await self.until(lambda: all(text in self.screen for text in texts), f"not seen: {texts}")

    async def hear(self, text: str) -> None:
        """Wait until this has been said in passing."""
        await self.until(lambda: any(text in each for each in self.toasts), f"not said: {text}")

    async def miss(self, text: str) -> None:
        """Wait until this is not to be seen any more."""
        await self.until(lambda: text not in self.screen, f"still seen: {text}")


Story = Callable[[Seat], Awaitable[None]]


@dataclass
class Stage:
    """A home and an engine."""

    lab: FrontDoor
    engine: FakeEngine
    environ: dict[str, str] = field(default_factory=dict)
    hosts: list[Host] | None = None
    """The hosts that are shown, where they are others than what a command line would have."""
    at: Callable[..., Context] = places.at
    """Makes the context of a host."""

    def context(self) -> Context:
        """Return a context as the command line makes it."""
        silent = [io.StringIO() for _ in range(3)]
        return Context(
            self.lab.environ | self.environ,
            stdin=silent[0],
            stdout=silent[1],
            stderr=silent[2],
            host=cast("DockerHost", self.engine),
        )

    def play(
        self,
        story: Story,
        *,
        size: tuple[int, int] = (80, 24),
        readonly: bool = False,
        hosts: list[Host] | None = None,
        at: Callable[..., Context] | None = None,
        toasts: bool = False,
    ) -> SrctlApp:
        """Let the story happen on a screen, on which what is said is seen with `toasts`; return the application."""
        context = self.context()
        shown = hosts or self.hosts or places.hosts(context)
        app = SrctlApp(context, shown, readonly=readonly, at=at or self.at)

        async def run() -> None:
            async with app.run_test(size=size, notifications=toasts) as pilot:
                await story(Seat(app, pilot, self))

        with context:
            asyncio.run(run())
        return app

    def start(self, app: str = WEB) -> str:
        """Start a session as another srctl would; return its id."""
        with self.context() as context:
            return context.launcher(lambda _: None).start(StartRequest(app)).session.id


def among(*engines: FakeEngine) -> Callable[..., Context]:
    """Return what makes the context of one of several hosts."""

    def at(context: Context, host: Host, asks: Any) -> Context:
        made = places.at(context, host, asks)
        made.__dict__["host"] = next(each for each in engines if each.name == host.name)
        return made

    return at
