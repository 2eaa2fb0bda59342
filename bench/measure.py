"""Measure two ways of doing the same thing, in turns, and compare them by the median of their ratios.

Taking turns lets both meet the same noise of the machine. The spread shown with a ratio is the distance between the
quartiles of the rounds: a difference smaller than that says nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

HEADING = """\
| measure | srctl | rival | ratio (quartiles) | target | met |
|---|---|---|---|---|---|"""

Run = Callable[[], float]
"""Does the thing once and returns the seconds it took."""


@dataclass(frozen=True)
class Case:
    """A comparison: the ratio of `ours` to `rival` should be at most `target`."""

    name: str
    ours: Run
    rival: Run
    target: float
    rounds: int = 9


@dataclass(frozen=True)
class Result:
    """Medians in seconds, and the median and quartiles of the ratios."""

    case: Case
    ours: float
    rival: float
    ratio: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ratio <= self.case.target

    def line(self) -> str:
        """Return the row of the table."""
        return (
            f"| {self.case.name} | {self.ours * 1000:.0f} ms | {self.rival * 1000:.0f} ms "
            f"| {self.ratio:.2f} ({self.low:.2f}-{self.high:.2f}) | {self.case.target:.2f} "
            f"| {'yes' if self.met else 'no'} |"
        )


def compare(case: Case) -> Result:
    """Run both in turns, after one round that warms caches and is not counted."""
    pairs = []
    for number in range(case.rounds + 1):
        order = (case.ours, case.rival) if number % 2 else (case.rival, case.ours)
        taken = {run: run() for run in order}
        if number:
            pairs.append((taken[case.ours], taken[case.rival]))
    ratios = [ours / rival for ours, rival in pairs]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Result(
        case,
        statistics.median(ours for ours, _ in pairs),
        statistics.median(rival for _, rival in pairs),
        statistics.median(ratios),
        low,
        high,
    )


def timed(command: Sequence[str], env: Mapping[str, str] | None = None) -> Run:
    """Return what runs a command to its end and times it from before its start; it must go well."""
    environment = dict(os.environ if env is None else env)

    def run() -> float:
        start = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        taken = time.perf_counter() - start
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return taken

    return run
