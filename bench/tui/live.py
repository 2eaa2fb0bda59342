"""The screen on engines that are all show: when sessions are there, what an event and a minute of nothing cost."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Case
from bench.tui.keyboard import Keyboard, on_terminal
from tools import clean_home
from tools.clean_home import Home

HERE = Path(__file__).parent
EVENTS = 20
IDLE = 60.0


@dataclass(frozen=True)
class Show:
    """Engines in a process of their own, and somebody who looks at them."""

    home: Home
    process: subprocess.Popen[str]

    @contextmanager
    def screen(self) -> Iterator[Keyboard]:
        """The screen, from its start."""
        with on_terminal([str(clean_home.PROGRAM), "tui"], self.home.env) as keyboard:
            yield keyboard

    def tell(self, line: str) -> None:
        """Have something happen there."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


@contextmanager
def show(home: Home, count: int, *settings: str, engines: int = 1) -> Iterator[Show]:
    """Run engines with so many sessions each, which are the hosts of this home."""
    sockets = [home.path / f"engine-{number}" for number in range(engines)]
    hosts = "".join(f'[hosts.h{number}]\nurl = "unix://{socket}"\n' for number, socket in enumerate(sockets))
    config = Path(home.env["XDG_CONFIG_HOME"]) / "srctl"
    config.mkdir(exist_ok=True)
    (config / "config.toml").write_text(f'user = "ann"\nhost = "h0"\n{hosts}')
    command = [sys.executable, "-m", "tools.show_engine", ",".join(map(str, sockets)), str(count), *settings]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Show(home, process)
        process.communicate("")


@contextmanager
def home() -> Iterator[Home]:
    """A home with an accounting database that knows ann."""
    with tempfile.TemporaryDirectory() as folder:
        made = clean_home.make(Path(folder))
        for command in (["db", "init"], ["user", "add", "ann"]):
            assert made.run(*command, env={"SRCTL_USER": "ann"}).returncode == 0
        yield made


def start(lab: Show) -> Case:
    """Compare the time from the start of the process until 50 sessions are there."""

    def ours() -> float:
        with lab.screen() as keyboard:
            return keyboard.until(b"Blender 49")

    def bare() -> float:
        with on_terminal([sys.executable, str(HERE / "bare.py")], lab.home.env) as keyboard:
            return keyboard.until(b"Application 30")

    return Case("50 sessions shown / bare", ours, bare, 3.0, 15)


def measures(home: Home) -> Iterator[str]:
    """Measure and give the rows of a table."""
    with show(home, 50) as lab, lab.screen() as keyboard:
        keyboard.until(b"Blender 49")
        keyboard.look(3)
        taken = []
        for number in range(49, 49 - EVENTS, -1):
            lab.tell(f"die {number}")
            taken.append(keyboard.next(rf"\w+ {number} [^\n]*✗ exited".encode()) * 1000)
        yield _row("event to row, p95", statistics.quantiles(taken, n=20)[-1], 200, "ms")
    with show(home, 50) as lab, lab.screen() as keyboard:
        keyboard.until(b"Blender 49")
        keyboard.look(6)
        before = keyboard.processor
        keyboard.look(IDLE)
        yield _row("a minute of nothing, 50 sessions", (keyboard.processor - before) / IDLE * 100, 2, "% of a core")
    with show(home, 1000) as lab, lab.screen() as keyboard:
        keyboard.until(b"Blender 999")
        keyboard.look(10)
        yield _row("memory with 1,000 sessions", keyboard.memory, 110, "MB")
    with show(home, 50, "delay=20", engines=8) as lab, lab.screen() as keyboard:
        keyboard.until(b"quit")
        keyboard.look(3)
        yield _row("leave while eight hosts hang", keyboard.end(b"q") * 1000, 1000, "ms")
    with show(home, 200, "delay=5", "long=1000000", engines=8):
        held = [sys.executable, "-m", "bench.tui.held"]
        worst = [float(subprocess.check_output(held, env=home.env)) for _ in range(3)]
        yield _row("held up while eight answer 1 MB after 5 s", statistics.median(worst), 50, "ms")


def _row(name: str, value: float, target: float, unit: str) -> str:
    return f"| {name} | {value:.1f} {unit} | {target:g} {unit} | {'yes' if value <= target else 'no'} |"
