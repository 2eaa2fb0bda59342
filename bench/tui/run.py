"""`python -m bench tui`: measure the screen and print the tables."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.measure import HEADING, Case, compare
from bench.tui.keyboard import Keyboard, on_terminal
from tools import clean_home

HERE = Path(__file__).parent
KEYS = 100
FILTER = "paraview 1"


def main(chosen: Sequence[str]) -> int:
    """Print what was measured; the exit code says only whether all ran, since a time is no test."""
    if chosen:
        sys.stderr.write("The benchmark of the screen has no groups\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        env = clean_home.make(Path(folder)).env
        print(HEADING)
        print(compare(start(env)).line(), flush=True)
        print("\n| key, 5,000 rows | median | p95 | target | met |\n|---|---|---|---|---|")
        for line in keys(env):
            print(line, flush=True)
    return 0


def start(env: dict[str, str]) -> Case:
    """Compare the time from the start of the process to the first picture."""

    def drawn(command: Sequence[str], last: bytes) -> float:
        with on_terminal(command, env) as keyboard:
            return keyboard.until(last)

    ours = [str(clean_home.PROGRAM), "tui", "--host", "unix:///nowhere/docker.sock"]
    bare = [sys.executable, str(HERE / "bare.py")]
    return Case("first picture / bare", lambda: drawn(ours, b"quit"), lambda: drawn(bare, b"Application 30"), 1.3, 15)


def keys(env: dict[str, str]) -> list[str]:
    """Measure keys on a table with 5,000 rows."""
    with on_terminal([sys.executable, str(HERE / "rows.py")], env) as keyboard:
        keyboard.until(b"running")
        keyboard.calm()
        cursor = [keyboard.press(b"j") for _ in range(KEYS)]
        page = [keyboard.press(b"\x06") for _ in range(KEYS // 2)]
        keyboard.press(b"/")
        typed = [one for _ in range(4) for one in _filter(keyboard)]
    return [_line("cursor", cursor, 15), _line("page", page, 20), _line("filter as you type", typed, 70)]


def _filter(keyboard: Keyboard) -> list[float]:
    taken = [keyboard.press(char.encode()) for char in FILTER]
    return taken + [keyboard.press(b"\x7f") for _ in FILTER]


def _line(name: str, taken: list[float], target: float) -> str:
    middle, p95 = statistics.median(taken) * 1000, statistics.quantiles(taken, n=20)[-1] * 1000
    return f"| {name} | {middle:.1f} ms | {p95:.1f} ms | {target:.0f} ms | {'yes' if p95 <= target else 'no'} |"
