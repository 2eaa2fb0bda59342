"""Work that a person has asked for: what is called on a thread of its own, and what is done with the outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from srctl.context import Context
from srctl.errors import SrctlError
from srctl.models import Progress

T = TypeVar("T")
Tell = Callable[[Progress], None]


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
    step: str = ""
    """How far it is, in words."""
