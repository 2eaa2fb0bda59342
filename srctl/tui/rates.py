"""How much goes through each tunnel per second, by what its holder writes once a second while its numbers change."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srctl.tunnel.registry import Record

BEAT = 1.0
"""Seconds in which what is written has come, however long nothing was written before."""

LATE = 1.5
"""Seconds between two of its looks that a busy holder may take."""

SILENT = 2.5
"""Seconds after which a holder that writes nothing has nothing to tell."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Bytes per second, from the session and to it."""

    down: float = 0.0
    up: float = 0.0


class Rates:
    """Compares what is written now with what was written before."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._before: dict[str, tuple[Record, Rate]] = {}

    def look(self, records: "Iterable[Record]") -> Mapping[str, Rate]:
        """Return the rate of each tunnel in which something moves."""
        self._before = {record.plan.id: (record, self._rate(record)) for record in records}
        return {identifier: rate for identifier, (_, rate) in self._before.items() if rate != Rate()}

    def _rate(self, record: "Record") -> Rate:
        last, rate = self._before.get(record.plan.id, (record, Rate()))
        if not record.alive or self._now() - record.written > SILENT:
            return Rate()
        passed = record.written - last.written
        if passed <= 0:
            return rate
        if passed > LATE:
            passed = BEAT
        now, before = record.standing, last.standing
        return Rate(
            max(0.0, (now.bytes_in - before.bytes_in) / passed), max(0.0, (now.bytes_out - before.bytes_out) / passed)
        )
