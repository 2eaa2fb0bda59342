"""`python -m bench tui`: measure the screen and print the tables."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measure import HEADING, Case, compare
from bench.tui import live
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
        home = clean_home.make(Path(folder))
        env = home.env
        print(HEADING)
        print(compare(start(env)).line(), flush=True)
        live.prepare(home)
        with live.show(home, 50) as lab:
            print(compare(live.start(lab)).line(), flush=True)
        print("\n| measure | srctl | target | met |\n|---|---|---|---|")
        for line in live.measures(home):
            print(line, flush=True)
        print("\n| key, 5,000 rows | processor | median | p95 | target | met |\n|---|---|---|---|---|---|")
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


def keys(env: dict[str, str]) -> Iterator[str]:
    """Measure keys on a table with 5,000 rows."""
    with on_terminal([sys.executable, str(HERE / "rows.py")], env) as keyboard:
        keyboard.until(b"running")
        keyboard.calm()
        yield _measured("cursor", keyboard, [b"j"] * KEYS, 15)
        yield _measured("page", keyboard, [b"\x06"] * KEYS, 20)
        keyboard.press(b"/")
        typed = [char.encode() for char in FILTER] + [b"\x7f"] * len(FILTER)
        yield _measured("filter as you type", keyboard, typed * 5, 70)


def _measured(name: str, keyboard: Keyboard, pressed: Sequence[bytes], target: float) -> str:
    before = keyboard.processor
    taken = [keyboard.press(key) for key in pressed]
    processor = (keyboard.processor - before) / len(pressed) * 1000
    middle, p95 = statistics.median(taken) * 1000, statistics.quantiles(taken, n=20)[-1] * 1000
    met = "yes" if p95 <= target else "no"
    return f"| {name} | {processor:.1f} ms | {middle:.1f} ms | {p95:.1f} ms | {target:.0f} ms | {met} |"
