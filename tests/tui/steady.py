"""What the pictures show of time and load: answers that take as long as ever, sessions that take what they always do.

So a picture is the same on any machine, however busy that is.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import pkgutil
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

import pytest

from srctl.models import Container, EngineInfo, Usage
from srctl.tui.meters import SLOT, SLOTS, Meters
from tests.fakes import START, FakeEngine, FakeStats

NOW = START + timedelta(hours=14, minutes=30)
CLOCKS = ("srctl.tui.", "srctl.db.", "srctl.tunnel.registry")
"""Modules that ask what time it is."""
WATCHES = ("srctl.tui.host", "srctl.tui.meters", "srctl.tui.tabs")
"""Modules that measure how long something takes."""
GIB = 1 << 30
TAKES = {
    "jupyter/scipy:2029": (1.9 * GIB, (4, 4, 9, 38, 96, 180, 240, 310, 290, 120, 35, 12)),
    "kitware/paraview:6": (6.2 * GIB, (55, 60, 71, 66, 58, 75, 83, 90, 88, 79, 64, 52)),
    "freecad:1": (0.4 * GIB, (2, 1, 1, 3, 2, 14, 8, 2, 1, 1, 2, 1)),
    "srctl/desktop:latest": (0.7 * GIB, (6, 22, 9, 5, 4, 7, 13, 40, 21, 8, 6, 5)),
    "blender:5": (11.5 * GIB, (780, 790, 795, 798, 796, 799, 797, 798, 792, 799, 798, 797)),
}
"""The memory that an application takes, and of its processor the percents that are taken in turn."""
MACHINES = {"lab": (32, 128 * GIB, 0.012), "gpu-1": (64, 256 * GIB, 0.041)}
"""Cores, memory, and how many seconds each answer takes."""


class Stopwatch(threading.local):
    """Stands in for the module `time`: its clock runs only for the thread that waits for a host, as long as said."""

    now = 100_000.0 * SLOT

    def monotonic(self) -> float:
        """Return the seconds on it."""
        return self.now


STOPWATCH = Stopwatch()


@dataclass
class SteadyEngine(FakeEngine):
    """An engine that answers after a time of its own, and of which each container takes what it always does."""

    def containers(
        self, labels: Mapping[str, str], *, stopped: bool = False, ids: Sequence[str] = ()
    ) -> list[Container]:
        """List them, which takes its time; none where a stage is made ready."""
        if threading.current_thread() is not threading.main_thread():
            STOPWATCH.now += MACHINES[self.name][2]
        return super().containers(labels, stopped=stopped, ids=ids)

    def info(self) -> EngineInfo:
        """Return what the machine is."""
        cores, memory, _ = MACHINES[self.name]
        return replace(super().info(), version="29.1", cores=cores, memory=memory)

    def stats(self, container_id: str) -> FakeStats:
        """Tell what a container takes, once: what the meters of the pictures know of it already."""
        stream = FakeStats(container_id)
        stream.lines.put(self.course(self._find(container_id))[-1])
        return stream

    def course(self, container: Container) -> list[Usage]:
        """Return what a container has taken, slot by slot."""
        memory, shares = TAKES[container.image]
        return [
            Usage(container.id, shares[slot % len(shares)], int(memory), MACHINES[self.name][1])
            for slot in range(SLOTS)
        ]


def measured(meters: Meters, engines: Sequence[FakeEngine]) -> None:
    """Have the last two minutes of all that runs be known."""
    for engine in engines:
        for container in engine.stored.values():
            if isinstance(engine, SteadyEngine) and container.state == "running":
                for ago, usage in zip(range(SLOTS - 1, -1, -1), engine.course(container), strict=True):
                    meters.put(engine.name, usage, STOPWATCH.now - ago * SLOT)


class _Moment(type):
    def __instancecheck__(cls, found: object) -> bool:
        return isinstance(found, datetime)


class Frozen(datetime, metaclass=_Moment):
    """A clock that has stopped; every moment is taken for one of it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Frozen:
        """Return the moment of the pictures."""
        return cls.fromtimestamp(NOW.timestamp(), tz)


@contextmanager
def frozen(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop all clocks of ours, put the local time to UTC, and give out ids that are the same in each run."""
    for name in ("srctl.tui", "srctl.db"):
        for each in pkgutil.iter_modules(importlib.import_module(name).__path__):
            importlib.import_module(f"{name}.{each.name}")
    for name, module in list(sys.modules.items()):
        if name.startswith(CLOCKS) and vars(module).get("datetime") is datetime:
            patch.setattr(module, "datetime", Frozen)
    for name in WATCHES:
        patch.setattr(sys.modules[name], "time", STOPWATCH)
    numbers = itertools.count(1)
    patch.setattr(secrets, "token_hex", lambda size=16: digest(next(numbers))[: 2 * size])
    patch.setenv("TZ", "UTC")
    patch.setenv("LOGNAME", "ada")
    time.tzset()
    yield
    patch.undo()
    time.tzset()


def digest(number: int) -> str:
    """Return what looks like an id."""
    return hashlib.sha256(f"picture {number}".encode()).hexdigest()
