"""How use cases wait: a clock, which tests replace, and by which what goes on can be given up."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

Closing = Callable[[Callable[[], object]], AbstractContextManager[None]]
"""Has something closed if what goes on in the block is given up by another thread; then it raises
`InterruptedByUserError`."""


def unhindered(_close: Callable[[], object]) -> AbstractContextManager[None]:
    """Let nobody give it up."""
    return nullcontext()


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, so that tests need none: `now` counts seconds, `date` is what containers' ages are measured with.

    Whoever may give up the work has `sleep` raise `InterruptedByUserError`, and `closing` close what is waited for.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    date: Callable[[], datetime] = _utc
    closing: Closing = unhindered
    steady: Callable[[float], None] | None = None
    """Sleeps where `sleep` may be given up."""

    def rest(self, seconds: float) -> None:
        """Wait while something is undone, which nobody gives up."""
        (self.steady or self.sleep)(seconds)


REAL = Clock()
