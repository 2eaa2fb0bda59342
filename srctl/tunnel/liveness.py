"""Notices a peer that has gone silent: probes that want an answer are counted.

`keepalive@openssh.com` is a global request that every server must answer, if only with a failure (RFC 4254, section
4), so silence after it means that nobody is there. A computer that slept finds out as soon as it wakes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from paramiko.ssh_exception import SSHException

INTERVAL, COUNT = 2.0, 3
"""Seconds of silence before a probe, and how many probes may stay unanswered: 7 to 8 seconds in all."""

_LAST_WAIT = 1.0
_SLEEP = 5.0
"""Seconds by which the wall clock must run ahead of the steady one for a sleep of the computer."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clock on the wall, and the one that is never set; in seconds."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


class Liveness:
    """Judges one connection, at each `beat`."""

    def __init__(self, interval: float, count: int, probe: Callable[[], None], clocks: Clocks | None = None) -> None:
        """`probe` sends a request that wants an answer; `interval` is in seconds."""
        self._interval, self._count = interval, count
        self._probe = probe
        self._clocks = clocks or Clocks()
        self._unanswered, self._probed = 0, 0.0
        self._ahead = self._clocks.wall() - self._clocks.steady()
        self._first_asked: float | None = None

    def beat(self, heard: float) -> None:
        """Probe if it is time to; `heard` is when anything last came. Raises `SSHException` for a dead peer."""
        now = self._clocks.steady()
        if heard > self._probed:
            self._unanswered = 0
        if self._slept():
            self._unanswered = 0
            self._ask(now)
        elif self._unanswered >= self._count and now - self._probed >= min(self._interval, _LAST_WAIT):
            raise SSHException(f"no answer for {now - heard:.0f} s")
        elif now - max(heard, self._probed) >= self._interval and self._unanswered < self._count:
            self._ask(now)

    def ask(self) -> None:
        """Probe now, to learn the round trip."""
        self._ask(self._clocks.steady())

    def answered(self) -> float | None:
        """Take note of an answer; return the round trip in seconds if it is known which probe it is for."""
        asked, self._first_asked = self._first_asked, None
        return None if asked is None else self._clocks.steady() - asked

    def _ask(self, now: float) -> None:
        self._unanswered += 1
        self._first_asked = now if self._unanswered == 1 else None
        self._probed = now
        self._probe()

    def _slept(self) -> bool:
        """Tell whether the computer slept since the last beat, where the steady clock stands still meanwhile."""
        before, self._ahead = self._ahead, self._clocks.wall() - self._clocks.steady()
        return self._ahead - before > _SLEEP
