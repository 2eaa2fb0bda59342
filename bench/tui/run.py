"""`python -m bench tui`: measure the screen and print the tables."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measure import HEADING, Case, Run, compare
from bench.tui import live
from bench.tui.database import write
from bench.tui.keyboard import Keyboard, on_terminal
from srctl.tui import kept
from tools import clean_home

HERE = Path(__file__).parent
OURS = [str(clean_home.PROGRAM), "tui", "--host", "unix:///nowhere/docker.sock"]
BARE = [sys.executable, str(HERE / "bare.py")]
MATRIX = [sys.executable, "-m", "bench.tui.matrix"]
KEYS = 100
FILTER = "paraview 1"
GRANTS_ARE_DRAWN = b"user0011"
"""What the last row says that is in view, with all that stands around the matrix."""


def main(chosen: Sequence[str]) -> int:
    """Print what was measured; the exit code says only whether all ran, since a time is no test."""
    if chosen:
        sys.stderr.write("The benchmark of the screen has no groups\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        env = clean_home.make(Path(folder)).env
        print(HEADING)
        print(compare(start(env)).line(), flush=True)
        with live.home() as home:
            with live.show(home, 50) as lab:
                print(compare(live.start(lab)).line(), flush=True)
            print("\n| measure | srctl | target | met |\n|---|---|---|---|")
            for line in live.measures(home):
                print(line, flush=True)
        print("\n| key, 5,000 rows | processor | median | p95 | target | met |\n|---|---|---|---|---|---|")
        for line in keys(env):
            print(line, flush=True)
        print(f"\n{HEADING}")
        for case in grants(env):
            print(compare(case).line(), flush=True)
        print("\n| key, 50,000 grants | processor | median | p95 | target | met |\n|---|---|---|---|---|---|")
        for line in grant_keys(env):
            print(line, flush=True)
    return 0


def start(env: dict[str, str]) -> Case:
    """Compare the time from the start of the process to the first picture."""
    return Case("first picture / bare", _drawn(OURS, b"quit", env), _drawn(BARE, b"Application 30", env), 1.3, 15)


def grants(env: dict[str, str]) -> Iterator[Case]:
    """Compare the time to the picture of many grants: of such as are known already, and out of a database."""
    bare = _drawn(BARE, b"Application 30", env)
    yield Case("50,000 grants drawn / bare", _drawn(MATRIX, GRANTS_ARE_DRAWN, env), bare, 2.0, 15)
    _prepare(env)
    yield Case("50,000 grants read and drawn / bare", _drawn(OURS, GRANTS_ARE_DRAWN, env), bare, 5.0, 15)


def _prepare(env: dict[str, str]) -> None:
    """Have a database of them, and let the screen begin with their pane."""
    database = Path(env["XDG_DATA_HOME"]) / "srctl" / "srctl.db"
    database.parent.mkdir(parents=True, exist_ok=True)
    write(database)
    database.chmod(0o600)
    kept.write(Path(env["XDG_STATE_HOME"]) / "srctl" / "screen.json", kept.Kept("Grants"))


def _drawn(command: Sequence[str], last: bytes, env: dict[str, str]) -> Run:
    def run() -> float:
        with on_terminal(command, env) as keyboard:
            return keyboard.until(last)

    return run


def keys(env: dict[str, str]) -> Iterator[str]:
    """Measure keys on a table with 5,000 rows."""
    with on_terminal([sys.executable, str(HERE / "rows.py")], env) as keyboard:
        keyboard.until(b"running")
        keyboard.calm()
        yield _measured("cursor", keyboard, [b"j"] * KEYS, 15)
        yield _measured("page", keyboard, [b"\x06"] * KEYS, 20)
        keyboard.press(b"/")
        yield _measured("filter as you type", keyboard, _typed(FILTER) * 5, 70)


def grant_keys(env: dict[str, str]) -> Iterator[str]:
    """Measure keys on many grants, in the whole program with a database of them."""
    with on_terminal(OURS, env) as keyboard:
        keyboard.until(GRANTS_ARE_DRAWN)
        keyboard.calm()
        yield _measured("down", keyboard, [b"j"] * KEYS, 25)
        yield _measured("right and left", keyboard, ([b"l"] * 49 + [b"h"] * 49) * 2, 25)
        yield _measured("page", keyboard, [b"\x06"] * KEYS, 25)
        yield _measured("page sideways", keyboard, ([b"L"] * 7 + [b"H"] * 7) * 7, 25)
        yield _measured("first and last user", keyboard, [b"g", b"G"] * 50, 25)
        yield _measured("first and last application", keyboard, [b"$", b"^"] * 50, 25)
        keyboard.press(b"/")
        yield _measured("filter users", keyboard, _typed("user12") * 8, 70)
        keyboard.press(b"\r")
        keyboard.press(b"\\")
        yield _measured("filter applications", keyboard, _typed("tool 1") * 8, 70)


def _typed(text: str) -> list[bytes]:
    """Return the keys that type a text and take it away again."""
    return [char.encode() for char in text] + [b"\x7f"] * len(text)


def _measured(name: str, keyboard: Keyboard, pressed: Sequence[bytes], target: float) -> str:
    before = keyboard.processor
    taken = [keyboard.press(key) for key in pressed]
    processor = (keyboard.processor - before) / len(pressed) * 1000
    middle, p95 = statistics.median(taken) * 1000, statistics.quantiles(taken, n=20)[-1] * 1000
    met = "yes" if p95 <= target else "no"
    return f"| {name} | {processor:.1f} ms | {middle:.1f} ms | {p95:.1f} ms | {target:.0f} ms | {met} |"
