"""Work that a person has asked for: what is called on a thread of its own, and what is done with the outcome."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from srctl.context import Context
from srctl.errands import Errand
from srctl.errors import SrctlError
from srctl.models import Progress
from srctl.tui.pulling import Layers
from srctl.tui.words import plainly

T = TypeVar("T")
Tell = Errand
"""What work is given: progress is told to it, and what goes by its `clock` can be given up."""


@dataclass(eq=False)
class Work(Generic[T]):
    """A use case with its arguments; `title` is shown while it goes on. `done` is called on the screen's thread."""

    title: str
    host: str | None
    """The host whose context it needs; `None` where any will do."""
    call: Callable[[Context, Tell], T]
    done: Callable[[T], object]
    quiet: bool = False
    """It is seen elsewhere that it goes on."""
    failed: Callable[[SrctlError], object] | None = None
    """Is called with what went wrong, on the screen's thread; without it the person is told."""
    command: str = ""
    """The command line that does the same."""
    yielding: bool = False
    """Whether it ends midway when it is given up, and undoes what it has begun."""
    errand: Errand = field(default_factory=Errand, init=False)
    error: SrctlError | None = field(default=None, init=False)
    """What went wrong, once it has ended."""
    over: threading.Event = field(default_factory=threading.Event, init=False)
    """Set when it has ended."""
    begun: datetime = field(default_factory=lambda: datetime.now(UTC), init=False)
    news: bool = field(default=False, init=False)
    """Whether it has told something that is not shown yet."""
    _step: str = field(default="", init=False)
    _layers: Layers = field(default_factory=Layers, init=False)

    def hear(self, progress: Progress) -> None:
        """Note how far it is."""
        if progress.item is None:
            self._layers = Layers()
            self._step = progress.step
        else:
            self._layers.hear(progress)

    def give_up(self) -> None:
        """Have it end and undo what it has begun; nobody waits for that here."""
        threading.Thread(target=self.errand.give_up, name="srctl-give-up", daemon=True).start()

    @property
    def step(self) -> str:
        """How far it is, in words."""
        if self.errand.given_up:
            return "giving up ..."
        return self._layers.in_words() or plainly(self._step)
