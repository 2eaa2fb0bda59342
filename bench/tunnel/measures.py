"""The measures: where each is taken, what is done, and the ratio to ssh that is wanted of each figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.tunnel import load
from bench.tunnel.contenders import GCM, OURS, SSH, WARM, Contender, Tunnel
from bench.tunnel.load import Amount, Figures


@dataclass(frozen=True)
class Unit:
    """How a figure is shown: times this, with so many decimals and this name; and whether more of it is better."""

    name: str
    factor: float = 1
    decimals: int = 0
    more_is_better: bool = False

    def show(self, value: float) -> str:
        """Return a figure in words."""
        return f"{value * self.factor:,.{self.decimals}f} {self.name}"


MB_PER_SECOND = Unit("MB/s", more_is_better=True)
PER_SECOND = Unit("/s", more_is_better=True)
SLOW_PER_SECOND = Unit("/s", decimals=1, more_is_better=True)
MICROSECONDS = Unit("µs")
MILLISECONDS = Unit("ms", 1e-3, 1)
CPU = Unit("s/GB", decimals=2)
MEMORY = Unit("MB", decimals=1)


@dataclass(frozen=True)
class Row:
    """One figure of a measure, and the ratio to `rival` that is the target; above 1 is better than the rival.

    A row with `most` has no ratio for a target: our own figure must not be above it.
    """

    title: str
    figure: str
    unit: Unit
    target: float | None = None
    stretch: float | None = None
    rival: Contender = SSH
    most: float | None = None


@dataclass(frozen=True)
class Measure:
    """Something that is done through each contender's tunnel in turns, on a fresh tunnel each time."""

    place: str
    act: Callable[[Tunnel, Amount], Figures]
    rows: tuple[Row, ...]
    ours: Contender = OURS


MEASURES = {
    "download": Measure(
        "loopback",
        load.download,
        (
            Row("download, loopback", "rate", MB_PER_SECOND, 1.3, 1.6),
            Row("download, loopback, to ssh-gcm", "rate", MB_PER_SECOND, 0.9, None, GCM),
            Row("processor time of the client, download", "cpu_per_gb", CPU, 1.5, 1.9),
        ),
    ),
    "upload": Measure("loopback", load.upload, (Row("upload, loopback", "rate", MB_PER_SECOND, 1.1, 1.4),)),
    "slow-download": Measure(
        "slow",
        load.slow_download,
        (
            Row("download at 50 ms, to ssh-gcm", "rate", MB_PER_SECOND, 1.2, 1.3, GCM),
            Row("its first two seconds, to ssh-gcm", "early", MB_PER_SECOND, rival=GCM),
        ),
    ),
    "large-buffers": Measure(
        "slow, large buffers",
        load.slow_download,
        (
            Row("download at 50 ms, TCP buffers of 32 MB, to ssh-gcm", "rate", MB_PER_SECOND, 1.2, 1.3, GCM),
            Row("its first two seconds, to ssh-gcm", "early", MB_PER_SECOND, rival=GCM),
        ),
    ),
    "requests": Measure(
        "loopback",
        load.requests,
        (
            Row("keep-alive requests, p50", "p50", MICROSECONDS, 0.8, 1.0),
            Row("keep-alive requests, p99 as wrk corrects it", "p99", MICROSECONDS, 0.8, 1.0),
            Row("keep-alive requests, plain p99", "plain_p99", MICROSECONDS, 0.8, 1.0),
        ),
    ),
    "connections": Measure(
        "loopback",
        load.connections,
        (
            Row("new connections, one at a time", "rate", PER_SECOND, 0.6, 0.9),
            Row("new connections, one at a time, p50", "p50", MICROSECONDS, 0.6, 0.9),
        ),
    ),
    "six-connections": Measure(
        "loopback",
        load.six_connections,
        (Row("new connections, six at a time", "rate", PER_SECOND, 0.95, 1.1),),
    ),
    "slow-connections": Measure(
        "slow",
        load.slow_connections,
        (
            Row("new connections at 50 ms, six at a time", "six", SLOW_PER_SECOND, 1.4, 1.9),
            Row("new connections at 50 ms, one at a time", "one", SLOW_PER_SECOND),
        ),
    ),
    "loaded-pings": Measure(
        "loopback",
        load.loaded_pings,
        (
            Row("ping beside a download, p50", "p50", MICROSECONDS, 1.1, 1.2),
            Row("ping beside a download, p99", "p99", MICROSECONDS, 1.3, 1.8),
            Row("the download meanwhile", "rate", MB_PER_SECOND),
        ),
    ),
    "narrow-pings": Measure(
        "narrow",
        load.narrow_pings,
        (
            Row("ping beside a download, 100 Mbit/s and 50 ms, p50", "p50", MILLISECONDS, 1.7, 1.9),
            Row("the download meanwhile", "rate", Unit("MB/s", decimals=1, more_is_better=True)),
        ),
    ),
    "idle-pings": Measure(
        "loopback",
        load.idle_pings,
        (
            Row("idle ping, mean of the worst percent", "worst_percent", MICROSECONDS, 10, 50),
            Row("idle ping, p99.9", "p999", MICROSECONDS, 10, 50),
            Row("idle ping, p50", "p50", MICROSECONDS),
        ),
    ),
    "set-up": Measure(
        "slow",
        load.set_up,
        (Row("set-up at 50 ms, process included", "time", MILLISECONDS, 1.7, 1.9),),
    ),
    "warm-set-up": Measure(
        "slow",
        load.set_up,
        (Row("set-up at 50 ms, from a running srctl", "time", MILLISECONDS, 1.7, 1.9),),
        WARM,
    ),
    "stalled": Measure(
        "loopback",
        load.stalled_readers,
        (Row("memory for four stalled readers", "growth", MEMORY, most=6),),
    ),
}
