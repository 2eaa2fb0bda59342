"""From the figures of all rounds to the lines of the table."""

from __future__ import annotations

import math
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.tunnel.contenders import DIRECT, GCM, OURS, SSH
from bench.tunnel.load import Figures
from bench.tunnel.measures import Row

Round = Mapping[str, Figures]
"""What one round gave for each contender, by name."""

COLUMNS = ("measure", "target", "stretch", "ratio (quartiles)", OURS.name, SSH.name, GCM.name, "met")


def heading(*, direct: bool) -> str:
    """Return the table's first two lines."""
    columns = (*COLUMNS, DIRECT.name) if direct else COLUMNS
    return f"{_line(columns)}\n{_line(['---'] * len(columns))}"


def line(row: Row, rounds: Sequence[Round]) -> str:
    """Return one row: ratios are medians over the rounds, and so are the figures themselves."""
    ratios = sorted(ratio(row, each) for each in rounds)
    names = [OURS.name, SSH.name, GCM.name]
    figures = [_median(row, rounds, name) for name in names]
    cells = [
        row.title,
        f"at most {row.unit.show(row.most)}" if row.most is not None else _number(row.target),
        _number(row.stretch),
        f"{statistics.median(ratios):.2f} ({_quartiles(ratios)})",
        *figures,
        _met(row, ratios, rounds),
    ]
    if DIRECT.name in rounds[0]:
        cells.append(_median(row, rounds, DIRECT.name))
    return _line(cells)


def failed(row: Row, why: str) -> str:
    """Return the row of a measure that could not be taken."""
    reason = " ".join(why.split()).replace("|", "/")
    return _line([row.title, _number(row.target), _number(row.stretch), f"failed: {reason}", "", "", "", "no"])


def ratio(row: Row, figures: Round) -> float:
    """Return how much better our figure of one round is than the rival's."""
    ours, rival = figures[OURS.name][row.figure], figures[row.rival.name][row.figure]
    above, below = (ours, rival) if row.unit.more_is_better else (rival, ours)
    return above / below if below > 0 else math.inf


def machine() -> str:
    """Return a line about this machine and the programs that are compared."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = models[0].partition(":")[2].strip() if models else platform.machine()
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.split(",")[0].strip()
    return f"{os.cpu_count()} x {processor}, Linux {platform.release()}, {ssh}, Python {platform.python_version()}"


def _met(row: Row, ratios: Sequence[float], rounds: Sequence[Round]) -> str:
    if row.most is not None:
        return _yes(statistics.median(each[OURS.name][row.figure] for each in rounds) <= row.most)
    if row.target is None:
        return ""
    reached = statistics.median(ratios)
    if row.stretch is not None and reached >= row.stretch:
        return "yes, stretch too"
    return _yes(reached >= row.target)


def _yes(met: bool) -> str:
    return "yes" if met else "no"


def _median(row: Row, rounds: Sequence[Round], name: str) -> str:
    return row.unit.show(statistics.median(each[name][row.figure] for each in rounds))


def _quartiles(ratios: Sequence[float]) -> str:
    if len(ratios) < 2:
        return "one round"
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{low:.2f}-{high:.2f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
