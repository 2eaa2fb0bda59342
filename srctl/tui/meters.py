"""What sessions take of the processor and of the memory: the last minutes of it, put in by threads, read by panes.

Samples are gathered into slots of some seconds, so that a short row of bars says something and seldom changes.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from srctl.models import Usage

SLOT = 5
"""Seconds that one bar stands for."""

SLOTS = 24
"""Slots that are kept: two minutes."""

FRESH = 4.0
"""Seconds after which a number is none of now any more; they come each second."""

KEPT = 2000
"""Containers that are remembered."""

BARS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
"""Where nothing was measured."""


@dataclass(slots=True)
class _Slot:
    number: int
    total: float = 0.0
    count: int = 0


@dataclass(slots=True)
class _Course:
    """What one container took."""

    last: Usage
    seen: float
    slots: deque[_Slot] = field(default_factory=lambda: deque(maxlen=SLOTS))


class Meters:
    """The courses of all containers, by host and id. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._courses: dict[tuple[str, str], _Course] = {}

    def put(self, host: str, usage: Usage, now: float | None = None) -> None:
        """Take in what a container took just now, in seconds of `time.monotonic`."""
        now = time.monotonic() if now is None else now
        key = (host, usage.container_id)
        with self._lock:
            course = self._courses.get(key)
            if course is None:
                if len(self._courses) >= KEPT:
                    del self._courses[next(iter(self._courses))]
                course = self._courses[key] = _Course(usage, now)
            course.last, course.seen = usage, now
            if usage.cpu is None:
                return
            number = int(now) // SLOT
            if not course.slots or course.slots[-1].number != number:
                course.slots.append(_Slot(number))
            course.slots[-1].total += usage.cpu
            course.slots[-1].count += 1

    def knows(self, host: str, container_id: str) -> bool:
        """Tell whether a container was ever measured."""
        return (host, container_id) in self._courses

    def now(self, host: str, container_id: str, now: float | None = None) -> Usage | None:
        """Return what a container takes now, `None` where that is not known."""
        now = time.monotonic() if now is None else now
        with self._lock:
            course = self._courses.get((host, container_id))
            return course.last if course is not None and now - course.seen < FRESH else None

    def course(self, host: str, container_id: str, slots: int, now: float | None = None) -> list[float | None]:
        """Return the processor's share in the last slots, in percent of a core; `None` where nothing was measured."""
        now = time.monotonic() if now is None else now
        with self._lock:
            course = self._courses.get((host, container_id))
            known = {} if course is None else {each.number: each.total / each.count for each in course.slots}
        fresh = course is not None and now - course.seen < FRESH
        last = int(course.seen if course is not None and fresh else now) // SLOT  # a slot that has just begun is empty
        return [known.get(number) for number in range(last - slots + 1, last + 1)]


def bars(values: Sequence[float | None]) -> str:
    """Return a bar for each value: a full one is 100, or the greatest of them if that is more."""
    full = max([100.0, *(each for each in values if each is not None)])
    return "".join(_bars(values, full))


def _bars(values: Sequence[float | None], full: float) -> Iterator[str]:
    for value in values:
        yield NOTHING if value is None else BARS[min(len(BARS) - 1, int(value / full * len(BARS)))]
