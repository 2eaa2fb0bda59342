"""Tells how long an event loop was held up: it beats on the loop, and notes each beat that comes late.

What the machine is to blame for is taken off: the time for which a thread could have run and was given no processor.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

BEAT = 0.005
LATE = 0.02
WATCHED = 0.04


@dataclass
class Heart:
    """Beats while `beat` runs on the loop; times are in seconds."""

    worst: float = 0.0
    late: list[float] = field(default_factory=list)
    """The beats that came late, by how much."""
    stacks: list[str] = field(default_factory=list)
    """Where the loop was each time that it was held up for long."""
    _last: float = 0.0
    _over: bool = False

    async def beat(self) -> None:
        """Beat until `stop`."""
        self._last = time.perf_counter()
        threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True).start()
        waited = _waited()
        while not self._over:
            await asyncio.sleep(BEAT)
            now = time.perf_counter()
            gap = now - self._last - BEAT
            if gap > LATE:
                before, waited = waited, _waited()
                self._note(gap - _blamed(before, waited))
                now = time.perf_counter()
            else:
                self.worst = max(self.worst, gap)
            self._last = now

    def stop(self) -> None:
        """Beat no more."""
        self._over = True

    def _note(self, gap: float) -> None:
        self.late.append(max(0.0, gap))
        self.worst = max(self.worst, gap)

    def _watch(self, loop: int) -> None:
        seen = 0.0
        while not self._over:
            time.sleep(BEAT * 2)
            if time.perf_counter() - self._last > WATCHED and seen != self._last:
                seen = self._last
                frame = sys._current_frames().get(loop)
                self.stacks.append("".join(traceback.format_stack(frame)[-3:]))


def _waited() -> dict[str, float]:
    """Return how long each thread has waited for a processor until now (proc(5), schedstat)."""
    found = {}
    for thread in Path("/proc/self/task").glob("*/schedstat"):
        try:
            found[thread.parent.name] = int(thread.read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            continue
    return found


def _blamed(before: dict[str, float], now: dict[str, float]) -> float:
    """Return how long the loop's thread waited for a processor, and the one that waited longest of all others."""
    more = {thread: seconds - before.get(thread, 0.0) for thread, seconds in now.items()}
    own = more.pop(str(threading.get_native_id()), 0.0)
    return own + max(more.values(), default=0.0)
