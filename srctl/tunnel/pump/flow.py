"""How much the server may send us for each stream, and for all together (windows of RFC 4254, section 5.2).

Only bytes that the local reader took are given back as credit, so a reader that stalls costs at most its window. A
window follows what the connection carries in one round trip, and half as much again: enough to keep the line full,
and little enough not to fill the queues on the way. A budget over all streams keeps many stalled readers cheap.
"""

import time

FIRST = 1 << 20
LEAST, MOST = 256 << 10, 16 << 20
SPARE, AMPLE = 128 << 10, 1.5
"""A window is `AMPLE` times what comes in one round trip, and `SPARE` bytes: credit comes when a quarter is used up."""

STEP = 256 << 10
"""Credit is given in steps of this many bytes at most, a quarter of the window at least."""

FLOOR = 64 << 10
"""What a stream may always have, whatever the budget says."""

TOTAL = 64 << 20

_SHORTEST_SAMPLE = 0.02
_THOUGHT = 0.001
"""Seconds that a server takes to act on credit."""

_YOUNG = 4 << 20
"""Bytes before which TCP may still be starting slowly, and a low rate means nothing."""


class Budget:
    """The bytes that all streams together may be sent or have queued."""

    def __init__(self, total: int = TOTAL) -> None:
        self.total = total
        self.used = 0

    def grant(self, wanted: int, held: int) -> int:
        """Take up to `wanted` bytes for a stream that holds `held`; return how many it gets."""
        granted = max(0, min(wanted, max(self.total - self.used, FLOOR - held)))
        self.used += granted
        return granted

    def release(self, count: int) -> None:
        """Give bytes back."""
        self.used -= count


class ReceiveWindow:
    """What one stream may be sent: `left` is what the server has leave for, `queued` what waits for the reader."""

    __slots__ = ("_budget", "_sample", "_taken", "left", "queued", "target")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.left = budget.grant(min(FIRST, max(FLOOR, (budget.total - budget.used) // 8)), 0)
        self.queued = 0
        self.target = self.left
        self._taken = 0
        self._sample: tuple[float, int] | None = None

    def receive(self, count: int) -> bool:
        """Note that `count` bytes came; whether the server had leave to send them."""
        self.left -= count
        self.queued += count
        return self.left >= 0

    def take(self, count: int, round_trip: float) -> int:
        """Note that the reader took `count` bytes; return the credit that the server gets now, mostly none."""
        self.queued -= count
        self._taken += count
        self._budget.release(count)
        if self.target - self.left - self.queued < min(self.target >> 2, STEP):
            return 0
        self._follow(round_trip)
        held = self.left + self.queued
        more = self._budget.grant(self.target - held, held)
        self.left += more
        return more

    def close(self) -> None:
        """Give all of it back."""
        self._budget.release(self.left + self.queued)
        self.left = self.queued = 0

    def _follow(self, round_trip: float) -> None:
        now = time.monotonic()
        if self._sample is None:
            self._sample = now, self._taken
            return
        began, taken = self._sample
        if now - began < max(round_trip, _SHORTEST_SAMPLE):
            return
        self._sample = now, self._taken
        if self.queued:  # the reader is the narrow place, and a wider window would only be filled
            return
        rate = (self._taken - taken) / (now - began)
        wanted = max(LEAST, min(MOST, SPARE + int(AMPLE * rate * (round_trip + _THOUGHT))))
        if wanted > self.target:
            self.target = wanted
        elif self._taken > _YOUNG:  # come down slowly: one quiet moment says little
            self.target = (7 * self.target + wanted) // 8
